"""The protocol's secondary endpoint beside top-1: validation log loss."""

from collections.abc import Mapping

from ...runs.run_store import RunRecord
from ...stats.estimate import Estimate, welch
from ...study.scaled_model import ScaledModel

Records = Mapping[ScaledModel, Mapping[int, RunRecord]]


def log_loss(records: Records, weights: Mapping[str, float]) -> Estimate:
    """Estimate a contrast in validation log loss (nats an image), turned so that less loss is positive.

    Records hold the mean over images only, so the interval is over seeds.

    Args:
        records: Of one training budget.
        weights: Model name -> weight in accuracy, where more is better.
    """
    losses = {model.name: [run.result["loss"] for run in runs.values()] for model, runs in records.items()}
    return welch(losses, {name: -weight for name, weight in weights.items()})
