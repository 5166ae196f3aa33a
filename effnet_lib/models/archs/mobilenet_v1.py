"""MobileNetV1 as plain data: table 1 of arXiv 1704.04861, scaled as in Table 3 of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer
from .timm_blocks import BlockRows


@dataclass(frozen=True)
class Stage:
    """A row of depthwise separable blocks: first stride, channels, blocks."""

    stride: int
    channels: int
    repeats: int


# The last block stands there with stride 2, but keeps the size of its map: 7 px at 224.
TABLE1 = (Stage(1, 64, 1), Stage(2, 128, 2), Stage(2, 256, 2), Stage(2, 512, 6), Stage(2, 1024, 2))
STEM = 32


@dataclass(frozen=True)
class MobileNetV1(BlockRows):
    """One rounded network, built as timm's mobilenetv1_100: no block has a skip, and no path can be dropped.

    A 3 x 3 stem of stride 2, blocks of a depthwise 3 x 3 and a 1 x 1 convolution, a classifier; every convolution but
    the classifier has a batch norm and a ReLU6.
    """

    family: ClassVar[str] = "mobilenet_v1"

    def _block(self, in_channels: int, stage: Stage, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        yield Layer(in_channels, in_channels, 9, size_out, groups=in_channels, repeats=repeats)
        yield Layer(in_channels, stage.channels, 1, size_out, repeats=repeats)

    def timm_rows(self) -> list[str]:
        """Return timm's block string of each stage."""
        return [f"dsa_r{stage.repeats}_k3_s{stage.stride}_c{stage.channels}" for stage in self.stages]


def scale(
    scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE
) -> MobileNetV1:
    """Scale MobileNetV1 by depth, width and resolution multipliers; coefficients round once.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return MobileNetV1(image_size, classes, rule.end(STEM, scaling.width), rule.stages(TABLE1, scaling))
