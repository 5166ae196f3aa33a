"""Records of transfer learning as the table beside the paper's Table 5: a row a network and way of training."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd

from ... import paper
from ...data import transfer_datasets
from ...measure.transfer.tasks import FineTune, Probe, params
from ...models import pretrained
from ...runs.measurement_store import Measurement
from ...runs.packing import unpack_bits
from ...stats.estimate import Estimate, welch
from ...stats.paired_outcomes import PairedOutcomes

Records = dict[Probe | FineTune, Measurement]
COMPARABLE = 1.0  # points by which an accuracy may be lower than another and a ratio of sizes still say something
Networks = dict[str, dict[int, Measurement]]  # by network and seed (of a probe, its draw of training images)


@dataclass(frozen=True)
class Series:
    """Measurements that differ in network and seed only: a line of the figure. `px` None: each network's own size."""

    data: str
    label: str
    method: str
    train_images: int
    px: int | None = None
    epochs: int | None = None

    @property
    def words(self) -> str:
        if self.method == "probe":
            return f"linear probe, {self.train_images:,} training pictures"
        how = "fine-tuned" if self.method == "finetune" else "from scratch"
        return f"{how}, {f'{self.px} px' if self.px else 'own input size'}, {self.epochs} epochs"


def series(records: Records) -> dict[Series, Networks]:
    """Return the records by series, network and seed."""
    lines: dict[Series, Networks] = {}
    for task, record in records.items():
        label = transfer_datasets.label(task.dataset, record.provenance.get("data_fingerprint", ""))
        images = record.result["train_pictures"]
        if isinstance(task, Probe):
            line, seed = Series(task.dataset.id, label, "probe", images), task.block
        else:
            job = task.job()
            size = None if job.arch.px == pretrained.input_px(task.network) else job.arch.px
            kind = "scratch" if task.scratch else "finetune"
            line = Series(task.dataset.id, label, kind, images, size, job.recipe.epochs)
            seed = task.seed
        lines.setdefault(line, {}).setdefault(task.network, {})[seed] = record
    return lines


def outcomes(networks: Networks) -> PairedOutcomes:
    """Return a series' bits, network -> seed -> a bool a test image."""
    return PairedOutcomes(
        {
            name: {s: unpack_bits(r.result["correct"], r.result["test_pictures"]) for s, r in runs.items()}
            for name, runs in networks.items()
        }
    )


def accuracy(networks: Networks, name: str) -> Estimate:
    """Estimate a network's accuracy in percent, in the data set's metric: its own seed spread and image error."""
    mine = [record.result["accuracy"] for record in networks[name].values()]
    images = next(iter(networks[name].values())).result["test_pictures"]
    mean = float(np.mean(mine))
    return welch({name: mine}, {name: 1.0}, 100 * sqrt(mean / 100 * (1 - mean / 100) / images))


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean of numbers above 0, NaN of none."""
    known = [value for value in values if value == value]
    return exp(sum(map(log, known)) / len(known)) if known else nan


def table(records: Records) -> pd.DataFrame:
    """Return Table 5 as printed, and below it ours, a row a network and series.

    Returns:
        Accuracies in percent with 95 % intervals, parameters in millions without the classifier.
        ratio: the comparison model's parameters over the EfficientNet's; of our rows, the printed comparison with the
            public models; blank where our accuracy is lower by more than a point.
    """
    printed = paper.table(5)
    public = printed[printed["comparison"] == "public"].set_index("dataset")
    rows = [_printed(row) for row in printed.itertuples()]
    for line, networks in series(records).items():
        dataset = transfer_datasets.SETS.get(line.data)
        for name in networks:
            row = _measured(line, networks, name)
            if dataset and dataset.printed:
                row |= _comparison(public.loc[dataset.printed], row["params_m"], row["accuracy"])
            rows.append(row)
    return pd.DataFrame(rows)


def _printed(row: Any) -> dict[str, Any]:
    return {
        "source": "printed",
        "dataset": row.dataset,
        "comparison": row.comparison,
        "other_model": row.other_model,
        "other_accuracy": row.other_accuracy_percent,
        "other_params_m": row.other_params_millions,
        "model": row.efficientnet,
        "accuracy": row.efficientnet_accuracy_percent,
        "params_m": row.efficientnet_params_millions,
        "ratio": row.params_ratio,
    }


def _measured(line: Series, networks: Networks, name: str) -> dict[str, Any]:
    runs, estimate = list(networks[name].values()), accuracy(networks, name)
    low, high = estimate.interval95 or (nan, nan)
    return {
        "source": "shipped" if all(run.published for run in runs) else "measured here",
        "dataset": line.label,
        "model": title(name),
        "method": line.words,
        "train_pictures": line.train_images,
        "test_pictures": runs[0].result["test_pictures"],
        "n": len(runs),
        "accuracy": estimate.value,
        "low": low,
        "high": high,
        "metric": runs[0].result["metric"],
        "params_m": params(name) / 1e6,
        "device": runs[0].provenance["device"],
        "date": max(run.provenance["date"][:10] for run in runs),
    }


def _comparison(public: pd.Series, params_m: float, accuracy: float) -> dict[str, Any]:
    """Return the printed comparison; without a ratio where our accuracy is lower."""
    comparable = accuracy >= public["other_accuracy_percent"] - COMPARABLE
    return {
        "comparison": "public",
        "other_model": public["other_model"],
        "other_accuracy": public["other_accuracy_percent"],
        "other_params_m": public["other_params_millions"],
        "ratio": public["other_params_millions"] / params_m if comparable else nan,
    }


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return geometric means of the parameter ratio over data sets: printed, recomputed from the print, and ours."""
    means = []
    printed = rows[rows["source"] == "printed"]
    for comparison, part in printed.groupby("comparison", sort=False):
        mean = part[part["dataset"] == "Geo-Mean"]["ratio"].iloc[0]
        each = part[part["dataset"] != "Geo-Mean"]["ratio"].dropna()
        means.append(
            {"whose": f"paper, {comparison}", "data_sets": len(each), "printed": mean, "geo_mean": geometric_mean(each)}
        )
    ours = rows[(rows["source"] != "printed") & rows["ratio"].notna()].drop_duplicates(["model", "dataset"])
    for model, part in ours.groupby("model"):
        means.append({"whose": model, "data_sets": len(part), "geo_mean": geometric_mean(part["ratio"])})
    return pd.DataFrame(means)


def title(name: str) -> str:
    """Return a network's name as figures write it."""
    return name.capitalize()
