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
    known = {name.casefold(): name for name in SCALABLE}
    if not isinstance(family, str) or family.casefold() not in known:
        raise ParameterError("family", family, nearest(family, SCALABLE))
    name, base = known[family.casefold()], Scaling(depth, width)
    start = SCALABLE[name](base, px, classes)
    if stride != 32:
        if not isinstance(start, Strided):
            raise ParameterError("stride", stride, f"32 for {name}")
        start = start.at_stride(stride)
    return Scalable(name, base, px, FINE_WORDS, lambda scaling: fine(start, scaling), stride)


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
