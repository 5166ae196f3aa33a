"""What `notebooks/explore.ipynb` takes: whose records, which network at which size, and the budgets that begin."""

from collections.abc import Mapping
from typing import Any

from ...core.last_resort import last_resort
from ...study import parameters as checks
from ...study import scalable
from ...study.parameters import CHECKS, Check, Parameters, text
from ...study.ranges import RANGES, Range

PX, CLASSES = 224, 1000  # of a network at full size, unless told otherwise


def _family(name: str, value: Any) -> str | None:
    return value if value is None else scalable.family_name(value)


def _budget(most: float, unit: str) -> Range:
    return Range(0, most, unit, whole=False, above=True)


BUDGETS = {  # the least and the most of each, in the unit that is written
    "flops": _budget(10_000, "billions of multiply-adds"),
    "megabytes": _budget(100_000, "MB (10^6 bytes) of weights in single precision"),
    "memory": _budget(10_000, "GiB of a training step of 32 images"),
    "latency": _budget(2_000, "milliseconds for one image on one core"),
}
PARAMETERS: dict[str, tuple[Any, Check]] = {
    "profile": ("photos", CHECKS["profile"]),
    "network": (None, text),
    "family": (None, _family),
    "px": (None, RANGES["px"]),
    "classes": (None, Range(2, 100_000)),
    "flops": (1.0, BUDGETS["flops"]),
    "megabytes": (40.0, BUDGETS["megabytes"]),
    "memory": (None, BUDGETS["memory"]),
    "latency": (None, BUDGETS["latency"]),
}


@last_resort()
def resolve(namespace: Mapping[str, Any]) -> Parameters:
    """Check the notebook's parameters; each is its own, `Parameters.own`.

    Args:
        namespace: the notebook's `globals()`, or a mapping of parameters.

    Raises:
        ParameterError: a value that is not accepted; network and family both; a name that is no parameter.
    """
    made = checks.resolve(namespace, PARAMETERS, common={})
    scalable.check_one(made.own["network"], made.own["family"])
    return made
