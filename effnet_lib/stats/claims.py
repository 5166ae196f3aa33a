"""Claims of the paper, judged together: each with its effect, what is printed, and the verdict of `verdicts`.

Source: docs/protocol.md, sections "Verdicts" and "Claims".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .estimate import Estimate
from .premise import Premise
from .verdicts import (
    ALPHA,
    CONTRADICTED,
    DELTA,
    HOLDS,
    LEAST_SEEDS,
    NOT_ENOUGH,
    PROTOCOL,
    REFUTES,
    SMALLER,
    all_hold,
    holm,
    p_value,
    seeds_for_power,
    verdict,
)

Effect = Estimate | Mapping[str, Estimate]
LONG_ONLY = "only with long training: the short budget has the opposite sign"


@dataclass(frozen=True)
class Claim:
    """State one sentence of the paper, what it prints, and the effect that tests it.

    Args:
        estimate: The effect, or by name those of an intersection ("beats each of them").
        printed: What the paper prints, in its words.
        effect: The size that the paper prints, in `unit`, of all comparisons or by name; None where it prints none.
        delta: The least effect that matters; by default half of `effect`, or 1.0 where nothing is printed.
        unit: Of the estimate.
        declared: The number of seeds that the protocol declares; with fewer, a verdict is interim.
        short: The effect at the short budget where the long one decides.
        beside: Secondary endpoints by name, such as the validation log loss, positive where they speak for the claim;
            they never decide.
        premise: Whether the baseline was balanced, where that matters.
        note: What a reader must know of the networks compared.
    """

    claim: str
    estimate: Effect
    printed: float | str | None = None
    effect: float | Mapping[str, float] | None = None
    delta: float | None = None
    unit: str = "points"
    declared: int = LEAST_SEEDS
    short: Effect | None = None
    beside: Mapping[str, Estimate] = field(default_factory=dict)
    premise: Premise | None = None
    note: str = ""

    @property
    def parts(self) -> dict[str, Estimate]:
        """The comparisons by name; a single effect has no name."""
        return _parts(self.estimate)

    def effect_of(self, name: str) -> float | None:
        """Return the printed size of a comparison, None where the paper prints none."""
        return self.effect.get(name) if isinstance(self.effect, Mapping) else self.effect

    def delta_of(self, name: str) -> float:
        """Return the least size of a comparison that matters."""
        effect = self.effect_of(name)
        return self.delta or (effect / 2 if effect else DELTA)


@dataclass(frozen=True)
class JudgedClaim:
    """Hold a claim with its verdict.

    Args:
        name: The comparison that decides or, of an open claim, the smallest; "" of a single effect.
        estimate: Its effect.
        verdicts: Verdict of each comparison alone, by name.
        p: Holm's adjusted one-sided p, None where undecided before the correction.
        needs: The seeds that would show the printed effect with 80 % power.
        note: What else a reader must know.
    """

    source: Claim
    verdict: str
    name: str
    estimate: Estimate
    verdicts: Mapping[str, str] = field(default_factory=dict)
    p: float | None = None
    needs: int | None = None
    note: str = ""

    @property
    def interim(self) -> bool:
        """Whether there are fewer seeds than the protocol declares."""
        return min(part.n for part in self.source.parts.values()) < self.source.declared

    def to_json(self) -> dict[str, Any]:
        """Return the record of a `.claims.json` file: plain Python values, 95 % intervals."""
        source, printed = self.source, self.source.printed
        return {
            "claim": source.claim,
            "printed": printed.item() if isinstance(printed, np.generic) else printed,
            **_numbers(self.estimate),
            "verdict": self.verdict,
            "n": self.estimate.n,
            "protocol": PROTOCOL,
            "interim": self.interim,
            "declared_n": source.declared,
            "delta": _rounded(source.delta_of(self.name)),
            "comparisons": [
                {
                    "with": name,
                    **_numbers(part),
                    "verdict": self.verdicts[name],
                    "delta": _rounded(source.delta_of(name)),
                }
                for name, part in source.parts.items()
                if name
            ],
            "beside": {name: _numbers(part) for name, part in source.beside.items()},
            "short_budget": {name: _numbers(part) for name, part in _parts(source.short).items()},
            "note": self.note,
            "premise": source.premise and source.premise.to_json(),
        }

    def line(self) -> str:
        """Return a sentence for people: verdict, claim, effect, interval, seeds, comparisons, premise."""
        effect, interval = self.estimate, self.estimate.interval95
        word = f"interim: {self.verdict}" if self.interim and self.verdict != NOT_ENOUGH else self.verdict
        text = f"{word}: {self.source.claim}"
        if effect.value is None:
            return f"{text} (not measured)"
        text += f" ({effect.value:+.2f} {self.source.unit}"
        text += f" against {self.name}" if self.name else ""
        text += f", 95 % interval {interval[0]:+.2f} to {interval[1]:+.2f}" if interval else ""
        text += f", {effect.n} of {self.source.declared} seeds"
        if self.verdict == SMALLER:
            text += f", delta {self.source.delta_of(self.name):.2g}" + (", but positive" if interval[0] > 0 else "")
        if self.needs and self.verdict == NOT_ENOUGH:
            text += f"; {self.needs} seeds would show the printed effect with 80 % power"
        text += f"; {self.note})" if self.note else ")"
        named = [f"{_word(word)} {name}" for name, word in self.verdicts.items() if name]
        text += f"; {'; '.join(named)}" if named else ""
        return text + (f". {self.source.premise.line()}" if self.source.premise else "")


def judge(claims: Sequence[Claim]) -> list[JudgedClaim]:
    """Judge the claims of one artefact together, in the order given.

    Holm's correction runs over the claims that have an interval; a claim that nobody has measured yet cannot err. A
    decided claim enters with the p of its own direction, an undecided one with 1; a decided claim whose adjusted p
    reaches 0.05 becomes "not enough evidence".
    """
    before = [all_hold(claim.parts, {name: claim.delta_of(name) for name in claim.parts}) for claim in claims]
    tested = [i for i, c in enumerate(claims) if any(part.testable for part in c.parts.values())]
    p = holm([_p(claims[i], before[i]) for i in tested])
    adjusted = {i: float(q) for i, q in zip(tested, p, strict=True) if before[i] != NOT_ENOUGH}
    after = [word if adjusted.get(i, 1.0) < ALPHA else NOT_ENOUGH for i, word in enumerate(before)]
    return [_judged(claim, before[i], after[i], adjusted.get(i)) for i, claim in enumerate(claims)]


def _judged(claim: Claim, before: str, word: str, p: float | None) -> JudgedClaim:
    parts, notes = claim.parts, [claim.note] if claim.note else []
    alone = {name: verdict(part, claim.delta_of(name)) for name, part in parts.items()}
    name = _deciding(claim, word)
    estimate = parts[name] if all(part.value is not None for part in parts.values()) or word in REFUTES else Estimate()
    if before != word:
        notes.append(f"{before} alone, not beside the other claims (Holm)")
    short = [part.value for part in _parts(claim.short).values() if part.value is not None]
    if word == HOLDS and any(value < 0 for value in short):
        notes.append(LONG_ONLY)
    needs = None
    if word == NOT_ENOUGH and all(part.testable for part in parts.values()):
        each = [seeds_for_power(part, claim.effect_of(n) or 2 * claim.delta_of(n)) for n, part in parts.items()]
        enough = [seeds for seeds in each if seeds is not None]
        needs = max(enough) if len(enough) == len(each) else None
    return JudgedClaim(claim, word, name, estimate, alone, p, needs, "; ".join(notes))


def _deciding(claim: Claim, word: str) -> str:
    """Return the comparison that refutes most surely, else the smallest."""
    parts = claim.parts
    if word in REFUTES:
        return min(parts, key=lambda name: p_value(parts[name], word, claim.delta_of(name)))
    values = {name: part.value for name, part in parts.items() if part.value is not None}
    return min(parts, key=lambda name: values.get(name, np.inf))


def _p(claim: Claim, word: str) -> float:
    each = [p_value(part, word, claim.delta_of(name)) for name, part in claim.parts.items()]
    return min(1.0, len(each) * min(each)) if word in REFUTES else max(each)


def _parts(effect: Effect | None) -> dict[str, Estimate]:
    if effect is None:
        return {}
    return {"": effect} if isinstance(effect, Estimate) else dict(effect)


def _word(verdict_of_part: str) -> str:
    return {HOLDS: "holds against", CONTRADICTED: "contradicted by", SMALLER: "smaller than delta against"}.get(
        verdict_of_part, "open against"
    )


def _numbers(estimate: Estimate) -> dict[str, Any]:
    interval = estimate.interval95
    return {
        "measured": None if estimate.value is None else _rounded(estimate.value),
        "interval": interval and [_rounded(bound) for bound in interval],
    }


def _rounded(value: float) -> float:
    return round(float(value), 3) + 0.0  # never "-0.0"
