"""The layer type that closed-form counts need, what training keeps of a layer, and output sizes."""

from typing import NamedTuple


class Layer(NamedTuple):
    """A convolution, or a linear layer as a 1 x 1 convolution on one pixel.

    `taps` is kernel height x width, `px` the output height = width, `repeats` how many identical copies
    follow each other, `norm` whether a batch norm (2 parameters a channel) follows.
    """

    inp: int
    out: int
    taps: int = 1
    px: int = 1
    groups: int = 1
    bias: bool = False
    norm: bool = True
    repeats: int = 1


class Kept(NamedTuple):
    """What training holds of one layer, in values a picture.

    `values` is what autograd saves in the forward pass, every tensor once; `gradients` is what the backward
    pass of this layer adds at most to what is saved of this layer and of those before it.
    """

    values: int
    gradients: int = 0


def strided(px: int, *strides: int) -> int:
    """Return the output size of padded convolutions: ceil(px / stride) each, "SAME" and k // 2 padding alike."""
    for stride in strides:
        px = -(-px // stride)
    return px
