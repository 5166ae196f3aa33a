"""Table 1: the stages of any EfficientNet, generated from its architecture data, and B0's against the print."""

from dataclasses import replace

import pandas as pd

from ... import paper
from ...models.archs import efficientnet
from ...models.archs.efficientnet import EfficientNet
from ...models.archs.layers import strided
from ...models.complexity import count

PRINTED = ("operator", "expand_ratio", "kernel_size", "resolution", "channels", "layers")


def stages(arch: EfficientNet) -> pd.DataFrame:
    """Return a network's stages in the columns of Table 1, with their counts.

    Returns:
        A row a stage. resolution: height = width in pixels of the stage's *input*, as the paper has it; output: of its
        output. params: trained values. madds: multiply-adds for one image.
    """
    before, size = _body(replace(arch, stages=())), strided(arch.px, 2)
    stem = {"stage": 1, "operator": "Conv", "expand_ratio": None, "kernel_size": 3, "resolution": arch.px}
    stem |= {"channels": arch.stem, "layers": 1, "stride": 2, "output": size, "params": before[0], "madds": before[1]}
    rows = [stem]
    for number, stage in enumerate(arch.stages, 1):
        counts = _body(replace(arch, stages=arch.stages[:number]))
        params, madds = (now - past for now, past in zip(counts, before, strict=True))
        out = strided(size, stage.stride)
        row = {"stage": number + 1, "operator": "MBConv", "expand_ratio": stage.expand, "kernel_size": stage.kernel}
        row |= {"resolution": size, "channels": stage.channels, "layers": stage.repeats}
        rows.append(row | {"stride": stage.stride, "output": out, "params": params, "madds": madds})
        size, before = out, counts
    whole = count(arch)
    last = {"stage": len(rows) + 1, "operator": "Conv1x1+Pooling+FC", "expand_ratio": None, "kernel_size": 1}
    last |= {"resolution": size, "channels": arch.head, "layers": 1, "stride": 1, "output": 1}
    rows.append(last | {"params": whole.params - before[0], "madds": whole.madds - before[1]})
    return pd.DataFrame(rows).astype({"expand_ratio": "Int64"})


def _body(arch: EfficientNet) -> tuple[int, int]:
    """Return parameters and multiply-adds without the last two layers: 1 x 1 convolution and classifier."""
    layers = list(arch.layers())[:-2]
    return sum(layer.params for layer in layers), sum(layer.madds for layer in layers)


def against_print() -> pd.DataFrame:
    """Return every cell of Table 1 beside the same cell generated for B0.

    Returns:
        A row a cell: stage, column, printed, generated, agrees. A blank agrees with a blank.
    """
    printed, ours = paper.table(1).set_index("stage"), stages(efficientnet.published("b0")).set_index("stage")
    rows = []
    for stage in printed.index.union(ours.index):
        for column in PRINTED:
            cells = [
                "" if stage not in table.index or pd.isna(table.loc[stage, column]) else str(table.loc[stage, column])
                for table in (printed, ours)
            ]
            rows.append({"stage": stage, "column": column, "printed": cells[0], "generated": cells[1]})
    return pd.DataFrame(rows).assign(agrees=lambda frame: frame["printed"] == frame["generated"])
