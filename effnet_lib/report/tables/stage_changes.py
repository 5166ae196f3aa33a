"""What depth and width do to a network, stage by stage: blocks, channels and parameters of the built modules."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from ...models.scaling import Scaling
from ...study.scalable import Scalable

if TYPE_CHECKING:
    from torch import nn

TWICE = 2.0
BULK = 0.3  # of all parameters: a list of modules that holds as much is shown by its own children
SCALINGS = {"": Scaling(), "depth x 2": Scaling(depth=TWICE), "width x 2": Scaling(width=TWICE)}


def stage_changes(network: Scalable) -> pd.DataFrame:
    """Return a row a stage of a network's baseline: blocks, channels and parameters, as it is, twice as deep and wide.

    Stages are the modules of the first level; a list that holds much of the network is shown by its own children.
    """
    models = {words: network.scaled(scaling).build() for words, scaling in SCALINGS.items()}
    opened = {name for model in models.values() for name, child in model.named_children() if _holds_much(child, model)}
    shown: dict[str, dict[str, list[str]]] = {}
    for words, model in models.items():
        for name, stage in _stages(model, opened):
            shown.setdefault(name, {})[words] = _measured(stage)
    rows = []
    for name, by in shown.items():
        row = {"stage": name}
        for words in SCALINGS:
            columns = (f"{what} {words}".strip() for what in ("blocks", "channels", "params"))
            row |= dict(zip(columns, by.get(words, ["-"] * 3), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def stage_table(model: "nn.Module") -> pd.DataFrame:
    """Return a row a stage of one network, as `stage_changes` finds them: blocks, channels and parameters."""
    opened = {name for name, child in model.named_children() if _holds_much(child, model)}
    rows = [(name, *_measured(stage)) for name, stage in _stages(model, opened)]
    return pd.DataFrame(rows, columns=["stage", "blocks", "channels", "parameters"])


def _holds_much(child: "nn.Module", model: "nn.Module") -> bool:
    from torch import nn

    listed = isinstance(child, (nn.Sequential, nn.ModuleList)) and any(map(_is_row, child.children()))
    return listed and _params(child) > BULK * _params(model)


def _stages(model: "nn.Module", opened: set[str]) -> Iterator[tuple[str, "nn.Module"]]:
    for name, child in model.named_children():
        parts = child.named_children() if name in opened else [("", child)]
        for part, stage in parts:
            if _params(stage):
                yield f"{name}.{part}".rstrip("."), stage


def _params(module: "nn.Module") -> int:
    return sum(values.numel() for values in module.parameters())


def _measured(stage: "nn.Module") -> list[str]:
    """Return how many blocks a stage has, the output channels of its last layer ("" for a norm), its parameters."""
    from torch import nn

    layers = [module for module in stage.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    last = layers[-1] if layers else None
    channels = "" if last is None else last.out_channels if isinstance(last, nn.Conv2d) else last.out_features
    inside = list(stage.children())
    lists = [child for child in inside if isinstance(child, (nn.Sequential, nn.ModuleList)) and list(child.children())]
    blocks = len(list(lists[-1].children())) if lists and not isinstance(stage, nn.Sequential) else len(inside)
    return [str(max(1, blocks) if _is_row(stage) else 1), str(channels), f"{_params(stage):,}"]


def _is_row(stage: "nn.Module") -> bool:
    """Say whether a module is a row of blocks, and no block or layer itself."""
    from torch import nn

    return isinstance(stage, (nn.Sequential, nn.ModuleList)) or type(stage).__name__.endswith("Stage")
