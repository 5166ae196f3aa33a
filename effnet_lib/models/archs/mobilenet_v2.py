"""MobileNetV2 as plain data: table 2 of arXiv 1801.04381, scaled as in Table 3 of the paper."""

from dataclasses import dataclass
from typing import ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from .timm_blocks import InvertedBottlenecks, Stage

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
class MobileNetV2(InvertedBottlenecks):
    """One rounded network, built as timm's mobilenetv2_100: EfficientNet's blocks, ReLU6, no squeeze-excitation."""

    family: ClassVar[str] = "mobilenet_v2"


def scale(
    scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE
) -> MobileNetV2:
    """Scale MobileNetV2 by depth, width and resolution multipliers; coefficients round once.

    The head follows the width in both directions, so that a small proxy is scaled like any other network; the
    reference keeps 1280 channels below width 1, which Table 3 never asks for.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    stem, head = (rule.end(channels, scaling.width) for channels in (STEM, HEAD))
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return MobileNetV2(image_size, classes, stem, rule.stages(TABLE2, scaling), head)
