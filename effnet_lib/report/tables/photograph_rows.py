"""Table 7 counted, and what Figure 7's maps by published weights are worth on labelled photographs."""

from typing import Any

import numpy as np
import pandas as pd

from ... import paper
from ...measure.evaluation.task import architecture
from ...measure.maps.faithfulness import MEASURES
from ...measure.maps.labelled_photographs import CreditedPhotograph, Faithfulness
from ...models.archs import efficientnet
from ...models.complexity import count
from ...models.scaling import Scaling
from ...runs.measurement_store import Measurement
from ...runs.packing import unpack
from ...stats.estimate import Estimate
from ...stats.paired_scores import difference, mean
from . import flops_audit

Results = dict[CreditedPhotograph | Faithfulness, Measurement]
BILLION = 10**9


def models() -> pd.DataFrame:
    """Return Table 7 with counts: multipliers, px, parameters, FLOPS counted and printed, top-1 as printed."""
    rows, printed = [], paper.printed(7)["flops_billions"]
    for row, text in zip(paper.table(7).itertuples(), printed, strict=True):
        arch = efficientnet.scale(Scaling(row.depth, row.width, row.resolution))
        counts, stated = count(arch), row.flops_billions * BILLION
        made = {"model": row.model, "depth": row.depth, "width": row.width, "resolution": row.resolution}
        made |= {"px": arch.px, "params": counts.params, "flops": counts.madds, "flops_printed": stated}
        made |= {"flops_deviation": 100 * (counts.madds / stated - 1)}
        verdict = flops_audit.verdict(counts.madds, text, BILLION)
        rows.append(made | {"flops_verdict": verdict, "top1_printed": row.top1_percent})
    return pd.DataFrame(rows)


def photographs(results: Results) -> list[Measurement]:
    """Return the photographs' records in the order of the plan."""
    return [record for task, record in results.items() if isinstance(task, CreditedPhotograph)]


def scores(results: Results) -> dict[str, dict[str, np.ndarray]]:
    """Return network -> measure -> a score an image, (n,), NaN where there is none."""
    found = {}
    for task, record in results.items():
        if isinstance(task, Faithfulness):
            found[task.network] = {
                measure: unpack(record.result["scores"][measure], (task.images,), -1.0 if measure == "road" else 0.0)
                for measure in MEASURES
            }
    return found


def faithfulness(results: Results) -> pd.DataFrame:
    """Return a row a network: size, images, each measure's mean in percent (ROAD: points) with its 95 % interval."""
    rows, found = [], scores(results)
    for task, record in results.items():
        if not isinstance(task, Faithfulness):
            continue
        counts, made = count(architecture(task.network)), record.provenance
        row: dict[str, Any] = {"model": f"EfficientNet-{task.network.capitalize()}", "px": record.spec["px"]}
        row |= {"params": counts.params, "flops": counts.madds, "data": task.dataset.label, "images": task.images}
        row |= {"empty": record.result["empty"], "skipped": record.result["skipped"]}
        for measure in MEASURES:
            estimate = mean(found[task.network][measure])
            low, high = estimate.interval95 or (None, None)
            row |= {measure: estimate.value, f"{measure}_low": low, f"{measure}_high": high}
        row |= {"device": made["device"], "date": made["date"][:10]}
        rows.append(row | {"source": "shipped" if record.published else "measured here"})
    return pd.DataFrame(rows)


def gain(results: Results, measure: str, more: str, less: str) -> Estimate:
    """Estimate by how much one network's maps are better by a measure than another's, paired by image."""
    found = scores(results)
    if more not in found or less not in found:
        return Estimate()
    pair = found[more][measure], found[less][measure]
    if len(pair[0]) != len(pair[1]):
        return Estimate()
    return difference(*pair) if measure != "deletion" else difference(*reversed(pair))  # of deletion, less is better


def table(results: Results) -> pd.DataFrame:
    """Return Table 7, and below it the networks whose maps are measured here."""
    return pd.concat([models(), faithfulness(results)], ignore_index=True)
