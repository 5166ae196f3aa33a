"""The networks of a scaling search as a table: a row a network, with its cost and its differences."""

from math import nan
from typing import Any

import numpy as np
import pandas as pd

from ...core.errors import known
from ...models.complexity import count
from ...stats.intervals import contrast
from .accuracy import outcomes
from .scaling_answer import Answer


def table(answer: Answer) -> pd.DataFrame:
    """Return a row a network with at least one record, as it was planned.

    Returns:
        top1 in percent; gain over the baseline with its 95 % interval and over_paper, the difference to the paper's
        triple, with an interval that holds for all candidates together, in points; cost_ratio over the baseline's.
    """
    measured, papers = known(outcomes(answer.results)), answer.papers
    over = papers.differences if papers else {}
    rows: list[dict[str, Any]] = []
    for model, runs in answer.results.items():
        counts, scaling = count(model.arch), model.scaling
        gain = contrast(measured, {model.name: 1.0, "baseline": -1.0}) if model.method != "baseline" else None
        low, high = (gain.interval95 if gain else None) or (nan, nan)
        difference = [nan if value is None else value for value in over.get(model.name, (nan, nan, nan))]
        rows.append(
            {"method": model.method, "model": model.name, "alpha": scaling.depth, "beta": scaling.width}
            | {"gamma": scaling.resolution, "px": model.arch.px, "final_px": model.arch.final_px}
            | {"params": counts.params, "flops": counts.madds, "activations": counts.activations}
            | {"cost_ratio": answer.study.question.ratio(model.arch), "seeds": len(runs)}
            | {"top1": float(np.mean([run.top1 for run in runs.values()]))}
            | {"gain": gain.value if gain and gain.value is not None else nan, "gain_low": low, "gain_high": high}
            | dict(zip(("over_paper", "over_paper_low", "over_paper_high"), difference, strict=True))
        )
    return pd.DataFrame(rows)
