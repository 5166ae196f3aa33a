"""EfficientNet as plain data: Table 1 of the paper, scaled in depth, width and resolution."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ...core.errors import ParameterError
from ..scaling import PUBLISHED, REFERENCE, RoundingRule, Scaling
from .layers import SavedTensors, strided
from .timm_blocks import InvertedBottlenecks, Stage

# Table 1, stages 2 to 8. The printed resolutions are those of a stage's *input*, hence the strides here.
TABLE1 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
STEM, HEAD = 32, 1280


@dataclass(frozen=True)
class EfficientNet(InvertedBottlenecks):
    """One rounded network of MBConv blocks.

    Args:
        padding: "symmetric" (k // 2 on both sides) or "same" (TensorFlow's, as in the published weights).
    """

    family: ClassVar[str] = "efficientnet"
    activation: ClassVar[str] = "SiLU"
    se_ratio: ClassVar[float] = 0.25

    padding: str = "symmetric"

    def saved_values(self) -> Iterator[SavedTensors]:
        """Yield what autograd saves of one image, in the order of the forward pass, the image first.

        Not counted: statistics of batch norms, and masks of dropout and dropped paths (one value a channel at most).
        """
        yield SavedTensors(3 * self._read(self.px, 3, 2) ** 2)
        size = strided(self.px, 2)
        yield _activated(self.stem, size)
        in_channels = self.stem
        for stage in self.stages:
            for stride in (stage.stride, *[1] * (stage.repeats - 1)):
                yield from self._saved_mbconv(in_channels, stage, size, stride)
                in_channels, size = stage.channels, strided(size, stride)
        # The mean over pixels saves no input; its own output is the classifier's.
        yield SavedTensors(2 * self.head * size**2 + self.head, 2 * self.head * size**2)

    def _saved_mbconv(self, in_channels: int, stage: Stage, size_in: int, stride: int) -> Iterator[SavedTensors]:
        mid, squeezed, out_channels = in_channels * stage.expand, self.squeezed(in_channels), stage.channels
        size = strided(size_in, stride)
        # The gradient of a skip waits for the block's input.
        skip = out_channels * size**2 if stride == 1 and in_channels == out_channels else 0
        if stage.expand > 1:
            saved = _activated(mid, size_in)
            yield saved._replace(gradients=saved.gradients + skip)
        # Saved are the outputs of convolution, norm, activation and squeeze-excitation, of which also both vectors of
        # each length (before and after an activation). A padded copy replaces the map that the convolution would read.
        grown = mid * (self._read(size_in, stage.kernel, stride) ** 2 - size_in**2)
        yield SavedTensors(grown + 4 * mid * size**2 + 2 * (mid + squeezed), 2 * mid * size**2 + skip)
        # No activation: the norm's output (or its sum with the skip) is the next layer's input.
        yield SavedTensors(2 * out_channels * size**2, mid * size**2 + skip)

    def _read(self, size: int, kernel: int, stride: int) -> int:
        """Return the size of the map that autograd saves as a convolution's input: "same" pads strided ones first."""
        return (strided(size, stride) - 1) * stride + kernel if self.padding == "same" and stride > 1 else size


def _activated(channels: int, size: int) -> SavedTensors:
    """Return what a convolution, its norm and its SiLU save: three outputs, each the next operation's input."""
    return SavedTensors(3 * channels * size**2, 2 * channels * size**2)


def scale(
    scaling: Scaling,
    base_image_size: int = 224,
    classes: int = 1000,
    padding: str = "symmetric",
    rule: RoundingRule = REFERENCE,
) -> EfficientNet:
    """Scale B0 (Table 1) by depth, width and resolution multipliers (equation 2); coefficients round once.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: a base_image_size that is none; a scaled network beyond the limits of `RoundingRule`.

    >>> scale(Scaling(resolution=240 / 224)).px
    240
    """
    stem, head = (rule.end(channels, scaling.width) for channels in (STEM, HEAD))
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return EfficientNet(image_size, classes, stem, rule.stages(TABLE1, scaling), head, padding)


def published(name: str, classes: int = 1000, rule: RoundingRule = REFERENCE) -> EfficientNet:
    """Return b0 to b7 from the published hand-rounded table (not alpha^phi), padded as TensorFlow does.

    The table's input sizes are used as they stand.

    Raises:
        ParameterError: any other name.

    >>> published("b3").px
    300
    """
    table = {row.name: row for row in PUBLISHED}
    if name not in table:
        raise ParameterError("name", name, "one of " + ", ".join(table))
    row = table[name]
    return scale(Scaling(row.depth, row.width), row.px, classes, "same", rule)
