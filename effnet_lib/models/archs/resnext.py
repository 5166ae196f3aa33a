"""ResNeXt (arXiv 1611.05431) and SENet-154 (arXiv 1709.01507, appendix) as plain data: grouped bottleneck blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError
from .layers import Layer, SquareInput, strided
from .resnet import CHANNELS, EXPANSION, Bottlenecks

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class _Grouped(Bottlenecks, SquareInput):
    """Four stages of ResNet's channels: the blocks of each, and the groups of their 3 x 3 convolutions."""

    blocks: tuple[int, int, int, int]
    groups: int = 64

    def _rows(self) -> Iterable[tuple[int, int]]:
        return zip(CHANNELS, self.blocks, strict=True)


@dataclass(frozen=True)
class ResNeXt(_Grouped):
    """One ResNeXt: input px, classes, blocks of the four stages, groups, and channels of a group in the first stage."""

    family: ClassVar[str] = "resnext"

    width: int = 4

    def _stem(self) -> Iterator[Layer]:
        yield Layer(3, 64, 49, strided(self.px, 2))


@dataclass(frozen=True)
class SENet(_Grouped):
    """One SENet like SENet-154: input px, classes, blocks of the four stages, groups, and the ratio of its squeezes.

    The first 1 x 1 of a block has half of the channels of its 3 x 3; the stem and all strided shortcuts are 3 x 3.
    """

    family: ClassVar[str] = "senet"
    shortcut_kernel_elements: ClassVar[int] = 9

    reduction: int = 16

    def _stem(self) -> Iterator[Layer]:
        for in_channels, out_channels in ((3, 64), (64, 64), (64, 128)):
            yield Layer(in_channels, out_channels, 9, strided(self.px, 2))

    def _pooled(self) -> int:
        return strided(self.px, 2) // 2  # pooled without padding, the last window cut: an odd size is rounded down

    def _block(self, in_channels: int, channels: int, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        out_channels = EXPANSION * channels
        yield Layer(in_channels, 2 * channels, 1, size_in, repeats=repeats)
        yield Layer(2 * channels, out_channels, 9, size_out, groups=self.groups, repeats=repeats)
        yield Layer(out_channels, out_channels, 1, size_out, repeats=repeats)
        yield Layer(out_channels, out_channels // self.reduction, bias=True, norm=False, repeats=repeats)
        yield Layer(out_channels // self.reduction, out_channels, bias=True, norm=False, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm.

        Raises:
            ParameterError: `drop_path` is above 0, as timm drops no paths here.
        """
        from timm.models.senet import SEBottleneck
        from timm.models.senet import SENet as TimmSENet

        if drop_path:
            raise ParameterError("drop_path", drop_path, "0 for a SENet, as timm builds it")
        return TimmSENet(
            SEBottleneck,
            self.blocks,
            self.groups,
            self.reduction,
            drop_rate=dropout,
            inplanes=128,
            input_3x3=True,
            downsample_kernel_size=3,
            downsample_padding=1,
            num_classes=self.classes,
        )


# The px are those at which the paper's printed FLOPS come out: 32 and 42 billion.
RESNEXT101 = ResNeXt(320, 1000, (3, 4, 23, 3))
SENET154 = SENet(320, 1000, (3, 8, 36, 3))
