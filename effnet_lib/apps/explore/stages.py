"""The stage table of a network: of a built-in family as Table 1 of the paper has it, of a user's by its modules."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ...models.archs import Architecture
from ...models.archs.convnext import KERNEL, PATCH, ConvNeXt
from ...models.archs.layers import strided
from ...models.archs.mobilenet_v3 import MobileNetV3
from ...models.archs.regnet import GROUP, RegNet
from ...models.archs.resnet import EXPANSION, ResNet
from ...models.archs.timm_blocks import BlockRows
from ...models.archs.user_network import UserNetwork
from ...models.user_module import maker, shapes
from ...report.tables.stage_changes import stage_table

Row = tuple[str, int, int, int]  # operator, input px, output channels, layers


def stages(arch: Architecture) -> pd.DataFrame:
    """Return the stages: operator, input px, output channels, layers; a user's by module: blocks, channels, parameters.

    Raises:
        ParameterError: a user's function fails.
    """
    if isinstance(arch, UserNetwork):
        table = stage_table(shapes(maker(arch.where), arch.depth, arch.width, arch.classes))
        return table.set_index("stage")
    table = pd.DataFrame(list(_rows(arch)), columns=["operator", "input px", "channels", "layers"])
    table.index = pd.RangeIndex(1, len(table) + 1, name="stage")
    return table


def _rows(arch: Architecture) -> Iterator[Row]:
    assert isinstance(arch, BlockRows | ResNet | RegNet | ConvNeXt)  # the families of this page
    if isinstance(arch, ConvNeXt):
        yield "patches of 4×4", arch.px, arch.stages[0].channels, 1
        px = arch.px // PATCH
    elif isinstance(arch, ResNet):
        yield "Conv 7×7, max pooling", arch.px, arch.stem, 1
        px = strided(arch.px, 2, 2)
    else:
        yield "Conv 3×3", arch.px, arch.stem, 1
        px = strided(arch.px, 2)
    listed: tuple[Any, ...] = arch.stages
    for number, stage in enumerate(listed):
        operator, channels, stride = _stage(arch, stage, number)
        yield operator, px, channels, stage.repeats
        px = px // stride if isinstance(arch, ConvNeXt) else strided(px, stride)
    yield *_head(arch, px), 1


def _stage(arch: Architecture, stage: Any, number: int) -> tuple[str, int, int]:
    """Return a stage's operator, output channels and stride."""
    if isinstance(arch, ResNet):
        return "bottleneck, 3×3", EXPANSION * stage.channels, arch.strides[number]
    if isinstance(arch, RegNet):
        return f"bottleneck, 3×3 in groups of {GROUP}", stage.channels, 2
    if isinstance(arch, ConvNeXt):
        return f"ConvNeXt block, {KERNEL}×{KERNEL}", stage.channels, 2 if number else 1
    kernel = f"{getattr(stage, 'kernel', 3)}×{getattr(stage, 'kernel', 3)}"
    if isinstance(arch, MobileNetV3):
        expansions = "/".join(f"{expansion:g}" for expansion in stage.expansions[: stage.repeats])
        return f"MBConv{expansions}, {kernel}", stage.channels, stage.stride
    kind = f"MBConv{stage.expand}" if hasattr(stage, "expand") else "separable"
    return f"{kind}, {kernel}", stage.channels, stage.stride


def _head(arch: Architecture, px: int) -> tuple[str, int, int]:
    """Return the operator, input px and channels of what follows the stages."""
    if isinstance(arch, MobileNetV3):
        return f"Conv 1×1 to {arch.last}, pooling, FC, FC", px, arch.head
    head = getattr(arch, "head", 0)
    return "Conv 1×1, pooling, FC" if head else "pooling, FC", px, head or arch.classes
