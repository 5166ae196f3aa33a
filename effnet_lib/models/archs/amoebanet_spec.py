"""What an AmoebaNet is made of, for both its closed form and its modules: feature maps, places of cells, widths."""

from typing import NamedTuple

from .amoebanet_cells import Cell
from .layers import strided

STEM = 32


class Map(NamedTuple):
    """Feature maps: channels and height = width."""

    channels: int
    size: int


class Place(NamedTuple):
    """A cell of a network: its table, stride, width (channels of a state), and the two maps that it reads.

    `current` is the output of the cell before, `previous` that of the one before that. The first cell has none: its
    state 1 is the stem's output as it stands.
    """

    cell: Cell
    stride: int
    width: int
    current: Map
    previous: Map | None

    @property
    def skipped(self) -> Map:
        """State 1: the earlier map brought to this cell's width and input size."""
        return self.current if self.previous is None else Map(self.width, self.current.size)

    @property
    def output(self) -> Map:
        """The concatenated states."""
        return Map(len(self.cell.joined) * self.width, strided(self.current.size, self.stride))

    def reads(self, state: int) -> tuple[int, int]:
        """Return the channels of a state and the stride of the operations that read it."""
        channels = self.skipped.channels if state == 1 else self.width
        return channels, self.stride if state < 2 else 1


def bottleneck(width: int) -> int:
    """Return the channels between the 1 x 1 convolutions around a 3 x 3 or a 1 x 7 and 7 x 1."""
    return width // 4
