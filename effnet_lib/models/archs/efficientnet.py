"""EfficientNet as plain data: Table 1 of the paper, scaled in depth, width and resolution."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError
from ..scaling import PUBLISHED, REFERENCE, RoundingRule, Scaling
from . import timm_blocks
from .layers import Layer, SavedTensors, strided

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A row of MBConv blocks: expansion ratio, depthwise kernel, first stride, channels, blocks."""

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


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
STEM, HEAD, SE_RATIO = 32, 1280, 0.25


@dataclass(frozen=True)
class EfficientNet(timm_blocks.Inverted):
    """One rounded network: input px, classes, channels and blocks; equal networks are equal objects.

    `padding` is "symmetric" (k // 2 on both sides) or "same" (TensorFlow's, as in the published weights).
    """

    family: ClassVar[str] = "efficientnet"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]
    head: int
    padding: str = "symmetric"

    def saved_values(self) -> Iterator[SavedTensors]:
        """Yield what autograd saves of one picture, in the order of the forward pass, the pictures first.

        Not counted: statistics of batch norms, and masks of dropout and dropped paths (one value a channel at most).
        """
        yield SavedTensors(3 * self._read(self.px, 3, 2) ** 2)
        px = strided(self.px, 2)
        yield _activated(self.stem, px)
        inp = self.stem
        for stage in self.stages:
            for stride in (stage.stride, *[1] * (stage.repeats - 1)):
                yield from self._saved_mbconv(inp, stage, px, stride)
                inp, px = stage.channels, strided(px, stride)
        # The mean over pixels saves no input; its own output is the classifier's.
        yield SavedTensors(2 * self.head * px**2 + self.head, 2 * self.head * px**2)

    def _saved_mbconv(self, inp: int, stage: Stage, px_in: int, stride: int) -> Iterator[SavedTensors]:
        mid, squeezed, out = inp * stage.expand, _squeezed(inp), stage.channels
        px = strided(px_in, stride)
        skip = out * px**2 if stride == 1 and inp == out else 0  # its gradient waits for the block's input
        if stage.expand > 1:
            kept = _activated(mid, px_in)
            yield kept._replace(gradients=kept.gradients + skip)
        # Saved are the outputs of convolution, norm, activation and squeeze-excitation, of which also both vectors of
        # each length (before and after an activation). A padded copy replaces the map that the convolution would read.
        grown = mid * (self._read(px_in, stage.kernel, stride) ** 2 - px_in**2)
        yield SavedTensors(grown + 4 * mid * px**2 + 2 * (mid + squeezed), 2 * mid * px**2 + skip)
        # No activation: the norm's output (or its sum with the skip) is the next layer's input.
        yield SavedTensors(2 * out * px**2, mid * px**2 + skip)

    def _read(self, px: int, kernel: int, stride: int) -> int:
        """Return the size of the map that autograd saves as a convolution's input: "same" pads strided ones first."""
        return (strided(px, stride) - 1) * stride + kernel if self.padding == "same" and stride > 1 else px

    @staticmethod
    def _block(inp: int, stage: Stage, px_in: int, px_out: int, repeats: int) -> Iterator[Layer]:
        mid = inp * stage.expand
        squeezed = _squeezed(inp)
        if stage.expand > 1:
            yield Layer(inp, mid, 1, px_in, repeats=repeats)
        yield Layer(mid, mid, stage.kernel**2, px_out, groups=mid, repeats=repeats)
        yield Layer(mid, squeezed, bias=True, norm=False, repeats=repeats)
        yield Layer(squeezed, mid, bias=True, norm=False, repeats=repeats)
        yield Layer(mid, stage.channels, 1, px_out, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / n."""
        from torch import nn

        pad_type = timm_blocks.PAD_TYPES[self.padding]
        return timm_blocks.build(
            self.timm_rows(), self.stem, self.head, self.classes, nn.SiLU, dropout, drop_path, pad_type
        )

    def timm_rows(self) -> list[str]:
        """Return timm's block string of each stage."""
        return [_timm_row(stage) for stage in self.stages]


def _squeezed(inp: int) -> int:
    return max(1, int(inp * SE_RATIO))  # of the block's input, not of the expanded channels


def _activated(out: int, px: int) -> SavedTensors:
    """Return what a convolution, its norm and its SiLU save: three outputs, each the next operation's input."""
    return SavedTensors(3 * out * px**2, 2 * out * px**2)


def _timm_row(stage: Stage) -> str:
    kind = "ds" if stage.expand == 1 else "ir"
    return f"{kind}_r{stage.repeats}_k{stage.kernel}_s{stage.stride}_e{stage.expand}_c{stage.channels}_se{SE_RATIO}"


def scale(
    scaling: Scaling,
    base_px: int = 224,
    classes: int = 1000,
    padding: str = "symmetric",
    rule: RoundingRule = REFERENCE,
) -> EfficientNet:
    """Scale B0 (Table 1) by depth, width and resolution multipliers; coefficients round once.

    `base_px` is the input size at r = 1. Raises ParameterError for an input under 32 px.
    """
    return EfficientNet(
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
            for row in TABLE1
        ),
        head=rule.end(HEAD, scaling.width),
        padding=padding,
    )


def at_stride(arch: EfficientNet, stride: int) -> EfficientNet:
    """Return the network without its last strides, so that the last map's stride (32 in B0) is at most `stride`.

    A network of its own, to be trained: its blocks read other neighbours. Equal at 32. Raises ParameterError unless
    `stride` is 32, 16 or 8.
    """
    if stride not in (8, 16, 32):
        raise ParameterError("stride", stride, "32, 16 or 8")
    stages, total = [], 2
    for stage in arch.stages:
        kept = stage.stride if total * stage.stride <= stride else 1
        total *= kept
        stages.append(replace(stage, stride=kept))
    return replace(arch, stages=tuple(stages))


def published(name: str, classes: int = 1000, rule: RoundingRule = REFERENCE) -> EfficientNet:
    """Return b0 to b7 from the published hand-rounded table (not alpha^phi), padded as TensorFlow does.

    The table's px are used as they stand. Raises ParameterError for any other name.
    """
    table = {row.name: row for row in PUBLISHED}
    if name not in table:
        raise ParameterError("name", name, "one of " + ", ".join(table))
    row = table[name]
    return scale(Scaling(row.depth, row.width), row.px, classes, "same", rule)
