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
    """One network: variant A to D, normal cells, width of the first stack, input px, classes.

    `stem` is "imagenet" (a convolution of stride 2 and two reduction cells at a quarter and half of the width) or
    "cifar" (a convolution of stride 1). Raises ParameterError for what cannot be built. The auxiliary head, of use
    in training only and not in the published counts, is left out.
    """

    family: ClassVar[str] = "amoebanet"

    variant: str
    cells: int
    filters: int
    px: int
    classes: int = 1000
    stem: str = "imagenet"

    def __post_init__(self):
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
        return self.places()[-1].output.px

    def places(self) -> list[Place]:
        """Return the cells in order. A width is rounded down: a quarter of 190 is 47."""
        previous, current = None, self._stem()
        found = []
        for reduces, width in self._widths():
            place = Place(cell(self.variant, reduces), 2 if reduces else 1, width, current, previous)
            found.append(place)
            previous, current = current, place.output
        return found

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer in the order of the forward pass."""
        stem = self._stem()
        yield Layer(3, stem.channels, 9, stem.px)
        for place in self.places():
            yield from _cell_layers(place)
        yield Layer(place.output.channels, self.classes, bias=True, norm=False)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network; every operation but the identity is dropped at rate `drop_path` (the same in all cells).

        The released code trains on ImageNet with dropout 0.5. A network of 557 million parameters takes 2.2 GB.
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
    width, px, previous = place.width, place.current.px, place.previous
    yield Layer(place.current.channels, width, 1, px)
    if previous is not None and previous.px != px:
        yield from _reduced(previous.channels, width, px)
    elif previous is not None and previous.channels != width:
        yield Layer(previous.channels, width, 1, px)
    for step in (step for pair in place.cell.pairs for step in pair):
        inp, stride = place.reads(step.state)
        yield from _operation(step.operation, inp, width, px if step.state < 2 else place.output.px, stride)
    for state in place.cell.joined:
        inp, stride = place.reads(state)
        if stride > 1:
            yield from _reduced(inp, width, place.output.px)
        elif inp != width:
            yield Layer(inp, width, 1, place.output.px)


def _reduced(inp: int, out: int, px: int) -> Iterator[Layer]:
    """Yield a factorized reduction; the first half is the smaller one of an odd number of channels."""
    yield Layer(inp, out // 2, 1, px)
    yield Layer(inp, out - out // 2, 1, px)


def _operation(name: str, inp: int, out: int, px: int, stride: int) -> Iterator[Layer]:
    kind, kernels = OPERATIONS[name]
    last = strided(px, stride)
    if kind == "separable":
        for height, width in kernels:
            yield Layer(inp, inp, height * width, last, groups=inp, norm=False)
            yield Layer(inp, out, 1, last)
            inp = out
    elif kind == "bottleneck":
        mid, rows = bottleneck(out), px
        yield Layer(inp, mid, 1, px)
        for height, width in kernels:
            # A 1 x 7 strides along the rows only and leaves their number to the 7 x 1.
            rows, px = (strided(rows, stride if height > 1 else 1), strided(px, stride if width > 1 else 1))
            yield Layer(mid, mid, height * width, px, height=rows)
        yield Layer(mid, out, 1, last)
    elif kind == "pointwise" or (stride > 1 and kind == "identity") or inp != out:
        yield Layer(inp, out, 1, last)
