"""Figure 7's measurements of one trained network: its maps, and what they are worth. Tasks of a `MeasurementPlan`.

The network's weights are those that its run kept; they do not ship. So a measurement holds everything that the figure
draws: scores of every image, and the maps of the first images, cell by cell.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...core.errors import RunFailed
from ...data.array_cache import load
from ...data.datasets import DataSet, content_fingerprint
from ...data.masked_scenes import TILES, Scenes, scale
from ...runs.kept_weights import read_weights
from ...runs.packing import pack
from ...runs.run_spec import RunSpec
from ...runs.run_store import RunStore
from . import faithfulness, localisation
from .cam import class_maps, pooled, relevance, says_something, to_pixels
from .evaluation_images import DRAWN, Settings, material
from .geometry import cells, dilate

if TYPE_CHECKING:
    import torch
    from torch import nn

CHECKED = 400  # validation images on which it is counted how many predictions stay the same


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
        """Measure the maps.

        Raises:
            RunFailed: with the command that trains it, where the run or its weights are missing on this machine.
        """
        return _measured(self.run, weights(self.run, self.profile), self.dataset, self.settings, self.device)


def weights(run: RunSpec, profile: str) -> dict[str, "torch.Tensor"]:
    """Return the weights that a run kept.

    Raises:
        RunFailed: with the command that trains the run, where it or its weights are missing.
    """
    store = RunStore()
    record = store.find(run)
    again = f"effnet run fig7 --profile {profile} -p train True"
    if record is None:
        raise RunFailed(f"run {run.key[:12]} (seed {run.seed}) is not trained; {again} trains it")
    path = store.weights(record.key)
    if not path.is_file():
        if record.published:
            again += " -p fresh True"
        else:
            again = f"rm {store.path(record.key).name} in results/records, then {again}"
        raise RunFailed(f"run {run.key[:12]} has a record, but no weights on this machine; train it again: {again}")
    return read_weights(path, record.key)


def network(run: RunSpec, state: "dict[str, torch.Tensor] | None", output_stride: int, device: str) -> "nn.Module":
    """Return the network of a run with dilated last strides; with `state` None, as it was before its first step."""
    from ...training.build_model import build

    model = build(run)
    if state is not None:
        model.load_state_dict(state, strict=True)
    return dilate(model.eval().to(device), output_stride)


def inputs(pixels: np.ndarray, image_size: int, device: str = "cpu") -> "torch.Tensor":
    """Return images (n, s, s, 3) uint8 as a network's input, standardised and reduced with antialiasing.

    Returns:
        (n, 3, image_size, image_size) float32.
    """
    import torch
    from torch.nn import functional as F

    from ...training.augment import standardise

    values = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2).float()
    if values.shape[-1] != image_size:
        values = F.interpolate(values, (image_size,) * 2, mode="bilinear", align_corners=False, antialias=True)
    return standardise(values)


def _measured(
    run: RunSpec, state: "dict[str, torch.Tensor] | None", dataset: DataSet, settings: Settings, device: str
) -> dict[str, Any]:
    made = material(dataset, settings.pictures, settings.px)
    trained, scene_size = network(run, state, 32, device), scale(dataset) * run.arch.px
    on_scenes = network(run, state, settings.scene_stride, device)
    shown, asked = inputs(made.scenes.pixels, scene_size, device), made.scenes.target
    where = cells(on_scenes, scene_size)
    grids = _grids(on_scenes, shown, asked, settings)
    blank = _grids(network(run, None, settings.scene_stride, device), shown, asked, settings)
    native, untrained = (to_pixels(maps, where, made.scenes.image_size) for maps in (grids, blank))
    scores = _localisation(made.scenes, native, untrained, settings.grid)

    # What is drawn, and what the faithfulness is asked of: photographs as they are, or the scenes of fractals.
    dilated = network(run, state, settings.picture_stride, device)
    if not made.same:
        shown, asked = inputs(made.images, run.arch.px, device), made.classes
        grids, where = _grids(dilated, shown, asked, settings), cells(dilated, run.arch.px)
    frame = to_pixels(grids, where)
    for level, maps in (("pooled", pooled(frame, settings.grid)), ("native", frame)):
        scores[level] |= faithfulness.faithful(trained, shown, maps, _labels(asked, device))
    probability, predicted = (values.cpu().numpy() for values in _logits(trained, shown).softmax(1).max(1))
    return {
        "cells": asdict(where),
        "scores": {level: {name: _packed(name, v) for name, v in values.items()} for level, values in scores.items()},
        "predicted": predicted.tolist(),
        "probability": pack(probability),
        "grids": pack(_drawable(grids[:DRAWN]), bits=8),
        "empty": int((~says_something(grids)).sum()),
        "agreement": _agreement(trained, dilated, on_scenes, dataset, run.arch.px, device),
        "provenance": {"data_fingerprint": content_fingerprint(dataset), "device_type": device},
    }


def _grids(model: "nn.Module", images: "torch.Tensor", classes: np.ndarray, settings: Settings) -> np.ndarray:
    return class_maps(model, images, _labels(classes), settings.method, settings.layer).grids


def _labels(classes: np.ndarray, device: str = "cpu") -> "torch.Tensor":
    import torch

    return torch.from_numpy(classes).to(device)


def _localisation(
    scenes: Scenes, native: np.ndarray, untrained: np.ndarray, grid: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return level of maps -> measure -> a score a scene; of the controls, one mean score."""
    scores = {
        "pooled": localisation.localise(pooled(native, grid), scenes),
        "native": localisation.localise(native, scenes),
        "untrained": localisation.localise(pooled(untrained, grid), scenes),
    }
    for name, control in localisation.controls(scenes.image_size).items():
        each = localisation.localise(np.repeat(control[None], len(scenes), axis=0), scenes)
        scores[name] = {measure: np.array([np.nanmean(values)]) for measure, values in each.items()}
    return scores


