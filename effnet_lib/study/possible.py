"""Which measurements of published weights a plan takes in: stored ones, and those that can be made here."""

from collections.abc import Sequence

from ..core.errors import DataError
from ..models import pretrained
from ..runs.measurement_store import Task, key_of
from .decided_study import Study


def possible(study: Study, task: Task, networks: Sequence[str], here: bool) -> bool:
    """Say whether a measurement is stored, or its images are here and its weights can be had.

    Weights are looked for only where something would be measured; what cannot be had is said in a line.

    Args:
        networks: whose weights it takes.
        here: whether its images are.
    """
    if study.measurements.get(key_of(task.kind, task.spec())):
        return True
    if not here:
        return False
    if not study.measures or study.parameters.dry_run:
        return True
    return all(obtainable(name) for name in networks)


def obtainable(name: str) -> bool:
    """Say whether a network's weights can be had; where not, print why."""
    try:
        pretrained.weights_file(name)
    except DataError as error:
        print(f"{name} is left out: {error}")
        return False
    return True
