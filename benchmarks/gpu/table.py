"""The rows that a benchmark fills, as a table to read and as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.gpu.plan import PARTS, Part

MEASURED, MET, MISSED = "measured", "met", "missed"
NEEDS_GPU, UNFIT, FAILED, LEFT_OUT = "needs a GPU", "did not fit", "failed", "left out"
STATES = (MEASURED, MET, MISSED, NEEDS_GPU, UNFIT, FAILED, LEFT_OUT)


@dataclass
class Row:
    """One measurement, or why there is none: `value` in `unit`, the bar it is judged by, what else is known."""

    part: str
    name: str
    what: str
    bar: str = ""
    state: str = ""
    value: float | None = None
    unit: str = ""
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def empty(parts: Iterable[Part] = PARTS) -> dict[tuple[str, str], Row]:
    """Return every promised row, by part and name, not measured yet."""
    return {(part.name, name): Row(part.name, name, *promise) for part in parts for name, promise in part.rows.items()}


def as_text(rows: Iterable[Row], about: dict[str, Any]) -> str:
    """Return the table with its header."""
    lines = [", ".join(f"{name} {value}" for name, value in about.items()), ""]
    rows = sorted(rows, key=lambda row: row.what.split()[0])  # by the number of what was asked; parts in their order
    wide = max(len(row.what) for row in rows)
    lines.append(f"{'':{wide}}  {'':>20}  {'bar':14}  {'':11}")
    for row in rows:
        value = "" if row.value is None else f"{row.value:,.{_digits(row.value)}f} {row.unit}"
        lines.append(f"{row.what:{wide}}  {value:>20}  {row.bar:14}  {row.state:11}  {row.note}".rstrip())
    return "\n".join(lines)


def _digits(value: float) -> int:
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2


def as_json(rows: Iterable[Row], about: dict[str, Any]) -> str:
    """Return the header and all rows with their details."""
    return json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1, allow_nan=False)
