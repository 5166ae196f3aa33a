"""The layer type that closed-form counts need, what training keeps of a layer, and output sizes."""

from typing import NamedTuple


class Layer(NamedTuple):
    """A convolution, or a linear layer as a 1 x 1 convolution on one pixel.

    `taps` is kernel height x width, `px` the output height = width, `repeats` how many identical copies
    follow each other, `norm` whether a batch norm (2 parameters a channel) follows. `height` is the output height
    where it is not `px`, `before` says whether a batch norm precedes the layer, `shared` whether its copies have one
    set of weights (and biases) in common, but each its own norms.
    """

    inp: int
    out: int
    taps: int = 1
    px: int = 1
    groups: int = 1
    bias: bool = False
    norm: bool = True
    repeats: int = 1
    height: int = 0
    before: bool = False
    shared: bool = False

    @property
    def normed(self) -> int:
        """Channels of the batch norms of all copies."""
        return self.repeats * (self.out * self.norm + self.inp * self.before)

    @property
    def weights(self) -> int:
        """Weights of the convolutions of all copies, biases not among them; shared ones count once."""
        return (1 if self.shared else self.repeats) * self.taps * (self.inp // self.groups) * self.out

    @property
    def params(self) -> int:
        """Trained values of all copies."""
        return self.weights + (1 if self.shared else self.repeats) * self.out * self.bias + 2 * self.normed

    @property
    def values(self) -> int:
        """Output elements of all copies for one picture."""
        return self.repeats * self.out * self.px * (self.height or self.px)

    @property
    def madds(self) -> int:
        """Multiply-adds of all copies for one picture; norms have none that count."""
        return self.values * self.taps * (self.inp // self.groups)


class SavedTensors(NamedTuple):
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
