"""Figure 7 as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from ..core.errors import EffnetError
from ..data.datasets import declare
from ..data.masked_scenes import scale
from ..measure.maps import faithfulness, localisation
from ..measure.maps.cam import check_method, layer_of
from ..measure.maps.evaluation_images import Settings, Thumbnails
from ..measure.maps.geometry import stride_for
from ..measure.maps.network_maps import NetworkMaps
from ..measure.maps.photographs import TRIO, Photograph, class_index, photographs
from ..models import complexity, pretrained
from ..models.archs import Architecture
from ..report.tables import activation_maps
from ..runs.measurement_store import Task
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.score_intervals import contrast
from ..study.decided_study import QueueStage, Study
from ..study.measurement_plan import Measurements
from ..study.parameters import auto_or_flag, listed, text
from ..study.profiles import Profile
from ..study.protocol import declared
from ..study.queue import blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import ScaledModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEAST_CELLS = 4  # a side: no map that is drawn or measured is coarser
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


def models(study: Study) -> dict[str, ScaledModel]:
    """Return the five models of level A at the budget that decides, method -> model.

    The rows of Table 7 themselves, with the multipliers that are printed, cost 2.3 to 4.0 times a small baseline: more
    pixels would speak for the costlier model. At level A all cost the same.
    """
    five = study.five_methods()
    return {method: study.long(five[method]) for method in (*OTHERS, "compound")}


def settings_of(study: Study, method: str = "cam", layer: str = "") -> Settings:
    """Return what is measured of all networks alike. They are dilated only where a map has fewer than 4 x 4 cells."""
    archs, factor = [model.arch for model in models(study).values()], scale(study.dataset)
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
    return Settings(study.dataset.id, study.profile.map_images, px, strides[0], strides[1], grid, method, layer)


def _accuracies(study: Study, model: ScaledModel) -> list[float]:
    specs = (study.spec(model, seed) for seed in range(study.profile.seeds))
    return [record.top1 for spec in specs if (record := study.store.find(spec))]


def weights(measure: str, one: str, other: str) -> dict[str, float]:
    """Return a contrast in which positive is better: of deletion, less is."""
    sign = -1.0 if measure == "deletion" else 1.0
    return {one: sign, other: -sign}


class Figure7(Artefact[Measurements]):
    """Figure 7: class activation maps of five models of one cost, and what the paper reads into them, measured."""

    id = "fig7"
    notebook = "fig7_cam"
    title = "Figure 7: class activation maps"
    covers = ("Figure 7",)
    needs = Needs("embedded scenes; Imagenette in photos", "profile gpu", "for B0 to B7", "22 min")
    measures = True
    scores: ClassVar = MEASURES
    parameters: ClassVar = {
        "method": ("cam", check_method),
        "layer": (None, text),
        "images": (None, text),
        "label": (None, text),
        "models": (None, listed(pretrained.NAMES)),
        "measure": ("auto", auto_or_flag),
    }

    def adapted(self, profile: Profile) -> Profile:
        """Return the profile with another baseline and data set where its own show too little in a map."""
        recipe = replace(profile.recipe, epochs=profile.map_epochs or profile.recipe.epochs)
        changed = replace(profile, recipe=recipe, seeds=profile.map_seeds, dataset=profile.map_data or profile.dataset)
        return replace(changed, candidates=(profile.map_base,)) if profile.map_base else changed

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the five models."""
        return list(models(study).values())

    def measurements(self, study: Study) -> list[Task]:
        """List what is measured: every network of the plan, thumbnails, photographs with published weights.

        Raises:
            ParameterError or DataError: a layer, a class or photographs that are not there, before any work.
        """
        given, own = study.parameters, study.parameters.own
        index, layer = class_index(own["label"]), own["layer"] or ""
        images = photographs(own["images"])
        named = own["models"] or TRIO
        if own["models"] and images and study.measures and not given.dry_run:
            for name in named:
                pretrained.weights_file(name)  # one that cannot be had is said before anything is measured
        shown: list[Task] = [Photograph(path, own["method"], layer, index, named) for path in images]
        if not study.ready:
            return shown
        if layer:
            layer_of(study.baseline.arch.build(), layer)
        settings = settings_of(study, own["method"], layer)
        specs = [
            (method, study.spec(model, seed))
            for seed in range(study.profile.seeds)
            for method, model in models(study).items()
        ]
        networks = [
            NetworkMaps(method, spec, study.dataset, settings, study.profile.name, given.device)
            for method, spec in specs
            if own["measure"] == "auto" or study.store.find(spec)
        ]
        return [*networks, Thumbnails(study.dataset, settings), *shown]

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield order 6 of the queue: the five models, whole blocks of seeds."""
        profile, own = study.profile, self.adapted(study.profile)
        if (own.dataset, own.candidates) != (profile.dataset, profile.candidates):
            study = Study(own, declare(own.dataset), study.store)
        specs = blocks(study, self.plan(study), range(profile.map_seeds))
        yield QueueStage(6, 10, f"Figure 7, {seed_words(profile.map_seeds)}", self.id, specs)

    def drawable(self, results: Measurements) -> bool:
        """Say whether there is more than thumbnails, of which nothing can be drawn."""
        return not all(isinstance(task, Thumbnails) for task in results)

    def table(self, study: Study, results: Measurements) -> pd.DataFrame:
        """Return a row a model with at least one measured network, then the controls.

        Scores in percent, mean over seeds and images: `*` of maps pooled to the coarsest grid, `*_native` as they are;
        `*_low`, `*_high` the 95 % interval over both. `same`: predictions on validation images that stay the same in
        the networks that make the maps (`same_tile`: on a tile of a scene). FLOPS are multiply-adds.
        """
        measured = results
        pooled, native, found = (activation_maps.scores(measured, level) for level in ("pooled", "native", "untrained"))
        agreement, rows = activation_maps.agreement(measured), []
        planned = models(study) if study.ready else {}
        for method, model in planned.items():
            seeds = activation_maps.networks(measured).get(method, {})
            if not seeds:
                continue
            counts = complexity.count(model.arch)
            row: dict[str, Any] = {"row": method, "px": model.arch.px, "flops": counts.madds}
            row["flops_ratio"] = counts.madds / complexity.count(study.baseline.arch).madds
            row |= {"seeds": len(seeds), "cells": next(iter(seeds.values())).result["cells"]["count"]}
            row["top1"] = pd.Series(_accuracies(study, model), dtype=float).mean()
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
            rows.append({"row": name, **values})
        return pd.DataFrame(rows)

    def claims(self, study: Study, results: Measurements) -> list[JudgedClaim]:
        """Judge what the paper says of the compound model's maps, a claim a measure, against each of the other four.

        And first, that maps come from training at all: the trained compound network against the same one untrained.
        With fewer seeds than are declared a verdict is interim.
        """
        pooled, blank = activation_maps.scores(results, "pooled"), activation_maps.scores(results, "untrained")
        both = {"compound": pooled["energy"].get("compound"), "untrained": blank["energy"].get("compound")}
        listed = [
            Claim(
                "Sanity check: a trained compound network has more evidence on the objects than before its first step",
                contrast({name: runs for name, runs in both.items() if runs}, {"compound": 1.0, "untrained": -1.0}),
                printed="not tested",
                declared=declared(study.profile, self.id).seeds,
            )
        ]
        for measure, words in SAYS.items():
            parts = {other: contrast(pooled[measure], weights(measure, "compound", other)) for other in OTHERS}
            listed.append(
                Claim(
                    f"Compound scaling {words} than each other model's",
                    parts,
                    printed="pictures only",
                    declared=declared(study.profile, self.id).seeds,
                )
            )
        return judge(listed)

    def draw(self, study: Study, results: Measurements, rows: pd.DataFrame) -> "Figure":
        """Draw the grid of maps, localisation and faithfulness against FLOPS, and the Lite trio on photographs."""
        from ..report.figures import activation_maps  # drawing needs matplotlib, planning and measuring do not

        if not self.drawable(results):
            raise EffnetError("nothing is measured yet: there is no map to draw")
        return activation_maps.figure(self.title, study, results, rows)
