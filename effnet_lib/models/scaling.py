"""Compound scaling: coefficients, the constraint, and the rounding rules.

Equation 3 of the paper: depth d = alpha^phi, width w = beta^phi, resolution r = gamma^phi, subject to
alpha * beta^2 * gamma^2 ~ 2, so that FLOPS grow as 2^phi. Coefficients multiply, then round once: a baseline
of width 0.5 scaled by w = 1.4 is the unscaled network at width 0.7, rounded from its own table.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, TypeGuard

from ..core.errors import ParameterError

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
MIN_PX = 32
# What a scaled network may be: far beyond what anybody trains (B7 is 3.1, 2 and 2.7 times B0), and still counted at
# once. Whether a network fits in memory is another question (`memory`).
MAX_MULTIPLIER = MAX_PHI = 100
MAX_CHANNELS, MAX_BLOCKS, MAX_PX = 65_536, 1_000, 8_192  # of a layer before its expansion; of a stage; of the input
MULTIPLIER = f"a number above 0 and at most {MAX_MULTIPLIER}"


def _is_real(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)


def _multiplier(name: str, value: object) -> float:
    # Compared before it is converted: a whole number of 400 digits has no float, and a tiny fraction becomes 0.
    if not _is_real(value) or not 0 < value <= MAX_MULTIPLIER or not float(value):
        raise ParameterError(name, value, MULTIPLIER)
    return float(value)


@dataclass(frozen=True)
class Scaling:
    """Depth, width and resolution multipliers d, w, r (dimensionless; Table 3's notation).

    Raises:
        ParameterError: a multiplier that is not a number above 0 and at most 100.
    """

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0

    def __post_init__(self) -> None:
        for name in ("depth", "width", "resolution"):
            object.__setattr__(self, name, _multiplier(name, getattr(self, name)))

    def __mul__(self, other: "Scaling") -> "Scaling":
        return Scaling(self.depth * other.depth, self.width * other.width, self.resolution * other.resolution)

    @property
    def flops_factor(self) -> float:
        """FLOPS multiplier d * w^2 * r^2 before rounding (section 3.3)."""
        return self.depth * self.width**2 * self.resolution**2


def compound(phi: float, alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> Scaling:
    """Scale all three dimensions by one compound coefficient phi (equation 3).

    Raises:
        ParameterError: an alpha, beta or gamma that is not from 1 to 100; a phi that is not from -100 to 100, or whose
            multipliers are none that `Scaling` takes.

    >>> compound(1.0, alpha=1.3)
    Scaling(depth=1.3, width=1.1, resolution=1.15)
    """
    if not _is_real(phi) or not -MAX_PHI <= phi <= MAX_PHI:
        raise ParameterError("phi", phi, f"a number from -{MAX_PHI} to {MAX_PHI}")
    factors = []
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if (factor := _multiplier(name, value)) < 1:
            raise ParameterError(name, value, "a number of at least 1 (equation 3)")
        factors.append(factor ** float(phi))
    if max(factors) > MAX_MULTIPLIER:
        accepted = f"a number whose multipliers are at most {MAX_MULTIPLIER}, and the largest is {max(factors):.4g}"
        raise ParameterError("phi", phi, accepted)
    return Scaling(*factors)


def constraint(alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA) -> float:
    """Return alpha * beta^2 * gamma^2, which equation 3 asks to be about 2."""
    return Scaling(alpha, beta, gamma).flops_factor


def round_filters(channels: int, width: float, divisor: int = 8, round_limit: float | None = 0.9) -> int:
    """Scale a channel count and round it to a multiple of `divisor`, at least one, as the reference implementation.

    The product is rounded to 9 digits first: 0.35 * 3.0 * 80 must not become 80 through 83.99999999999999, where
    1.05 * 80 becomes 88.

    Args:
        round_limit: no result lies below this share of the exact value; 0 or None takes plainly the nearest multiple.
    """
    if width == 1.0:
        return channels
    exact = round(channels * width, 9)
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if round_limit and rounded < round_limit * exact else rounded


def round_repeats(repeats: int, depth: float, to: str = "ceil") -> int:
    """Scale a layer count and round up, as the reference implementation does.

    The product is rounded to 9 digits first: 0.5 * 1.2 * 5 must not become 4 through 3.0000000000000004.

    Args:
        to: "ceil", or "round" for the nearest count (halves to even, at least 1).
    """
    exact = round(repeats * depth, 9)
    return max(1, round(exact)) if to == "round" else math.ceil(exact)


def round_resolution(base: int, resolution: float, to: str | int = "round") -> int:
    """Scale an input size in pixels and round it.

    Args:
        to: "round" to the nearest pixel (halves to even), "floor", or a number: its nearest multiple, except where
            nothing is scaled.
    """
    exact = round(base * resolution, 9)
    if to == "floor":
        return int(exact)
    return round(exact) if to == "round" or resolution == 1.0 else round(exact / int(to)) * int(to)


@dataclass(frozen=True)
class RoundingRule:
    """How scaled numbers become whole; the default is the reference implementation's and the library's own.

    Args:
        depth: "ceil" or "round", as `round_repeats` takes it.
        divisor: of channels, a multiple of 4: timm, which rounds expanded channels to multiples of 8, follows no other.
        round_limit: least share of the exact channels, as `round_filters` takes it.
        fix_stem: the channels of the stem and of the last 1 x 1 convolution are not scaled.
        resolution: "round", "floor" or a multiple in pixels, as `round_resolution` takes it.

    Raises:
        ParameterError: anything else.
    """

    depth: str = "ceil"
    divisor: int = 8
    round_limit: float | None = 0.9
    fix_stem: bool = False
    resolution: str | int = "round"

    def __post_init__(self) -> None:
        if self.depth not in ("ceil", "round"):
            raise ParameterError("depth", self.depth, "ceil or round")
        if self.divisor < 4 or self.divisor % 4:
            raise ParameterError("divisor", self.divisor, "a multiple of 4")
        if self.round_limit is not None and not 0 <= self.round_limit < 1:
            raise ParameterError("round_limit", self.round_limit, "a share of at least 0 and below 1, or None")
        if not isinstance(self.fix_stem, bool):
            raise ParameterError("fix_stem", self.fix_stem, "True or False")
        whole = isinstance(self.resolution, int) and self.resolution >= 1
        if self.resolution not in ("round", "floor") and not whole:
            raise ParameterError("resolution", self.resolution, "round, floor or a multiple in px")

    def channels(self, channels: int, width: float) -> int:
        """Scale the channels of a block.

        Raises:
            ParameterError: the result is over 65,536.
        """
        rounded = round_filters(channels, width, self.divisor, self.round_limit)
        if rounded > MAX_CHANNELS:
            accepted = f"a multiplier that gives at most {MAX_CHANNELS:,} channels, not {rounded:,}"
            raise ParameterError("width", width, accepted)
        return rounded

    def end(self, channels: int, width: float) -> int:
        """Scale the channels of the stem or of the head."""
        return channels if self.fix_stem else self.channels(channels, width)

    def repeats(self, repeats: int, depth: float) -> int:
        """Scale the blocks of a stage.

        Raises:
            ParameterError: the result is over 1,000.
        """
        rounded = round_repeats(repeats, depth, self.depth)
        if rounded > MAX_BLOCKS:
            accepted = f"a multiplier that gives at most {MAX_BLOCKS:,} blocks a stage, not {rounded:,}"
            raise ParameterError("depth", depth, accepted)
        return rounded

    def stages(self, table: Iterable[Any], scaling: Scaling) -> tuple[Any, ...]:
        """Scale the channels and repeats of each stage of a table."""
        return tuple(
            replace(
                stage,
                channels=self.channels(stage.channels, scaling.width),
                repeats=self.repeats(stage.repeats, scaling.depth),
            )
            for stage in table
        )

    def image_size(self, base: int, resolution: float) -> int:
        """Scale the input size in pixels.

        Raises:
            ParameterError: the result is under 32 px or over 8,192; `base` is no whole number from 1 to 8,192.
        """
        if not isinstance(base, Integral) or isinstance(base, bool) or not 1 <= base <= MAX_PX:
            raise ParameterError("base_image_size", base, f"a whole number of pixels from 1 to {MAX_PX:,}")
        image_size = round_resolution(base, resolution, self.resolution)
        if not MIN_PX <= image_size <= MAX_PX:
            limit = f">= {MIN_PX}" if image_size < MIN_PX else f"at most {MAX_PX}"
            raise ParameterError("resolution", resolution, f"a multiplier that gives {limit} px, not {image_size}")
        return image_size


REFERENCE = RoundingRule()


@dataclass(frozen=True)
class Published:
    """One row of the published B0-B7 table, which was rounded by hand and is not alpha^phi."""

    name: str
    width: float
    depth: float
    px: int
    dropout: float


PUBLISHED = tuple(
    Published(f"b{i}", *row)
    for i, row in enumerate(
        [
            (1.0, 1.0, 224, 0.2),
            (1.0, 1.1, 240, 0.2),
            (1.1, 1.2, 260, 0.3),
            (1.2, 1.4, 300, 0.3),
            (1.4, 1.8, 380, 0.4),
            (1.6, 2.2, 456, 0.4),
            (1.8, 2.6, 528, 0.5),
            (2.0, 3.1, 600, 0.5),
        ]
    )
)
