"""Figure 7's measurements as the arrays that its table, claims and drawing are made from."""

import numpy as np

from ...measure.maps import faithfulness, localisation
from ...measure.maps.evaluation_images import DRAWN, OUTLINE, Settings, Thumbnails
from ...measure.maps.network_maps import NetworkMaps
from ...measure.maps.photographs import Photograph
from ...runs.measurements import Measurement
from ...runs.packing import image, unpack, unpack_bits
from ...stats.score_intervals import Scores
from ...study.measurement_plan import Task

Measured = dict[Task, Measurement]


def networks(measured: Measured) -> dict[str, dict[int, Measurement]]:
    """Return the measured networks, method -> seed -> measurement."""
    found: dict[str, dict[int, Measurement]] = {}
    for task, one in measured.items():
        if isinstance(task, NetworkMaps):
            found.setdefault(task.name, {})[task.run.seed] = one
    return found


def settings(measured: Measured) -> Settings | None:
    """Return the settings that all measured networks share; None without any."""
    return next((task.settings for task in measured if isinstance(task, NetworkMaps)), None)


def values(one: Measurement, level: str, measure: str) -> np.ndarray:
    """Return a measure's value for each picture, (n,), of maps at a level: pooled, native or untrained."""
    low = -1.0 if measure == "road" else 0.0
    return unpack(one.result["scores"][level][measure], (one.spec["pictures"],), low)


def scores(measured: Measured, level: str) -> dict[str, Scores]:
    """Return measure -> method -> seed -> a value a picture. Untrained networks have no faithfulness."""
    found = networks(measured)
    names = localisation.MEASURES + (() if level == "untrained" else faithfulness.MEASURES)
    return {
        name: {method: {s: values(one, level, name) for s, one in runs.items()} for method, runs in found.items()}
        for name in names
    }


def controls(measured: Measured) -> dict[str, dict[str, float]]:
    """Return the controls that look at no picture, name -> measure -> percent: the same for every network."""
    one = next(iter(next(iter(networks(measured).values()), {}).values()), None)
    if one is None:
        return {}
    return {
        name: {measure: 100 * float(unpack(text, (1,))[0]) for measure, text in one.result["scores"][name].items()}
        for name in ("uniform", "centre prior")
    }


def untrained(blank: dict[str, Scores]) -> dict[str, dict[str, float]]:
    """Return the third control: all networks before their first step, measure -> percent."""
    means = {
        measure: [100 * np.nanmean(run) for runs in methods.values() for run in runs.values()]
        for measure, methods in blank.items()
    }
    return {"untrained": {name: float(np.mean(found)) for name, found in means.items()}} if any(means.values()) else {}


def agreement(measured: Measured) -> dict[str, dict[str, float]]:
    """Return for each method which predictions stay the same, in percent, in the networks that make the maps."""
    found = {}
    for method, runs in networks(measured).items():
        same = [one.result["agreement"]["same"] for one in runs.values()]
        row = {"same": 100 * float(np.mean([each["dilated"] for each in same]))}
        if "tile" in same[0]:
            row["same_tile"] = 100 * float(np.mean([each["tile"] for each in same]))
        row["empty"] = float(np.mean([one.result["empty"] for one in runs.values()]))
        found[method] = row
    return found


class Gallery:
    """The pictures that may be drawn, what each network of one seed says of them, and its maps in cells."""

    def __init__(self, measured: Measured, seed: int = 0):
        runs = {method: found[seed] for method, found in networks(measured).items() if seed in found}
        thumbs = next((one for task, one in measured.items() if isinstance(task, Thumbnails)), None)
        self.runs = runs if thumbs else {}
        self.methods = tuple(self.runs)
        if not self.runs:
            return
        result = thumbs.result
        self.count = min(DRAWN, thumbs.spec["pictures"])
        self.images = [image(one) for one in result["thumbnails"]]
        self.classes, self.names = np.array(result["classes"]), result["names"]
        self.outlines = None
        if "outlines" in result:
            self.outlines = unpack_bits(result["outlines"], self.count * OUTLINE**2).reshape(-1, OUTLINE, OUTLINE)
        self.predicted = {m: np.array(one.result["predicted"]) for m, one in runs.items()}
        self.sure = {m: unpack(one.result["probability"], (one.spec["pictures"],)) for m, one in runs.items()}
        self.grids = {}
        for method, one in runs.items():
            cells = one.result["cells"]["count"]
            self.grids[method] = unpack(one.result["grids"], (self.count, cells, cells), bits=8)

    def right(self) -> np.ndarray:
        """Return which network is right about which picture, (methods, pictures) bool."""
        return np.array([self.predicted[m][: self.count] == self.classes[: self.count] for m in self.methods])

    def chosen(self, together: int = 3, alone: int = 2) -> list[int]:
        """Choose pictures by rule: `together` that all networks get right, then `alone` that only one does.

        In an order drawn by the seed, among those of which every map speaks for the class; of the second kind, first
        those that another network gets right than before. Where a kind lacks, those that most get right stand in.
        """
        speaks = np.all([np.isfinite(self.grids[m]).all(axis=(1, 2)) for m in self.methods], axis=0)
        right = self.right()
        order = [i for i in np.random.default_rng(0).permutation(self.count) if speaks[i]]
        every = [i for i in order if right[:, i].all()][:together]
        single = [i for i in order if right[:, i].sum() == 1 and len(self.methods) > 1]
        first = {int(right[:, i].argmax()): i for i in reversed(single)}.values()
        picked = [*every, *sorted(single, key=lambda i: i not in first)[:alone]]
        rest = sorted((i for i in order if i not in picked), key=lambda i: -right[:, i].sum())
        return [int(i) for i in (picked + rest)[: together + alone]]


def photographs(measured: Measured) -> list[Measurement]:
    """Return the measured photographs."""
    return [one for task, one in measured.items() if isinstance(task, Photograph)]
