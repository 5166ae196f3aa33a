"""Records of transfer learning as the table beside the paper's Table 5: a row a network and way of training."""

from dataclasses import dataclass
from math import exp, log, nan, sqrt

import numpy as np
import pandas as pd

from ... import paper
from ...data import transfer_datasets
from ...measure.transfer.tasks import FineTune, Probe, params
from ...models import pretrained
from ...runs.measurements import Measurement
from ...runs.packing import unpack_bits
from ...stats.intervals import Estimate, PairedOutcomes, pooled_sd

Records = dict[Probe | FineTune, Measurement]


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


def series(records: Records) -> dict[Series, dict[str, dict[int, Measurement]]]:
    """Return the records as series -> network -> seed (of a probe, its draw of training pictures) -> measurement."""
    found: dict[Series, dict[str, dict[int, Measurement]]] = {}
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
        found.setdefault(line, {}).setdefault(task.network, {})[seed] = record
    return found


def outcomes(networks: dict[str, dict[int, Measurement]]) -> PairedOutcomes:
    """Return a series' bits, network -> seed -> one bool a test picture."""
    return PairedOutcomes(
        {
            name: {s: unpack_bits(r.result["correct"], r.result["test_pictures"]) for s, r in runs.items()}
            for name, runs in networks.items()
        }
    )


def accuracy(networks: dict[str, dict[int, Measurement]], name: str) -> Estimate:
    """Estimate a network's accuracy in percent, in the data set's metric: pooled seed spread and picture error."""
    values = {n: {s: r.result["accuracy"] for s, r in runs.items()} for n, runs in networks.items()}
    sd, dof = pooled_sd(pd.DataFrame(values).T)
    mine = list(values[name].values())
    images = next(iter(networks[name].values())).result["test_pictures"]
    mean = float(np.mean(mine))
    by_image = 100 * sqrt(mean / 100 * (1 - mean / 100) / images)
    return Estimate(mean, sd / sqrt(len(mine)) if dof else None, by_image, dof, len(mine), len(networks))


def geometric_mean(values) -> float:
    """Return the geometric mean of numbers above 0, NaN of none."""
    values = [value for value in values if value == value]
    return exp(sum(map(log, values)) / len(values)) if values else nan


def table(records: Records) -> pd.DataFrame:
    """Return Table 5 as printed, and below it ours, a row a network and series.

    Accuracies in percent with 95 % intervals, parameters in millions without the classifier. `ratio`: the comparison
    model's parameters over the EfficientNet's; of our rows, the printed comparison with the public models.
    """
    rows = []
    compared = paper.table(5)
    for row in compared.itertuples():
        rows.append(
            {
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
        )
    public = compared[compared["comparison"] == "public"].set_index("dataset")
    for line, networks in series(records).items():
        printed = transfer_datasets.SETS[line.data].printed if line.data in transfer_datasets.SETS else ""
        for name, runs in networks.items():
            one, found = next(iter(runs.values())), accuracy(networks, name)
            low, high = found.interval95 or (nan, nan)
            row = {
                "source": "shipped" if all(r.shipped for r in runs.values()) else "measured here",
                "dataset": line.label,
                "model": title(name),
                "method": line.words,
                "train_pictures": line.train_images,
                "test_pictures": one.result["test_pictures"],
                "n": len(runs),
                "accuracy": found.value,
                "low": low,
                "high": high,
                "metric": one.result["metric"],
                "params_m": params(name) / 1e6,
                "device": one.provenance["device"],
                "date": max(r.provenance["date"][:10] for r in runs.values()),
            }
            if printed:
                other = public.loc[printed]
                row |= {"comparison": "public", "other_model": other["other_model"]}
                row |= {
                    "other_accuracy": other["other_accuracy_percent"],
                    "other_params_m": other["other_params_millions"],
                    "ratio": other["other_params_millions"] / row["params_m"],
                }
            rows.append(row)
    return pd.DataFrame(rows)


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return geometric means of the parameter ratio over data sets: printed, recomputed from the print, and ours."""
    found = []
    printed = rows[rows["source"] == "printed"]
    for comparison, part in printed.groupby("comparison", sort=False):
        mean = part[part["dataset"] == "Geo-Mean"]["ratio"].iloc[0]
        each = part[part["dataset"] != "Geo-Mean"]["ratio"].dropna()
        found.append(
            {"whose": f"paper, {comparison}", "data_sets": len(each), "printed": mean, "geo_mean": geometric_mean(each)}
        )
    ours = rows[(rows["source"] != "printed") & rows["ratio"].notna()].drop_duplicates(["model", "dataset"])
    for model, part in ours.groupby("model"):
        found.append({"whose": model, "data_sets": len(part), "geo_mean": geometric_mean(part["ratio"])})
    return pd.DataFrame(found)


def title(name: str) -> str:
    """Return a network's name as figures write it."""
    return name.capitalize()
