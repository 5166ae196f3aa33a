"""What `effnet scale` scales: a built-in family or a user's function, at its own baseline."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.errors import ParameterError, nearest
from ..models.archs import Architecture, Strided
from ..models.families import SCALABLE
from ..models.scaling import Scaling
from ..models.user_module import maker
from ..models.user_scaling import UserFamily
from .fine_rounding import FINE, fine
from .profiles import Profile

HALF = 0.5  # of a built-in family in the profiles that test the machinery and a laptop
PAPER_WORDS = "the paper's: each stage's blocks up, channels to 8, the input to 1 px"
FINE_WORDS = "fine: single blocks by largest remainder, 4 channels, 4 px, from the baseline as it stands"
USER_WORDS = "the function's own for depth and width, 4 px for the input"


@dataclass(frozen=True)
class Scalable:
    """A network that can be scaled, and its baseline.

    Args:
        name: of the family, or the user's file and function.
        base: multipliers and input px of the baseline over the family's own network.
        rounding: how scaled numbers become whole, in words.
        scaled: returns the network under multipliers over the baseline.
    """

    name: str
    base: Scaling
    px: int
    rounding: str
    scaled: Callable[[Scaling], Architecture] = field(compare=False)

    stride: int = 32

    def __str__(self) -> str:
        name = self.name
        if self.base != Scaling():
            name += f" x (w {self.base.width:g}, d {self.base.depth:g})"
        return f"{name} at {self.px} px" + (f", stride {self.stride}" if self.stride != 32 else "")


def family_name(value: object) -> str:
    """Return the name of a family of `models.families.SCALABLE` as it stands there; capitals do not matter.

    Raises:
        ParameterError: an unknown family, with the nearest.
    """
    known = {name.casefold(): name for name in SCALABLE}
    if not isinstance(value, str) or value.casefold() not in known:
        raise ParameterError("family", value, nearest(value, SCALABLE))
    return known[value.casefold()]


def check_one(network: str | None, family: str | None) -> None:
    """Refuse a user's network beside a family's name.

    Raises:
        ParameterError: both are given.
    """
    if network and family:
        raise ParameterError("family", family, "no value where network is given: either says what is scaled")


def built_in(
    family: str, depth: float = 1.0, width: float = 1.0, px: int = 224, classes: int = 1000, stride: int = 32
) -> Scalable:
    """Return a family of `models.families.SCALABLE`; capitals do not matter.

    Args:
        depth, width, px: of the baseline; its depth and width multiply the family's own network.
        stride: of the last map, where the family can leave its last strides out (`archs.Strided`).

    Raises:
        ParameterError: an unknown family, with the nearest; a baseline that `RoundingRule` refuses.
    """
    name, base = family_name(family), Scaling(depth, width)
    start = SCALABLE[name](base, px, classes)
    if stride != 32:
        if not isinstance(start, Strided):
            raise ParameterError("stride", stride, f"32 for {name}")
        start = start.at_stride(stride)
    return Scalable(name, base, px, FINE_WORDS, lambda scaling: fine(start, scaling), stride)


def by_paper(family: str, px: int = 224, classes: int = 1000) -> Scalable:
    """Return a family at its own size, rounded as the paper rounds: what the sliders show, and B1 to B7 are.

    Raises:
        ParameterError: an unknown family, with the nearest.
    """
    name = family_name(family)
    return Scalable(name, Scaling(), px, PAPER_WORDS, lambda scaling: SCALABLE[name](scaling, px, classes))


def user(where: str, depth: float, width: float, px: int, classes: int) -> Scalable:
    """Return a user's own network, FILE.py:FUNCTION or package.module:FUNCTION; its baseline as in `built_in`.

    Raises:
        ParameterError: it cannot be imported or called, or depth or width changes nothing in it.
    """
    made, base = UserFamily(maker(where), classes), Scaling(depth, width)
    made.check(px)

    def scaled(scaling: Scaling) -> Architecture:
        depth_and_width = base * Scaling(scaling.depth, scaling.width)
        return made.network(depth_and_width, FINE.image_size(px, scaling.resolution))

    return Scalable(where, base, px, USER_WORDS, scaled)


@dataclass(frozen=True)
class Chosen:
    """What a person chose to scale: a network of their own or a family, and its baseline (None: the profile's)."""

    network: str | None = None
    family: str | None = None
    depth: float | None = None
    width: float | None = None
    px: int | None = None


def at_profile(profile: Profile, classes: int, chosen: Chosen) -> Scalable:
    """Return what is scaled at the baseline that was chosen, or else at the profile's.

    Raises:
        ParameterError: as `built_in` and `user`.
    """
    proxy, depth, width = profile.candidates[0], chosen.depth, chosen.width
    px = chosen.px or proxy.px
    if chosen.network:
        return user(chosen.network, depth or 1.0, width or 1.0, px, classes)
    family = chosen.family or "EfficientNet"
    if family.casefold() == "efficientnet" and len(profile.candidates) == 1:
        base = (depth or proxy.depth, width or proxy.width, px)
        return built_in(family, *base, classes, proxy.stride)
    usual = HALF if profile.trains else 1.0
    return built_in(family, depth or usual, width or usual, px, classes)
