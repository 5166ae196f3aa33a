"""Parameters, multiply-adds and activations in closed form, from architecture data alone."""

from typing import NamedTuple

from .archs import Architecture


class Counts(NamedTuple):
    """Counts of one network for one image.

    Args:
        params: trained values (running batch-norm statistics are not counted).
        madds: multiply-adds of convolutions and linear layers, what the paper calls FLOPS.
        activations: output elements of those layers.
    """

    params: int
    madds: int
    activations: int


def count(arch: Architecture) -> Counts:
    """Count one network without building it; equals torch's FlopCounterMode / 2 and the parameter sum.

    Of a user's network the counts were taken when it was described, by that very counter (`traced_counts`).

    >>> import effnet_lib as eff
    >>> eff.count(eff.published("b0")).params
    5288548
    """
    if hasattr(arch, "counted"):
        return Counts(*arch.counted())
    params = madds = activations = 0
    for layer in arch.layers():
        params += layer.params
        madds += layer.madds
        activations += layer.activations
    return Counts(params, madds, activations)
