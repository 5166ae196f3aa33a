"""What `effnet scale` scales: a built-in family or a user's function, at its own baseline."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.errors import ParameterError, nearest
from ..models.archs import Architecture
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

    def __str__(self) -> str:
        plain = f"{self.name} at {self.px} px"
        return plain if self.base == Scaling() else f"{self.name} x (w {self.base.width:g}, d {self.base.depth:g}) at {self.px} px"


def built_in(family: str, base: Scaling, px: int, classes: int) -> Scalable:
    """Return a family of `models.families.SCALABLE`; capitals do not matter.

    Raises:
        ParameterError: an unknown family, with the nearest; a baseline that `RoundingRule` refuses.
    """
    known = {name.casefold(): name for name in SCALABLE}
    if not isinstance(family, str) or family.casefold() not in known:
        raise ParameterError("family", family, nearest(family, SCALABLE))
    name = known[family.casefold()]
    start = SCALABLE[name](base, px, classes)
    return Scalable(name, base, px, FINE_WORDS, lambda scaling: fine(start, scaling))


def user(where: str, base: Scaling, px: int, classes: int) -> Scalable:
    """Return a user's own network, FILE.py:FUNCTION or package.module:FUNCTION.

    Raises:
        ParameterError: it cannot be imported or called, or depth or width changes nothing in it.
    """
    made = UserFamily(maker(where), classes)
    made.check()

    def scaled(scaling: Scaling) -> Architecture:
        return made.network(Scaling(base.depth, base.width) * Scaling(scaling.depth, scaling.width), _px(scaling))

    def _px(scaling: Scaling) -> int:
        return FINE.image_size(px, scaling.resolution)

    return Scalable(where, base, px, USER_WORDS, scaled)
