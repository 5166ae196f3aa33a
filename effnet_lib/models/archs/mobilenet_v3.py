"""MobileNetV3 (large) as plain data: table 1 of arXiv 1905.02244, built as timm's mobilenetv3_large_100."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer, strided
from .timm_blocks import PAD_TYPES, BlockRows

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A row of inverted bottlenecks.

    Args:
        kernel, stride: of the depthwise convolutions; stride of the first.
        channels, repeats: output channels, and blocks.
        expansions: of the first blocks; the last one holds for all that follow.
        squeeze: "quarter", a squeeze-excitation of that share of the expanded channels, or "none".
        activation: "relu" or "hard_swish".
    """

    kernel: int
    stride: int
    channels: int
    repeats: int
    expansions: tuple[float, ...]
    squeeze: str
    activation: str

    def expansion(self, block: int) -> float:
        """Return the expansion of block 0, 1, ..."""
        return self.expansions[min(block, len(self.expansions) - 1)]


TABLE1 = (
    Stage(3, 1, 16, 1, (1.0,), "none", "relu"),
    Stage(3, 2, 24, 2, (4.0, 3.0), "none", "relu"),
    Stage(5, 2, 40, 3, (3.0,), "quarter", "relu"),
    Stage(3, 2, 80, 4, (6.0, 2.5, 2.3), "none", "hard_swish"),
    Stage(3, 1, 112, 2, (6.0,), "quarter", "hard_swish"),
    Stage(5, 2, 160, 3, (6.0,), "quarter", "hard_swish"),
)
STEM, LAST, HEAD = 16, 960, 1280


def stage(**row: Any) -> Stage:
    """Return a stage from JSON, where tuples are lists."""
    return Stage(**row | {"expansions": tuple(row["expansions"])})


def _divisible(channels: float) -> int:
    """Round channels inside a block as timm does, to multiples of 8: of the product as it stands, not to 9 digits."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
class MobileNetV3(BlockRows):
    """One rounded network: `last` channels of the final map, `head` of the layer between pooling and classifier."""

    family: ClassVar[str] = "mobilenet_v3"
    activation: ClassVar[str] = "Hardswish"

    last: int
    head: int

    def stage_layers(self, in_channels: int, stage: Stage, size: int) -> Iterator[Layer]:
        """Yield the layers of one stage, whose blocks differ in their expansion."""
        for block in range(stage.repeats):
            size_out = strided(size, stage.stride) if block == 0 else size
            yield from self._inverted(in_channels, stage, block, size, size_out)
            in_channels, size = stage.channels, size_out

    @staticmethod
    def _inverted(in_channels: int, stage: Stage, block: int, size_in: int, size_out: int) -> Iterator[Layer]:
        mid = in_channels
        if stage.expansion(block) != 1:
            mid = _divisible(in_channels * stage.expansion(block))
            yield Layer(in_channels, mid, 1, size_in)
        yield Layer(mid, mid, stage.kernel**2, size_out, groups=mid)
        if stage.squeeze != "none":
            yield Layer(mid, _divisible(mid / 4), bias=True, norm=False)
            yield Layer(_divisible(mid / 4), mid, bias=True, norm=False)
        yield Layer(mid, stage.channels, 1, size_out)

    def _classifier(self, in_channels: int, size: int) -> Iterator[Layer]:
        yield Layer(in_channels, self.last, 1, size)
        yield Layer(self.last, self.head, bias=True, norm=False)
        yield from super()._classifier(self.head, size)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm; block i = 0, 1, ... of n is dropped at rate drop_path * i / n."""
        from functools import partial

        from timm.layers import make_divisible
        from timm.models._efficientnet_blocks import SqueezeExcite
        from timm.models._efficientnet_builder import decode_arch_def
        from timm.models.mobilenetv3 import MobileNetV3 as Network
        from torch import nn

        return Network(
            decode_arch_def([*self._rows(), [f"cn_r1_k1_s1_c{self.last}"]]),
            num_classes=self.classes,
            num_features=self.head,
            stem_size=self.stem,
            fix_stem=True,
            pad_type=PAD_TYPES[self.padding],
            act_layer=nn.Hardswish,
            se_layer=partial(
                SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=nn.ReLU, rd_round_fn=make_divisible
            ),
            round_chs_fn=lambda channels, *_: channels,
            drop_rate=dropout,
            drop_path_rate=drop_path,
        )

    def _rows(self) -> list[list[str]]:
        """Return timm's strings of each stage, one a block."""
        return [[self._row(stage, block) for block in range(stage.repeats)] for stage in self.stages]

    @staticmethod
    def _row(stage: Stage, block: int) -> str:
        expansion = stage.expansion(block)
        kind, stride = "ds" if expansion == 1 else "ir", stage.stride if block == 0 else 1
        squeeze = "_se0.25" if stage.squeeze != "none" else ""
        relu = "_nre" if stage.activation == "relu" else ""
        return f"{kind}_r1_k{stage.kernel}_s{stride}_e{expansion:g}_c{stage.channels}{squeeze}{relu}"

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        stages = model.get_submodule("blocks").children()
        blocks = [block for stage in stages for block in stage.children() if getattr(block, "has_skip", False)]
        return [block.get_submodule("bn3" if hasattr(block, "bn3") else "bn2") for block in blocks]


def scale(
    scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE
) -> MobileNetV3:
    """Scale MobileNetV3 by depth, width and resolution multipliers; coefficients round once.

    As in `mobilenet_v2.scale`, stem and head follow the width in both directions.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    stem, head = (rule.end(channels, scaling.width) for channels in (STEM, HEAD))
    image_size, last = rule.image_size(base_image_size, scaling.resolution), rule.channels(LAST, scaling.width)
    return MobileNetV3(image_size, classes, stem, rule.stages(TABLE1, scaling), last, head)
