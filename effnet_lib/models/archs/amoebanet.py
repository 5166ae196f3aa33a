"""AmoebaNet-A to D as plain data: arXiv 1802.01548, with every rule of its released code (tensorflow/tpu, amoeba_net).

"AmoebaNet-B(18, 512)" has 18 normal cells in three stacks, the first of width 512; each later stack is twice as wide.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError, nearest
from ..scaling import MIN_PX
from .amoebanet_cells import NORMAL, OPERATIONS, cell
from .amoebanet_spec import STEM, Map, Place, bottleneck
from .layers import Layer, strided

if TYPE_CHECKING:
    from torch import nn

STEMS = ("imagenet", "cifar")


@dataclass(frozen=True)
class AmoebaNet:
    """One network. The auxiliary head, of use in training only and not in the published counts, is left out.

    Args:
        variant: "A" to "D".
        cells: normal cells, in three stacks.
        filters: width of the first stack.
        px: input height = width in pixels.
        stem: "imagenet" (a convolution of stride 2 and two reduction cells at a quarter and half of the width) or
            "cifar" (a convolution of stride 1).

    Raises:
        ParameterError: a value that cannot be built.
    """

    family: ClassVar[str] = "amoebanet"

    variant: str
    cells: int
    filters: int
    px: int
    classes: int = 1000
    stem: str = "imagenet"

    def __post_init__(self) -> None:
        if self.variant not in NORMAL:
            raise ParameterError("variant", self.variant, nearest(str(self.variant), NORMAL))
        if self.stem not in STEMS:
            raise ParameterError("stem", self.stem, nearest(str(self.stem), STEMS))
        for name, least in (("cells", 3), ("filters", 16), ("px", MIN_PX), ("classes", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ParameterError(name, value, f"a whole number of at least {least}")

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return self.places()[-1].output.size

    def places(self) -> list[Place]:
        """Return the cells in order. A width is rounded down: a quarter of 190 is 47."""
        previous, current = None, self._stem()
        places = []
        for reduces, width in self._widths():
            place = Place(cell(self.variant, reduces), 2 if reduces else 1, width, current, previous)
            places.append(place)
            previous, current = current, place.output
        return places

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer in the order of the forward pass."""
        stem = self._stem()
        yield Layer(3, stem.channels, 9, stem.size)
        for place in self.places():
            yield from _cell_layers(place)
        yield Layer(place.output.channels, self.classes, bias=True, norm=False)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network; one of 557 million parameters takes 2.2 GB.

        Args:
            dropout: 0.5 in the released code's training on ImageNet.
            drop_path: rate of every operation but the identity, the same in all cells.
        """
        from .amoebanet_modules import AmoebaNetModule

        return AmoebaNetModule(self, dropout, drop_path)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return no norm: cells are no residual branches beside an identity skip."""
        return []

    def _stem(self) -> Map:
        return Map(STEM, (self.px - 3) // 2 + 1 if self.stem == "imagenet" else self.px)

    def _widths(self) -> Iterator[tuple[bool, int]]:
        """Yield whether a cell reduces, and its width."""
        if self.stem == "imagenet":
            yield True, self.filters // 4
            yield True, self.filters // 2
        width = self.filters
        for i in range(self.cells):
            if i in (self.cells // 3, 2 * self.cells // 3):
                width *= 2
                yield True, width
            yield False, width


def _cell_layers(place: Place) -> Iterator[Layer]:
    width, size, previous = place.width, place.current.size, place.previous
    yield Layer(place.current.channels, width, 1, size)
    if previous is not None and previous.size != size:
        yield from _reduced(previous.channels, width, size)
    elif previous is not None and previous.channels != width:
        yield Layer(previous.channels, width, 1, size)
    for step in (step for pair in place.cell.pairs for step in pair):
        in_channels, stride = place.reads(step.state)
        yield from _operation(step.operation, in_channels, width, size if step.state < 2 else place.output.size, stride)
    for state in place.cell.joined:
        in_channels, stride = place.reads(state)
        if stride > 1:
            yield from _reduced(in_channels, width, place.output.size)
        elif in_channels != width:
            yield Layer(in_channels, width, 1, place.output.size)


def _reduced(in_channels: int, out_channels: int, size: int) -> Iterator[Layer]:
    """Yield a factorized reduction; the first half is the smaller one of an odd number of channels."""
    yield Layer(in_channels, out_channels // 2, 1, size)
    yield Layer(in_channels, out_channels - out_channels // 2, 1, size)


def _operation(name: str, in_channels: int, out_channels: int, size: int, stride: int) -> Iterator[Layer]:
    kind, kernels = OPERATIONS[name]
    last = strided(size, stride)
    if kind == "separable":
        for height, width in kernels:
            yield Layer(in_channels, in_channels, height * width, last, groups=in_channels, norm=False)
            yield Layer(in_channels, out_channels, 1, last)
            in_channels = out_channels
    elif kind == "bottleneck":
        mid, rows = bottleneck(out_channels), size
        yield Layer(in_channels, mid, 1, size)
        for height, width in kernels:
            # A 1 x 7 strides along the rows only and leaves their number to the 7 x 1.
            rows, size = (strided(rows, stride if height > 1 else 1), strided(size, stride if width > 1 else 1))
            yield Layer(mid, mid, height * width, size, height=rows)
        yield Layer(mid, out_channels, 1, last)
    elif kind == "pointwise" or (stride > 1 and kind == "identity") or in_channels != out_channels:
        yield Layer(in_channels, out_channels, 1, last)
