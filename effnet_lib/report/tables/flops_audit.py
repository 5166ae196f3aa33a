"""FLOPS audit: every count that Tables 2, 3 and 7 print, beside ours under each rounding rule.

A count is never bent to meet the print: the verdict is that of the library's own rule. The rule that comes nearest
stands beside it, post hoc: the best of 96 by choice, made after seeing the print, so that its agreement proves nothing.
Needs no torch, and builds nothing.
"""

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ... import paper
from ...core.atomic_write import write_aside
from ...models.archs import Architecture, efficientnet, resnet
from ...models.complexity import count
from ...models.families import ASSUMED, FAMILIES
from ...models.scaling import REFERENCE, RoundingRule, Scaling

AGREES, WITHIN, DISAGREES = "agrees to the printed digits", "within 5 %", "disagrees"
UNITS = {"params": 10**6, "madds": 10**9}  # the paper prints millions and billions
Network = Callable[[RoundingRule], Architecture]


def _departures(rule: RoundingRule) -> list[str]:
    resolution = "px floored" if rule.resolution == "floor" else f"px in multiples of {rule.resolution}"
    said = {
        "depth": "depth to the nearest",
        "divisor": f"channels in multiples of {rule.divisor}",
        "round_limit": "no 90 % rule",
        "fix_stem": "stem and head fixed",
        "resolution": resolution,
    }
    return [words for name, words in said.items() if getattr(rule, name) != getattr(REFERENCE, name)]


def describe(rule: RoundingRule) -> str:
    """Say in words how a rule departs from the library's own, which is the reference implementation's."""
    return ", ".join(_departures(rule)) or "the library's own"


PX: tuple[str | int, ...] = ("round", "floor", 8, 16)
# Those with the fewest departures first: of several that come equally near, the plainest is named.
RULES = sorted(
    (
        RoundingRule(depth, divisor, limit, fixed, px)
        for depth, divisor, limit, fixed, px in product(("ceil", "round"), (8, 4, 16), (0.9, None), (False, True), PX)
    ),
    key=lambda rule: len(_departures(rule)),
)


def _columns(rule: RoundingRule) -> dict[str, Any]:
    """Return a rule under the column names of the published table."""
    return {
        "depth": rule.depth,
        "divisor": rule.divisor,
        "keep90": bool(rule.round_limit),
        "head_stem": "fixed" if rule.fix_stem else "scaled",
        "resolution": rule.resolution,
    }


def verdict(counted: int, text: str, unit: int) -> str:
    """Compare a count with the printed `text`, a number of `unit`s.

    Returns:
        `AGREES` where rounding the count (halves up) to as many decimals gives that text: "1.8" agrees with 1.75 to
        1.8499... Otherwise `WITHIN` 5 % of the printed value, or `DISAGREES`.
    """
    exact, stated = Decimal(counted) / unit, Decimal(text)
    if exact.quantize(stated, ROUND_HALF_UP) == stated:
        return AGREES
    return WITHIN if abs(exact - stated) * 20 <= stated else DISAGREES


class Printed(NamedTuple):
    """A printed number: where it stands, its text, and the network that it is of under a rounding rule.

    Args:
        baseline: what the network was scaled from.
        quantity: "params" (printed in millions) or "madds" (the paper's FLOPS, in billions).
        assumed: the paper prints no coefficients.
    """

    table: int
    baseline: str
    model: str
    quantity: str
    text: str
    network: Network
    assumed: bool = False

    def place(self) -> dict[str, Any]:
        """Return the columns that name the number."""
        return {"table": self.table, "model": self.model, "quantity": self.quantity, "printed": self.text}

    def distance(self, counted: int) -> float:
        """Return how far a count is from the print, 0 where it agrees: the print says no more than its digits."""
        unit = UNITS[self.quantity]
        return 0.0 if verdict(counted, self.text, unit) == AGREES else abs(counted / unit - float(self.text))

    def compared(self, counted: int, prefix: str = "") -> dict[str, Any]:
        """Return the columns that compare a count with the print: in its unit, deviation in percent, verdict."""
        unit = UNITS[self.quantity]
        return {
            prefix or "ours": counted / unit,
            f"{prefix}_deviation_percent".lstrip("_"): 100 * (counted / unit / float(self.text) - 1),
            f"{prefix}_verdict".lstrip("_"): verdict(counted, self.text, unit),
        }


