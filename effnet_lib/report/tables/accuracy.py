"""Records as the table that every accuracy figure is drawn from: a row a model, differences to the baseline."""

from math import nan
from typing import Any

import numpy as np
import pandas as pd

from ...models import complexity
from ...runs.run_store import RunRecord
from ...stats import intervals
from ...stats.intervals import Estimate, PairedOutcomes, contrast
from ...study import proxy_families
from ...study.decided_study import Study
from ...study.scaled_model import ScaledModel, at_budget
from ...study.training_plan import Records

Runs = dict[int, RunRecord]  # by seed


def outcomes(records: Records) -> PairedOutcomes | None:
    """Return every stored correctness bit, by model name and seed; None where nothing is stored.

    Raises:
        ValueError: models of two training budgets, of which one would hide the other.
    """
    if len({model.budget for model in records}) > 1:
        raise ValueError("outcomes of two training budgets: at_budget takes one")
    bits = {m.name: {seed: r.correct for seed, r in runs.items()} for m, runs in records.items() if runs}
    return PairedOutcomes(bits) if bits else None


def ratio(study: Study, model: ScaledModel) -> float:
    """Return a model's counted FLOPS over the baseline's, its own family's where it has one."""
    base = proxy_families.baseline(study, model.family) if model.family else study.baseline
    return complexity.count(model.arch).madds / complexity.count(base.arch).madds


def table(study: Study, records: Records) -> pd.DataFrame:
    """Return a row a model with at least one record: counts, accuracy, difference to its baseline, marks.

    Returns:
        Accuracies in percent, FLOPS in multiply-adds.
        gain: difference to the baseline in points, with its 95 % interval (pooled seed sd and paired images); NaN
            without a seed in common with the baseline.
        epochs: of training; a difference is between networks of one budget.
        seeds: those shared with the baseline, which the difference is made of.
        full_*: the unscaled network (B0 or the model's family, 224 px, 1000 classes) under the same scaling.
    """
    rows = [row for budget in {m.budget: None for m in records} for row in _rows(study, at_budget(records, budget))]
    return pd.DataFrame(rows)


def _rows(study: Study, records: Records) -> list[dict[str, Any]]:
    """Return the rows of one training budget."""
    measured = outcomes(records)
    bases = {model.family: (model.name, runs) for model, runs in records.items() if model.method == "baseline"}
    rows = []
    for model, runs in records.items():
        name, base = bases.get(model.family, ("baseline", {}))
        gain = Estimate(0.0) if model.method == "baseline" else contrast(measured, {model.name: 1.0, name: -1.0})
        rows.append(_counts(study, model) | _accuracies(study, model, runs, base, gain) | _origin(model, runs))
    return rows


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
    low, high = gain.interval95 or (nan, nan)
    smallest_crop = np.sqrt(study.recipe.min_area) * next(iter(runs.values())).result["source_px"]
    return {
        "epochs": next(iter(runs.values())).spec["recipe"]["epochs"],
        "seeds": len(common) or len(runs),
        "top1": float(np.mean([run.top1 for run in runs.values()])),
        "top1_larger_test": float(np.mean([run.result["top1_larger_test"] for run in runs.values()])),
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


def seed_correlation(records: Records) -> float | None:
    """Return the correlation between models over common seeds (`intervals.seed_correlation`); None without any."""
    measured = outcomes(records)
    return intervals.seed_correlation(measured.accuracy) if measured else None
