"""Panels of accuracy against FLOPS from made-up records: the axis of top-1, single seeds, the band behind them."""

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from support.invented import drawn, growing, invent, study_of

from effnet_lib.artefacts import artefact
from effnet_lib.report.figures import accuracy_curves
from effnet_lib.report.tables.accuracy import SeedBand, seed_band

FIG3, FIG4, FIG8 = artefact("fig3"), artefact("fig4"), artefact("fig8")
SLOPES = {"width": 2.0, "depth": 1.0, "resolution": 2.5, "compound": 4.5, "published": 4.0}


def panel(rows: pd.DataFrame):
    """Return the panel of differences that some rows share."""
    _, axes = accuracy_curves.panels("", "", [1])
    for row in rows.itertuples():
        accuracy_curves.point(axes[0], row)
    accuracy_curves.share_differences(axes, rows)
    return axes[0]


def table(record_of, artefact=FIG3, accuracy=growing, seeds=3) -> pd.DataFrame:
    study = study_of()
    return artefact.table(study, invent(study, artefact.plan(study), record_of, accuracy(study, SLOPES), seeds))


@pytest.mark.parametrize("figure", [FIG3, FIG4, FIG8], ids=lambda one: one.id)
def test_the_axis_of_top_1_is_right_for_every_point_and_dot(record_of, figure):
    study = study_of()
    page, records, rows = drawn(figure, study, record_of, growing(study, SLOPES))
    axes = page.axes[2 if figure is FIG3 else 0]
    (strip,) = axes.child_axes
    to_top1 = strip._functions[0]
    assert to_top1(rows["gain"].to_numpy()) == pytest.approx(rows["top1"], abs=1e-6)
    dots = [line for line in axes.lines if line.get_marker() == "."]
    top1 = {round(run.top1, 6) for runs in records.values() for run in runs.values()}
    shown = {round(float(to_top1(y)), 6) for line in dots for y in line.get_ydata()}
    assert len(shown) > 3 and shown <= top1


def test_where_a_difference_of_0_is_no_one_top_1_there_is_no_such_axis(record_of):
    rows = table(record_of)
    assert len(panel(rows).child_axes) == 1
    rows.loc[rows["model"] == "d=4", "gain"] += 0.4  # a baseline of other seeds
    assert panel(rows).child_axes == [] and panel(rows.assign(gain=np.nan)).child_axes == []


def test_no_tick_of_top_1_is_beyond_100_percent(record_of):
    rows = table(record_of, accuracy=lambda study, _: lambda model: 99.5 if model.method == "baseline" else 88.0)
    axes = panel(rows)
    (strip,) = axes.child_axes
    assert axes.get_ylim()[1] + 99.5 > 100 and 85 <= min(strip.get_yticks()) < max(strip.get_yticks()) == 100


def joined(axes) -> list:
    """Return the lines of a panel that pass through more than one cost, but those that lead labels to their points."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None" and len(line.get_xdata()) > 1]
    lines = [line for line in lines if line.get_linewidth() > 1]
    return [line for line in lines if len(set(line.get_xdata())) > 1 and list(line.get_xdata()) != [0, 1]]


@pytest.mark.parametrize("figure, panels", [(FIG3, [0, 1, 2]), (FIG4, [0]), (FIG8, [0])], ids=["3", "4", "8"])
def test_single_seeds_are_never_joined(record_of, figure, panels):
    study = study_of()
    page, _, rows = drawn(figure, study, record_of, growing(study, SLOPES), 1)
    assert not any(joined(page.axes[i]) for i in panels)
    crosses = [line for i in panels for line in page.axes[i].lines if line.get_marker() == "x"]
    assert len(crosses) == len(rows) - 1
    under = [line for i in panels for line in page.axes[i].lines if line.get_alpha() == 0.3]
    assert {line.get_marker() for line in under} >= ({"o", "s", "^"} if figure is FIG3 else {"o"})  # in grey, too


def test_a_curve_stops_before_a_single_seed_and_goes_on_after_it(record_of):
    study = study_of()
    records = invent(study, FIG3.plan(study), record_of, growing(study, SLOPES), 3)
    (cut,) = [model for model in records if model.name == "w=1.8"]
    records[cut] = {0: records[cut][0]}
    rows = FIG3.table(study, records)
    axes = FIG3.draw(study, records, rows).axes[0]
    x = rows.set_index("model")["flops_ratio"]
    assert [list(line.get_xdata()) for line in joined(axes)] == [
        [1, x["w=1.4"]], [x["w=2.6"], x["w=3.8"], x["w=5"]],
    ]  # fmt: skip


def test_behind_single_seeds_stands_the_same_band_in_every_figure(record_of):
    study = study_of()
    for runs in invent(study, FIG3.plan(study), record_of, growing(study, SLOPES), 4).values():
        for record in runs.values():
            study.store.put(record)
    bands = []
    for figure in (FIG3, FIG8):
        records = invent(study, figure.plan(study), record_of, growing(study, SLOPES), 1)
        records = {model: {0: study.store.find(study.spec(model, 0)) or runs[0]} for model, runs in records.items()}
        bands.append(seed_band(study, records))
        page = figure.draw(study, records, figure.table(study, records))
        (span,) = [patch for patch in page.axes[0].patches if patch.get_height() == pytest.approx(2 * bands[-1].half)]
        assert span.get_y() == pytest.approx(-bands[-1].half)
        assert f"grey: ±{bands[-1].half:.1f} points" in page.texts[-1].get_text()
    assert bands[0].sd == pytest.approx(bands[1].sd) and bands[0].dof == bands[1].dof > 20
    assert bands[0].half == pytest.approx(t.ppf(0.975, bands[0].dof) * bands[0].sd * sqrt(2))


def test_where_all_have_several_seeds_or_none_has_there_is_no_band(record_of):
    study = study_of()
    models, accuracy = FIG3.plan(study), growing(study, SLOPES)
    assert seed_band(study, invent(study, models, record_of, accuracy, 3)) is None
    single = invent(study, models, record_of, accuracy, 1)
    assert seed_band(study, single) is None
    page = FIG3.draw(study, single, FIG3.table(study, single))
    assert "how far seeds spread is unknown" in page.texts[-1].get_text()
    assert SeedBand(1.0, 10).words == "grey: ±3.2 points, chance between two seeds (95 %)"
