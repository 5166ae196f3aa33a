"""Parameters, multiply-adds, activations and memory in closed form, from architecture data alone."""

from typing import NamedTuple

from .archs import Architecture


class Counts(NamedTuple):
    """Counts of one network for one picture.

    `params`: trained values (running batch-norm statistics are not counted). `madds`: multiply-adds of
    convolutions and linear layers, what the paper calls FLOPS. `activations`: output elements of those layers.
    """

    params: int
    madds: int
    activations: int

    def training_bytes(self, batch: int, bytes_per_value: int = 4) -> int:
        """Estimate the memory of a training step.

        Weights, gradients and momentum are three copies of the parameters. Of every convolution's output, three
        tensors live until the backward pass: itself (input of the norm), the normalised one (input of the
        activation) and the activated one (input of the next convolution).
        """
        return 3 * 4 * self.params + 3 * bytes_per_value * batch * self.activations


def count(arch: Architecture) -> Counts:
    """Count one network without building it; equals torch's FlopCounterMode / 2 and the parameter sum."""
    params = madds = activations = 0
    for inp, out, taps, px, groups, bias, norm, repeats in arch.layers():
        weights = taps * (inp // groups) * out
        params += repeats * (weights + out * (bias + 2 * norm))
        madds += repeats * weights * px * px
        activations += repeats * out * px * px
    return Counts(params, madds, activations)
