"""Records as the table that every accuracy figure is drawn from: a row a model, differences to the baseline."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import scipy

from ...core.errors import known
from ...models import complexity
from ...runs.run_store import RunRecord
from ...stats import intervals
from ...stats.estimate import welch
from ...stats.intervals import Estimate, PairedOutcomes, contrast
from ...study import proxy_families, queue
from ...study.decided_study import Study
from ...study.protocol import LONG, SHORT
from ...study.scaled_model import ScaledModel, at_budget
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
        return float(scipy.special.stdtrit(self.dof, 0.975)) * self.sd * sqrt(2)

    @property
    def words(self) -> str:
        """What a footnote says of it."""
        return f"grey: ±{self.half:.1f} points, chance between two seeds (95 %)"


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
        epochs: of training; a difference is between networks of one budget.
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
        gain = Estimate(0.0) if model.method == "baseline" else contrast(known(measured), {model.name: 1.0, name: -1.0})
        rows.append(_counts(study, model) | _accuracies(study, model, runs, base, gain) | _origin(model, runs))
    return rows


@dataclass(frozen=True)
class BudgetPart:
    """Hold what belongs to one training budget: its records, their rows of the table, and how long it is."""

    budget: str
    epochs: int
    records: Records
    rows: pd.DataFrame


def by_budget(records: Records, rows: pd.DataFrame) -> list[BudgetPart]:
    """Split records and table by training budget, the long one first."""
    parts = []
    for budget in (LONG, SHORT):
        if kept := at_budget(records, budget):
            epochs = next(iter(next(iter(kept.values())).values())).spec["recipe"]["epochs"]
            parts.append(BudgetPart(budget, epochs, kept, rows[rows["epochs"] == epochs]))
    return parts


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
    larger = [run.result["top1_larger_test"] for run in runs.values()]
    low, high = gain.interval95 or (nan, nan)
    smallest_crop = np.sqrt(known(study.recipe).min_area) * next(iter(runs.values())).result["source_px"]
    return {
        "epochs": next(iter(runs.values())).spec["recipe"]["epochs"],
        "seeds": len(runs),
        "top1": float(np.mean([run.top1 for run in runs.values()])),
        "top1_larger_test": float(np.mean(larger)) if model.arch.final_px > 1 else nan,
        "gain": nan if gain.value is None else gain.value,
        "gain_low": low,
        "gain_high": high,
        "train_loss": float(np.mean([run.result["train_loss"] for run in runs.values()])),
        "upsampled": bool(smallest_crop < model.arch.px - 1),
        "optimisation_limited": _fits_worse(runs, base),
    }


def limited(records: Records, models: Iterable[ScaledModel]) -> str:
    """Say which of a claim's models are optimisation-limited: what they show is their training, not their size.

    Args:
        records: of one training budget, with the baselines'.

    Returns:
        Words for the claim's note, "" where none is.
    """
    names = {model.name for model in models}
    bases = {model.family: runs for model, runs in records.items() if model.method == "baseline"}
    own = ((model, runs, bases.get(model.family, {})) for model, runs in records.items() if model.name in names)
    found = [model.name for model, runs, base in own if _fits_worse(runs, base)]
    return f"optimisation-limited: {', '.join(found)}" if found else ""


def _fits_worse(runs: Runs, base: Runs) -> bool:
    """Say whether a network fits the training images worse than its baseline: it is optimisation-limited.

    Its mean final loss on clean training images exceeds the baseline's by more than two standard errors of that
    difference; without a spread, nothing is said.
    """
    losses = {"model": runs, "base": base}
    excess = welch(
        {name: [run.result["train_loss"] for run in group.values()] for name, group in losses.items()},
        {"model": 1.0, "base": -1.0},
    )
    return bool(excess.testable and known(excess.value) > 2 * known(excess.se))


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
    top1 = {
        f"{model.name}, {model.budget}": {s: run.top1 for s, run in runs.items()} for model, runs in records.items()
    }
    return intervals.seed_correlation(pd.DataFrame(top1).T) if top1 else None
