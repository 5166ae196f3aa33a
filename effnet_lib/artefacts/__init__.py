"""One module a figure or table of the paper: plan, table, claims, draw; none imports another.

A module that is here is listed, planned, queued, published and shown. What several need lives further down.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..core.last_resort import last_resort
from ..study import parameters as checks
from ..study import registry
from ..study.base_plan import Plan
from ..study.measurement_plan import MeasurementPlan
from ..study.parameters import Parameters
from ..study.registry import Artefact, all_artefacts, artefact
from ..study.training_plan import TrainingPlan

__all__ = ["all_artefacts", "artefact", "plan", "resolve"]


@cache
def _discovered() -> dict[str, Artefact]:
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    classes: list[type[Any]] = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    return {kind.id: kind() for kind in classes if Artefact in kind.__mro__[1:]}


registry.provide(_discovered)


@last_resort()
def resolve(namespace: Mapping[str, Any], name: str | None = None) -> Parameters:
    """Check a notebook's parameters.

    Args:
        namespace: the notebook's `globals()`, or a mapping of parameters.
        name: id of the artefact whose own parameters count, too.

    Raises:
        ParameterError: a value that is not accepted; a name that is no parameter, with the nearest one.
    """
    return checks.resolve(namespace, artefact(name).parameters if name else {})


@last_resort()
def plan(name: str, parameters: Parameters | None = None, **given: Any) -> Plan:
    """Plan an artefact: what would run, what is stored; then `run`, `table`, `draw`, `claims` and `save`.

    Args:
        name: id, such as "fig3".
        parameters: what `resolve` returned; or give them by name: profile="photos", seeds=3, ...

    Raises:
        ParameterError, DataError: before anything is trained, measured or written.
    """
    chosen = artefact(name)
    kind = chosen.plan_class or (MeasurementPlan if chosen.measures else TrainingPlan)
    return kind.of(chosen, parameters or resolve(given, name))
