"""Invented effects for the tests of verdicts."""

from effnet_lib.stats.estimate import Estimate


def effect(value: float, half90: float, n: int = 10, dof: float = 144, image: float = 0.0) -> Estimate:
    """Build an effect whose two-sided 90 % interval is value +- half90, where `image` is 0."""
    unit = Estimate(0.0, 1.0, 0.0, dof, n)
    return Estimate(value, half90 / unit.half(0.05), image, dof, n)
