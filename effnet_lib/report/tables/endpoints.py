"""What stands beside top-1 in a comparison of networks: validation log loss, and whether a network fits worse."""

from collections.abc import Mapping

from ...runs.run_store import RunRecord
from ...stats.estimate import Estimate, welch
from ...study.scaled_model import ScaledModel

Records = Mapping[ScaledModel, Mapping[int, RunRecord]]


def log_loss(records: Records, weights: Mapping[str, float]) -> Estimate:
    """Estimate a contrast in validation log loss (nats an image), turned so that less loss is positive.

    Records hold the mean over images only, so the interval is over seeds. The secondary endpoint of the protocol.

    Args:
        records: Of one training budget.
        weights: Model name -> weight in accuracy, where more is better.
    """
    return welch(_results(records, "loss"), {name: -weight for name, weight in weights.items()})


def fits_worse(records: Records, model: str, baseline: str) -> bool:
    """Say whether a network is optimisation-limited: it fits the training images worse than its baseline.

    Its mean final loss on clean training images exceeds the baseline's by more than two standard errors of that
    difference; without a spread, nothing is said.
    """
    excess = welch(_results(records, "train_loss"), {model: 1.0, baseline: -1.0})
    return excess.testable and excess.value > 2 * excess.se


def _results(records: Records, name: str) -> dict[str, list[float]]:
    return {model.name: [run.result[name] for run in runs.values()] for model, runs in records.items()}
