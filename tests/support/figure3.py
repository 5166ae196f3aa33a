"""Figure 3's networks with accuracies made up: curves that rise and flatten, and curves with gaps."""

import numpy as np
from support.invented import DECIDED, fill

import effnet_lib as eff
from effnet_lib.study.training_plan import TrainingPlan

# Percent correct, of a baseline at 60: every curve rises and flattens.
FLATTENING = {"baseline": 60} | {
    f"{symbol}={c:g}": 60 + 6 * np.log2(1 + i)
    for symbol, axis in (("w", DECIDED.widths), ("d", DECIDED.depths), ("r", DECIDED.resolutions))
    for i, c in enumerate(axis)
    if i
}
MISSING = {name: value for name, value in FLATTENING.items() if name not in ("w=5", "d=3", "r=2.5", "r=1.3")}


def figure3(record_of, accuracy: dict, seeds: int = 5, jitter: float = 0.2, store=None) -> TrainingPlan:
    """Plan Figure 3 on photographs and store made-up records: name -> percent correct; see `fill`."""
    plan = eff.plan("fig3", profile="photos", seeds=seeds)
    return fill(plan, record_of, lambda model: accuracy.get(model.name), jitter, store)
