"""ResNet with bottleneck blocks as plain data: table 1 of arXiv 1512.03385, scaled as in Table 3 of the paper."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ...core.errors import ParameterError, nearest
from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer, strided, within_stride

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A row of bottleneck blocks: channels of their 3 x 3 convolution, a quarter of what they put out; blocks."""

    channels: int
    repeats: int


STEM, CHANNELS = 64, (64, 128, 256, 512)
STRIDES = (1, 2, 2, 2)
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet152": (3, 8, 36, 3)}
EXPANSION = 4


class Bottlenecks:
    """Four stages of bottleneck blocks after a stem and a pooling: what ResNet, ResNeXt and SENet have in common.

    A stage's stride is in the 3 x 3 convolution of its first block, which has `groups` groups of `width` channels for
    every 64 of the stage. `_stem` yields the stem's layers, `_rows` the channels and blocks of each stage.
    """

    px: int
    classes: int
    groups: int = 1
    width: int = 64
    shortcut_kernel_elements: ClassVar[int] = 1  # where a stage strides
    strides: tuple[int, ...] = STRIDES

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self._pooled(), *self.strides)

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        stem = list(self._stem())
        yield from stem
        in_channels, size = stem[-1].out_channels, self._pooled()
        for (channels, repeats), own, stride in zip(self._rows(), STRIDES, self.strides, strict=True):
            out_channels, size_out = EXPANSION * channels, strided(size, stride)
            yield from self._block(in_channels, channels, size, size_out, 1)
            if own > 1 or in_channels != out_channels:  # also where the stride was left out
                kernel_elements = self.shortcut_kernel_elements if own > 1 else 1
                yield Layer(in_channels, out_channels, kernel_elements, size_out)
            if repeats > 1:
                yield from self._block(out_channels, channels, size_out, size_out, repeats - 1)
            in_channels, size = out_channels, size_out
        yield Layer(in_channels, self.classes, bias=True, norm=False)

    def _stem(self) -> Iterator[Layer]:
        raise NotImplementedError

    def _rows(self) -> Iterable[tuple[int, int]]:
        raise NotImplementedError

    def _pooled(self) -> int:
        return strided(self.px, 2, 2)

    def _block(self, in_channels: int, channels: int, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        mid = channels * self.width // 64 * self.groups
        yield Layer(in_channels, mid, 1, size_in, repeats=repeats)
        yield Layer(mid, mid, 9, size_out, groups=self.groups, repeats=repeats)
        yield Layer(mid, EXPANSION * channels, 1, size_out, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm.

        Args:
            drop_path: block i = 0, 1, ... of n is dropped at rate drop_path * i / (n - 1).
        """
        from timm.models.resnet import Bottleneck, ResNet

        channels, blocks = zip(*self._rows(), strict=True)
        return ResNet(
            Bottleneck,  # type: ignore[arg-type]  # timm means the class, and says an object of it
            blocks,
            num_classes=self.classes,
            channels=channels,
            cardinality=self.groups,
            base_width=self.width,
            drop_rate=dropout,
            drop_path_rate=drop_path,
            zero_init_last=False,  # the recipe's decision, and only where the skip is the identity
            **self._timm_stem(),
        )

    def _timm_stem(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        stages = [model.get_submodule(f"layer{number}").children() for number in (1, 2, 3, 4)]
        return [block.get_submodule("bn3") for stage in stages for block in stage if block.downsample is None]


@dataclass(frozen=True)
class ResNet(Bottlenecks):
    """One rounded network: input px, classes, channels and blocks; equal networks are equal objects.

    The stride in the 3 x 3 convolution ("v1.5") gives 4.1 billion multiply-adds as the paper prints, where the stride
    in the 1 x 1 before it gives 3.9.
    """

    family: ClassVar[str] = "resnet"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]
    strides: tuple[int, ...] = STRIDES

    @property
    def not_stored(self) -> tuple[str, ...]:
        """Fields that are no part of what a network with ResNet's own strides is: records from before know none."""
        return ("strides",) if self.strides == STRIDES else ()

    def at_stride(self, stride: int) -> Self:
        """Return the network without its last strides, as `timm_blocks.BlockRows.at_stride` does.

        Raises:
            ParameterError: a stride that is not 32, 16 or 8.
        """
        return replace(self, strides=within_stride(self.strides, stride, before=4))

    def _stem(self) -> Iterator[Layer]:
        yield Layer(3, self.stem, 49, strided(self.px, 2))

    def _rows(self) -> Iterable[tuple[int, int]]:
        return ((stage.channels, stage.repeats) for stage in self.stages)

    def _timm_stem(self) -> dict[str, Any]:
        # timm gives a plain stem 64 channels whatever the width, but a deep one 2 x stem_width: ask for that, and
        # `build` puts the plain convolution in its place. Stems are even, as channels are multiples of 4.
        return {"stem_type": "deep", "stem_width": self.stem // 2}

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / (n - 1)."""
        from torch import nn

        model = super().build(dropout, drop_path)
        model.conv1 = nn.Conv2d(3, self.stem, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        # timm knows its own strides alone (for fewer it dilates): a stage's is in the first block, of both branches.
        for number, stride in enumerate(self.strides, 1):
            for conv in model.get_submodule(f"layer{number}.0").modules():
                if isinstance(conv, nn.Conv2d) and conv.stride != (1, 1):
                    conv.stride = (stride, stride)
        return model


def scale(
    scaling: Scaling,
    base_image_size: int = 224,
    classes: int = 1000,
    rule: RoundingRule = REFERENCE,
    name: str = "resnet50",
) -> ResNet:
    """Scale ResNet-50 by depth, width and resolution multipliers; coefficients round once.

    The channels of the 3 x 3 convolutions are rounded, a block puts out four times as many.

    Args:
        base_image_size: input height = width in pixels at r = 1.
        name: "resnet50" or "resnet152".

    Raises:
        ParameterError: an unknown name, or a scaled input under 32 px.
    """
    if name not in BLOCKS:
        raise ParameterError("name", name, nearest(str(name), BLOCKS))
    image_size = rule.image_size(base_image_size, scaling.resolution)
    stages = rule.stages(map(Stage, CHANNELS, BLOCKS[name]), scaling)
    return ResNet(image_size, classes, rule.end(STEM, scaling.width), stages)
