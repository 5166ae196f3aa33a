"""Table 2: counts and accuracies of 24 networks; what is printed, measured by others and measured here, apart."""

from typing import Any

import pandas as pd

from ... import paper
from ...models.zoo import NETWORKS
from . import by_others, evaluation, flops_audit
from .evaluation import Results

MILLION, BILLION = 10**6, 10**9
# Only where one is known; a deviation without words is one that nobody has explained.
EXPLAINED = {
    "EfficientNet-B4": "4.2 B would need about 371 px",
    "EfficientNet-B5": "9.91 B at 448 px instead of 456",
    "ResNet-152": "cut, not rounded: 11.5 B",
    "PolyNet": "FLOPS as printed; 92 M is not explained",
    "Inception-v4": "48 M is not explained (with the auxiliary head about 46 M), nor is 13 B",
    "SENet": "SENet-154 at 320 px has the printed FLOPS and 115.1 M; no variant has 146 M and 42 B",
    "PNASNet": "23 B is a misprint: the printed ratio, 6.0x of 4.2 B, says 25 B",
    "GPipe": "the paper prints no FLOPS: counted for AmoebaNet-B (18, 512) at 480 px",
}


def table(results: Results) -> pd.DataFrame:
    """Return Table 2 with our counts, and below it the networks that are measured here.

    Returns:
        params, flops: counted here; `*_printed`: as printed, of the same unit; `*_deviation`: counted over printed, in
        percent. `*_ratio`: over the EfficientNet of the group, from counts; `*_ratio_printed`. top1, top5 in percent
        three times: `*_printed`, `*_others` (timm, for published weights), `*_here` (with Wilson's 95 % interval).
    """
    found, printed = paper.table(2), paper.printed(2).set_index("model")
    counts = {name: NETWORKS[name].counts() for name in found["model"]}
    others = by_others.of_published_weights()
    rows = []
    for row in found.itertuples():
        ours, yardstick = counts[row.model], counts[f"EfficientNet-{row.group}"]
        made: dict[str, Any] = {"model": row.model, "group": row.group, "px": NETWORKS[row.model].px}
        for name, counted, unit, text, base in (
            ("params", ours.params, MILLION, printed.loc[row.model, "params_millions"], yardstick.params),
            ("flops", ours.madds, BILLION, printed.loc[row.model, "flops_billions"], yardstick.madds),
        ):
            made |= _count(name, counted, unit, text) | {f"{name}_ratio": counted / base}
            made[f"{name}_ratio_printed"] = getattr(row, f"{name}_ratio")
        made["explanation"] = EXPLAINED.get(row.model, "")
        made |= {"top1_printed": row.top1_percent, "top5_printed": row.top5_percent}
        rows.append(made | _others(others, row.model))
    for measured in evaluation.measured(results).to_dict("records"):
        rows.append(measured | _others(others, measured["model"]))
    return pd.DataFrame(rows)


def _count(name: str, counted: int, unit: int, text: str | None) -> dict[str, Any]:
    if text is None or pd.isna(text):
        return {name: counted}
    stated = float(text) * unit
    made = {name: counted, f"{name}_printed": stated, f"{name}_deviation": 100 * (counted / stated - 1)}
    return made | {f"{name}_verdict": flops_audit.verdict(counted, text, unit)}


def _others(others: pd.DataFrame, model: str) -> dict[str, Any]:
    if model not in others.index:
        return {}
    row = others.loc[model]
    where = f"{row['repository']}@{row['commit'][:12]}"
    return {"top1_others": row["top1_percent"], "top5_others": row["top5_percent"], "others_source": where}


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each comparator's size over its EfficientNet's: from counts, from the printed sizes, and as printed."""
    part = rows[rows["group"].notna() & ~rows["model"].str.startswith("EfficientNet")]
    base = rows.set_index("model").loc[[f"EfficientNet-{group}" for group in part["group"]]]
    made = pd.DataFrame({"model": part["model"], "over": base.index})
    for name in ("params", "flops"):
        made[f"{name} counted"] = part[f"{name}_ratio"]
        made[f"{name} of the print"] = part[f"{name}_printed"].to_numpy() / base[f"{name}_printed"].to_numpy()
        made[f"{name} printed"] = part[f"{name}_ratio_printed"]
    return made.reset_index(drop=True)
