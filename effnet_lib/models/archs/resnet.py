"""ResNet with bottleneck blocks as plain data: table 1 of arXiv 1512.03385, scaled as in Table 3 of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ParameterError, nearest
from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer, strided

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


@dataclass(frozen=True)
class ResNet:
    """One rounded network of four stages: input px, classes, channels and blocks; equal networks are equal objects.

    A stage's stride is in the 3 x 3 convolution of its first block ("v1.5"): 4.1 billion multiply-adds as the paper
    prints, where the stride in the 1 x 1 before it gives 3.9.
    """

    family: ClassVar[str] = "resnet"

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self.px, 2, 2, *STRIDES)

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        yield Layer(3, self.stem, 49, strided(self.px, 2))
        inp, px = self.stem, strided(self.px, 2, 2)
        for stage, stride in zip(self.stages, STRIDES, strict=True):
            out, first = EXPANSION * stage.channels, strided(px, stride)
            yield from _bottleneck(inp, stage.channels, px, first, 1)
            if stride > 1 or inp != out:
                yield Layer(inp, out, 1, first)
            if stage.repeats > 1:
                yield from _bottleneck(out, stage.channels, first, first, stage.repeats - 1)
            inp, px = out, first
        yield Layer(inp, self.classes, bias=True, norm=False)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / (n - 1)."""
        from timm.models.resnet import Bottleneck
        from timm.models.resnet import ResNet as TimmResNet
        from torch import nn

        # timm gives a plain stem 64 channels whatever the width, but a deep one 2 x stem_width: ask for that, then put
        # the plain convolution in its place. Stems are even, as channels are multiples of 4.
        model = TimmResNet(
            Bottleneck,
            tuple(stage.repeats for stage in self.stages),
            num_classes=self.classes,
            stem_type="deep",
            stem_width=self.stem // 2,
            channels=tuple(stage.channels for stage in self.stages),
            drop_rate=dropout,
            drop_path_rate=drop_path,
            zero_init_last=False,  # the recipe's decision, and only where the skip is the identity
        )
        model.conv1 = nn.Conv2d(3, self.stem, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        return model

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        stages = (model.layer1, model.layer2, model.layer3, model.layer4)
        return [block.bn3 for stage in stages for block in stage if block.downsample is None]


def _bottleneck(inp: int, mid: int, px_in: int, px_out: int, repeats: int) -> Iterator[Layer]:
    yield Layer(inp, mid, 1, px_in, repeats=repeats)
    yield Layer(mid, mid, 9, px_out, repeats=repeats)
    yield Layer(mid, EXPANSION * mid, 1, px_out, repeats=repeats)


def scale(
    scaling: Scaling,
    base_px: int = 224,
    classes: int = 1000,
    rule: RoundingRule = REFERENCE,
    name: str = "resnet50",
) -> ResNet:
    """Scale ResNet-50 (or the `name` of another) by depth, width and resolution multipliers; coefficients round once.

    `base_px` is the input size at r = 1. The channels of the 3 x 3 convolutions are rounded, a block puts out four
    times as many. Raises ParameterError for an input under 32 px and for an unknown name.
    """
    if name not in BLOCKS:
        raise ParameterError("name", name, nearest(str(name), BLOCKS))
    return ResNet(
        px=rule.px(base_px, scaling.resolution),
        classes=classes,
        stem=rule.end(STEM, scaling.width),
        stages=tuple(
            Stage(rule.channels(channels, scaling.width), rule.repeats(repeats, scaling.depth))
            for channels, repeats in zip(CHANNELS, BLOCKS[name], strict=True)
        ),
    )
