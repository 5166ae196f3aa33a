"""Figure 7's measurements of one trained network: its maps, and what they are worth. Tasks of a `MeasurementPlan`.

The network's weights are those that its run kept; they do not ship. So a measurement holds everything that the figure
draws: scores of every picture, and the maps of the first pictures, cell by cell.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...core.errors import RunFailed
from ...data.array_cache import load
from ...data.datasets import DataSet, content_fingerprint
from ...data.localisation_scenes import TILES, scale
from ...runs.kept_weights import read_weights
from ...runs.packing import pack
from ...runs.spec import RunSpec
from ...runs.store import RunStore
from . import faithfulness, localisation
from .cam import class_maps, pooled, relevance, says_something, to_pixels
from .evaluation_images import DRAWN, Settings, material
from .geometry import cells, dilate

if TYPE_CHECKING:
    import torch
    from torch import nn

CHECKED = 400  # validation pictures on which it is counted how many predictions stay the same


@dataclass(frozen=True)
class NetworkMaps:
    """Measures one trained network of the study: `name` and `seed` are for people, the run's key is what counts."""

    name: str
    run: RunSpec
    dataset: DataSet
    settings: Settings
    profile: str
    device: str = "cpu"
    kind: str = "cam"
    any_profile: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return f"maps of {self.name}, seed {self.run.seed}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result: the run and the settings."""
        return {"run": self.run.key} | asdict(self.settings)

    def seconds(self) -> float:
        """Return about how long it takes on one core: most of it is ROAD's, which solves for every removed pixel."""
        return 0.1 * self.settings.pictures * (self.run.arch.px / 49) ** 2 + 3

    def measure(self) -> dict[str, Any]:
        """Measure. Raises RunFailed, with the command, where the run or its weights are missing on this machine."""
        return _measured(self.run, weights(self.run, self.profile), self.dataset, self.settings, self.device)


def weights(run: RunSpec, profile: str) -> dict[str, "torch.Tensor"]:
    """Return the weights that a run kept. Raises RunFailed with the command that trains it where they are missing."""
    store = RunStore()
    record = store.find(run)
    again = f"effnet run fig7 --profile {profile} -p train True"
    if record is None:
        raise RunFailed(f"run {run.key[:12]} (seed {run.seed}) is not trained; {again} trains it")
    path = store.weights(record.key)
    if not path.is_file():
        if record.shipped:
            again += " -p fresh True"
        else:
            again = f"rm {store.path(record.key).name} in results/records, then {again}"
        raise RunFailed(f"run {run.key[:12]} has a record, but no weights on this machine; train it again: {again}")
    return read_weights(path, record.key)


def network(run: RunSpec, state: "dict[str, torch.Tensor] | None", output_stride: int, device: str) -> "nn.Module":
    """Return the network of a run, trained or (without weights) as before its first step, with dilated last strides."""
    from ...training.build_model import build

    model = build(run)
    if state is not None:
        model.load_state_dict(state, strict=True)
    return dilate(model.eval().to(device), output_stride)


def inputs(pixels: np.ndarray, px: int, device: str = "cpu") -> "torch.Tensor":
    """Return pictures (n, s, s, 3) uint8 as a network's input (n, 3, px, px), reduced with antialiasing."""
    import torch
    from torch.nn import functional as F

    from ...training.augment import standardise

    values = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2).float()
    if values.shape[-1] != px:
        values = F.interpolate(values, (px, px), mode="bilinear", align_corners=False, antialias=True)
    return standardise(values)


