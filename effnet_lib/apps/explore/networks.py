"""A scaled network in numbers, and its place among B0 to B7.

Families are counted in closed form: no network is built, and torch is not imported. A user's own is run on shapes.
"""

from functools import cache
from typing import NamedTuple

from ...models.archs import Architecture, efficientnet
from ...models.complexity import count
from ...models.costs import BATCH
from ...models.families import SCALABLE
from ...models.memory import training_bytes
from ...models.scaling import PUBLISHED
from ...study import scalable
from ...study.scalable import Chosen, Scalable
from .parameters import CLASSES, PX

FAMILIES = tuple(SCALABLE)


class Numbers(NamedTuple):
    """One network: input px, parameters, multiply-adds, activations (values), bytes of weights and of training.

    `weights` is in single precision; `training` the peak of a step of 32 pictures in single precision, SGD.
    """

    px: int
    params: int
    madds: int
    activations: int
    weights: int
    training: int


def full_size(chosen: Chosen, classes: int = CLASSES) -> Scalable:
    """Return what was chosen at full size: a family as the paper rounds it, or a user's own network.

    Raises:
        ParameterError: an unknown family; a user's function that cannot be had, or does not work at this size.
    """
    px = chosen.px or PX
    if chosen.network:
        return scalable.user(chosen.network, 1.0, 1.0, px, classes)
    return scalable.by_paper(chosen.family or FAMILIES[0], px, classes)


def numbers(arch: Architecture) -> Numbers:
    """Count one network."""
    counts = count(arch)
    return Numbers(arch.px, *counts, 4 * counts.params, training_bytes(arch, BATCH))


@cache
def published() -> dict[str, int]:
    """Return the counted multiply-adds of B0 to B7."""
    return {row.name.upper(): count(efficientnet.published(row.name)).madds for row in PUBLISHED}


def position(madds: int) -> str:
    """Say between which of B0 to B7 a cost lies, or at which one (within 2 %)."""
    table = published()
    nearest = min(table, key=lambda name: abs(table[name] - madds))
    if abs(table[nearest] - madds) <= 0.02 * table[nearest]:
        return f"as much as {nearest}"
    below, above = [n for n in table if table[n] < madds], [n for n in table if table[n] > madds]
    if not below:
        return f"{madds / table['B0']:.2g} times B0"
    return f"between {below[-1]} and {above[0]}" if above else f"{madds / table['B7']:.1f} times B7"
