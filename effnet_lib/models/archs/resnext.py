"""ResNeXt (arXiv 1611.05431) and SENet-154 (arXiv 1709.01507, appendix) as plain data: grouped bottleneck blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError
from ..scaling import MIN_PX
from .layers import Layer, strided
from .resnet import CHANNELS, EXPANSION, STRIDES

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class _Grouped:
    """Four stages of bottleneck blocks whose 3 x 3 convolution has `groups` groups; a stage's stride is in it."""

    px: int
    classes: int
    blocks: tuple[int, int, int, int]
    groups: int = 64

    def __post_init__(self):
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if self.px < MIN_PX:
            raise ParameterError("px", self.px, f"an input of >= {MIN_PX} px")

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self._pooled(), *STRIDES)

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        stem = list(self._stem())
        yield from stem
        inp, px = stem[-1].out, self._pooled()
        for i, (channels, repeats) in enumerate(zip(CHANNELS, self.blocks, strict=True)):
            out, first = EXPANSION * channels, strided(px, STRIDES[i])
            yield from self._block(inp, channels, px, first, 1)
            yield Layer(inp, out, self._shortcut if i else 1, first)
            if repeats > 1:
                yield from self._block(out, channels, first, first, repeats - 1)
            inp, px = out, first
        yield Layer(inp, self.classes, bias=True, norm=False)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        stages = (model.layer1, model.layer2, model.layer3, model.layer4)
        return [block.bn3 for stage in stages for block in stage if block.downsample is None]


@dataclass(frozen=True)
class ResNeXt(_Grouped):
    """One ResNeXt: input px, classes, blocks of the four stages, groups, and channels of a group in the first stage."""

    family: ClassVar[str] = "resnext"
    _shortcut: ClassVar[int] = 1

    width: int = 4

    def _stem(self) -> Iterator[Layer]:
        yield Layer(3, 64, 49, strided(self.px, 2))

    def _pooled(self) -> int:
        return strided(self.px, 2, 2)

    def _block(self, inp: int, channels: int, px_in: int, px_out: int, repeats: int) -> Iterator[Layer]:
        mid = channels * self.width // 64 * self.groups
        yield Layer(inp, mid, 1, px_in, repeats=repeats)
        yield Layer(mid, mid, 9, px_out, groups=self.groups, repeats=repeats)
        yield Layer(mid, EXPANSION * channels, 1, px_out, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / (n - 1)."""
        from timm.models.resnet import Bottleneck, ResNet

        return ResNet(
            Bottleneck,
            self.blocks,
            num_classes=self.classes,
            cardinality=self.groups,
            base_width=self.width,
            drop_rate=dropout,
            drop_path_rate=drop_path,
            zero_init_last=False,  # the recipe's decision, and only where the skip is the identity
        )


@dataclass(frozen=True)
class SENet(_Grouped):
    """One SENet like SENet-154: input px, classes, blocks of the four stages, groups, and the ratio of its squeezes.

    The first 1 x 1 of a block has half of the channels of its 3 x 3; the stem and all strided shortcuts are 3 x 3.
    """

    family: ClassVar[str] = "senet"
    _shortcut: ClassVar[int] = 9

    reduction: int = 16

    def _stem(self) -> Iterator[Layer]:
        for inp, out in ((3, 64), (64, 64), (64, 128)):
            yield Layer(inp, out, 9, strided(self.px, 2))

    def _pooled(self) -> int:
        return strided(self.px, 2) // 2  # pooled without padding, the last window cut: an odd size is rounded down

    def _block(self, inp: int, channels: int, px_in: int, px_out: int, repeats: int) -> Iterator[Layer]:
        out = EXPANSION * channels
        yield Layer(inp, 2 * channels, 1, px_in, repeats=repeats)
        yield Layer(2 * channels, out, 9, px_out, groups=self.groups, repeats=repeats)
        yield Layer(out, out, 1, px_out, repeats=repeats)
        yield Layer(out, out // self.reduction, bias=True, norm=False, repeats=repeats)
        yield Layer(out // self.reduction, out, bias=True, norm=False, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm, which drops no paths here: `drop_path` above 0 raises ParameterError."""
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