def printed_numbers() -> Iterator[Printed]:
    """Yield every printed count of Tables 2, 3 and 7 whose architecture is here, in the order of the tables."""
    for row in paper.printed(2).to_dict("records"):
        if network := _of_table_2(row["model"]):
            for quantity, column in (("params", "params_millions"), ("madds", "flops_billions")):
                yield Printed(2, row["model"], row["model"], quantity, row[column], network)
    for row in paper.printed(3).to_dict("records"):
        assumed = pd.isna(row["depth"])
        network = _scaled(FAMILIES[row["baseline"]], ASSUMED if assumed else _scaling(row))
        name = f"{row['baseline']}, {row['method']}"
        yield Printed(3, row["baseline"], name, "madds", row["flops_billions"], network, assumed)
    for row in paper.printed(7).to_dict("records"):
        network = _scaled(efficientnet.scale, _scaling(row))
        yield Printed(7, "EfficientNet-B0", row["model"], "madds", row["flops_billions"], network)


def without_architecture() -> list[str]:
    """Return the models of Table 2 that the audit leaves out, as they have no architecture here."""
    return [name for name in paper.table(2)["model"] if not _of_table_2(name)]


def _of_table_2(name: str) -> Network | None:
    family, _, size = name.partition("-")
    if family == "EfficientNet":
        return lambda rule: efficientnet.published(size.lower(), rule=rule)
    if family == "ResNet":
        return lambda rule: resnet.scale(Scaling(), rule=rule, name=f"resnet{size}")
    return None


def _scaled(scale: Callable[..., Architecture], scaling: Scaling) -> Network:
    return lambda rule: scale(scaling, rule=rule)


def _scaling(row: dict[str, str]) -> Scaling:
    return Scaling(*(float(row[name]) for name in ("depth", "width", "resolution")))


def _counted(rules: list[RoundingRule]) -> Iterator[tuple[Printed, dict[RoundingRule, int]]]:
    counts = cache(count)  # most rules round most networks alike
    for number in printed_numbers():
        yield number, {rule: getattr(counts(number.network(rule)), number.quantity) for rule in rules}


def by_rule() -> pd.DataFrame:
    """Return a row for every printed number and rounding rule: the rule, the count, how they compare.

    Returns:
        `count` is a whole number, `ours` the same in the unit of the print, the deviation is in percent of the print.
    """
    return pd.DataFrame(
        number.place() | _columns(rule) | {"count": counted} | number.compared(counted)
        for number, counts in _counted(RULES)
        for rule, counted in counts.items()
    )


def audit() -> pd.DataFrame:
    """Return a row for every printed number: the verdict on the library's own rule, and post hoc the nearest rule's.

    Returns:
        `printed` is a text of `digits` decimals, `ours` and `best` are in its unit (millions of parameters, billions of
        multiply-adds), deviations in percent of the print. `assumed`: the coefficients are not printed.
        `best_*`: post hoc, of the rule of 96 that comes nearest to this one number.
        `exchanged_with`: another row of the same baseline, where both disagree and neither would with the prints
        swapped.
    """
    rows, counted = [], list(_counted(RULES))
    exchanged = _exchanged([(number, counts[REFERENCE]) for number, counts in counted])
    for number, counts in counted:
        post_hoc = min(RULES, key=lambda rule: number.distance(counts[rule]))
        row = number.place() | {"digits": len(number.text.partition(".")[2])} | number.compared(counts[REFERENCE])
        row |= {"best_rule": describe(post_hoc)} | number.compared(counts[post_hoc], "best")
        rows.append(row | {"exchanged_with": exchanged.get(number.model, ""), "assumed": number.assumed})
    return pd.DataFrame(rows)


def _exchanged(counted: list[tuple[Printed, int]]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for (first, ours), (second, theirs) in combinations(counted, 2):
        if (first.table, first.baseline, first.quantity) == (second.table, second.baseline, second.quantity):
            unit = UNITS[first.quantity]
            as_printed = (verdict(ours, first.text, unit), verdict(theirs, second.text, unit))
            swapped = (verdict(ours, second.text, unit), verdict(theirs, first.text, unit))
            if as_printed == (DISAGREES, DISAGREES) and DISAGREES not in swapped:
                pairs |= {first.model: second.model, second.model: first.model}
    return pairs


def save(folder: Path) -> Path:
    """Write `audit` as flops_audit.csv into a folder that exists, and return the file."""
    return _write(audit(), folder / "flops_audit.csv")


def to_csv(folder: Path) -> list[Path]:
    """Write `audit` and `by_rule` as flops_audit.csv and flops_audit_by_rule.csv, and return the two files."""
    return [save(folder), _write(by_rule(), folder / "flops_audit_by_rule.csv")]


def _write(frame: pd.DataFrame, path: Path) -> Path:
    write_aside(path, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    return path
