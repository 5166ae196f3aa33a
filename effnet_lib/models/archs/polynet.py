"""PolyNet ("very deep", arXiv 1611.05725) as plain data: residual modules that are polynomials of Inception blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .layers import Layer, SquareInput
from .polynet_spec import BLOCKS, CHANNELS, REDUCTIONS, Path, is_poly

if TYPE_CHECKING:
    from torch import nn

MIN_PX = 75  # Inception's stem and both reductions are not padded


@dataclass(frozen=True)
class PolyNet(SquareInput):
    """One network: input px (at least 75), classes and modules of the three stages.

    A module adds to its input x either F(x) + G(x) ("2-way") or, as every other one from the first in stages two
    and three, F(x) + F(F(x)) + F(F(F(x))) ("poly-3"), whose orders share all convolutions but the closing 1 x 1.
    """

    family: ClassVar[str] = "polynet"
    min_px: ClassVar[int] = MIN_PX

    px: int = 331
    classes: int = 1000
    modules: tuple[int, int, int] = (10, 20, 10)

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return halved(halved(stem_sizes(self.px)[-1]))

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical modules one by one."""
        yield from _stem(self.px)
        size = stem_sizes(self.px)[-1]
        for stage, (channels, paths) in enumerate(zip(CHANNELS, BLOCKS, strict=True)):
            for module in range(self.modules[stage]):
                poly = is_poly(stage, module)
                copies = 3 if poly else 2
                for path in paths:
                    yield from _path(channels, path, size, copies, poly)
                yield Layer(sum(path[-1].out_channels for path in paths), channels, 1, size, repeats=copies)
            if stage < len(REDUCTIONS):
                for path in REDUCTIONS[stage]:
                    yield from _path(channels, path, size)
                size = halved(size)
        yield Layer(CHANNELS[-1], self.classes, bias=True, norm=False)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network.

        Args:
            drop_path: module i = 0, 1, ... of n drops what it adds at rate drop_path * i / n.
        """
        from .polynet_modules import PolyNetModule

        return PolyNetModule(self, dropout, drop_path)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the norm of every closing 1 x 1 convolution, of each order (to start at gamma = 0)."""
        from .polynet_modules import Residual

        blocks = (module for module in model.modules() if isinstance(module, Residual))
        return [norm for module in blocks for norm in module.closing_norms()]


def halved(size: int) -> int:
    """Return the output size of a 3 x 3 convolution or pooling of stride 2 that is not padded."""
    return (size - 3) // 2 + 1


def stem_sizes(image_size: int) -> tuple[int, int, int, int, int]:
    """Return the sizes inside Inception's stem after its strides and its convolutions that are not padded."""
    first = halved(image_size)
    second = first - 2
    third = halved(second)
    return first, second, third, third - 2, halved(third - 2)


def _stem(image_size: int) -> Iterator[Layer]:
    first, second, third, fourth, last = stem_sizes(image_size)
    yield Layer(3, 32, 9, first)
    yield Layer(32, 32, 9, second)
    yield Layer(32, 64, 9, second)
    yield Layer(64, 96, 9, third)
    yield Layer(160, 64, 1, third, repeats=2)
    yield Layer(64, 64, 7, third, repeats=2)
    yield Layer(64, 96, 9, fourth, repeats=2)
    yield Layer(192, 192, 9, last)


def _path(in_channels: int, path: Path, size: int, copies: int = 1, shared: bool = False) -> Iterator[Layer]:
    for conv in path:
        size = halved(size) if conv.stride > 1 else size
        kernel_elements = conv.kernel[0] * conv.kernel[1]
        yield Layer(in_channels, conv.out_channels, kernel_elements, size, repeats=copies, shared=shared)
        in_channels = conv.out_channels
