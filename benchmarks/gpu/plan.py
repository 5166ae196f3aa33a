"""What is measured, in order of value: every row of the table, and each part's share of the time."""

from dataclasses import dataclass
from typing import NamedTuple


class Promise(NamedTuple):
    """What a row measures, and the bar that it is judged by ("" for none)."""

    what: str
    bar: str = ""


@dataclass(frozen=True)
class Part:
    """Rows that one process measures: the function `module`.`function`, and its weight in sharing the time left."""

    name: str
    module: str
    share: float
    rows: dict[str, Promise]
    function: str = "run"


PARTS = (
    Part(
        "step",
        "steps",
        220,
        {
            "ours eager": Promise("1 B0, 224 px, a training step: ours, eager"),
            "ours graph": Promise("1 ours, graph"),
            "ours compile": Promise("1 ours, compile"),
            "timm": Promise("1 timm's"),
            "timm compile": Promise("1 timm's, torch.compile"),
            "ratio": Promise("1 the best of ours against the best of timm's", "at least 1.0 x"),
        },
    ),
    Part(
        "figure",
        "figure",
        95,
        {
            "decoding": Promise("3 decoding every resolution of Figure 3 once"),
            "all": Promise("3 all 17 runs of Figure 3, one seed", "at most 480 s"),
        },
    ),
    Part(
        "run",
        "whole",
        65,
        {
            "ours": Promise("2 a whole run at 64 px: ours"),
            "timm": Promise("2 in the way of timm's train.py"),
            "ratio": Promise("2 ours against timm's in these few epochs"),
            "recipe": Promise("2 the same for the recipe's epochs, extrapolated", "at least 4 x"),
        },
    ),
    Part(
        "roofline",
        "roofline",
        30,
        {
            "bandwidth": Promise("4 a large copy, read and written"),
            "b0": Promise("4 B0 at 224 px: share of the memory roofline"),
            "b0 time": Promise("4 where its time goes"),
            "baseline": Promise("4 the 64 px baseline: share of the memory roofline"),
            "baseline time": Promise("4 where its time goes"),
        },
    ),
    Part(
        "memory",
        "peak",
        30,
        {
            "b0 bf16": Promise("5 peak memory, B0 at 224 px, 256 in bf16", "within 20 %"),
            "b0 fp32": Promise("5 peak memory, B0 at 224 px, 128 in fp32", "within 20 %"),
            "b4 bf16": Promise("5 peak memory, B4 at 380 px, 64 in bf16, RMSProp, averaged", "within 20 %"),
            "wide bf16": Promise("5 peak memory, w=5 at 64 px, 512 in bf16", "within 20 %"),
        },
    ),
    Part(
        "together",
        "together",
        30,
        {
            "1": Promise("6 the 64 px baseline, 1 process"),
            "2": Promise("6 2 processes on one GPU"),
            "4": Promise("6 4 processes on one GPU"),
        },
    ),
    Part(
        "kinds",
        "kinds",
        60,
        {
            "graph": Promise("3 three of the 17 runs, graph"),
            "eager": Promise("3 the same, eager"),
            "compile": Promise("3 the same, compile"),
        },
    ),
    Part(
        "cudnn",
        "kinds",
        25,
        {"graph": Promise("3 the same, graph, cudnn.benchmark on")},
        function="with_chosen_algorithms",
    ),
)