def _drawable(grids: np.ndarray) -> np.ndarray:
    """Return what a figure shows of maps; NaN where a map says nothing."""
    speaks = says_something(grids)
    shown = np.full(grids.shape, np.nan)
    shown[speaks] = relevance(grids[speaks])
    return shown


def _packed(name: str, values: np.ndarray) -> str:
    return pack(values, -1.0 if name == "road" else 0.0, 1.0)


def _logits(model: "nn.Module", images: "torch.Tensor") -> "torch.Tensor":
    import torch

    with torch.inference_mode():
        return torch.cat([model(part) for part in images.split(100)])


def _agreement(
    trained: "nn.Module",
    dilated: "nn.Module",
    on_scenes: "nn.Module",
    dataset: DataSet,
    image_size: int,
    device: str,
) -> dict[str, Any]:
    """Say how many predictions on validation images stay the same, and how many are correct, whatever makes the maps.

    "dilated": with dilated last strides. "tile": where scenes are shown larger than the images that the network was
    trained on, one such image alone on a tile of an otherwise grey scene.
    """
    import torch

    part = load(dataset, "val", image_size)
    rows = np.unique(np.linspace(0, len(part) - 1, CHECKED).round().astype(int))
    images = inputs(part.pixels[part.rows[rows]], image_size, device)
    ways = {"trained": (trained, images), "dilated": (dilated, images)}
    if scale(dataset) > 1:
        ways["tile"] = (on_scenes, torch.nn.functional.pad(images, (0, (TILES - 1) * image_size) * 2))
    answers, labels = {name: _logits(*way).argmax(1).cpu() for name, way in ways.items()}, _labels(part.labels[rows])
    same = {name: round(float((answer == answers["trained"]).float().mean()), 4) for name, answer in answers.items()}
    top1 = {name: round(100 * float((answer == labels).float().mean()), 2) for name, answer in answers.items()}
    return {"pictures": len(rows), "same": same, "top1": top1}
