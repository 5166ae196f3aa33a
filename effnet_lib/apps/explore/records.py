"""Measured networks as points of the accuracy / FLOPS plane, and the proxy that stands for a network among them."""

from collections.abc import Iterator
from statistics import mean

import pandas as pd

from ...core.errors import StoreError
from ...data.datasets import declare
from ...models.archs import Architecture
from ...models.complexity import count
from ...models.scaling import Scaling
from ...runs.measurements import is_measurement
from ...runs.store import RunRecord, RunStore, parse_record
from ...study.profiles import profile
from ...study.proxy_families import choose
from ...study.study import Study
from .networks import FAMILIES

PROFILE = "photos"


def study(name: str = PROFILE) -> Study:
    """Open the study whose records are shown."""
    chosen = profile(name)
    return Study.of(chosen, RunStore(chosen.shipped), declare(chosen.dataset))


def _records(store: RunStore) -> Iterator[RunRecord]:
    """Yield every readable run, your own first, each key once; files of other kinds and versions are passed over."""
    seen: set[str] = set()
    for folder, shipped in ((store.root / "records", False), (store.published, True)):
        for path in sorted(folder.glob("*.json")):
            try:
                text = path.read_text(encoding="utf-8")
                if path.stem in seen or is_measurement(text):
                    continue
                record = parse_record(text, shipped)
            except (StoreError, UnicodeDecodeError):
                continue
            seen.add(record.key)
            yield record


def points(open_study: Study) -> pd.DataFrame:
    """Return a row a measured network of a study (whole training set, the profile's epochs): counts, mean top-1, seeds.

    Top-1 in percent on the study's own data set, FLOPS in multiply-adds.
    """
    epochs = open_study.profile.recipe.epochs
    groups: dict[Architecture, list[RunRecord]] = {}
    for record in _records(open_study.store):
        if record.spec["data"] == open_study.dataset.id and record.spec["recipe"]["epochs"] == epochs:
            groups.setdefault(record.arch, []).append(record)
    rows = [
        {
            "family": arch.family,
            "px": arch.px,
            "flops": count(arch).madds,
            "top1": mean(record.top1 for record in found),
            "seeds": len(found),
        }
        for arch, found in groups.items()
    ]
    return pd.DataFrame(rows, columns=["family", "px", "flops", "top1", "seeds"]).sort_values("flops")


def stand_in(open_study: Study, family: str, scaling: Scaling) -> Architecture:
    """Return the study's baseline (or its family's proxy of the same cost) under a scaling.

    Where the baseline is not decided yet, the first candidate.

    Raises:
        ParameterError: an input under 32 px.
    """
    classes = open_study.dataset.classes
    base = open_study.base or open_study.profile.candidates[0]
    if family != "EfficientNet":
        base = choose(family, classes, count(base.arch(classes)).madds, base.px)
    return FAMILIES[family](Scaling(base.depth, base.width) * scaling, base.px, classes)


def nearest(table: pd.DataFrame, madds: int) -> str:
    """Say which measured network costs about as much (the nearest one, if within a quarter)."""
    if table.empty:
        return "nothing is measured yet"
    row = table.iloc[(table["flops"] / madds - 1).abs().argmin()]
    if abs(row["flops"] / madds - 1) > 0.25:
        return "nothing is measured at about this cost"
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"
    return f"nearest measured: {row['top1']:.1f} % at {row['flops'] / 1e6:.1f} M, {row['px']} px, {seeds}"
