"""The table of what later work predicts, from a profile's stored runs (docs/protocol.md)."""

from dataclasses import replace
from itertools import combinations
from math import log2, sqrt

import numpy as np

from ...runs.run_store import RunRecord
from ...stats.estimate import Estimate
from ...stats.intervals import contrast
from ...stats.predictions import Prediction
from ...stats.premise import Premise, slope_weights
from ...study.controls import BLURRED, blur_control, fast_compound
from ...study.decided_study import Study
from ...study.protocol import LONG, SHORT, declared
from ...study.scaled_model import ScaledModel
from .accuracy import ratio
from .premises import doublings, premise_of, single_dimension_runs


def predictions(study: Study) -> list[Prediction]:
    """Return the predictions that single-dimension runs answer; all of them where the protocol is followed."""
    premise = premise_of(study)
    runs = single_dimension_runs(study, study.profile.deciding)
    bello = "depth's slope rises with the training budget (long minus short)"
    listed = [
        Prediction("Bello et al. 2021", bello, depth_by_budget(study), "points a doubling"),
        *(_tinynet(premise, other) for other in ("resolution", "depth")),
        *_fixres(list(runs.items())),
        *(_floor(words, records) for words, records in _baselines(study)),
        *(_controls(study) if study.ready and study.follows_protocol else ()),
    ]
    return [one for one in listed if study.follows_protocol or one.estimate.value is not None]


def depth_by_budget(study: Study) -> Estimate:
    """Estimate the slope of depth at the long budget minus that at the short one."""
    bits: dict[str, dict[int, np.ndarray]] = {}
    weights: dict[str, float] = {}
    for budget, sign in ((LONG, 1.0), (SHORT, -1.0)):
        records = single_dimension_runs(study, budget)
        bits |= {f"{budget} {model.name}": {s: r.correct for s, r in runs.items()} for model, runs in records.items()}
        slope = slope_weights(doublings(study, records)["depth"])
        weights |= {f"{budget} {name}": sign * weight for name, weight in slope.items()}
    return contrast(bits, weights)


def _controls(study: Study) -> list[Prediction]:
    fast = "dWr, scaled mostly by width, gains as much a doubling of FLOPS as compound scaling (its gain minus that)"
    blur = (
        f"share of the gain of r={BLURRED} that remains on images reduced to the baseline's px first (larger map and "
        "compute without more detail)"
    )
    return [
        Prediction("Dollar et al. 2021", fast, fast_compound_gain(study), "points a doubling"),
        Prediction("no paper (blur control)", blur, remaining_gain(study), ""),
    ]


def fast_compound_gain(study: Study) -> Estimate:
    """Estimate dWr's gain over the baseline a doubling of FLOPS, minus that of compound scaling at level A."""
    found = {"baseline": study.baseline, "dWr": fast_compound(study), "compound": study.five_methods()["compound"]}
    a_doubling = {name: 1 / log2(ratio(study, found[name])) for name in ("dWr", "compound")}
    weights = {"dWr": a_doubling["dWr"], "compound": -a_doubling["compound"]}
    return contrast(_bits(study, found, "dWr"), weights | {"baseline": -sum(weights.values())})


def remaining_gain(study: Study) -> Estimate:
    """Estimate the share of the gain of more pixels that remains where they hold no more detail.

    The error of a ratio a / b to first order, that of (a - share * b) / b; so there is none, only the share, where
    b's own 95 % interval holds 0.
    """
    found = {"baseline": study.baseline, "sharp": study.model("resolution", BLURRED), "blurred": blur_control(study)}
    bits = _bits(study, found, "blur control")
    gain, left = (contrast(bits, {name: 1.0, "baseline": -1.0}) for name in ("sharp", "blurred"))
    if not gain.value or left.value is None:
        return Estimate()
    share = left.value / gain.value
    if not gain.testable or gain.interval95[0] <= 0 <= gain.interval95[1]:
        return Estimate(share, n=min(gain.n, left.n))
    weights = {"blurred": 1.0, "sharp": -share, "baseline": share - 1.0}
    return replace(contrast(bits, {name: weight / gain.value for name, weight in weights.items()}), value=share)


def _bits(study: Study, models: dict[str, ScaledModel], claims: str) -> dict[str, dict[int, np.ndarray]]:
    """Return name -> seed -> which images are correct, of the seeds that a set of claims declares, as far as stored."""
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in models}
    for name, model in models.items():
        for seed in range(declared(study.profile, claims).seeds):
            if record := study.store.find(study.spec(model, seed)):
                found[name][seed] = record.correct
    return found


def _tinynet(premise: Premise, other: str) -> Prediction:
    """TinyNet: in small networks resolution and depth matter more than width."""
    estimate = premise.differences.get(("width", other), Estimate())
    words = f"in small networks {other} matters more than width (its slope minus width's)"
    return Prediction("Han et al. 2020 (TinyNet)", words, estimate.mirrored(), "points a doubling")


def _fixres(runs: list[tuple]) -> list[Prediction]:
    """FixRes: a larger test size helps; of the networks with the smallest and the largest last map."""
    by_map = sorted(runs, key=lambda item: item[0].arch.final_px)
    ends = list({model.arch.final_px: (model, records) for model, records in by_map}.values())
    return [
        Prediction(
            "Touvron et al. 2019 (FixRes)",
            f"testing at 1.15 times the training size helps (last map {m.arch.final_px}x{m.arch.final_px}, {m.name})",
            _larger_test(list(records.values())),
        )
        for m, records in (ends[:1] + ends[-1:] if len(ends) > 1 else ends)
    ]


def _larger_test(records: list[RunRecord]) -> Estimate:
    gains = [record.result["top1_larger_test"] - record.top1 for record in records]
    spread = float(np.std(gains, ddof=1)) if len(gains) > 1 else None
    return Estimate.welch(float(np.mean(gains)), [(spread, len(gains))])


def _baselines(study: Study) -> list[tuple[str, list[RunRecord]]]:
    found = []
    for budget in (SHORT, LONG):
        for model, runs in single_dimension_runs(study, budget).items():
            if model.method == "baseline":
                found.append((f"{next(iter(runs.values())).spec['recipe']['epochs']} epochs", list(runs.values())))
    return found


def _floor(words: str, records: list[RunRecord]) -> Prediction:
    """Jordan: the floor of run-to-run noise is sqrt(disagreement / 2N); the seeds' sd over that floor, minus 1."""
    text = f"the seeds' sd is no less than sqrt(disagreement / 2N) (sd over that floor, minus 1; baseline, {words})"
    return Prediction("Jordan 2023", text, noise_over_floor(records), "")


def noise_over_floor(records: list[RunRecord]) -> Estimate:
    """Estimate the ratio of the seeds' standard deviation to its floor, minus 1; no data with fewer than two runs.

    Disagreement is the share of images that one of two runs has correct and the other wrong, the mean over pairs.
    """
    if len(records) < 2:
        return Estimate()
    pairs = combinations([np.asarray(record.correct, bool) for record in records], 2)
    disagreement = float(np.mean([np.mean(a != b) for a, b in pairs]))
    floor = 100 * sqrt(disagreement / (2 * len(records[0].correct)))
    sd = float(np.std([record.top1 for record in records], ddof=1))
    return Estimate(sd / floor - 1 if floor else None, n=len(records))
