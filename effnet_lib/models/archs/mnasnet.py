"""Networks of the MnasNet space as plain data: each stage with its own block, squeeze-excitation and skips.

Tan et al. 2019 (arXiv 1807.11626), section 4.1 and figure 7: what the paper's baseline B0 was searched in (section 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ...core.errors import ParameterError, nearest
from ..scaling import REFERENCE, RoundingRule, Scaling
from .efficientnet import HEAD, STEM, EfficientNet
from .layers import Layer
from .timm_blocks import InvertedBottlenecks, Stage

MBCONV, SEPARABLE = "mbconv", "separable"
BLOCKS = (MBCONV, SEPARABLE)
SQUEEZES = ("quarter", "none")  # squeeze-excitation: of a quarter of the block's input channels
SKIPS = ("identity", "none")
ACCEPTED = {"block": BLOCKS, "squeeze": SQUEEZES, "skip": SKIPS}


@dataclass(frozen=True)
class MnasStage(Stage):
    """A row of equal blocks.

    Args:
        block: "mbconv" (of expansion 1 as B0's first), or "separable": a depthwise and a 1 x 1 convolution, each with
            its norm and activation, as in MobileNetV1, of expansion 1 and without skips.
        squeeze: "quarter", a squeeze-excitation of that share of the block's input channels, or "none".
        skip: "identity" where shapes allow, or "none".

    Raises:
        ParameterError: any other word, or a separable block that expands.
    """

    block: str = MBCONV
    squeeze: str = "quarter"
    skip: str = "identity"

    def __post_init__(self) -> None:
        for name, accepted in ACCEPTED.items():
            if getattr(self, name) not in accepted:
                raise ParameterError(name, getattr(self, name), nearest(getattr(self, name), accepted))
        if self.block == SEPARABLE and self.expand != 1:
            raise ParameterError("expand", self.expand, "1 in a separable block")


@dataclass(frozen=True)
class MnasNet(InvertedBottlenecks):
    """One rounded network of the space, with B0's stem, head and activation.

    Args:
        padding: as of `EfficientNet`.
    """

    family: ClassVar[str] = "mnasnet"
    activation: ClassVar[str] = "SiLU"
    se_ratio: ClassVar[float] = 0.25

    padding: str = "symmetric"

    def _block(self, in_channels: int, stage: Any, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        layers = super()._block(in_channels, stage, size_in, size_out, repeats)
        # Of all layers of a block the squeeze-excitation's alone have biases.
        return (layer for layer in layers if stage.squeeze != "none" or not layer.bias)

    def timm_rows(self) -> list[str]:
        """Return timm's block string of each stage."""
        return [_row(stage, self.se_ratio) for stage in self.stages]


def _row(s: MnasStage, se_ratio: float) -> str:
    kind = "dsa" if s.block == SEPARABLE else "ds" if s.expand == 1 else "ir"
    squeeze = f"_se{se_ratio}" if s.squeeze != "none" else ""
    skip = "_noskip" if s.skip == "none" else ""
    return f"{kind}_r{s.repeats}_k{s.kernel}_s{s.stride}_e{s.expand}_c{s.channels}{squeeze}{skip}"


def plain(arch: MnasNet | EfficientNet) -> MnasNet | EfficientNet:
    """Return the same network as the EfficientNet that it is, where it is one, and with `skip` as it has effect.

    Equal networks must be equal data: they are one run. So a stage that has no place for an identity (a single block
    that changes its shape) has "identity", as B0's first, a separable block "none", as timm builds it, and a network of
    B0's blocks alone is no member of this family.
    """
    if isinstance(arch, EfficientNet):
        return arch
    stages, in_channels = [], arch.stem
    for stage in arch.stages:
        fits = stage.repeats > 1 or (stage.stride == 1 and in_channels == stage.channels)
        skip = "none" if stage.block == SEPARABLE else stage.skip if fits else "identity"
        stages.append(replace(stage, skip=skip))
        in_channels = stage.channels
    if all((s.block, s.squeeze, s.skip) == (MBCONV, "quarter", "identity") for s in stages):
        same = tuple(Stage(s.expand, s.kernel, s.stride, s.channels, s.repeats) for s in stages)
        return EfficientNet(arch.px, arch.classes, arch.stem, same, arch.head, arch.padding)
    return replace(arch, stages=tuple(stages))


# Figure 7 of the MnasNet paper. Its separable block has no activation after the 1 x 1 convolution, so it is an MBConv
# of expansion 1. Its activation there is ReLU; here it is B0's, as of every network of the space.
A1 = (
    MnasStage(1, 3, 1, 16, 1, squeeze="none"),
    MnasStage(6, 3, 2, 24, 2, squeeze="none"),
    MnasStage(3, 5, 2, 40, 3),
    MnasStage(6, 3, 2, 80, 4, squeeze="none"),
    MnasStage(6, 3, 1, 112, 2),
    MnasStage(6, 5, 2, 160, 3),
    MnasStage(6, 3, 1, 320, 1, squeeze="none"),
)


def scale(
    table: Iterable[MnasStage],
    scaling: Scaling,
    base_image_size: int = 224,
    classes: int = 1000,
    padding: str = "symmetric",
    rule: RoundingRule = REFERENCE,
) -> MnasNet | EfficientNet:
    """Scale a network of the space as B0 is scaled, with B0's stem and head; coefficients round once.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: as `efficientnet.scale` does.
    """
    stem, head = (rule.end(channels, scaling.width) for channels in (STEM, HEAD))
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return plain(MnasNet(image_size, classes, stem, rule.stages(table, scaling), head, padding))
