"""The rule that turns an estimate into a verdict, and the corrections across the claims of one artefact.

Source: the project's protocol 1, section "One rule for every verdict". A claim is worded so that a positive
effect speaks for it; "the gain diminishes" is therefore the lower segment's gain minus the upper's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from ..core.errors import ParameterError
from .intervals import Estimate

PROTOCOL = 1
ALPHA = 0.05
DELTA = 1.0
MOST_SEEDS = 1000

HOLDS = "holds"
DOES_NOT_HOLD = "does not hold"
NOT_ENOUGH = "not enough evidence"


def verdict(estimate: Estimate, delta: float = DELTA, level: float = ALPHA) -> str:
    """Return the verdict on one effect from the bounds of its two-sided 90 % interval.

    "holds": lower bound > 0 and upper bound >= `delta`; "does not hold": upper bound < `delta`; otherwise, and always
    with fewer than two seeds, "not enough evidence".

    Args:
        delta: The least effect that matters, in the estimate's unit.
        level: Below 0.05 (a correction), the deciding bound must stand at that level too.

    Raises:
        ParameterError: `delta` is not positive, or `level` is outside (0, 0.05].
    """
    if not (delta > 0 and isfinite(delta)):
        raise ParameterError("delta", delta, "a positive number in the estimate's unit")
    if not 0 < level <= ALPHA:
        raise ParameterError("level", level, f"a number above 0, at most {ALPHA}")
    if not estimate.testable:
        return NOT_ENOUGH
    low, high = estimate.interval90
    half = estimate.half(level)
    if high < delta:
        return DOES_NOT_HOLD if estimate.value + half < delta else NOT_ENOUGH
    return HOLDS if low > 0 and estimate.value - half > 0 else NOT_ENOUGH


def all_hold(parts: Sequence[Estimate], delta: float = DELTA, level: float = ALPHA) -> str:
    """Return the verdict on "each of these effects", an intersection-union test.

    "holds" where each part holds at `level`, uncorrected; "does not hold" where any part is refuted at `level` divided
    by the number of parts (three single dimensions: alpha / 3).

    Raises:
        ParameterError: There are no parts.
    """
    if not parts:
        raise ParameterError("parts", list(parts), "at least one estimate")
    if all(verdict(part, delta, level) == HOLDS for part in parts):
        return HOLDS
    refuted = any(verdict(part, delta, level / len(parts)) == DOES_NOT_HOLD for part in parts)
    return DOES_NOT_HOLD if refuted else NOT_ENOUGH


def agree_in_sign(decided: str, *others: Estimate) -> str:
    """Return the verdict after the second training budget: "holds" stands only on positive effects there too.

    A missing or opposite effect turns "holds" into "not enough evidence"; other verdicts stay as they are.
    """
    agree = all(other.value is not None and other.value > 0 for other in others)
    return NOT_ENOUGH if decided == HOLDS and not agree else decided


def seeds_to_decide(estimate: Estimate | Sequence[Estimate], delta: float = DELTA, level: float = ALPHA) -> int | None:
    """Return the smallest number of seeds, from those measured up, whose verdict would be decided.

    Value, seed spread and image error are taken as they are now.

    Returns:
        None where no number up to 1000 decides (the images are too few, or the value lies too near `delta` or 0) or
        where the seed spread is unknown.
    """
    parts = _parts(estimate)
    if any(part.value is None or part.dof < 1 for part in parts):
        return None
    for n in range(max(2, *(part.n for part in parts)), MOST_SEEDS + 1):
        if all_hold([part.at(n) for part in parts], delta, level) != NOT_ENOUGH:
            return n
    return None


def holm(p: Sequence[float]) -> np.ndarray:
    """Return Holm's (1979) adjusted p values, in the order given, at most 1."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    # The smallest of m is multiplied by m, the next by m - 1, ...; none may fall below the one before it.
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


@dataclass(frozen=True)
class Claim:
    """State one sentence of the paper, what it prints, and the effect that tests it.

    Args:
        estimate: The effect, or several for "each of them".
        printed: What the paper prints.
        delta: The least effect that matters, in `unit`, the estimate's.
        longer: The effect(s) at the second training budget where the claim asks for that (None: it does not;
            `Estimate()`: not measured yet).
    """

    claim: str
    estimate: Estimate | Sequence[Estimate]
    printed: float | str | None = None
    delta: float = DELTA
    unit: str = "points"
    longer: Estimate | Sequence[Estimate] | None = None


