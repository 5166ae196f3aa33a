"""DenseNet as plain data: table 1 of arXiv 1608.06993, bottlenecks and compression 0.5 ("DenseNet-BC")."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError, nearest
from ..scaling import MIN_PX
from .layers import Layer, strided

if TYPE_CHECKING:
    from torch import nn

BLOCKS = {"densenet169": (6, 12, 32, 32), "densenet264": (6, 12, 64, 48)}
BOTTLENECK = 4


@dataclass(frozen=True)
class DenseNet:
    """One network: input px, classes, layers of each dense block, and channels that a layer adds (k).

    timm's `densenet264d` is another network, of growth 48 and with a deep stem.
    """

    family: ClassVar[str] = "densenet"

    px: int
    classes: int
    blocks: tuple[int, ...]
    growth: int = 32

    def __post_init__(self):
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if self.px < MIN_PX:
            raise ParameterError("px", self.px, f"an input of >= {MIN_PX} px")

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        px = strided(self.px, 2, 2)
        for _ in self.blocks[1:]:
            px //= 2
        return px

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer; each convolution after the stem follows a norm of its input."""
        channels, px = 2 * self.growth, strided(self.px, 2, 2)
        yield Layer(3, channels, 49, strided(self.px, 2))
        for i, repeats in enumerate(self.blocks):
            if i:
                yield Layer(channels, channels // 2, 1, px, norm=False, before=True)
                channels, px = channels // 2, px // 2  # the pooling is not padded: it drops an odd row and column
            for _ in range(repeats):
                yield Layer(channels, BOTTLENECK * self.growth, 1, px, before=True)
                yield Layer(BOTTLENECK * self.growth, self.growth, 9, px, norm=False)
                channels += self.growth
        yield Layer(channels, self.classes, bias=True, norm=False, before=True)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm. There are no paths to drop: a `drop_path` above 0 raises ParameterError."""
        from timm.models.densenet import DenseNet as TimmDenseNet

        if drop_path:
            raise ParameterError("drop_path", drop_path, "0 for a DenseNet, whose layers are concatenated")
        return TimmDenseNet(self.growth, self.blocks, num_classes=self.classes, drop_rate=dropout)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return no norm: nothing is added to a skip."""
        return []


def published(name: str, px: int = 224, classes: int = 1000) -> DenseNet:
    """Return densenet169 or densenet264 with k = 32 (table 1). Raises ParameterError for any other name."""
    if name not in BLOCKS:
        raise ParameterError("name", name, nearest(str(name), BLOCKS))
    return DenseNet(px, classes, BLOCKS[name])
