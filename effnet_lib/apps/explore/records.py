"""Measured networks as points of the accuracy / FLOPS plane, and the proxy that stands for a network among them."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import mean

import pandas as pd

from ...core.errors import StoreError
from ...data.datasets import declare
from ...models.archs import Architecture
from ...models.complexity import count
from ...models.families import FAMILIES as TABLE3
from ...models.families import SCALABLE
from ...models.scaling import Scaling
from ...runs.record_checks import file_name, recipe
from ...runs.record_files import read_record
from ...runs.run_store import RunRecord, RunStore
from ...study import scalable
from ...study.decided_study import Study
from ...study.profiles import profile
from ...study.proxy_families import choose
from ...study.scalable import Chosen
from ...training.recipes import Recipe

PROFILE = "photos"
EARLIER = "another recipe"  # than the one that the study has decided: protocol 1's
NAMES = {  # of the families that records have
    "efficientnet": "EfficientNet",
    "efficientnet_lite": "EfficientNet-Lite",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3",
    "resnet": "ResNet",
    "regnet": "RegNet",
    "convnext": "ConvNeXt",
    "mnasnet": "the MnasNet space",
    "user": "networks of yours",
}


def study(name: str = PROFILE) -> Study:
    """Open the study whose records are shown."""
    chosen = profile(name)
    return Study.of(chosen, RunStore(chosen.published), declare(chosen.dataset))


def _records(store: RunStore) -> Iterator[RunRecord]:
    """Yield every readable run, your own first, each key once; a damaged file is passed over with a warning."""
    seen: set[str] = set()
    for folder, published in ((store.root / "records", False), (store.published_folder, True)):
        for path in sorted(folder.glob("*.json")):
            try:
                record = read_record(path, published)
            except StoreError as error:
                warnings.warn(f"record {file_name(path)} is passed over: {error}", stacklevel=2)
                continue
            if isinstance(record, RunRecord) and record.key not in seen:
                seen.add(record.key)
                yield record


def points(open_study: Study) -> pd.DataFrame:
    """Return a row a measured network and recipe: counts, mean top-1, seeds, and whether the recipe is the study's
    (all of them are while it has decided none).

    Of the whole training set and the profile's epochs, on images that were not blurred. Runs of different recipes are
    never averaged; they differ by more than a learning rate, which each scaling method has its own of. Top-1 in percent
    on the study's own data set, FLOPS in multiply-adds.
    """
    epochs = open_study.profile.recipe.epochs
    groups: dict[tuple[Architecture, Recipe], list[RunRecord]] = {}
    for record in _records(open_study.store):
        if record.spec["data"] == open_study.dataset.id and record.spec["recipe"]["epochs"] == epochs:
            made = _but_for_the_rate(recipe(record.spec["recipe"]))
            if not made.seen_px:
                groups.setdefault((record.arch, made), []).append(record)
    decided = open_study.recipe and _but_for_the_rate(open_study.recipe)
    rows = [
        {
            "family": arch.family,
            "px": arch.px,
            "flops": count(arch).madds,
            "top1": mean(record.top1 for record in found),
            "seeds": len(found),
            "decided": decided in (None, made),
        }
        for (arch, made), found in groups.items()
    ]
    return pd.DataFrame(rows, columns=["family", "px", "flops", "top1", "seeds", "decided"]).sort_values("flops")


def _but_for_the_rate(made: Recipe) -> Recipe:
    return replace(made, lr=1.0)


def stand_in(open_study: Study, chosen: Chosen) -> Callable[[Scaling], Architecture]:
    """Return what the study trains in a network's place, as a function of its scaling.

    EfficientNet's is the study's baseline (not decided yet: the first candidate), that of Table 3's families the proxy
    of the same cost; every other network is where `effnet scale` begins with it at this profile.

    Raises:
        ParameterError: a user's function that does not work there.
    """
    classes, family = open_study.dataset.classes, scalable.family_name(chosen.family or "EfficientNet")
    base = open_study.base or open_study.profile.candidates[0]
    printed = next((name for name, scale in TABLE3.items() if scale is SCALABLE[family]), None)
    if not chosen.network and family == "EfficientNet":
        return lambda scaling: base.arch(classes, scaling)
    if not chosen.network and printed:
        small = choose(printed, classes, count(base.arch(classes)).madds, base.px, base.stride)
        start, scale = Scaling(small.depth, small.width), TABLE3[printed]
        return lambda scaling: scale(start * scaling, small.px, classes).at_stride(small.stride)
    return scalable.at_profile(open_study.profile, classes, Chosen(chosen.network, chosen.family)).scaled


def nearest(table: pd.DataFrame, madds: int, family: str = "") -> str:
    """Say which measured network costs about as much (the nearest one, if within a quarter).

    Args:
        family: as records have it, of the network that is asked about; another one is said.
    """
    if table.empty:
        return "nothing is measured yet"
    away = (table["flops"] / madds - 1).abs()
    row = table.iloc[(away + 1e-6 * ~table["decided"]).argmin()]  # of two at one cost, the decided recipe's
    if abs(row["flops"] / madds - 1) > 0.25:
        return "nothing is measured at about this cost"
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}{'' if row['decided'] else ', ' + EARLIER}"
    other = f", of {NAMES.get(row['family'], row['family'])}" if family not in ("", row["family"]) else ""
    return f"nearest measured: {row['top1']:.1f} % at {row['flops'] / 1e6:.1f} M, {row['px']} px, {seeds}{other}"
