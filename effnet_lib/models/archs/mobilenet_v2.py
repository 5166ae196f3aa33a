"""MobileNetV2 as plain data: table 2 of arXiv 1801.04381, scaled as in Table 3 of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from . import timm_blocks
from .efficientnet import Stage
from .layers import Layer

if TYPE_CHECKING:
    from torch import nn

TABLE2 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 3, 2, 32, 3),
    Stage(6, 3, 2, 64, 4),
    Stage(6, 3, 1, 96, 3),
    Stage(6, 3, 2, 160, 3),
    Stage(6, 3, 1, 320, 1),
)
STEM, HEAD = 32, 1280


@dataclass(frozen=True)
class MobileNetV2(timm_blocks.Inverted):
    """One rounded network: input px, classes, channels and blocks; equal networks are equal objects.

    EfficientNet's blocks with ReLU6 and without squeeze-excitation. Padded symmetrically.
    """

    family: ClassVar[str] = "mobilenet_v2"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]
    head: int

    @staticmethod
    def _block(inp: int, stage: Stage, px_in: int, px_out: int, repeats: int) -> Iterator[Layer]:
        mid = inp * stage.expand
        if stage.expand > 1:
            yield Layer(inp, mid, 1, px_in, repeats=repeats)
        yield Layer(mid, mid, stage.kernel**2, px_out, groups=mid, repeats=repeats)
        yield Layer(mid, stage.channels, 1, px_out, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm, as its mobilenetv2_100; block i of n is dropped at rate drop_path * i / n."""
        from torch import nn

        blocks = [_timm_row(stage) for stage in self.stages]
        return timm_blocks.build(blocks, self.stem, self.head, self.classes, nn.ReLU6, dropout, drop_path)


def _timm_row(stage: Stage) -> str:
    kind = "ds" if stage.expand == 1 else "ir"
    return f"{kind}_r{stage.repeats}_k{stage.kernel}_s{stage.stride}_e{stage.expand}_c{stage.channels}"


def scale(scaling: Scaling, base_px: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE) -> MobileNetV2:
    """Scale MobileNetV2 by depth, width and resolution multipliers; coefficients round once.

    `base_px` is the input size at r = 1. The head follows the width in both directions, so that a small proxy
    is scaled like any other network; the reference keeps 1280 channels below width 1, which Table 3 never asks
    for. Raises ParameterError for an input under 32 px.
    """
    return MobileNetV2(
        px=rule.px(base_px, scaling.resolution),
        classes=classes,
        stem=rule.end(STEM, scaling.width),
        stages=tuple(
            Stage(
                row.expand,
                row.kernel,
                row.stride,
                rule.channels(row.channels, scaling.width),
                rule.repeats(row.repeats, scaling.depth),
            )
            for row in TABLE2
        ),
        head=rule.end(HEAD, scaling.width),
    )
