"""Figure 7's measurements as the arrays that its table, claims and drawing are made from."""

import numpy as np
import pandas as pd

from ...measure.maps import faithfulness, localisation
from ...measure.maps.evaluation_images import DRAWN, OUTLINE, Settings, Thumbnails
from ...measure.maps.network_maps import NetworkMaps
from ...measure.maps.photographs import Photograph
from ...runs.measurement_store import Measurement, Task
from ...runs.packing import image, unpack, unpack_bits
from ...stats.estimate import Estimate
from ...stats.score_intervals import Scores, contrast

Measured = dict[Task, Measurement]


def networks(measured: Measured) -> dict[str, dict[int, Measurement]]:
    """Return the measured networks, method -> seed -> measurement."""
    runs_of: dict[str, dict[int, Measurement]] = {}
    for task, measurement in measured.items():
        if isinstance(task, NetworkMaps):
            runs_of.setdefault(task.name, {})[task.run.seed] = measurement
    return runs_of


def settings(measured: Measured) -> Settings | None:
    """Return the settings that all measured networks share; None without any."""
    return next((task.settings for task in measured if isinstance(task, NetworkMaps)), None)


def values(measurement: Measurement, level: str, measure: str) -> np.ndarray:
    """Return a measure's value for each image, (n,), of maps at a level: pooled, native or untrained."""
    low = -1.0 if measure == "road" else 0.0
    return unpack(measurement.result["scores"][level][measure], (measurement.spec["pictures"],), low)


def scores(measured: Measured, level: str) -> dict[str, Scores]:
    """Return measure -> method -> seed -> a value an image. Untrained networks have no faithfulness."""
    listed = networks(measured).items()
    names = localisation.MEASURES + (() if level == "untrained" else faithfulness.MEASURES)
    return {
        name: {method: {s: values(run, level, name) for s, run in runs.items()} for method, runs in listed}
        for name in names
    }


def differences(measured: Measured) -> dict[str, dict[str, Estimate]]:
    """Return measure -> other method -> the compound model's score minus that, paired by image, in points.

    Of pooled maps; the sign of deletion is turned, so that positive speaks for the compound model everywhere.
    """
    found = {}
    for measure, methods in scores(measured, "pooled").items():
        sign = -1.0 if measure == "deletion" else 1.0
        others = [method for method in methods if method != "compound"]
        found[measure] = {other: contrast(methods, {"compound": sign, other: -sign}) for other in others}
    return found


def tiled(measured: Measured) -> bool:
    """Say whether scenes are mosaics: networks see tiles of them that are as large as a whole image in training."""
    return any("same_tile" in row for row in agreement(measured).values())


def no_better_than_controls(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return measure -> the networks whose score has no 95 % interval above every control's."""
    controls, found = rows[rows["flops_ratio"].isna()], {}
    for measure in localisation.MEASURES:
        least = controls[measure].max()
        short = rows[rows["flops_ratio"].notna() & ~(rows[f"{measure}_low"] > least)]["row"]
        if len(short):
            found[measure] = list(short)
    return found


def controls(measured: Measured) -> dict[str, dict[str, float]]:
    """Return the controls that look at no image, name -> measure -> percent: the same for every network.

    On mosaics the centre prior is left out: tiles lie around the centre alike, so it says what the uniform map does.
    """
    first = next(iter(next(iter(networks(measured).values()), {}).values()), None)
    if first is None:
        return {}
    return {
        name: {measure: 100 * float(unpack(text, (1,))[0]) for measure, text in first.result["scores"][name].items()}
        for name in (("uniform",) if tiled(measured) else ("uniform", "centre prior"))
    }


def untrained(blank: dict[str, Scores]) -> dict[str, dict[str, float]]:
    """Return the third control: all networks before their first step, measure -> percent."""
    means = {
        measure: [100 * np.nanmean(run) for runs in methods.values() for run in runs.values()]
        for measure, methods in blank.items()
    }
    return {"untrained": {name: float(np.mean(runs)) for name, runs in means.items()}} if any(means.values()) else {}


def agreement(measured: Measured) -> dict[str, dict[str, float]]:
    """Return for each method which predictions stay the same, in percent, in the networks that make the maps."""
    rows = {}
    for method, runs in networks(measured).items():
        same = [run.result["agreement"]["same"] for run in runs.values()]
        row = {"same": 100 * float(np.mean([each["dilated"] for each in same]))}
        if "tile" in same[0]:
            row["same_tile"] = 100 * float(np.mean([each["tile"] for each in same]))
        row["empty"] = float(np.mean([run.result["empty"] for run in runs.values()]))
        rows[method] = row
    return rows


class Gallery:
    """The images that may be drawn, what each network of one seed says of them, and its maps in cells."""

    def __init__(self, measured: Measured, seed: int = 0):
        runs = {method: seeds[seed] for method, seeds in networks(measured).items() if seed in seeds}
        thumbs = next((kept for task, kept in measured.items() if isinstance(task, Thumbnails)), None)
        self.runs = runs if thumbs else {}
        self.methods = tuple(self.runs)
        if thumbs is None or not self.runs:
            return
        result = thumbs.result
        self.count = min(DRAWN, thumbs.spec["pictures"])
        self.images = [image(thumbnail) for thumbnail in result["thumbnails"]]
        self.classes, self.names = np.array(result["classes"]), result["names"]
        self.outlines = None
        if "outlines" in result:
            self.outlines = unpack_bits(result["outlines"], self.count * OUTLINE**2).reshape(-1, OUTLINE, OUTLINE)
        self.predicted = {m: np.array(run.result["predicted"]) for m, run in runs.items()}
        self.probability = {m: unpack(run.result["probability"], (run.spec["pictures"],)) for m, run in runs.items()}
        self.grids = {}
        for method, run in runs.items():
            cells = run.result["cells"]["count"]
            self.grids[method] = unpack(run.result["grids"], (self.count, cells, cells), bits=8)

    def correct(self) -> np.ndarray:
        """Return which network is correct about which image, (methods, images) bool."""
        return np.array([self.predicted[m][: self.count] == self.classes[: self.count] for m in self.methods])

    def chosen(self, together: int = 3, alone: int = 2) -> list[int]:
        """Choose images by rule, in an order drawn by a fixed seed, among those whose maps all speak for the class.

        Args:
            together: how many that all networks classify correctly.
            alone: how many that a single network does, a different network each time where possible. Where a kind
                lacks, the images that most networks classify correctly stand in.

        Returns:
            Numbers of images, those of the first kind first.
        """
        speaks = np.all([np.isfinite(self.grids[m]).all(axis=(1, 2)) for m in self.methods], axis=0)
        correct = self.correct()
        order = [i for i in np.random.default_rng(0).permutation(self.count) if speaks[i]]
        every = [i for i in order if correct[:, i].all()][:together]
        single = [i for i in order if correct[:, i].sum() == 1 and len(self.methods) > 1]
        first = {int(correct[:, i].argmax()): i for i in reversed(single)}.values()
        picked = [*every, *sorted(single, key=lambda i: i not in first)[:alone]]
        rest = sorted((i for i in order if i not in picked), key=lambda i: -correct[:, i].sum())
        return [int(i) for i in (picked + rest)[: together + alone]]


def photographs(measured: Measured) -> list[Measurement]:
    """Return the measured photographs."""
    return [measurement for task, measurement in measured.items() if isinstance(task, Photograph)]
