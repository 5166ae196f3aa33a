"""A network that a user's own function makes: its identity and its counts as plain data; its code stays the user's.

What is stored says which network was trained (`structure`: modules, classes and shapes; `source`: the file's text) and
how large it is, so that a reader of records needs no code of anybody's, and none is ever imported because a record
names it. Only whoever named the file may build the network: `where` is in no record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.errors import EffnetError, ParameterError
from .layers import Layer, SavedTensors

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class UserNetwork:
    """One network of a user's function `make(depth, width, classes)`, for square images of `px` pixels.

    Args:
        final_px: height = width of the last feature map.
        params, madds, activations: as `complexity.Counts`, by torch's own counter.
        saved: values that autograd saves of an image, every tensor once.
        function: the function's name; `source`: SHA-256 of its file; `structure`: that of the built modules.
        depth, width: multipliers that make it: whichever round to this structure, it is this network.
        where: file and function, or module and function; "" where it was read from a record.
    """

    family: ClassVar[str] = "user"
    not_stored: ClassVar[tuple[str, ...]] = ("depth", "width", "where")
    large: ClassVar[tuple[str, ...]] = ("params", "madds", "activations", "saved")

    px: int
    classes: int
    final_px: int
    params: int
    madds: int
    activations: int
    saved: int
    function: str
    source: str
    structure: str
    depth: float = field(default=0.0, compare=False)
    width: float = field(default=0.0, compare=False)
    where: str = field(default="", compare=False)

    @classmethod
    def read(cls, **data: Any) -> "UserNetwork":
        """Return the network of a record.

        Raises:
            ParameterError: it says where code is or how to call it, which no record may.
        """
        for name in cls.not_stored:
            if name in data:
                raise ParameterError(name, data[name], "no value: a record names no code")
        return cls(**data)

    def counted(self) -> tuple[int, int, int]:
        """Return parameters, multiply-adds and activations."""
        return self.params, self.madds, self.activations

    def layers(self) -> Iterator[Layer]:
        """Yield nothing: its layers are not known one by one."""
        yield from ()

    def saved_values(self) -> Iterator[SavedTensors]:
        """Yield what autograd saves of one image, all layers together."""
        yield SavedTensors(self.saved)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network by the user's function; its own dropout is its own matter.

        Raises:
            EffnetError: it came out of a record; or its file has changed since it was described.
        """
        from ..user_module import made, maker

        if not self.where:
            raise EffnetError(
                f"the code of {self.function} (source {self.source[:12]}) is its author's: a record holds none, and "
                "only `effnet scale FILE.py:FUNCTION` builds such a network"
            )
        function = maker(self.where)
        if function.source != self.source:
            raise EffnetError(f"{self.where} has changed since this plan was made: begin again, it is another network")
        return made(function, self.depth, self.width, self.classes)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return none: which norm ends a branch beside an identity is not known of a stranger's network."""
        return []
