"""Table 3's networks with accuracies made up, by family and method."""

from collections.abc import Callable

from support.invented import fill

import effnet_lib as eff
from effnet_lib.study.profiles import FAMILIES
from effnet_lib.study.training_plan import TrainingPlan


def filled(record_of, accuracy: Callable, seeds: int = 5, profile: str = "photos") -> TrainingPlan:
    """Plan Table 3 and store made-up records: (family, method) -> percent correct, or None for no record."""
    plan = eff.plan("table3", profile=profile, seeds=seeds)
    return fill(plan, record_of, lambda model: accuracy(model.family, model.method))


def gains(compound: float, single: float = 6.0):
    """Return accuracies: another baseline for each family, one gain for every single dimension, one for compound."""
    gain = {"baseline": 0.0, "compound": compound}
    return lambda family, method: 50 + 5 * FAMILIES.index(family) + gain.get(method, single)
