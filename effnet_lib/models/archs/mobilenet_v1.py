"""MobileNetV1 as plain data: table 1 of arXiv 1704.04861, scaled as in Table 3 of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from . import timm_blocks
from .layers import Layer, strided

if TYPE_CHECKING:
    from torch import nn


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
class MobileNetV1(timm_blocks.InRows):
    """One rounded network: input px, classes, channels and blocks; equal networks are equal objects.

    A 3 x 3 stem of stride 2, blocks of a depthwise 3 x 3 and a 1 x 1 convolution without any skip, a classifier;
    every convolution but the classifier has a batch norm and a ReLU6. Padded symmetrically.
    """

    family: ClassVar[str] = "mobilenet_v1"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        px = strided(self.px, 2)
        yield Layer(3, self.stem, 9, px)
        inp = self.stem
        for stage in self.stages:
            px = strided(px, stage.stride)
            yield from _separable(inp, stage.channels, px, 1)
            inp = stage.channels
            if stage.repeats > 1:
                yield from _separable(inp, inp, px, stage.repeats - 1)
        yield Layer(inp, self.classes, bias=True, norm=False)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm, as its mobilenetv1_100; there is no path that `drop_path` could drop."""
        from torch import nn

        blocks = [f"dsa_r{stage.repeats}_k3_s{stage.stride}_c{stage.channels}" for stage in self.stages]
        return timm_blocks.build(blocks, self.stem, 0, self.classes, nn.ReLU6, dropout, drop_path)


def _separable(inp: int, out: int, px: int, repeats: int) -> Iterator[Layer]:
    yield Layer(inp, inp, 9, px, groups=inp, repeats=repeats)
    yield Layer(inp, out, 1, px, repeats=repeats)


def scale(scaling: Scaling, base_px: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE) -> MobileNetV1:
    """Scale MobileNetV1 by depth, width and resolution multipliers; coefficients round once.

    `base_px` is the input size at r = 1. Raises ParameterError for an input under 32 px.
    """
    return MobileNetV1(
        px=rule.px(base_px, scaling.resolution),
        classes=classes,
        stem=rule.end(STEM, scaling.width),
        stages=tuple(
            Stage(row.stride, rule.channels(row.channels, scaling.width), rule.repeats(row.repeats, scaling.depth))
            for row in TABLE1
        ),
    )
