"""Records as the table that every accuracy figure is drawn from: a row a model, differences to the baseline."""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ...models import complexity
from ...runs.run_store import RunRecord
from ...stats import intervals
from ...stats.intervals import Estimate, PairedOutcomes, contrast
from ...study import proxy_families, queue
from ...study.decided_study import Study
from ...study.scaled_model import ScaledModel
from ...study.training_plan import Records

Runs = dict[int, RunRecord]  # by seed
LEAST_DOF = 3  # of a seed sd that a band may be drawn from


@dataclass(frozen=True)
class SeedBand:
    """Say how far two single seeds of one network lie apart by chance, in points of top-1.

    Args:
        sd: Of the seeds, pooled over the networks of a profile and budget.
        dof: Its degrees of freedom.
    """

    sd: float
    dof: int

    @property
    def half(self) -> float:
        """t sd sqrt(2): 95 % of the differences between two seeds of one network are smaller."""
        return float(stdtrit(self.dof, 0.975)) * self.sd * sqrt(2)

    @property
    def words(self) -> str:
        """What a footnote says of it."""
        return f"grey: ±{self.half:.1f} points, chance between two seeds (95 %)"


def outcomes(records: Records) -> PairedOutcomes | None:
    """Return every stored correctness bit, by model name and seed; None where nothing is stored."""
    bits = {m.name: {seed: r.correct for seed, r in runs.items()} for m, runs in records.items() if runs}
    return PairedOutcomes(bits) if bits else None


def ratio(study: Study, model: ScaledModel) -> float:
    """Return a model's counted FLOPS over the baseline's, its own family's where it has one."""
    base = proxy_families.baseline(study, model.family) if model.family else study.baseline
    return complexity.count(model.arch).madds / complexity.count(base.arch).madds


def seed_band(study: Study, records: Records) -> SeedBand | None:
    """Return the band behind the single seeds of some records; None where all have several, or the spread is unknown.

    Pooled over what is stored of all that the profile plans at this budget, not over one figure's models: so that it
    is the same band in every figure.
    """
    if all(len(runs) > 1 for runs in records.values()):
        return None
    planned = (spec for stage in queue.stages(study) for spec in stage.specs)
    stored = [record for spec in dict.fromkeys(planned) if (record := study.store.find(spec))]
    drawn = [record for runs in records.values() for record in runs.values()]
    budget = {(record.spec["data"], record.spec["recipe"]["epochs"]) for record in drawn}
    top1: dict[str, dict[int, float]] = {}
    for record in [*drawn, *stored]:
        if (record.spec["data"], record.spec["recipe"]["epochs"]) in budget:
            network = repr((record.arch, sorted(record.spec["recipe"].items())))
            top1.setdefault(network, {})[record.seed] = record.top1
    sd, dof = intervals.pooled_sd(pd.DataFrame(top1).T)
    return SeedBand(sd, dof) if dof >= LEAST_DOF and sd > 0 else None


def table(study: Study, records: Records) -> pd.DataFrame:
    """Return a row a model with at least one record: counts, accuracy, difference to its baseline, marks.

    Returns:
        Accuracies in percent, FLOPS in multiply-adds.
        gain: difference to the baseline in points, with its 95 % interval (`intervals.contrast`); NaN where the
            baseline is not measured.
        seeds: of the model, all of them; its accuracy is their mean.
        top1_larger_test: on images 1.15 times as large; NaN where the last feature map is 1 x 1, as the outer taps of
            its convolutions were never trained.
        full_*: the unscaled network (B0 or the model's family, 224 px, 1000 classes) under the same scaling.
    """
    measured = outcomes(records)
    if measured is None:
        return pd.DataFrame()
    bases = {model.family: (model.name, runs) for model, runs in records.items() if model.method == "baseline"}
    rows = []
    for model, runs in records.items():
        name, base = bases.get(model.family, ("baseline", {}))
        gain = Estimate(0.0) if model.method == "baseline" else contrast(measured, {model.name: 1.0, name: -1.0})
        rows.append(_counts(study, model) | _accuracies(study, model, runs, base, gain) | _origin(model, runs))
    return pd.DataFrame(rows)


def _counts(study: Study, model: ScaledModel) -> dict[str, Any]:
    counts = complexity.count(model.arch)
    return {
        "method": model.method,
        "coefficient": model.coefficient,
        "model": model.name,
        "px": model.arch.px,
        "final_px": model.arch.final_px,
        "params": counts.params,
        "flops": counts.madds,
        "flops_ratio": ratio(study, model),
    }


def _accuracies(study: Study, model: ScaledModel, runs: Runs, base: Runs, gain: Estimate) -> dict[str, Any]:
    common = sorted(set(runs) & set(base))
    behind = [runs[seed].result["train_loss"] - base[seed].result["train_loss"] for seed in common]
    larger = [run.result["top1_larger_test"] for run in runs.values()]
    low, high = gain.interval95 or (nan, nan)
    smallest_crop = np.sqrt(study.profile.recipe.min_area) * next(iter(runs.values())).result["source_px"]
    return {
        "seeds": len(runs),
        "top1": float(np.mean([run.top1 for run in runs.values()])),
        "top1_larger_test": float(np.mean(larger)) if model.arch.final_px > 1 else nan,
        "gain": nan if gain.value is None else gain.value,
        "gain_low": low,
        "gain_high": high,
        "train_loss": float(np.mean([run.result["train_loss"] for run in runs.values()])),
        "upsampled": bool(smallest_crop < model.arch.px - 1),
        "optimisation_limited": bool(behind) and float(np.mean(behind)) > 0,
    }


def _origin(model: ScaledModel, runs: Runs) -> dict[str, Any]:
    made, full = [run.provenance for run in runs.values()], complexity.count(proxy_families.full_size(model))
    return {
        "device": ", ".join(sorted({provenance["device"] for provenance in made})),
        "date": max(provenance["date"][:10] for provenance in made),
        "shipped": all(run.published for run in runs.values()),
        "full_params": full.params,
        "full_flops": full.madds,
    }


def longer(study: Study, weights: dict[str, float]) -> Estimate | None:
    """Return a contrast of the quintet at the longer training budget; None where a profile has none.

    Args:
        weights: of scaling methods and "baseline".
    """
    if not study.follows_protocol:
        return None
    runs_of = {m: {s: study.store.find(spec) for s, spec in runs.items()} for m, runs in study.long_runs().items()}
    bits = {m: {seed: record.correct for seed, record in runs.items() if record} for m, runs in runs_of.items()}
    return contrast({m: runs for m, runs in bits.items() if runs}, weights)


def seed_correlation(records: Records) -> float | None:
    """Return the correlation between models over common seeds (`intervals.seed_correlation`); None without any."""
    measured = outcomes(records)
    return intervals.seed_correlation(measured.accuracy) if measured else None
