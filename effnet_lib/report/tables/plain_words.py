"""What a newcomer sees in Figure 3, in three sentences that are computed from the records."""

from collections.abc import Mapping, Sequence

from ...core.errors import known
from ...stats.estimate import Estimate
from ...stats.premise import MARGIN, MET, NOT_MET, Premise


def sentences(gains: Mapping[str, Estimate], premise: Premise) -> tuple[str, str, str]:
    """Say which dimensions gain, what a doubling of FLOPS buys, and whether the baseline is in balance.

    Args:
        gains: dimension -> mean of its predeclared points minus the baseline, in points of top-1 (Observation 1a).
        premise: the slopes of the same dimensions, in points a doubling of FLOPS, and their differences.
    """
    return _gained(gains), _bought(premise.slopes), _balance(premise)


def _gained(gains: Mapping[str, Estimate]) -> str:
    groups: dict[str, list[str]] = {}
    for name, gain in gains.items():
        groups.setdefault(_kind(gain), []).append(name)
    clauses = [
        _clause(kind, groups[kind], gains) for kind in ("gain", "lose", "open", "bare", "missing") if kind in groups
    ]
    return _sentence("; ".join(clauses))


def _kind(gain: Estimate) -> str:
    """Return what the 90 % interval says: gain, lose or open; bare without one, missing without a value."""
    if gain.value is None:
        return "missing"
    if gain.interval90 is None:
        return "bare"
    low, high = gain.interval90
    return "gain" if low > 0 else "lose" if high < 0 else "open"


def _clause(kind: str, names: Sequence[str], gains: Mapping[str, Estimate]) -> str:
    who, several = _listed(names), len(names) > 1
    if kind == "missing":
        return f"{who} {'are' if several else 'is'} not measured yet"
    if kind == "bare":
        values = _listed([f"{gains[name].value:+.1f}" for name in names])
        return f"{who} {'have' if several else 'has'} no interval yet ({values} points)"
    values = _listed([_value(gains[name], signed=kind == "open") for name in names])
    if kind == "open":
        return f"{who} cannot be told from the baseline: {values} points"
    verb = kind if several else f"{kind}s"
    return f"{who} {verb} {values} points of top-1 {'over' if kind == 'gain' else 'against'} the baseline"


def _value(gain: Estimate, signed: bool) -> str:
    low, high = gain.interval90
    shown = f"{gain.value:+.1f}" if signed else f"{abs(known(gain.value)):.1f}"
    return f"{shown} (90 % interval {low:+.1f} to {high:+.1f})"


def _bought(slopes: Mapping[str, Estimate]) -> str:
    values = {name: slope.value for name, slope in slopes.items() if slope.value is not None}
    if not values:
        return "What a doubling of FLOPS buys is not measured yet."
    best = sorted(values, key=values.__getitem__, reverse=True)
    listed = [f"{values[name]:+.1f} along {name}" for name in best]
    return f"A doubling of FLOPS buys, in points: {_listed(listed)}."


def _balance(premise: Premise) -> str:
    if premise.status == MET:
        return (
            f"So the baseline is in balance within {MARGIN:g} point a doubling: at equal FLOPS no dimension has it "
            "easier than another."
        )
    if premise.status == NOT_MET:
        ordered = [_order(pair, apart) for pair, apart in premise.differences.items()]
        pairs = _listed([f"{more} buys more than {less}" for more, less in filter(None, ordered)])
        return f"So the baseline is out of balance: {pairs}, and at equal FLOPS what buys more has it easier."
    return "Whether the baseline is in balance stays open: the slopes are not known well enough to say."


def _order(pair: tuple[str, str], apart: Estimate) -> tuple[str, str] | None:
    """Return (more, less) where the 95 % interval of the slopes' difference excludes 0."""
    low, high = apart.interval95
    return pair if low > 0 else pair[::-1] if high < 0 else None


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
