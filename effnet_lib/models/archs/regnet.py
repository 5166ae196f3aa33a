"""RegNetX as plain data: section 4 of arXiv 2003.13678, scaled stage by stage as the other families are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..scaling import REFERENCE, RoundingRule, Scaling
from .layers import Layer, strided

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A row of bottleneck blocks with grouped convolutions: channels, blocks; the first block strides by 2."""

    channels: int
    repeats: int


# RegNetX-200MF: what the quantised linear widths of (24, 36.44, 2.49, depth 13) come to.
TABLE = (Stage(24, 1), Stage(56, 1), Stage(152, 4), Stage(368, 7))
STEM, GROUP = 32, 8


@dataclass(frozen=True)
class RegNet:
    """One rounded network, as timm's regnetx_002: bottleneck ratio 1, groups of 8 channels, ReLU.

    `channel_step`: channels are multiples of a group's.
    """

    family: ClassVar[str] = "regnet"
    channel_step: ClassVar[int] = GROUP

    px: int
    classes: int
    stem: int
    stages: tuple[Stage, ...]

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self.px, 2, *(2 for _ in self.stages))

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        size = strided(self.px, 2)
        yield Layer(3, self.stem, 9, size)
        in_channels = self.stem
        for stage in self.stages:
            channels, size_out = stage.channels, strided(size, 2)
            yield from self._block(in_channels, channels, size, size_out, 1)
            yield Layer(in_channels, channels, 1, size_out)
            if stage.repeats > 1:
                yield from self._block(channels, channels, size_out, size_out, stage.repeats - 1)
            in_channels, size = channels, size_out
        yield Layer(in_channels, self.classes, bias=True, norm=False)

    @staticmethod
    def _block(in_channels: int, channels: int, size_in: int, size_out: int, repeats: int) -> Iterator[Layer]:
        yield Layer(in_channels, channels, 1, size_in, repeats=repeats)
        yield Layer(channels, channels, 9, size_out, groups=channels // GROUP, repeats=repeats)
        yield Layer(channels, channels, 1, size_out, repeats=repeats)

    def build(self, dropout: float = 0.0, drop_path: float = 0.0) -> "nn.Module":
        """Build the network through timm, with the stages exactly as they stand here."""
        from timm.layers import calculate_drop_path_rates
        from timm.models.regnet import RegNet as Network
        from timm.models.regnet import RegNetCfg

        stages = self.stages

        class Staged(Network):
            def _get_stage_args(
                self, cfg: Any, default_stride: int = 2, output_stride: int = 32, drop_path_rate: float = 0.0
            ) -> tuple[list[dict], dict]:
                depths = [stage.repeats for stage in stages]
                rates = calculate_drop_path_rates(drop_path_rate, depths, stagewise=True)
                each = [
                    {
                        "out_chs": s.channels,
                        "stride": default_stride,
                        "dilation": 1,
                        "depth": s.repeats,
                        "bottle_ratio": 1.0,
                    }
                    | {"group_size": GROUP, "drop_path_rates": rate}
                    for s, rate in zip(stages, rates, strict=True)
                ]
                names = ("downsample", "se_ratio", "linear_out", "act_layer", "norm_layer")
                return each, {name: getattr(cfg, name) for name in names}

        config = RegNetCfg(group_size=GROUP, stem_width=self.stem)
        rates: dict[str, Any] = {"drop_rate": dropout, "drop_path_rate": drop_path, "zero_init_last": False}
        return Staged(config, num_classes=self.classes, **rates)

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block whose skip is the identity (to start at gamma = 0)."""
        from torch import nn

        blocks = [block for number in (1, 2, 3, 4) for block in model.get_submodule(f"s{number}").children()]
        identities = (block for block in blocks if isinstance(block.get_submodule("downsample"), nn.Identity))
        return [block.get_submodule("conv3.bn") for block in identities]


def scale(scaling: Scaling, base_image_size: int = 224, classes: int = 1000, rule: RoundingRule = REFERENCE) -> RegNet:
    """Scale RegNetX-200MF by depth, width and resolution multipliers; coefficients round once.

    Args:
        base_image_size: input height = width in pixels at r = 1.

    Raises:
        ParameterError: the scaled input is under 32 px.
    """
    image_size = rule.image_size(base_image_size, scaling.resolution)
    return RegNet(image_size, classes, rule.end(STEM, scaling.width), rule.stages(TABLE, scaling))
