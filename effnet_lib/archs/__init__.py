"""Architectures as plain data: `layers()` for counting, `build()` for a torch module, JSON both ways."""

from dataclasses import asdict
from typing import Any, Protocol

from ..errors import ParameterError, nearest
from . import efficientnet


class Architecture(Protocol):
    """What every family offers (a frozen dataclass, hashable, equal when the rounded network is equal).

    One may also offer `saved_values()`, what autograd saves of each layer (`layers.Kept`); else memory is estimated.
    """

    family: str
    px: int
    classes: int

    @property
    def final_px(self) -> int: ...
    def layers(self): ...
    def build(self, dropout: float = 0.0, drop_path: float = 0.0): ...


def to_data(arch: Architecture) -> dict[str, Any]:
    """Return the architecture as JSON-ready data, the part of a run's key that says what is trained."""
    return {"family": arch.family, **asdict(arch)}


def _efficientnet(data: dict[str, Any]) -> efficientnet.EfficientNet:
    stages = tuple(efficientnet.Stage(**stage) for stage in data.pop("stages"))
    return efficientnet.EfficientNet(stages=stages, **data)


FAMILIES = {"efficientnet": _efficientnet}


def from_data(data: dict[str, Any]) -> Architecture:
    """Return the architecture that `to_data` wrote. Raises ParameterError for an unknown family."""
    data = dict(data)
    family = data.pop("family", None)
    if family not in FAMILIES:
        raise ParameterError("family", family, nearest(str(family), FAMILIES))
    return FAMILIES[family](data)
