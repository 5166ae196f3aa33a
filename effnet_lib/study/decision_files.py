"""What a study has decided as a file that ships: a figure redraws from it without the tuning's records."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.atomic_write import write_aside
from ..core.errors import StoreError, known
from ..runs.record_checks import file_name, json_body, mapping, number, read_text, recipe, shown, text, whole
from ..runs.run_store import RunStore
from ..training.recipes import Recipe
from . import proxy_families
from .profiles import Profile, ProxyBaseline
from .protocol import PROTOCOL

if TYPE_CHECKING:
    from ..runs.run_spec import RunSpec
    from .decided_study import Study

SCHEMA = 1
FOLDER = "decisions"  # beside the published records


@dataclass(frozen=True)
class Decided:
    """What is decided so far, and by which records; None or empty where nothing is.

    Args:
        recipe: with the baseline's learning rate, at the short budget.
        rates: learning rate by scaling method and "baseline".
        family_rates: family of Table 3 -> method -> learning rate.
        records: decision -> keys of the records that took it, sorted.
        date: of the newest of these.
    """

    base: ProxyBaseline | None = None
    recipe: Recipe | None = None
    rates: Mapping[str, float] | None = None
    family_rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    records: Mapping[str, list[str]] = field(default_factory=dict)
    date: str = ""

    def to_json(self, profile: str, data: str) -> str:
        """Return the text of the file."""
        body = {
            "schema": SCHEMA,
            "protocol": PROTOCOL,
            "profile": profile,
            "data": data,
            "date": self.date,
            "baseline": self.base and asdict(self.base),
            "recipe": self.recipe and self.recipe.to_data(),
            "learning_rates": self.rates,
            "family_learning_rates": self.family_rates,
            "records": self.records,
        }
        return json.dumps(body, indent=1) + "\n"


def collect(study: "Study") -> Decided:
    """Return what a study has decided, with the keys of the records; those of a decision that ships are its own."""
    if not study.follows_protocol:
        return Decided()
    asked: dict[str, list[RunSpec]] = {"baseline": [s for specs in study.candidates().values() for s in specs]}
    if study.recipe and study.tunes:
        asked["recipe"] = [study.trials.spec(study.baseline.arch, recipe) for recipe in study.recipe_search.asked]
    if study.ready and study.tunes:
        asked["learning_rates"] = [spec for trials in study.tuning().values() for spec in trials.values()]
        for family in study.family_rates:
            asked[family] = [s for trials in study.family_tuning(family).values() for s in trials.values()]
    records, dates = {}, {study.published_decisions.date}
    for name, specs in asked.items() if study.base else ():
        found = [record for spec in specs if (record := study.store.find(spec))]
        complete = all(study.trials.loss(spec) is not None for spec in specs)
        records[name] = (
            sorted({record.key for record in found}) if complete else study.published_decisions.records.get(name, [])
        )
        dates |= {record.provenance["date"][:10] for record in found if complete}
    rates = study.learning_rates if study.tunes else None
    families = study.family_rates if study.tunes else {}
    return Decided(study.base, study.recipe if study.tunes else None, rates, families, records, max(dates))


def words(study: "Study") -> list[str]:
    """Return what a study has decided, a line a decision."""
    lines = [f"baseline: {study.base}"] if study.base else []
    if study.recipe and study.base:
        one = study.recipe
        lines.append(
            f"recipe: batch {one.batch}, rate {one.lr:g}, crops from {one.min_area:g}, EMA {one.ema or 'none'}"
        )
    decided = {"rates": known(study.learning_rates)} if study.ready else {}
    decided |= {f"rates of {family}": rates for family, rates in study.family_rates.items()}
    lines += [f"{name}: " + ", ".join(f"{m} {r:g}" for m, r in rates.items()) for name, rates in decided.items()]
    return lines + (_at_the_edge(study) if study.ready and study.tunes else [])


def _at_the_edge(study: "Study") -> list[str]:
    """Name the rates that are no bracketed optimum: the list was extended as far as it goes, and they are its end."""
    tried = {f"batch {batch}": trials for batch, trials in study.recipe_search.batches.items()}
    own = known(study.recipe)
    tried |= study.trials.rates(own, study.five_methods())
    for family in study.family_rates:
        models = proxy_families.models(study, family)
        tried |= {f"{family}, {method}": trials for method, trials in study.trials.rates(own, models).items()}
    return [
        f"not bracketed: rate {trials.best:g} of {name}, "
        f"the {'lowest' if trials.best == min(trials.losses) else 'highest'} of the {len(trials.losses)} tried"
        for name, trials in tried.items()
        if trials.best is not None and not trials.inside
    ]


def path_of(profile: Profile, store: RunStore) -> Path:
    """Return where a profile's decisions ship."""
    return store.published_folder.parent / FOLDER / f"{profile.name}.json"


