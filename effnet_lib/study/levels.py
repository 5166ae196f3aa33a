"""Levels of equal FLOPS, from counts alone: at which multiple of the baseline's cost every method has a network."""

from dataclasses import dataclass
from functools import cache

from ..models.archs import Architecture
from ..models.complexity import count
from ..models.scaling import Scaling
from .fine_rounding import fine
from .profiles import UNSCALED, ProxyBaseline
from .scaled_model import METHODS, ScaledModel, scaling_of

TOLERANCES = (0.05, 0.10)  # the second where the first has no multiple
STEPS = 100  # multiples a unit that are tried
GRIDS = {  # coefficients that may be picked
    "width": [round(1 + 0.05 * i, 2) for i in range(1, 81)],
    "depth": [1 + 0.25 * i for i in range(1, 53)],
    "resolution": [round(1 + 0.05 * i, 2) for i in range(1, 41)],
    "compound": [round(0.05 * i, 2) for i in range(1, 101)],
}


@dataclass(frozen=True)
class Level:
    """A level of equal FLOPS.

    Args:
        multiple: of the baseline's FLOPS.
        models: one of each method, in the order of METHODS.
        off: how far the farthest lies from the multiple, as a share of it.
    """

    multiple: float
    models: tuple[ScaledModel, ...]
    off: float

    @property
    def met(self) -> bool:
        """Whether all lie within the protocol's tolerance."""
        return self.off <= TOLERANCES[-1]


def scaled(
    base: ProxyBaseline, classes: int, padding: str, method: str, coefficient: float, on: Scaling = UNSCALED
) -> ScaledModel:
    """Return a baseline (scaled by `on`) scaled by one method; that without any scaling is named "baseline"."""
    scaling = on * scaling_of(method, coefficient)
    arch = base.arch(classes, scaling, padding)
    return ScaledModel("baseline" if scaling == UNSCALED else method, coefficient, arch, on)


@cache
def equal_cost(base: ProxyBaseline, classes: int, padding: str, between: tuple[float, float]) -> Level:
    """Choose the multiple at which all methods have a network within 5 % of one cost, else within 10 %.

    Of several the one at which the fewest methods need the fine rounding, which stands in where the paper's has no
    network near enough; then the one whose farthest network is nearest. Where there is none, the nearest of all.

    Args:
        between: the least and the largest multiple.
    """
    near = {method: _networks(base, classes, padding, method) for method in METHODS}
    multiples = [i / STEPS for i in range(round(between[0] * STEPS), round(between[1] * STEPS) + 1)]
    middle = sum(between) / 2
    for tolerance in (*TOLERANCES, float("inf")):
        found = []
        for multiple in multiples:
            picked = [one for method in METHODS if (one := _pick(near[method], multiple, tolerance))]
            if len(picked) == len(METHODS):
                off = max(abs(ratio / multiple - 1) for _, ratio in picked)
                fines = sum(model.rounding == "fine" for model, _ in picked)
                models = tuple(model for model, _ in picked)
                found.append(((fines, round(off, 9), abs(multiple - middle)), Level(multiple, models, off)))
        if found:
            return min(found, key=lambda one: one[0])[1]
    raise AssertionError("every method has a network at an infinite tolerance")


Counted = tuple[ScaledModel, float]  # with its FLOPS over the baseline's


@cache  # for both levels
def _networks(base: ProxyBaseline, classes: int, padding: str, method: str) -> list[list[Counted]]:
    """Return a method's distinct networks under the paper's rounding, and others under the fine one.

    Of the coefficients that round to one network the roundest names it: w=2 rather than w=1.95.
    """
    plain = base.arch(classes, padding=padding)
    unit, seen = count(plain).madds, set[Architecture]({plain})
    kept: list[list[Counted]] = [[], []]
    for coefficient in sorted(GRIDS[method], key=lambda c: (len(f"{c:g}"), c)):
        paper = scaled(base, classes, padding, method, coefficient)
        other = ScaledModel(method, coefficient, fine(plain, scaling_of(method, coefficient)), rounding="fine")
        for place, model in enumerate((paper, other)):
            if model.arch not in seen:
                seen.add(model.arch)
                kept[place].append((model, count(model.arch).madds / unit))
    return kept


def _pick(networks: list[list[Counted]], multiple: float, tolerance: float) -> Counted | None:
    """Return the nearest network within a tolerance, one of the paper's rounding where it has any."""
    for kind in networks:
        near = min(kind, key=lambda one: abs(one[1] / multiple - 1), default=None)
        if near and abs(near[1] / multiple - 1) <= tolerance:
            return near
    return None
