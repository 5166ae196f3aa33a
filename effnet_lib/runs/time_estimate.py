"""How long a run takes, from the multiply-adds it needs and the records at hand."""

import math
import statistics
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from ..data.datasets import DataSet
from ..models.archs import Architecture
from ..models.complexity import count
from .run_spec import RunSpec

# Where nothing was measured yet. A server core reaches 5 to 7 G; one of six processes that share an H200 reached 150 G
# (docs/running.md). With a core's speed there, the last minutes of a GPU's budget would be left unused.
SPEEDS = {"cpu": 5e9, "cuda": 150e9}


@lru_cache(maxsize=4096)
def _madds(arch: Architecture) -> int:
    """Count a network once, however many seeds and methods a plan trains it with."""
    return count(arch).madds


def cost(spec: RunSpec, dataset: DataSet) -> float:
    """Return the multiply-adds of a run's training, the backward pass counted as two forward passes."""
    return 3.0 * _madds(spec.arch) * dataset.train_images * spec.recipe.epochs


def estimator(
    records: Iterable, dataset_of: Callable[[RunSpec], DataSet], device: str = "cpu", fallback: float | None = None
) -> Callable[[RunSpec], float]:
    """Return a function that predicts a run's seconds from records on the same kind of device.

    The median of the five records nearest in multiply-adds an image counts: networks of another size reach another
    share of a processor's speed.

    Args:
        records: The run records at hand, those on other kinds of device included.
        fallback: Multiply-adds a second where there is no record (None: `SPEEDS` of the device).
    """
    kind, measured = device.split(":")[0], []
    fallback = fallback or SPEEDS.get(kind, SPEEDS["cpu"])
    for record in records:
        result = record.result
        if result["train_seconds"] > 0 and record.provenance.get("device_type", "cpu") == kind:
            work = 3.0 * result["madds"] * result["train_pictures"] * record.spec["recipe"]["epochs"]
            measured.append((math.log(result["madds"]), work / result["train_seconds"]))

    @cache
    def speed(madds: int) -> float:
        size = math.log(madds)
        nearest = [speed for _, speed in sorted(measured, key=lambda pair: abs(pair[0] - size))[:5]]
        return statistics.median(nearest) if nearest else fallback

    return lambda spec: cost(spec, dataset_of(spec)) / speed(_madds(spec.arch))
