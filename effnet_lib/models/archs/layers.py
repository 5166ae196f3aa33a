"""The layer type that closed-form counts need, what training keeps of a layer, output sizes, and the input's check."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ...core.errors import ParameterError
from ..scaling import MIN_PX


class Layer(NamedTuple):
    """Describe a convolution, or a linear layer as a 1 x 1 convolution on one pixel.

    Args:
        kernel_elements: kernel height x width.
        size: output height = width in pixels.
        norm: whether a batch norm (2 parameters a channel) follows.
        repeats: how many identical copies follow each other.
        height: output height where it is not `size`.
        before: whether a batch norm precedes the layer.
        shared: whether the copies have one set of weights (and biases) in common, but each its own norms.
        scaled: whether a learnt factor an output channel follows (ConvNeXt's layer scale).
    """

    in_channels: int
    out_channels: int
    kernel_elements: int = 1
    size: int = 1
    groups: int = 1
    bias: bool = False
    norm: bool = True
    repeats: int = 1
    height: int = 0
    before: bool = False
    shared: bool = False
    scaled: bool = False

    @property
    def normed(self) -> int:
        """Channels of the batch norms of all copies."""
        return self.repeats * (self.out_channels * self.norm + self.in_channels * self.before)

    @property
    def weights(self) -> int:
        """Weights of the convolutions of all copies, biases not among them; shared ones count once."""
        copies = 1 if self.shared else self.repeats
        return copies * self.kernel_elements * (self.in_channels // self.groups) * self.out_channels

    @property
    def params(self) -> int:
        """Trained values of all copies."""
        biases = (1 if self.shared else self.repeats) * self.out_channels * self.bias
        return self.weights + biases + self.repeats * self.out_channels * self.scaled + 2 * self.normed

    @property
    def activations(self) -> int:
        """Output elements of all copies for one image."""
        return self.repeats * self.out_channels * self.size * (self.height or self.size)

    @property
    def madds(self) -> int:
        """Multiply-adds of all copies for one image; norms have none that count."""
        return self.activations * self.kernel_elements * (self.in_channels // self.groups)


class SavedTensors(NamedTuple):
    """Say what training holds of one layer, in values an image.

    Args:
        values: what autograd saves in the forward pass, every tensor once.
        gradients: what this layer's backward pass adds at most to what is saved of it and of the layers before it.
    """

    values: int
    gradients: int = 0


def within_stride(strides: Iterable[int], most: int, before: int = 2) -> tuple[int, ...]:
    """Return the strides of a network's stages with the last ones made 1, so that the last map's stride is at most one.

    Args:
        most: the last map's stride: 32 (nothing changes in a network that has no more), 16 or 8.
        before: stride of what stands before the first stage.

    Raises:
        ParameterError: any other `most`.
    """
    if most not in (8, 16, 32):
        raise ParameterError("stride", most, "32, 16 or 8")
    kept, total = [], before
    for stride in strides:
        kept.append(stride if total * stride <= most else 1)
        total *= kept[-1]
    return tuple(kept)


def strided(size: int, *strides: int) -> int:
    """Return the output size of padded convolutions: ceil(size / stride) each, "SAME" and k // 2 padding alike."""
    for stride in strides:
        size = -(-size // stride)
    return size


@dataclass(frozen=True)
class SquareInput:
    """Begin a network of fixed widths: its input's height = width in pixels, and its classes.

    Raises:
        ParameterError: the input is smaller than `min_px`.
    """

    min_px: ClassVar[int] = MIN_PX

    px: int
    classes: int

    def __post_init__(self) -> None:
        if self.px < self.min_px:
            raise ParameterError("px", self.px, f"an input of >= {self.min_px} px")