def write(decided: Decided, profile: Profile, data: str, store: RunStore) -> Path | None:
    """Write what is decided, where anything is; return the file.

    Raises:
        StoreError: the text would not be read back as the same decisions.
    """
    if decided.base is None:
        return None
    path, said = path_of(profile, store), decided.to_json(profile.name, data)
    if _parsed(said, profile, data) != decided:
        raise StoreError(f"{path.name}: these decisions cannot be read back")
    write_aside(path, said.encode())
    return path


def read(profile: Profile, data: str, store: RunStore) -> Decided:
    """Return the decisions that ship; none for another data set, and where the file is of no use, with a warning."""
    path = path_of(profile, store)
    try:
        return _parsed(read_text(path), profile, data)
    except (FileNotFoundError, NotADirectoryError):
        return Decided()
    except StoreError as error:
        warnings.warn(f"decisions of {file_name(path)} are not read: {error}", stacklevel=2)
        return Decided()


def _parsed(said: str, profile: Profile, data: str) -> Decided:
    body = json_body(said)
    needed = ("schema", "protocol", "profile", "data", "date", "baseline", "recipe", "learning_rates", "records")
    if missing := [name for name in (*needed, "family_learning_rates") if name not in body]:
        raise StoreError(f"they lack {', '.join(missing)}")
    if body["schema"] != SCHEMA or body["protocol"] != PROTOCOL or body["profile"] != profile.name:
        found = ", ".join(f"{name} {shown(body[name])}" for name in ("schema", "protocol", "profile"))
        raise StoreError(f"they are of {found}, and not of {SCHEMA}, {PROTOCOL}, {profile.name}")
    if body["data"] != data:  # of the profile's own data set: another one has to decide for itself
        return Decided()
    base = _baseline(body["baseline"])
    if base not in profile.candidates:
        raise StoreError(f"their baseline, {base}, is none of the profile's candidates")
    families = mapping("family_learning_rates", body["family_learning_rates"])
    records = mapping("records", body["records"])
    return Decided(
        base,
        None if body["recipe"] is None else recipe(body["recipe"]),
        None if body["learning_rates"] is None else _rates("learning_rates", body["learning_rates"]),
        {family: _rates(family, rates) for family, rates in families.items()},
        {name: _keys(name, keys) for name, keys in records.items()},
        text("date", body["date"]),
    )


def _baseline(value: Any) -> ProxyBaseline:
    value = mapping("baseline", value)
    if set(value) != {"width", "depth", "px", "stride"}:
        raise StoreError(f"a baseline has width, depth, px and stride, not {shown(sorted(value))}")
    width, depth = (number(name, value[name]) for name in ("width", "depth"))
    px, stride = (whole(name, value[name]) for name in ("px", "stride"))
    return ProxyBaseline(width, depth, px, stride)


def _rates(name: str, value: Any) -> dict[str, float]:
    return {method: number(method, rate, least=1e-12) for method, rate in mapping(name, value).items()}


def _keys(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise StoreError(f"{name}={shown(value)} is not accepted; it takes a list of keys")
    return [text(name, key) for key in value]
