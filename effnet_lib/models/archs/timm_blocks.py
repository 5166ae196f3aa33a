"""Networks that timm builds from one string a stage: what the EfficientNets and MobileNets have in common."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .layers import Layer, strided, within_stride

if TYPE_CHECKING:
    from torch import nn

PAD_TYPES = {"symmetric": "", "same": "same"}  # ours to timm's


@dataclass(frozen=True)
class Stage:
    """A row of inverted bottlenecks: expansion ratio, depthwise kernel, first stride, channels, blocks."""

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


@dataclass(frozen=True)
class BlockRows:
    """A rounded network of a stem of stride 2, a row of blocks for each stage, and a classifier.

    Equal networks are equal objects. `_block` yields the layers of one block, `timm_rows` timm's string of each stage;
    `activation` is the name of a class of torch.nn, `padding` a key of `PAD_TYPES`.
    """

    activation: ClassVar[str] = "ReLU6"
    padding = "symmetric"  # not annotated: a field of EfficientNet, after its other fields

    px: int
    classes: int
    stem: int
    stages: tuple[Any, ...]

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self.px, 2, *(stage.stride for stage in self.stages))

    def at_stride(self, stride: int) -> Self:
        """Return the network without its last strides, so that the last map's stride is at most `stride`.

        A network of its own, to be trained: its blocks read other neighbours.

        Args:
            stride: 32 (the same network), 16 or 8.

        Raises:
            ParameterError: any other stride.
        """
        kept = within_stride((stage.stride for stage in self.stages), stride)
        stages = zip(self.stages, kept, strict=True)
        return replace(self, stages=tuple(replace(stage, stride=stride) for stage, stride in stages))

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        size = strided(self.px, 2)
        yield Layer(3, self.stem, 9, size)
        in_channels = self.stem
        for stage in self.stages:
            yield from self.stage_layers(in_channels, stage, size)
            in_channels, size = stage.channels, strided(size, stage.stride)
        yield from self._classifier(in_channels, size)

    def stage_layers(self, in_channels: int, stage: Any, size: int) -> Iterator[Layer]:
        """Yield the layers of one stage that reads `in_channels` channels of `size` px."""
        size_out = strided(size, stage.stride)
        yield from self._block(in_channels, stage, size, size_out, 1)
        if stage.repeats > 1:
            yield from self._block(stage.channels, stage, size_out, size_out, stage.repeats - 1)

    def _block(self, in_channels: int, stage: Any, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        raise NotImplementedError

    def _classifier(self, in_channels: int, size: int) -> Iterator[Layer]:
        yield Layer(in_channels, self.classes, bias=True, norm=False)

    def timm_rows(self) -> list[str]:
        """Return timm's block string of each stage."""
        raise NotImplementedError

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm, with the channels exactly as they stand here.

        Args:
            drop_path: block i = 0, 1, ... of n is dropped at rate drop_path * i / n, where it has a skip.
        """
        from timm.models.efficientnet import EfficientNet

        given = self.timm_arguments()
        return EfficientNet(**given, num_classes=self.classes, drop_rate=dropout, drop_path_rate=drop_path)

    def timm_arguments(self) -> dict[str, Any]:
        """Return what timm's EfficientNet takes for this network, but for its classes and rates."""
        from timm.models._efficientnet_builder import decode_arch_def
        from torch import nn

        return {
            "block_args": decode_arch_def([[row] for row in self.timm_rows()]),
            "num_features": 0,
            "stem_size": self.stem,
            "fix_stem": True,
            "pad_type": PAD_TYPES[self.padding],
            "act_layer": getattr(nn, self.activation),
            "round_chs_fn": lambda channels, *_: channels,
        }

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        stages = model.get_submodule("blocks").children()
        blocks = [block for stage in stages for block in stage.children() if block.has_skip]
        return [block.get_submodule("bn3" if hasattr(block, "bn3") else "bn2") for block in blocks]


@dataclass(frozen=True)
class InvertedBottlenecks(BlockRows):
    """Rows of inverted bottlenecks and a 1 x 1 convolution ("head") before the classifier.

    `se_ratio` is a block's squeeze-excitation as a share of its input channels, 0 for none.
    """

    se_ratio: ClassVar[float] = 0.0

    head: int

    def squeezed(self, in_channels: int) -> int:
        """Return the channels inside a squeeze-excitation: of the block's input, not of the expanded channels."""
        return max(1, int(in_channels * self.se_ratio))

    def _block(self, in_channels: int, stage: Stage, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        mid = in_channels * stage.expand
        if stage.expand > 1:
            yield Layer(in_channels, mid, 1, size_in, repeats=repeats)
        yield Layer(mid, mid, stage.kernel**2, size_out, groups=mid, repeats=repeats)
        if self.se_ratio:
            yield Layer(mid, self.squeezed(in_channels), bias=True, norm=False, repeats=repeats)
            yield Layer(self.squeezed(in_channels), mid, bias=True, norm=False, repeats=repeats)
        yield Layer(mid, stage.channels, 1, size_out, repeats=repeats)

    def _classifier(self, in_channels: int, size: int) -> Iterator[Layer]:
        yield Layer(in_channels, self.head, 1, size)
        yield from super()._classifier(self.head, size)

    def timm_arguments(self) -> dict[str, Any]:
        """Return what timm's EfficientNet takes for this network, but for its classes and rates."""
        return super().timm_arguments() | {"num_features": self.head}

    def timm_rows(self) -> list[str]:
        """Return timm's block string of each stage."""
        squeeze = f"_se{self.se_ratio}" if self.se_ratio else ""
        kinds = [("ds" if stage.expand == 1 else "ir", stage) for stage in self.stages]
        return [f"{kind}_r{s.repeats}_k{s.kernel}_s{s.stride}_e{s.expand}_c{s.channels}{squeeze}" for kind, s in kinds]
