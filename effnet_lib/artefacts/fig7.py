"""Figure 7: class activation maps of the five models of Table 7, and what the paper reads into them, measured."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..core.errors import EffnetError
from ..data.localisation_scenes import scale
from ..measure.maps import faithfulness, localisation
from ..measure.maps.cam import check_method, layer_of
from ..measure.maps.evaluation_images import Settings, Thumbnails
from ..measure.maps.geometry import stride_for
from ..measure.maps.network_maps import NetworkMaps
from ..measure.maps.photographs import TRIO, Photograph, class_index, photographs
from ..models import complexity, pretrained
from ..models.archs import Architecture
from ..models.scaling import Scaling
from ..report.tables import activation_maps
from ..runs.measurements import Measurement
from ..stats.claims import NOT_ENOUGH, Claim, JudgedClaim, judge
from ..stats.score_intervals import contrast
from ..study.measurement_plan import Task
from ..study.parameters import Parameters, auto_or_flag, listed, text
from ..study.profiles import Profile
from ..study.study import QueueStage, ScaledModel, Study
from ..study.training_plan import Records, TrainingPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ID = "fig7"
NOTEBOOK = "fig7_cam"
TITLE = "Figure 7: class activation maps"
PARAMETERS = {
    "method": ("cam", check_method),
    "layer": (None, text),
    "images": (None, text),
    "label": (None, text),
    "models": (None, listed(pretrained.NAMES)),
    "measure": ("auto", auto_or_flag),
}
LEAST_CELLS = 4  # a side: no map that is drawn or measured is coarser
LEAST_SEEDS = 5  # the protocol's, before a verdict
OTHERS = ("baseline", "depth", "width", "resolution")
MEASURES = localisation.MEASURES + faithfulness.MEASURES
SAYS = {  # what of the paper's sentence each measure asks
    "energy": "focuses on more relevant regions: its maps have more of their evidence on the objects",
    "pointing": "focuses on more relevant regions: its maps have their peak on an object more often",
    "iou": "shows more object details: its maps fit the objects better at their best threshold",
    "coverage": "captures all objects: its maps cover more of the object that they see least",
    "road": "is more relevant to the decision, by ROAD: its maps order pixels better",
    "insertion": "is more relevant to the decision, by insertion: its maps order pixels better",
    "deletion": "is more relevant to the decision, by deletion (sign turned): its maps order pixels better",
}


def adapted(profile: Profile) -> Profile:
    """Return a profile as this figure uses it: another baseline and data set where its own show too little in a map."""
    recipe = replace(profile.recipe, epochs=profile.map_epochs or profile.recipe.epochs)
    changed = replace(profile, recipe=recipe, seeds=profile.map_seeds, dataset=profile.map_data or profile.dataset)
    return replace(changed, candidates=(profile.map_base,)) if profile.map_base else changed


def models(study: Study) -> dict[str, ScaledModel]:
    """Return the five models of Table 7, method -> model; the compound one has the multipliers that it prints."""
    found = {"baseline": study.baseline}
    for row in paper.table(7).iloc[1:].itertuples():
        if row.model == "compound":
            scaling = Scaling(row.depth, row.width, row.resolution)
            arch = study.base.arch(study.dataset.classes, scaling, study.profile.padding)
            found["compound"] = ScaledModel("compound", 0.0, arch, scaling)
        else:
            found[row.model] = study.model(row.model, getattr(row, row.model))
    return found


def plan(study: Study) -> list[ScaledModel]:
    """List the five models."""
    return list(models(study).values())


def stages(study: Study) -> Iterator[QueueStage]:
    """Yield the queue's stages: one seed of the five models, then whole blocks of seeds."""
    profile = study.profile
    if profile.map_base and study.base != profile.map_base:
        from ..data.datasets import declare

        study = Study(adapted(profile), declare(profile.map_data or profile.dataset), study.store)
    yield QueueStage(1, 12, "Figure 7, one seed", ID, tuple(study.spec(model, 0) for model in plan(study)))
    rest = tuple(study.spec(model, seed) for seed in range(1, profile.map_seeds) for model in plan(study))
    yield QueueStage(2, 12, f"Figure 7, {profile.map_seeds} seeds", ID, rest)


def tasks(parameters: Parameters, profile: Profile) -> list[Task]:
    """List what is measured: every network of the plan, thumbnails, photographs with published weights.

    Raises ParameterError or DataError for a layer, a class or photographs that are not there, before any work.
    """
    own, work = parameters.own, TrainingPlan.of(sys.modules[__name__], parameters)
    index, layer = class_index(own["label"]), own["layer"] or ""
    images = photographs(own["images"])
    named = own["models"] or TRIO
    if own["models"] and images and work.trains and not parameters.dry_run:
        for name in named:
            pretrained.weights_file(name)  # one that cannot be had is said before anything is measured
    shown: list[Task] = [Photograph(path, own["method"], layer, index, named) for path in images]
    if not work.models:
        return shown
    if layer:
        layer_of(work.models[0].arch.build(), layer)
    settings = settings_of(work, own["method"], layer)
    networks = [
        NetworkMaps(model.method, spec, work.study.dataset, settings, profile.name, parameters.device)
        for (model, _), spec in work.specs.items()
        if own["measure"] == "auto" or work.study.store.find(spec)
    ]
    return [*networks, Thumbnails(work.study.dataset, settings), *shown]


