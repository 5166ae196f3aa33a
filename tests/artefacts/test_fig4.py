"""Figure 4 from made-up records: lines, means over a common range, effects, claims, queue, drawing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from support.invented import BASE, drawn, invent, luminance, points, read, study_of

from effnet_lib.artefacts import artefact, fig4
from effnet_lib.artefacts.fig4 import BASELINES, BOTH, PLAIN, mean_weights
from effnet_lib.report.tables.accuracy import ratio
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER
from effnet_lib.study import queue
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.training_plan import merged

FIG3 = artefact("fig3")
FIG4 = artefact("fig4")


def two_lines(study, slope=2.0, above=0.0, steeper=0.0):
    """Return accuracies that gain `slope` a doubling of FLOPS; line (2, 1.3) is `above` at w = 1, and `steeper`."""
    start = np.log2(ratio(study, fig4.lines(study)[BOTH][0]))

    def accuracy(model):
        x = np.log2(ratio(study, model))
        return 60 + slope * x + (above + steeper * (x - start) if model.base_scaling == BOTH else 0.0)

    return accuracy


def without(accuracy, *names):
    return lambda model: None if model.name in names else accuracy(model)


def made(study, record_of, accuracy, seeds=5):
    return invent(study, FIG4.plan(study), record_of, accuracy, seeds)


def on_both(*widths) -> list[str]:
    return [f"w={w:g} (d=2, r=1.3)" for w in widths]


# Lines and queue ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "profile, plain, others",
    [
        ("photos", [1, 1.4, 1.8, 2.6], [1, 1.4, 1.8, 2.6]),
        ("gpu", [1, 1.4, 1.8, 2.6], [1, 1.4, 1.8, 2.6, 3.8]),
        ("cpu", [1, 1.8, 2.6], [1, 1.8]),
        ("smoke", [1, 1.8, 2.6], [1, 1.8]),
    ],
)
def test_four_lines_from_the_papers_baselines(profile, plain, others):
    study = study_of(profile=profile)
    lines = fig4.lines(study)
    assert [(on.depth, on.width, on.resolution) for on in lines] == [(1, 1, 1), (1, 1, 1.3), (2, 1, 1), (2, 1, 1.3)]
    assert [[model.coefficient for model in line] for line in lines.values()] == [plain, others, others, others]
    for line in lines.values():
        costs = [ratio(study, model) for model in line]
        assert costs == sorted(set(costs))  # interpolation needs growing costs
    names = [model.name for model in FIG4.plan(study)]
    assert len(set(names)) == len(names) and names.count("baseline") == 1 and "w=1.8 (d=2, r=1)" in names
    assert lines[PLAIN][0] == study.baseline and len(merged(FIG4.plan(study), [])) == len(names)


def test_runs_that_figure_3_needs_too_are_the_same_runs():
    study = study_of()
    keys = {study.spec(model, 0).key for model in FIG4.plan(study)}
    for name in ("baseline", "w=1.4", "w=1.8", "w=2.6", "d=2", "r=1.3"):
        (model,) = [model for model in FIG3.plan(study) if model.name == name]
        assert study.spec(model, 0).key in keys, name


@pytest.mark.parametrize("profile, seeds", [("photos", 5), ("gpu", 5), ("cpu", PROFILES["cpu"].seeds)])
def test_the_two_lines_that_decide_come_first_and_every_model_once(profile, seeds):
    study = study_of(profile=profile, quintet=profile != "cpu")
    decisive, middle = [stage for stage in queue.stages(study) if stage.artefact == "fig4"]
    lines = fig4.lines(study)
    ends = {model.arch for on in (PLAIN, BOTH) for model in lines[on] if model.coefficient <= fig4.WIDEST}
    assert {(spec.arch, spec.seed) for spec in decisive.specs} == {(arch, s) for arch in ends for s in range(seeds)}
    assert [spec.seed for spec in decisive.specs] == sorted(spec.seed for spec in decisive.specs)  # whole blocks
    assert {spec.seed for spec in middle.specs} == {*range(study.profile.seeds)}
    every = [spec.key for stage in (decisive, middle) for spec in stage.specs]
    assert len(set(every)) == len(every) and (decisive.number, middle.number) == (7, queue.BEYOND)
    assert {spec.arch for stage in (decisive, middle) for spec in stage.specs} == {m.arch for m in FIG4.plan(study)}
    assert middle == queue.stages(study)[-1]
    assert decisive.name == f"Figure 4, {seeds} seeds"


# Means over a range ---------------------------------------------------------------------------------------------

XS = st.lists(st.integers(0, 600), min_size=2, max_size=7, unique=True).map(lambda xs: [x / 100 for x in xs])


@given(XS, st.data())
def test_weights_are_the_mean_of_the_interpolant(xs, data):
    names = {f"m{i}": x for i, x in enumerate(xs)}
    a, b = min(xs), max(xs)
    low = a + (b - a) * data.draw(st.floats(0, 0.9))
    high = low + (b - low) * data.draw(st.floats(0.05, 1))
    values = {name: data.draw(st.floats(0, 100)) for name in names}
    weights = mean_weights(names, low, min(high, b))
    assert sum(weights.values()) == pytest.approx(1) and all(0 < weight <= 1 + 1e-12 for weight in weights.values())
    assert sum(w * (3 - 2 * names[n]) for n, w in weights.items()) == pytest.approx(3 - (low + min(high, b)))
    order = sorted(names, key=names.get)
    grid = np.unique([*np.linspace(low, min(high, b), 501), *(x for x in xs if low <= x <= high)])
    y = np.interp(grid, [names[n] for n in order], [values[n] for n in order])
    numerical = np.trapezoid(y, grid) / (grid[-1] - grid[0])
    assert sum(w * values[n] for n, w in weights.items()) == pytest.approx(numerical, abs=1e-6)


def test_a_point_outside_the_range_counts_only_as_far_as_its_segment_does():
    assert mean_weights({"a": 0, "b": 1, "c": 2, "d": 3}, 1, 2) == {"b": 0.5, "c": 0.5}
    assert mean_weights({"b": 2, "a": 0}, 1, 2) == pytest.approx({"a": 0.25, "b": 0.75})


@pytest.mark.parametrize("low, high", [(-0.1, 1), (0, 2.1), (1, 1), (2, 1), (3, 4)])
def test_nothing_is_extrapolated(low, high):
    with pytest.raises(ValueError, match="is not inside"):
        mean_weights({"a": 0.0, "b": 2.0}, low, high)


def test_the_lines_are_compared_where_both_have_points(record_of):
    study = study_of()
    records = made(study, record_of, two_lines(study), 1)
    weights, low, high = fig4.overlap(study, records)
    by = {model.name: ratio(study, model) for model in records}
    assert low == pytest.approx(by[on_both(1)[0]]) and high == pytest.approx(by["w=2.6"])
    assert sum(weights.values()) == pytest.approx(0)
    assert sum(weights.get(name, 0) for name in on_both(1, 1.4, 1.8, 2.6)) == pytest.approx(1)
    assert "w=2.6 (d=2, r=1.3)" not in weights and weights["w=1.8"] < 0 and "baseline" not in weights
    assert not {name for name in weights if "r=1)" in name or "d=1" in name}  # the middle lines decide nothing


@pytest.mark.parametrize("missing", [["w=2.6"], on_both(1, 1.4, 1.8), on_both(1, 1.4), on_both(1, 1.4, 1.8, 2.6)])
def test_lines_without_common_flops_are_not_compared(record_of, missing):
    study = study_of()
    records = made(study, record_of, without(two_lines(study), *missing), 3)
    assert fig4.overlap(study, records) is None and fig4.overlap(study, {}) is None
    higher, steeper = FIG4.claims(study, records)
    assert "no common FLOPS measured" in higher.line() and "not measured" in higher.line()
    assert {higher.verdict, steeper.verdict} == {NOT_ENOUGH}
    figure = FIG4.draw(study, records, FIG4.table(study, records))
    assert read(figure).count("not measured") == 2 and "compared here" not in read(figure)


def test_widths_that_round_to_one_network_are_one_point_of_the_line(record_of):
    study = study_of(widths=(1.0, 1.01, 1.4, 1.79, 1.8, 2.6))
    records = made(study, record_of, two_lines(study, above=3.0))
    assert "w=1.8" not in {model.name for model in records}  # it is w=1.79
    higher, steeper = fig4.effects(study, records).values()
    assert higher.value == pytest.approx(3, abs=0.1) and steeper.n == 5
    assert FIG4.draw(study, records, FIG4.table(study, records))


# Effects and claims ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "above, steeper, verdicts",
    [
        (3.0, 3.0, [HOLDS, HOLDS]),
        (-3.0, 3.0, [CONTRADICTED, HOLDS]),
        (4.0, -3.0, [HOLDS, CONTRADICTED]),
        (0.0, 0.0, [SMALLER, NOT_ENOUGH]),
    ],
)
def test_effects_have_the_invented_size_and_the_papers_sign(record_of, above, steeper, verdicts):
    study = study_of()
    higher, steep = FIG4.claims(study, made(study, record_of, two_lines(study, 2.0, above, steeper), 6))
    x = {on: [np.log2(ratio(study, m)) for m in line] for on, line in fig4.lines(study).items()}
    middle = (x[BOTH][0] + x[PLAIN][-1]) / 2
    gain = 2.0 * (x[BOTH][-1] - x[BOTH][0] - x[PLAIN][-1]) + steeper * (x[BOTH][-1] - x[BOTH][0])
    assert higher.estimate.value == pytest.approx(above + steeper * (middle - x[BOTH][0]), abs=0.1)
    assert steep.estimate.value == pytest.approx(gain, abs=0.1)
    assert (higher.verdict, steep.verdict)[: 1 + bool(steeper)] == tuple(verdicts)[: 1 + bool(steeper)]
    assert higher.source.claim == (
        "Observation 2a: width on (d=2, r=1.3) is above width on (1, 1), mean over 2.72x to 4.26x FLOPS"
    )
    assert steep.source.claim == "Observation 2b: w=1 to 2.6 gains more on (d=2, r=1.3) than on (1, 1)"
    assert "no values printed" in higher.source.printed and "no values printed" in steep.source.printed


def test_each_effect_needs_its_own_points_only(record_of):
    study = study_of()
    accuracy = two_lines(study, above=3.0)
    higher, steeper = fig4.effects(study, made(study, record_of, without(accuracy, *on_both(2.6)))).values()
    assert higher.value == pytest.approx(3, abs=0.1) and steeper.value is None
    higher, steeper = fig4.effects(study, made(study, record_of, without(accuracy, "baseline"))).values()
    assert higher.value == pytest.approx(3, abs=0.1) and steeper.value is None
    assert all(effect.value is None for effect in fig4.effects(study, {}).values())
    small = study_of(ProxyBaseline(0.25, 0.5, 32), profile="cpu")
    assert "w=1 to 1.8 gains more" in list(fig4.effects(small, {}))[1]  # the widest that both lines have


def test_one_seed_never_decides(record_of):
    study = study_of()
    judged = FIG4.claims(study, made(study, record_of, two_lines(study, above=20.0, steeper=3.0), 1))
    assert [claim.verdict for claim in judged] == [NOT_ENOUGH] * 2 and {c.estimate.n for c in judged} == {1}


# Drawing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope, above, seeds", [(2.0, 2.0, 1), (2.0, 2.0, 3), (0.0, 0.0, 2), (-2.0, 1.0, 3)])
def test_two_panels_whose_labels_can_be_read(record_of, slope, above, seeds):
    study = study_of(BASE)
    figure, records, rows = drawn(FIG4, study, record_of, two_lines(study, slope, above), seeds)
    words = read(figure)
    axes, forest = figure.axes
    assert axes.get_title("left") == "width scaled on" and forest.get_title("left") == "Observation 2"
    assert [text.get_text() for text in axes.get_legend().texts] == [
        f"d={on.depth:g}, r={on.resolution:g}" for on in BASELINES
    ]
    expected = sorted(zip(rows["flops_ratio"], rows["gain"], strict=True))
    assert len(records) == 16 and sorted(points(axes)) == [pytest.approx(one) for one in expected]
    assert ("cross: one seed, no interval" in words) == (seeds == 1) and "2a: higher" in words
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert len(crosses) == (15 if seeds == 1 else 0)  # the baseline has no difference to itself

    (shade,) = axes.patches
    assert "compared here" in words
    assert [shade.get_x(), shade.get_x() + shade.get_width()] == pytest.approx(fig4.overlap(study, records)[1:])

    curves = [line for line in axes.lines if len(line.get_xdata()) == 4 and line.get_linestyle() != "None"]
    tones = [luminance(to_rgb(line.get_color())) for line in curves]
    assert len(curves) == (4 if seeds > 1 else 0)
    assert all(one - other > 0.08 for one, other in pairwise(tones))  # darkest last, in grey too
    values = [effect.value for effect in fig4.effects(study, records).values()]
    assert [x for x, _ in points(forest)] == pytest.approx(values) and forest.yaxis_inverted()
