"""Networks that timm builds from one string a stage: the EfficientNets and MobileNets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .layers import Layer, strided

if TYPE_CHECKING:
    from torch import nn

PAD_TYPES = {"symmetric": "", "same": "same"}  # ours to timm's


def build(
    rows: list[str],
    stem: int,
    head: int,
    classes: int,
    act: "type[nn.Module]",
    dropout: float,
    drop_path: float,
    pad_type: str = "",
) -> "nn.Module":
    """Build a stem, a stage for each of timm's block strings and a classifier, with the channels exactly as given.

    `head`: channels of the 1 x 1 convolution before the classifier, 0 for none. Block i = 0, 1, ... of n is dropped
    at rate drop_path * i / n, where it has a skip.
    """
    from timm.models.efficientnet import EfficientNet

    return EfficientNet(
        **timm_arguments(rows, stem, head, act, pad_type),
        num_classes=classes,
        drop_rate=dropout,
        drop_path_rate=drop_path,
    )


def timm_arguments(rows: list[str], stem: int, head: int, act: "type[nn.Module]", pad_type: str) -> dict[str, Any]:
    """Return what timm's EfficientNet takes for a network of these rows, whatever stands before and after them."""
    from timm.models._efficientnet_builder import decode_arch_def

    return {
        "block_args": decode_arch_def([[row] for row in rows]),
        "num_features": head,
        "stem_size": stem,
        "fix_stem": True,
        "pad_type": pad_type,
        "act_layer": act,
        "round_chs_fn": lambda channels, *_: channels,
    }


class InRows:
    """A stem of stride 2 and a row of blocks for each stage: what the dataclasses of these networks have in common."""

    @property
    def final_px(self) -> int:
        """Height = width of the last feature map."""
        return strided(self.px, 2, *(stage.stride for stage in self.stages))

    @staticmethod
    def residual_norms(model: "nn.Module") -> list["nn.Module"]:
        """Return the last batch norm of each block that has an identity skip (to start at gamma = 0)."""
        blocks = [block for stage in model.blocks for block in stage if block.has_skip]
        return [block.bn3 if hasattr(block, "bn3") else block.bn2 for block in blocks]


class Inverted(InRows):
    """Rows of inverted bottlenecks and a 1 x 1 head before the classifier; `_block` yields a block's layers."""

    def layers(self) -> Iterator[Layer]:
        """Yield every convolution and linear layer, identical blocks once with their count."""
        px = strided(self.px, 2)
        yield Layer(3, self.stem, 9, px)
        inp = self.stem
        for stage in self.stages:
            first = strided(px, stage.stride)
            yield from self._block(inp, stage, px, first, 1)
            if stage.repeats > 1:
                yield from self._block(stage.channels, stage, first, first, stage.repeats - 1)
            inp, px = stage.channels, first
        yield Layer(inp, self.head, 1, px)
        yield Layer(self.head, self.classes, bias=True, norm=False)
