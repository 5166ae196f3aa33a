"""DenseNet as plain data: table 1 of arXiv 1608.06993, bottlenecks and compression 0.5 ("DenseNet-BC")."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError, nearest
from .layers import Layer, SquareInput, strided

if TYPE_CHECKING:
    from torch import nn

BLOCKS = {"densenet169": (6, 12, 32, 32), "densenet264": (6, 12, 64, 48)}
BOTTLENECK = 4


@dataclass(frozen=True)
class DenseNet(SquareInput):
    """One network: input px, classes, layers of each dense block, and channels that a layer adds (k).

    timm's `densenet264d` is another network, of growth 48 and with a deep stem.
    """

    family: ClassVar[str] = "densenet"

    blocks: tuple[int, ...]
    growth: int = 32

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        size = strided(self.px, 2, 2)
        for _ in self.blocks[1:]:
            size //= 2
        return size

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer; each convolution after the stem follows a norm of its input."""
        channels, size = 2 * self.growth, strided(self.px, 2, 2)
        yield Layer(3, channels, 49, strided(self.px, 2))
        for i, repeats in enumerate(self.blocks):
            if i:
                yield Layer(channels, channels // 2, 1, size, norm=False, before=True)
                channels, size = channels // 2, size // 2  # the pooling is not padded: it drops an odd row and column
            for _ in range(repeats):
                yield Layer(channels, BOTTLENECK * self.growth, 1, size, before=True)
                yield Layer(BOTTLENECK * self.growth, self.growth, 9, size, norm=False)
                channels += self.growth
        yield Layer(channels, self.classes, bias=True, norm=False, before=True)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm.

        Raises:
            ParameterError: `drop_path` is above 0, as there are no paths to drop.
        """
        from timm.models.densenet import DenseNet as TimmDenseNet

        if drop_path:
            raise ParameterError("drop_path", drop_path, "0 for a DenseNet, whose layers are concatenated")
        return TimmDenseNet(self.growth, self.blocks, num_classes=self.classes, drop_rate=dropout)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return no norm: nothing is added to a skip."""
        return []


def published(name: str, image_size: int = 224, classes: int = 1000) -> DenseNet:
    """Return densenet169 or densenet264 with k = 32 (table 1).

    Raises:
        ParameterError: any other name, or an input under 32 px.
    """
    if name not in BLOCKS:
        raise ParameterError("name", name, nearest(str(name), BLOCKS))
    return DenseNet(image_size, classes, BLOCKS[name])
