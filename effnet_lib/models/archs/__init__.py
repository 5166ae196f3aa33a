"""Architectures as plain data: `layers()` for counting, `build()` for a torch module, JSON both ways.

Each family is a module of frozen dataclasses. Torch and timm are imported by `build` and in *_modules.py alone; what
counts or weighs a network, and what trains it, lives elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from ...core.errors import ParameterError, nearest
from . import (
    amoebanet,
    convnext,
    densenet,
    efficientnet,
    efficientnet_lite,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    polynet,
    regnet,
    resnet,
    resnext,
)
from .layers import Layer
from .timm_blocks import Stage
from .user_network import UserNetwork

if TYPE_CHECKING:
    from torch import nn


class Architecture(Protocol):
    """What every family offers (a frozen dataclass, hashable, equal when the rounded network is equal).

    `px` and `final_px` are the height = width of the input and of the last feature map. A family may also offer
    `saved_values()`, what autograd saves of each layer (`layers.SavedTensors`); else memory is estimated. A network
    that is known from running it, not by its layers, offers `counted()` instead of them (`user_network`), and
    `not_stored` names the fields that are no part of what it is.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    family: ClassVar[str]

    @property
    def px(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def final_px(self) -> int: ...

    def __hash__(self) -> int: ...

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer."""

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network with random weights, on torch's default device."""

    def residual_norms(self, model: "nn.Module") -> list["nn.Module"]:
        """Return the last norm of each branch beside an identity skip (to start at gamma = 0)."""


@runtime_checkable
class Strided(Architecture, Protocol):
    """A family whose last strides can be left out, for a larger last map."""

    def at_stride(self, stride: int) -> Self:
        """Return the network with at most this stride (32, 16 or 8) of its last map."""


def to_data(arch: Architecture) -> dict[str, Any]:
    """Return the architecture as JSON-ready data, the part of a run's key that says what is trained."""
    data = {"family": arch.family, **_plain(arch)}
    for name in getattr(arch, "not_stored", ()):
        del data[name]
    return data


def _plain(value: Any) -> Any:
    """Return what `dataclasses.asdict` would, five times as fast: what networks are made of cannot change."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if names := _field_names(value.__class__):
        return {name: _plain(getattr(value, name)) for name in names}
    return value


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if hasattr(kind, "__dataclass_fields__") else ()


def _of_values(arch: Callable[..., Architecture]) -> Callable[[dict[str, Any]], Architecture]:
    """Return the reader of a family whose networks are numbers and rows of numbers."""
    return lambda data: arch(**{name: tuple(x) if isinstance(x, list) else x for name, x in data.items()})


def _of_stages(arch: type, stage: Callable[..., Any]) -> Callable[[dict[str, Any]], Architecture]:
    """Return the reader of a family whose networks are numbers and a tuple of stages."""

    def read(data: dict[str, Any]) -> Architecture:
        stages = tuple(stage(**row) for row in data.pop("stages"))
        return arch(stages=stages, **{name: tuple(x) if isinstance(x, list) else x for name, x in data.items()})

    return read


FAMILIES = {
    "amoebanet": _of_values(amoebanet.AmoebaNet),
    "convnext": _of_stages(convnext.ConvNeXt, convnext.Stage),
    "densenet": _of_values(densenet.DenseNet),
    "efficientnet": _of_stages(efficientnet.EfficientNet, Stage),
    "efficientnet_lite": _of_stages(efficientnet_lite.Lite, Stage),
    "mnasnet": _of_stages(mnasnet.MnasNet, mnasnet.MnasStage),
    "mobilenet_v1": _of_stages(mobilenet_v1.MobileNetV1, mobilenet_v1.Stage),
    "mobilenet_v2": _of_stages(mobilenet_v2.MobileNetV2, Stage),
    "mobilenet_v3": _of_stages(mobilenet_v3.MobileNetV3, mobilenet_v3.stage),
    "polynet": _of_values(polynet.PolyNet),
    "regnet": _of_stages(regnet.RegNet, regnet.Stage),
    "resnet": _of_stages(resnet.ResNet, resnet.Stage),
    "resnext": _of_values(resnext.ResNeXt),
    "senet": _of_values(resnext.SENet),
    "user": _of_values(UserNetwork.read),
}


def from_data(data: dict[str, Any]) -> Architecture:
    """Return the architecture that `to_data` wrote.

    Raises:
        ParameterError: an unknown family.
    """
    data = dict(data)
    family = data.pop("family", None)
    if family not in FAMILIES:
        raise ParameterError("family", family, nearest(str(family), FAMILIES))
    return FAMILIES[family](data)