@dataclass(frozen=True)
class JudgedClaim:
    """Hold a claim with its verdict.

    Args:
        estimate: The effect reported; of several that which refutes, else the smallest.
        p: Holm's adjusted one-sided p, None where undecided before the correction.
        needs: The seeds that would decide.
        note: Why an undecided claim has no such number.
    """

    source: Claim
    verdict: str
    estimate: Estimate
    p: float | None = None
    needs: int | None = None
    note: str = ""

    def to_json(self) -> dict:
        """Return the record of a `.claims.json` file: 7 keys, plain Python values, the 95 % interval."""
        interval, printed = self.estimate.interval95, self.source.printed
        return {
            "claim": self.source.claim,
            "printed": printed.item() if isinstance(printed, np.generic) else printed,
            "measured": None if self.estimate.value is None else _rounded(self.estimate.value),
            "interval": interval and [_rounded(bound) for bound in interval],
            "verdict": self.verdict,
            "n": self.estimate.n,
            "protocol": PROTOCOL,
        }

    def line(self) -> str:
        """Return one sentence for people: verdict, claim, effect, interval, seeds, and what would decide."""
        effect, interval = self.estimate, self.estimate.interval95
        text = f"{self.verdict}: {self.source.claim}"
        if effect.value is None:
            return f"{text} (not measured)"
        text += f" ({effect.value:+.2f} {self.source.unit}"
        if interval:
            text += f", 95 % interval {interval[0]:+.2f} to {interval[1]:+.2f}"
        text += f", {effect.n} seed{'' if effect.n == 1 else 's'}"
        why = f"{self.needs} seeds would decide" if self.needs else self.note
        return text + (f"; {why})" if why else ")")


def judge(claims: Sequence[Claim]) -> list[JudgedClaim]:
    """Judge the claims of one artefact together, in the order given.

    Holm's correction runs over the claims that have an interval; a claim that nobody has measured yet cannot
    err. A decided claim enters with the p of its own direction ("holds": effect > 0; "does not hold": effect
    < delta), an undecided one with 1; a decided claim whose adjusted p reaches 0.05 becomes "not enough
    evidence". Then the second training budget may withdraw a "holds".
    """
    before = [all_hold(_parts(claim.estimate), claim.delta) for claim in claims]
    tested = [i for i, c in enumerate(claims) if any(part.testable for part in _parts(c.estimate))]
    p = holm([_p(claims[i], before[i]) for i in tested])
    adjusted = {i: float(q) for i, q in zip(tested, p, strict=True) if before[i] != NOT_ENOUGH}
    after = [word if adjusted.get(i, 1.0) < ALPHA else NOT_ENOUGH for i, word in enumerate(before)]
    # What Holm's next step asks of a claim that is still open: alpha / (claims still open).
    level = ALPHA / max(1, sum(after[i] == NOT_ENOUGH for i in tested))
    return [_judged(c, after[i], adjusted.get(i), level) for i, c in enumerate(claims)]


def _judged(claim: Claim, word: str, p: float | None, level: float) -> JudgedClaim:
    final = word if claim.longer is None else agree_in_sign(word, *_parts(claim.longer))
    needs, note = None, ""
    if final != word:
        note = "the longer training budget is missing or has the opposite sign"
    elif word == NOT_ENOUGH:
        needs = seeds_to_decide(claim.estimate, claim.delta, level)
        unknown = any(part.dof < 1 for part in _parts(claim.estimate))
        note = "the seed spread is unknown" if unknown else f"not even {MOST_SEEDS} seeds would decide"
    return JudgedClaim(claim, final, _reported(claim, word), p, needs, "" if needs else note)


def _rounded(value: float) -> float:
    return round(float(value), 3) + 0.0  # never "-0.0"


def _parts(estimate: Estimate | Sequence[Estimate]) -> tuple[Estimate, ...]:
    return (estimate,) if isinstance(estimate, Estimate) else tuple(estimate)


def _p(claim: Claim, word: str) -> float:
    parts = _parts(claim.estimate)
    if word == HOLDS:
        return max(part.p_above(0.0) for part in parts)
    if word == DOES_NOT_HOLD:
        return min(1.0, len(parts) * min(_p_below(part, claim.delta) for part in parts))
    return 1.0


def _p_below(part: Estimate, delta: float) -> float:
    # Mirrored rather than 1 - p, which would lose every p below 1e-16.
    return part.mirrored().p_above(-delta)


def _reported(claim: Claim, word: str) -> Estimate:
    parts = _parts(claim.estimate)
    if word == DOES_NOT_HOLD:
        return min(parts, key=lambda part: _p_below(part, claim.delta))
    if any(part.value is None for part in parts):
        return Estimate()
    return min(parts, key=lambda part: part.value)
