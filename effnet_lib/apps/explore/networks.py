"""A scaled network in numbers, its stage table, its neighbours, and the largest one that fits a budget.

Everything is counted in closed form: no network is built, and torch is not imported.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pandas as pd

from ...core.errors import ParameterError
from ...models.archs import Architecture, efficientnet
from ...models.archs.layers import strided
from ...models.archs.resnet import ResNet
from ...models.archs.timm_blocks import BlockRows
from ...models.complexity import count
from ...models.families import FAMILIES as OTHERS
from ...models.memory import training_bytes
from ...models.scaling import MIN_PX, PUBLISHED, Scaling, compound

FAMILIES: dict[str, Callable[..., Architecture]] = {"EfficientNet": efficientnet.scale, **OTHERS}
BATCH = 32  # pictures of the training step whose memory is told
STEP = 1.01  # coefficients of a budget's solution are powers of this: 1 % apart
METHODS = ("compound", "width", "depth", "resolution")


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


def network(family: str, scaling: Scaling, base_px: int = 224, classes: int = 1000) -> Architecture:
    """Scale a family's baseline.

    Raises:
        ParameterError: an input under 32 px.
    """
    return FAMILIES[family](scaling, base_px, classes)


def numbers(arch: Architecture) -> Numbers:
    """Count one network."""
    counts = count(arch)
    return Numbers(arch.px, *counts, 4 * counts.params, training_bytes(arch, BATCH))


def stages(arch: Architecture) -> pd.DataFrame:
    """Return the stage table as Table 1 of the paper has it: operator, input px, output channels, layers."""
    assert isinstance(arch, BlockRows | ResNet)  # the families of this page
    rows = [("Conv 3×3", arch.px, arch.stem, 1)]
    px = strided(arch.px, 2)
    if isinstance(arch, ResNet):
        rows = [("Conv 7×7, max pooling", arch.px, arch.stem, 1)]
        px = strided(px, 2)
    for number, stage in enumerate(arch.stages):
        channels = stage.channels
        if isinstance(arch, ResNet):
            operator, stride, channels = "bottleneck, 3×3", arch.strides[number], 4 * channels
        elif hasattr(stage, "expand"):
            operator, stride = f"MBConv{stage.expand}, {stage.kernel}×{stage.kernel}", stage.stride
        else:
            operator, stride = "separable, 3×3", stage.stride
        rows.append((operator, px, channels, stage.repeats))
        px = strided(px, stride)
    head = getattr(arch, "head", 0)
    rows.append(("Conv 1×1, pooling, FC" if head else "pooling, FC", px, head or arch.classes, 1))
    table = pd.DataFrame(rows, columns=["operator", "input px", "channels", "layers"])
    table.index = pd.RangeIndex(1, len(table) + 1, name="stage")
    return table


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
        return f"{madds / table['B0']:.2f} times B0"
    return f"between {below[-1]} and {above[0]}" if above else f"{madds / table['B7']:.1f} times B7"


class Fit(NamedTuple):
    """The largest network of one method inside a budget: its scaling and counts, or why there is none."""

    method: str
    coefficient: float | None
    scaling: Scaling | None
    counted: Numbers | None
    note: str


def fits(family: str, flops: float, megabytes: float, triple: tuple[float, float, float]) -> list[Fit]:
    """Solve "what fits?" for compound, width-only, depth-only and resolution-only scaling of a family at 224 px.

    `flops` in multiply-adds, `megabytes` (10^6 bytes) of weights in single precision; `triple` is alpha, beta, gamma.
    Of coefficients 1 % apart (phi: 0.05), the largest whose counted network fits; smaller than the baseline where the
    baseline does not.

    Raises:
        ParameterError: a budget that is not above 0.
    """
    for name, value in (("flops", flops), ("megabytes", megabytes)):
        if not value > 0:
            raise ParameterError(name, value, "a number above 0")
    return [_largest(family, method, flops, 1e6 * megabytes, triple) for method in METHODS]


def _largest(family: str, method: str, flops: float, size: float, triple: tuple[float, float, float]) -> Fit:
    def scaling(step: int) -> Scaling:
        return compound(0.05 * step, *triple) if method == "compound" else Scaling(**{method: STEP**step})

    def within(step: int) -> bool:
        try:
            counts = count(network(family, scaling(step)))
        except ParameterError:  # larger than a scaled network may be
            return False
        return counts.madds <= flops and 4 * counts.params <= size

    least, most = (-160, 240) if method == "compound" else (-232, 320)  # phi -8 to 12, others 0.1 to 24 times
    least = next(step for step in range(least, 1) if 224 * scaling(step).resolution >= MIN_PX)
    if not within(least):
        return Fit(method, None, None, None, "nothing fits, however small")
    low, high = (most, most) if within(most) else (least, most)
    while high - low > 1:  # counts grow with the coefficient, in steps
        middle = (low + high) // 2
        low, high = (middle, high) if within(middle) else (low, middle)
    made = scaling(low)
    coefficient = 0.05 * low if method == "compound" else STEP**low
    note = "the largest that was tried" if low == most else ""
    return Fit(method, round(coefficient, 3), made, numbers(network(family, made)), note)
