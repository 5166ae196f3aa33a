"""ConvNeXt as plain data: arXiv 2201.03545, of timm's smallest size ("atto")."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A row of ConvNeXt blocks: channels, blocks."""

    channels: int
    repeats: int


TABLE = (Stage(40, 2), Stage(80, 2), Stage(160, 6), Stage(320, 2))
PATCH, EXPANSION, KERNEL = 4, 4, 7


@dataclass(frozen=True)
class ConvNeXt:
    """One rounded network, as timm's convnext_atto: a patch stem of the first stage's channels, layer norms, GELU."""

    family: ClassVar[str] = "convnext"

    px: int
    classes: int
    stages: tuple[Stage, ...]

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map; patches are not padded."""
        return self.px // PATCH // 2 ** (len(self.stages) - 1)

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count; norms are layer norms."""
        size, in_channels = self.px // PATCH, self.stages[0].channels
        yield Layer(3, in_channels, PATCH**2, size, bias=True)
        for i, stage in enumerate(self.stages):
            if i:
                size //= 2
                yield Layer(in_channels, stage.channels, 4, size, bias=True, norm=False, before=True)
            in_channels, mid = stage.channels, EXPANSION * stage.channels
            each: dict[str, Any] = {"size": size, "bias": True, "repeats": stage.repeats}
            yield Layer(in_channels, in_channels, KERNEL**2, groups=in_channels, **each)
            yield Layer(in_channels, mid, norm=False, **each)
            yield Layer(mid, in_channels, norm=False, scaled=True, **each)
        yield Layer(in_channels, self.classes, bias=True, norm=False, before=True)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / (n - 1)."""
        from timm.models.convnext import ConvNeXt as Network

        return Network(
            num_classes=self.classes,
            depths=tuple(stage.repeats for stage in self.stages),
            dims=tuple(stage.channels for stage in self.stages),
            conv_mlp=True,
            drop_rate=dropout,
            drop_path_rate=drop_path,
        )

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return none: every branch ends in a layer scale that starts at 1e-6."""
        return []


def scale(
    scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE
) -> ConvNeXt:
    """Scale ConvNeXt-Atto by depth, width and resolution multipliers; coefficients round once.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    return ConvNeXt(rule.image_size(base_image_size, scaling.resolution), classes, rule.stages(TABLE, scaling))
