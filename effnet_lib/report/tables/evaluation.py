"""Records of evaluations as tables: accuracies with intervals, paired differences, the classes that are confused."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ...measure.evaluation.task import UNREAD, Evaluation, architecture
from ...models.complexity import count
from ...runs.measurement_store import Measurement
from ...runs.packing import unpack_bits, unpack_indices
from ...stats.paired_accuracy import Difference, difference, wilson

Results = dict[Evaluation, Measurement]
LEAST = 2  # images of a class, before it may be among the worst


def title(name: str) -> str:
    """Return a network's name as the paper would write it."""
    return f"EfficientNet-{name.capitalize()}"


def correct(record: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Return for every image whether it was recognised and whether it could be read, (n,) bool each."""
    labels, first = _classes(record)
    return labels == first, first != UNREAD


def _classes(record: Measurement) -> tuple[np.ndarray, np.ndarray]:
    listed = record.result["listed"]
    labels, predicted = (unpack_indices(record.result[name], listed) for name in ("labels", "predicted"))
    return labels, predicted


def measured(results: Results) -> pd.DataFrame:
    """Return a row a network and set: counts, top-1 and top-5 in percent with Wilson's 95 % intervals, and how."""
    rows = []
    for task, record in results.items():
        result, made = record.result, record.provenance
        counts = count(architecture(task.network))
        row: dict[str, Any] = {"model": title(task.network), "px": record.spec["px"]}
        row |= {"params": counts.params, "flops": counts.madds, "data": task.dataset.label}
        row |= {"images": result["images"], "skipped": result["listed"] - result["images"]}
        right, read = correct(record)
        five = unpack_bits(result["among_five"], result["listed"])
        for name, hits in (("top1", right[read]), ("top5", five[read])):
            low, high = wilson(int(hits.sum()), int(read.sum()))
            row |= {f"{name}_here": 100 * hits.mean(), f"{name}_low": low, f"{name}_high": high}
        row |= {"engine": result.get("engine", ""), "device": made["device"], "date": made["date"][:10]}
        rows.append(row | {"source": "shipped" if record.published else "measured here"})
    return pd.DataFrame(rows)


def pairs(results: Results) -> dict[tuple[str, str], Difference]:
    """Return the difference of every later network to every earlier one, over the images that both could read."""
    found = {}
    for one, other in combinations(results, 2):
        if one.dataset == other.dataset:
            (a, read), (b, also) = correct(results[one]), correct(results[other])
            both = read & also
            found[other.network, one.network] = difference(b[both], a[both])
    return found


def differences(results: Results) -> pd.DataFrame:
    """Return the paired differences as a table: points, 95 % interval, images that only one got right, McNemar's p."""
    rows = []
    for (better, worse), found in pairs(results).items():
        low, high = found.estimate.interval95
        row = {"network": title(better), "minus": title(worse), "points": found.value, "low": low, "high": high}
        rows.append(row | {"only": found.only_one, "only_minus": found.only_other, "p": found.p, "images": found.n})
    return pd.DataFrame(rows)


def confusions(record: Measurement, worst: int = 10) -> pd.DataFrame:
    """Return the classes of which a network recognises least, and what it takes them for most often.

    Classes of fewer than two images are passed over; of equal shares the one with more images comes first.
    """
    from ...models.pretrained import class_names

    labels, first = _classes(record)
    labels, first = labels[first != UNREAD], first[first != UNREAD]
    names = [words.split(", ")[0] for words in class_names()[1]]
    rows = []
    for label in np.unique(labels):
        taken = first[labels == label]
        wrong, times = np.unique(taken[taken != label], return_counts=True)
        if len(taken) >= LEAST and len(wrong):
            most = int(times.argmax())
            row = {"class": names[label], "images": len(taken), "recognised": int((taken == label).sum())}
            rows.append(row | {"mostly taken for": names[wrong[most]], "times": int(times[most])})
    columns = ["class", "images", "recognised", "mostly taken for", "times"]
    found = pd.DataFrame(rows, columns=columns)
    share = (found["recognised"] / found["images"]).rename("share")
    order = pd.concat([share, -found["images"]], axis=1).sort_values(["share", "images"], kind="stable").index
    return found.loc[order].head(worst).reset_index(drop=True)
