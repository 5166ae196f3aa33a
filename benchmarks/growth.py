"""Print how training time grows with a network's FLOPS along width, depth and resolution, from published records.

    .venv/bin/python benchmarks/growth.py

Of the runs of one data set, recipe and device: the slope of log seconds over log multiply-adds, between a baseline and
the networks that differ from it in one dimension alone. 1.0: time grows as FLOPS do.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from effnet_lib.core.paths import published_root
from effnet_lib.models.archs import from_data
from effnet_lib.models.archs.efficientnet import EfficientNet

LEAST = 3  # networks beside the baseline


def runs() -> Iterator[tuple[tuple[Any, ...], EfficientNet, float, float]]:
    """Yield group, network, multiply-adds and seconds of every published training of an EfficientNet."""
    for path in sorted((published_root() / "records").glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        spec = body.get("spec", {})
        if "recipe" not in spec or spec["arch"]["family"] != "efficientnet":
            continue
        recipe, result = spec["recipe"], body["result"]
        group = (spec["data"], recipe["epochs"], recipe["batch"], body["provenance"]["device"])
        yield group, from_data(spec["arch"]), result["madds"], result["train_seconds"]


def dimension(base: EfficientNet, other: EfficientNet) -> str:
    """Return the one dimension in which two networks differ; empty where it is none, or more."""
    differ = {
        "w": [stage.channels for stage in base.stages] != [stage.channels for stage in other.stages],
        "d": [stage.repeats for stage in base.stages] != [stage.repeats for stage in other.stages],
        "r": base.px != other.px,
    }
    return "".join(name for name, is_so in differ.items() if is_so)


def main() -> None:
    """Print one line a group and dimension."""
    grouped: dict[tuple[Any, ...], dict[EfficientNet, list[tuple[float, float]]]] = defaultdict(dict)
    for group, arch, madds, seconds in runs():
        grouped[group].setdefault(arch, []).append((madds, seconds))
    print(f"{'data, epochs, batch, device':64} along  slope  networks  seconds of the baseline")
    for group, archs in grouped.items():
        mean = {arch: np.log(np.mean(values, axis=0)) for arch, values in archs.items()}
        near = {arch: [dimension(arch, other) for other in archs] for arch in archs}
        able = [arch for arch in archs if sum(len(name) == 1 for name in near[arch]) >= LEAST]
        if not able or "H200" in group[-1]:  # six networks shared that GPU, so that seconds say nothing of one
            continue
        base = min(able, key=lambda arch: mean[arch][0])
        for name in "wdr":
            line = [mean[base], *(mean[other] for other in archs if dimension(base, other) == name)]
            if len(line) > LEAST:
                slope = np.polyfit(*np.transpose(line), 1)[0]
                words = ", ".join(map(str, group))
                print(f"{words:64} {name:>5} {slope:6.2f} {len(line):9} {np.exp(mean[base][1]):24.0f}")


if __name__ == "__main__":
    main()
