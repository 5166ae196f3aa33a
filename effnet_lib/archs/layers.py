"""The one layer type that closed-form counts need, and output sizes."""

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


def strided(px: int, stride: int) -> int:
    """Return the output size of a padded convolution: ceil(px / stride), "SAME" and k // 2 padding alike."""
    return -(-px // stride)
