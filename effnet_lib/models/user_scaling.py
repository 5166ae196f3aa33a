"""A user's function as a family: its network at any depth, width and image size, described by running it on shapes."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core.errors import ParameterError
from .archs.user_network import UserNetwork
from .scaling import Scaling
from .traced_counts import saved_values, trace
from .user_module import Maker, refused, shapes, structure

if TYPE_CHECKING:
    from torch import nn

Counted = tuple[int, int, int, int, int]  # final px, parameters, multiply-adds, activations, saved values


@dataclass
class UserFamily:
    """What a user's function makes, counted once for each structure and image size.

    Args:
        classes: of the data set.
    """

    function: Maker
    classes: int
    _counted: dict[tuple[str, int], Counted] = field(default_factory=dict)
    _structures: dict[tuple[float, float], str] = field(default_factory=dict)

    def network(self, scaling: Scaling, px: int) -> UserNetwork:
        """Describe the network of some multipliers, for images of `px` pixels.

        Raises:
            ParameterError: the function raises, or makes what is no network for such images and classes.
        """
        depth, width = scaling.depth, scaling.width
        model, digest = None, self._structures.get((depth, width))
        if digest is None:
            model = shapes(self.function, depth, width, self.classes)
            digest = self._structures[depth, width] = structure(model)
        if (digest, px) not in self._counted:
            self._counted[digest, px] = self._count(
                model or shapes(self.function, depth, width, self.classes), scaling, px
            )
        function = self.function
        counted = self._counted[digest, px]
        final_px, params, madds, activations, saved = counted
        return UserNetwork(
            px=px,
            classes=self.classes,
            final_px=final_px,
            params=params,
            madds=madds,
            activations=activations,
            saved=saved,
            function=function.name,
            source=function.source,
            structure=digest,
            depth=depth,
            width=width,
            where=function.where,
        )

    def check(self, px: int) -> None:
        """Refuse a function whose depth or width changes nothing, for images of `px` pixels.

        Raises:
            ParameterError: it names which.
        """
        plain = self.network(Scaling(), px).structure
        for name in ("depth", "width"):
            if self.network(Scaling(**{name: 2.0}), px).structure == plain:
                words = (
                    f"a function whose {name} changes the network: {self.function.name} makes the same at 1 and at 2"
                )
                raise ParameterError("network", self.function.where, words)

    def _count(self, model: "nn.Module", scaling: Scaling, px: int) -> Counted:
        call = f"the forward pass at depth {scaling.depth:g}, width {scaling.width:g} and {px} px"
        try:
            found = trace(model, px)
            saved = saved_values(model, px)
        except Exception as error:  # whatever a stranger's code raises
            raise refused(self.function, call, error) from None
        if found.outputs != (1, self.classes):
            answer = f"{call} answers with shape {found.outputs}" if found.outputs else f"{call} returns no tensor"
            accepted = f"a network that answers an image with {self.classes} numbers, one a class; {answer}"
            raise ParameterError("network", self.function.where, accepted)
        return found.final_px, *found.counts, saved
