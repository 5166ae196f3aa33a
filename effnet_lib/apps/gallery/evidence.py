"""What lies in the figures' folders for each artefact: picture, table, claims, executed notebook, and from what."""

import ast
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ...artefacts import all_artefacts
from ...core import paths
from ...core.errors import known, one_line
from ...stats.verdicts import NOT_ENOUGH, PROTOCOL, VERDICTS
from ...study.profiles import PROFILES
from ...study.registry import Artefact

# Of a claim, beside its words and its verdict.
SHOWN = ("printed", "measured", "interval", "n", "protocol", "interim", "declared_n", "comparisons", "premise", "note")


@dataclass(frozen=True)
class Evidence:
    """One artefact in one profile, published with the library or made here; what is missing is None or empty.

    `parameters` are rows (name, value, comment) of the executed notebook; `marks` say what of another version is shown;
    `about` is provenance, label -> text.
    """

    artefact: Artefact
    profile: str
    published: bool
    picture: Path | None = None
    pdf: Path | None = None
    csv: Path | None = None
    table: pd.DataFrame | None = None
    claims: list[dict[str, Any]] = field(default_factory=list)
    notebook: Path | None = None
    parameters: list[tuple[str, str, str]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether there is anything to show beyond a notebook that found no record."""
        return bool(self.picture or self.claims or (self.table is not None and len(self.table)))

    @property
    def label(self) -> str:
        return f"{self.profile}, {'published' if self.published else 'yours'}"

    @property
    def slug(self) -> str:
        """The beginning of the names of its files in the site."""
        return f"{self.artefact.id}-{self.profile}" + ("" if self.published else "-yours")

    def tally(self) -> dict[str, int]:
        """Return how many claims have each verdict."""
        return {word: sum(claim["verdict"] == word for claim in self.claims) for word in VERDICTS}

    @property
    def interim(self) -> int:
        """How many decided claims have fewer seeds than the protocol declares."""
        return sum(bool(claim["interim"]) and claim["verdict"] != NOT_ENOUGH for claim in self.claims)

    @property
    def premise(self) -> str:
        """Whether the baseline was balanced, in a word; "" where no claim depends on it."""
        found = [claim["premise"] for claim in self.claims if isinstance(claim["premise"], dict)]
        return str(found[0].get("status", "")) if found else ""


def question(artefact: Artefact) -> str:
    """Return in a sentence or two what an artefact tests: its docstring behind the name of the figure."""
    first = " ".join((artefact.__doc__ or artefact.title).split("\n\n")[0].split())
    words = first.partition(". ")[2] or first.removeprefix(f"{artefact.title.partition(':')[0]}: ")
    return words[0].upper() + words[1:]


def collect() -> dict[Artefact, list[Evidence]]:
    """Return the evidence of every artefact, in the order of `effnet list`; published evidence first."""
    layers = ((paths.published_root(), True), (paths.figures_root(), False))
    found: dict[Artefact, list[Evidence]] = {}
    for artefact in all_artefacts().values():
        places = [(root / profile, profile, published) for root, published in layers for profile in PROFILES]
        read = (_read(artefact, *place) for place in places)
        found[artefact] = [evidence for evidence in read if evidence]
    return found


def damaged(artefact: Artefact, profile: str, published: bool, error: Exception) -> Evidence:
    """Return what stands for evidence that cannot be shown, with its reason."""
    return Evidence(artefact, profile, published, marks=[f"damaged, and not shown: {one_line(error)}"])


def _read(artefact: Artefact, folder: Path, profile: str, published: bool) -> Evidence | None:
    """Read what one folder has of an artefact, or None where it has nothing."""
    try:
        return _files(artefact, folder, profile, published)
    except Exception as error:  # whatever a file does to a reader, it is this one's and no other evidence's end
        return damaged(artefact, profile, published, error)


def _files(artefact: Artefact, folder: Path, profile: str, published: bool) -> Evidence | None:
    stem = folder / artefact.notebook
    there = {kind: path for kind in ("png", "pdf", "csv", "ipynb") if (path := _with(stem, kind)).is_file()}
    path = _with(stem, "claims.json")
    if not there and not path.is_file():
        return None
    marks: list[str] = []
    claims = _claims(path, marks) if path.is_file() else []
    table = _table(there["csv"], marks) if "csv" in there else None
    parameters = _parameters(there["ipynb"], marks) if "ipynb" in there else []
    return Evidence(
        artefact=artefact,
        profile=profile,
        published=published,
        picture=there.get("png"),
        pdf=there.get("pdf"),
        csv=there.get("csv"),
        table=table,
        claims=claims,
        notebook=there.get("ipynb"),
        parameters=parameters,
        marks=marks,
        about=_about(table),
    )


def _with(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}.{kind}")


def _claims(path: Path, marks: list[str]) -> list[dict[str, Any]]:
    """Read verdicts; those of another protocol are kept, and marked."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        kept = [{name: row.get(name) for name in SHOWN} for row in rows]
        kept = [
            row | {"claim": str(full["claim"]), "verdict": str(full["verdict"])}
            for row, full in zip(kept, rows, strict=True)
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        marks.append(f"{path.name} cannot be read ({type(error).__name__})")
        return []
    for other in sorted({str(row["protocol"]) for row in kept if row["protocol"] != PROTOCOL}):
        marks.append(f"verdicts by protocol {other}, where this version of the library has {PROTOCOL}")
    return kept


def _table(path: Path, marks: list[str]) -> pd.DataFrame | None:
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return None
    except (ValueError, OSError) as error:
        marks.append(f"{path.name} cannot be read ({type(error).__name__})")
        return None


def _parameters(path: Path, marks: list[str]) -> list[tuple[str, str, str]]:
    """Return name, value and comment of an executed notebook's parameters, papermill's over its own."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError) as error:
        marks.append(f"{path.name} cannot be read ({type(error).__name__})")
        return []
    found: dict[str, tuple[str, str]] = {}
    for source in sources:
        if source.startswith("# Parameters"):
            for name, value, comment in _assigned(source):
                found[name] = (value, comment or found.get(name, ("", ""))[1])
    return [(name, *rest) for name, rest in found.items()]


def _assigned(source: str) -> Iterable[tuple[str, str, str]]:
    """Yield name, value as written and trailing comment of a cell's assignments."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return
    lines = source.splitlines()
    for node in body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and value:
            last = lines[known(node.end_lineno) - 1].encode()
            yield target.id, ast.unparse(value), last[node.end_col_offset :].decode().partition("#")[2].strip()


def _about(table: pd.DataFrame | None) -> dict[str, str]:
    """Return what a table itself says of devices, dates and seeds."""
    if table is None:
        return {}
    words = {}
    for column, label in (("device", "device"), ("date", "date")):
        if column in table:
            # A row of runs on several devices lists them.
            values = sorted({one for row in table[column].dropna().astype(str) for one in row.split(", ")})
            words[label] = f"{values[0]} to {values[-1]}" if column == "date" and len(values) > 1 else ", ".join(values)
    if "seeds" in table and len(table):
        least, most = int(table["seeds"].min()), int(table["seeds"].max())
        words["seeds a model"] = str(least) if least == most else f"{least} to {most}"
    return words
