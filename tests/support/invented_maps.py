"""Measurements of Figure 7 made up: scores that gain what is said, maps with their peak in one cell."""

from dataclasses import replace

import numpy as np

from effnet_lib.artefacts import fig7
from effnet_lib.measure.maps import evaluation_images, faithfulness, localisation, network_maps
from effnet_lib.runs.measurement_store import Measurement
from effnet_lib.runs.packing import pack, pack_bits, thumbnail
from effnet_lib.study.decided_study import Study

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}
IMAGES = 80
GAINS = {"baseline": 0.0, "depth": 0.01, "width": 0.02, "resolution": 0.03, "compound": 0.1}
CLASSES = np.arange(IMAGES) % 20


def _scores(draw: np.random.Generator, base: np.ndarray, gain: float) -> dict:
    def values(name):
        sign = -1 if name == "deletion" else 1
        return (base + sign * gain + draw.normal(0, 0.004) + draw.normal(0, 0.01, IMAGES)).clip(0, 1)

    low = {"road": -1.0}
    names = localisation.MEASURES + faithfulness.MEASURES
    scores = {level: {n: pack(values(n), low.get(n, 0.0)) for n in names} for level in ("pooled", "native")}
    scores["untrained"] = {n: pack(base - 0.1) for n in localisation.MEASURES}
    for control in ("uniform", "centre prior"):
        scores[control] = {n: pack(np.array([0.2])) for n in localisation.MEASURES}
    return scores


def _maps(draw: np.random.Generator, scores: dict, method: str, px: int) -> dict:
    """Return a network's result: a third of its images is correct, another third if it is the compound one."""
    correct = np.arange(IMAGES) % 3 == 0
    correct[1::3] = method == "compound"
    cells = 7 if method == "resolution" else 4
    grids = draw.uniform(0, 0.2, (64, cells, cells))
    grids[:, 1, 2] = 1
    return {
        "cells": {"count": cells, "step": 16.0, "offset": 0.0, "px": px},
        "scores": scores,
        "predicted": np.where(correct, CLASSES, (CLASSES + 1) % 20).tolist(),
        "probability": pack(np.full(IMAGES, 0.75)),
        "grids": pack(grids, bits=8),
        "empty": 0,
        "agreement": {
            "pictures": 400,
            "same": {"trained": 1.0, "dilated": 0.9},
            "top1": {"trained": 50.0, "dilated": 50.0},
        },
    }


def _thumbnails() -> dict:
    grey = np.full((98, 98, 3), 120, np.uint8)
    outlines = np.zeros((64, evaluation_images.OUTLINE, evaluation_images.OUTLINE), bool)
    outlines[:, 10:25, 20:40] = True
    return {
        "thumbnails": [thumbnail(grey, evaluation_images.THUMBNAIL)] * 64,
        "classes": CLASSES.tolist(),
        "names": [f"class {k}" if k else "a class with a very long name" for k in range(20)],
        "outlines": pack_bits(outlines.ravel()),
    }


def invented_maps(study: Study, gains: dict = GAINS, seeds: int = 5, published: bool = False) -> dict:
    """Return a measurement of every network and of the thumbnails, task -> measurement."""
    draw, found = np.random.default_rng(0), {}
    settings = replace(fig7.settings_of(study), pictures=IMAGES)
    base = draw.uniform(0.2, 0.4, IMAGES)
    for method, model in fig7.models(study).items():
        for seed in range(seeds):
            task = network_maps.NetworkMaps(method, study.spec(model, seed), study.dataset, settings, "cpu")
            found[task] = _maps(draw, _scores(draw, base, gains[method]), method, model.arch.px)
    found[evaluation_images.Thumbnails(study.dataset, settings)] = _thumbnails()
    return {task: Measurement(task.kind, task.spec(), result, WHERE, published) for task, result in found.items()}