def settings_of(work: TrainingPlan, method: str = "cam", layer: str = "") -> Settings:
    """Return what is measured of all networks alike. They are dilated only where a map has fewer than 4 x 4 cells."""
    archs, factor = [model.arch for model in work.models], scale(work.study.dataset)
    least, most = (pick(arch.px for arch in archs) for pick in (min, max))

    def cells(arch: Architecture, times: int, stride: int) -> int:
        side = times * arch.px
        return max(replace(arch, px=side).final_px, -(-side // stride))

    strides = [
        32 if all(cells(arch, times, 32) >= LEAST_CELLS for arch in archs) else stride_for(times * least, LEAST_CELLS)
        for times in (factor, 1)
    ]
    grid = min(cells(arch, *way) for arch in archs for way in zip((factor, 1), strides, strict=True))
    px = most + most % 2  # a scene has two tiles a side
    return Settings(work.study.dataset.id, work.study.profile.map_images, px, *strides, grid, method, layer)


def measuring(parameters: Parameters) -> Parameters:
    """Return the parameters of the measurements: `measure`, where given, says whether maps are made, not `train`."""
    measure = parameters.own["measure"]
    return parameters if measure == "auto" else replace(parameters, train=measure)


def drawable(measured: dict[Task, Measurement]) -> dict[Task, Measurement]:
    """Return the measurements; none where there are only thumbnails, of which nothing can be drawn."""
    return {} if all(isinstance(task, Thumbnails) for task in measured) else measured


def weights(measure: str, one: str, other: str) -> dict[str, float]:
    """Return a contrast in which positive is better: of deletion, less is."""
    sign = -1.0 if measure == "deletion" else 1.0
    return {one: sign, other: -sign}


def table(work: TrainingPlan, records: Records, measured: dict[Task, Measurement]) -> pd.DataFrame:
    """Return a row a model with at least one measured network, then the controls.

    Scores in percent, mean over seeds and pictures: `*` of maps pooled to the coarsest grid, `*_native` as they are;
    `*_low`, `*_high` the 95 % interval over both. `same`: predictions on validation pictures that stay the same in the
    networks that make the maps (`same_tile`: on a tile of a scene). FLOPS are multiply-adds.
    """
    pooled, native, found = (activation_maps.scores(measured, level) for level in ("pooled", "native", "untrained"))
    agreement, rows = activation_maps.agreement(measured), []
    planned = models(work.study) if work.models else {}
    for method, model in planned.items():
        seeds = activation_maps.networks(measured).get(method, {})
        if not seeds:
            continue
        counts = complexity.count(model.arch)
        row = {"row": method, "px": model.arch.px, "flops": counts.madds}
        row["flops_ratio"] = counts.madds / complexity.count(work.study.baseline.arch).madds
        row |= {"seeds": len(seeds), "cells": next(iter(seeds.values())).result["cells"]["count"]}
        row["top1"] = pd.Series([run.top1 for run in records.get(model, {}).values()], dtype=float).mean()
        row |= agreement[method]
        for measure in MEASURES:
            estimate = contrast(pooled[measure], {method: 1.0})
            low, high = estimate.interval95 or (None, None)
            row |= {measure: estimate.value, f"{measure}_low": low, f"{measure}_high": high}
            row[f"{measure}_native"] = contrast(native[measure], {method: 1.0}).value
        made = [one.provenance for one in seeds.values()]
        row |= {"device": made[0]["device"], "date": max(one["date"][:10] for one in made)}
        rows.append(row)
    for name, values in (activation_maps.controls(measured) | activation_maps.untrained(found)).items():
        rows.append({"row": name} | values)
    return pd.DataFrame(rows)


def claims(work: TrainingPlan, measured: dict[Task, Measurement]) -> list[JudgedClaim]:
    """Judge what the paper says of the compound model's maps, a claim a measure, against each of the other four.

    And first, that maps come from training at all: the trained compound network against the same one untrained. With
    fewer than five seeds every verdict is "not enough evidence".
    """
    pooled, blank = activation_maps.scores(measured, "pooled"), activation_maps.scores(measured, "untrained")
    both = {"compound": pooled["energy"].get("compound"), "untrained": blank["energy"].get("compound")}
    listed = [
        Claim(
            "Sanity check: a trained compound network has more evidence on the objects than before its first step",
            contrast({name: runs for name, runs in both.items() if runs}, {"compound": 1.0, "untrained": -1.0}),
            printed="not tested",
        )
    ]
    for measure, words in SAYS.items():
        parts = [contrast(pooled[measure], weights(measure, "compound", other)) for other in OTHERS]
        listed.append(Claim(f"Compound scaling {words} than each other model's", parts, printed="pictures only"))
    return [_enough(one) for one in judge(listed)]


def _enough(judged: JudgedClaim) -> JudgedClaim:
    if judged.estimate.n >= LEAST_SEEDS or judged.verdict == NOT_ENOUGH:
        return judged
    return replace(judged, verdict=NOT_ENOUGH, needs=LEAST_SEEDS, note="")


def draw(work: TrainingPlan, measured: dict[Task, Measurement], rows: pd.DataFrame) -> "Figure":
    """Draw the grid of maps, localisation and faithfulness against FLOPS, and the Lite trio on photographs."""
    from ..report.figures import activation_maps  # drawing needs matplotlib, planning and measuring do not

    if not drawable(measured):
        raise EffnetError("nothing is measured yet: there is no map to draw")
    return activation_maps.figure(TITLE, work, measured, rows)