def _measured(run: RunSpec, state, dataset: DataSet, settings: Settings, device: str) -> dict[str, Any]:
    import torch

    made = material(dataset, settings.pictures, settings.px)
    trained, scene_px = network(run, state, 32, device), scale(dataset) * run.arch.px
    on_scenes = network(run, state, settings.scene_stride, device)
    where = cells(on_scenes, scene_px)

    def maps(model, images: "torch.Tensor", classes: np.ndarray) -> np.ndarray:
        return class_maps(model, images, torch.from_numpy(classes), settings.method, settings.layer).grids

    shown, asked = inputs(made.scenes.pixels, scene_px, device), made.scenes.target
    grids = maps(on_scenes, shown, asked)
    untrained = maps(network(run, None, settings.scene_stride, device), shown, asked)
    native, blank = (to_pixels(one, where, made.scenes.image_size) for one in (grids, untrained))
    scores = {
        "pooled": localisation.localise(pooled(native, settings.grid), made.scenes),
        "native": localisation.localise(native, made.scenes),
        "untrained": localisation.localise(pooled(blank, settings.grid), made.scenes),
    }
    for name, control in localisation.controls(made.scenes.image_size).items():
        found = localisation.localise(np.repeat(control[None], len(made.scenes), axis=0), made.scenes)
        scores[name] = {measure: np.array([np.nanmean(values)]) for measure, values in found.items()}

    # What is drawn, and what the faithfulness is asked of: photographs as they are, or the scenes of fractals.
    dilated = network(run, state, settings.picture_stride, device)
    if not made.same:
        shown, asked = inputs(made.images, run.arch.px, device), made.classes
        grids, where = maps(dilated, shown, asked), cells(dilated, run.arch.px)
    frame = to_pixels(grids, where)
    classes = torch.from_numpy(asked).to(device)
    for level, one in (("pooled", pooled(frame, settings.grid)), ("native", frame)):
        scores[level] |= faithfulness.faithful(trained, shown, one, classes)
    sure, predicted = (values.cpu().numpy() for values in _logits(trained, shown).softmax(1).max(1))
    speaks = says_something(grids)
    kept = np.full(grids[:DRAWN].shape, np.nan)
    kept[speaks[:DRAWN]] = relevance(grids[:DRAWN][speaks[:DRAWN]])
    return {
        "cells": asdict(where),
        "scores": {level: {name: _packed(name, v) for name, v in found.items()} for level, found in scores.items()},
        "predicted": predicted.tolist(),
        "probability": pack(sure),
        "grids": pack(kept, bits=8),
        "empty": int((~speaks).sum()),
        "agreement": _agreement(trained, dilated, on_scenes, dataset, run.arch.px, device),
        "provenance": {"data_fingerprint": content_fingerprint(dataset), "device_type": device},
    }


def _packed(name: str, values: np.ndarray) -> str:
    return pack(values, -1.0 if name == "road" else 0.0, 1.0)


def _logits(model: "nn.Module", images: "torch.Tensor") -> "torch.Tensor":
    import torch

    with torch.inference_mode():
        return torch.cat([model(part) for part in images.split(100)])


def _agreement(trained, dilated, on_scenes, dataset: DataSet, px: int, device: str) -> dict[str, Any]:
    """Say how many predictions on validation pictures stay the same, and how many are right, whatever makes the maps.

    "dilated": with dilated last strides. "tile": where scenes are shown larger than the pictures that the network was
    trained on, one such picture alone on a tile of an otherwise grey scene.
    """
    import torch

    part = load(dataset, "val", px)
    rows = np.unique(np.linspace(0, len(part) - 1, CHECKED).round().astype(int))
    images = inputs(part.pixels[part.rows[rows]], px, device)
    labels = torch.from_numpy(part.labels[rows])
    ways = {"trained": (trained, images), "dilated": (dilated, images)}
    if scale(dataset) > 1:
        ways["tile"] = (on_scenes, torch.nn.functional.pad(images, (0, (TILES - 1) * px) * 2))
    answers = {name: _logits(*way).argmax(1).cpu() for name, way in ways.items()}
    same = {name: round(float((found == answers["trained"]).float().mean()), 4) for name, found in answers.items()}
    top1 = {name: round(100 * float((found == labels).float().mean()), 2) for name, found in answers.items()}
    return {"pictures": len(rows), "same": same, "top1": top1}
