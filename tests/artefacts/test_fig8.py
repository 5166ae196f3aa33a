"""Figure 8 from made-up records: plan, levels of FLOPS, queue, margins, claims, drawing."""

from dataclasses import replace

import pytest
from support.invented import BASE, drawn, growing, invent, points, read, study_of

from effnet_lib.artefacts import artefact, fig8
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling, compound
from effnet_lib.report.figures.style import COLOURS, MARKERS
from effnet_lib.report.tables.accuracy import ratio
from effnet_lib.stats.intervals import Estimate
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER
from effnet_lib.study import queue
from effnet_lib.study.decided_study import axes_of
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.protocol import LONG
from effnet_lib.study.scaled_model import METHODS
from effnet_lib.study.training_plan import merged

FIG3 = artefact("fig3")
FIG8 = artefact("fig8")

SIXTY_FOUR = ProxyBaseline(0.5, 0.5, 64)  # where phi = 1 is the network of B2
SLOPES = {"baseline": 0.0, "width": 2.0, "depth": 1.0, "resolution": 2.5, "compound": 4.5, "published": 4.0}


def levelled(study, above: dict | float):
    """Return accuracies in which a level's compound model is `above` its rivals by as many points."""
    found = fig8.levels(study).values()
    by = above if isinstance(above, dict) else dict.fromkeys(fig8.SINGLE, above)
    gaps = {models[method].arch: 70 - by[method] for models in found for method in fig8.SINGLE}
    return lambda model: gaps.get(model.arch, 70.0)


@pytest.mark.parametrize(
    "profile, base", [("photos", BASE), ("photos", SIXTY_FOUR), ("smoke", ProxyBaseline(0.25, 0.25, 32))]
)
def test_the_plan_has_every_method_once_up_to_seven_times_the_baseline(profile, base):
    study = study_of(base, profile=profile)
    models = FIG8.plan(study)
    names = [model.name for model in models]
    assert len(set(names)) == len(names) and names.count("baseline") == 1
    assert {model.method for model in models} == set(SLOPES)
    assert {f"phi={phi:g}" for phi in study.profile.phis} <= set(names)
    assert all(ratio(study, model) <= fig8.MOST for model in models if model.method != "compound")
    for method, coefficients in axes_of(study).items():
        within = [study.model(method, c) for c in coefficients if ratio(study, study.model(method, c)) <= fig8.MOST]
        assert set(within) <= set(models)
    assert {m.name for picked in fig8.levels(study).values() for m in picked.values()} <= set(names)
    kept = merged(models, [])
    assert len({model.arch for model in kept}) == len(kept)


def test_a_run_that_two_figures_need_is_one_run():
    study = study_of(SIXTY_FOUR)
    keys = {study.spec(model, 0).key for model in FIG8.plan(study)}
    shared = [model for model in FIG3.plan(study) if ratio(study, model) <= fig8.MOST]
    assert len(shared) >= 14 and {study.spec(model, 0).key for model in shared} <= keys
    assert study.spec(study.model("published", 2), 0).key == study.spec(study.model("compound", 1), 0).key
    study = study_of(SIXTY_FOUR, rates=dict.fromkeys(METHODS, 0.1) | {"baseline": 0.1, "depth": 0.2, "compound": 0.4})
    assert {study.spec(m, 0).key for m in shared} <= {study.spec(m, 0).key for m in FIG8.plan(study)}
    assert study.spec(study.model("published", 2), 0).recipe.lr == 0.4  # a compound scaling, rounded by hand


def test_the_published_table_is_another_series_than_alpha_to_the_phi():
    study = study_of(profile="imagenet", base=ProxyBaseline(1, 1, 224))
    b7 = study.model("published", 7)
    assert b7.scaling == Scaling(3.1, 2.0, 600 / 224) and b7.arch.px == 600 and b7.name == "B7"
    assert compound(7).depth == pytest.approx(3.583, abs=1e-3) and b7.arch != study.model("compound", 7).arch
    assert study.model("published", 0).name == study.model("compound", 0).name == "baseline"


GPU = [("gpu", base) for base in PROFILES["gpu"].candidates[::2]]


@pytest.mark.parametrize(
    "profile, base", [*GPU, ("cpu", ProxyBaseline(0.25, 0.5, 32)), ("imagenet", ProxyBaseline(1, 1, 224))], ids=str
)
def test_a_levels_models_cost_the_same(profile, base):
    study = study_of(base, profile=profile)
    levels = fig8.levels(study)
    assert list(levels) == list("AB")[: len(study.profile.levels)]
    for models in levels.values():
        costs = [ratio(study, model) for model in models.values()]
        assert tuple(models) == METHODS and max(costs) / min(costs) <= 1.05 / 0.95


def test_the_queue_gets_the_levels_first_and_the_curves_last():
    study = study_of(quintet=True)
    level_b, one, rest = (s for s in queue.stages(study) if s.artefact == "fig8" and s.number != 5)  # 5: controls
    total = len(merged(FIG8.plan(study), []))
    assert [(s.number, len(s.specs)) for s in (level_b, one, rest)] == [(9, 24), (10, total), (10, 2 * total)]
    assert {spec.seed for spec in one.specs} == {0} and {spec.seed for spec in rest.specs} == {1, 2}
    assert {(s.arch, s.seed) for s in level_b.specs} == {
        (model.arch, seed) for model in fig8.levels(study)["B"].values() for seed in range(6)
    }
    for stage in (level_b, rest):  # whole blocks
        assert [spec.seed for spec in stage.specs] == sorted(spec.seed for spec in stage.specs)
    costs = [count(spec.arch).madds for spec in one.specs]
    assert costs == sorted(costs) and one.specs[0].arch == study.baseline.arch


@pytest.mark.parametrize(
    "profile, base", [("imagenet", ProxyBaseline(1, 1, 224)), ("smoke", ProxyBaseline(0.25, 0.25, 32))]
)
def test_the_decisive_sets_seeds_are_for_profiles_that_follow_the_protocol(profile, base):
    found = queue.stages(study_of(base, profile=profile), ["fig8"])
    assert [stage.name for stage in found] == ["Figure 8's curves, one seed"]  # one seed is all that either asks for
    assert all(len(set(stage.specs)) == len(stage.specs) for stage in found)


def test_margins_are_the_invented_differences_over_common_seeds(record_of):
    study = study_of()
    by = {"width": 3.0, "depth": 5.0, "resolution": -1.5}
    records = invent(study, FIG8.plan(study), record_of, levelled(study, by))
    found = fig8.margins(study, records)
    assert list(found) == ["A", "B"] and all(tuple(parts) == tuple(fig8.SINGLE) for parts in found.values())
    for parts in found.values():
        for method, estimate in parts.items():
            assert estimate.value == pytest.approx(by[method], abs=0.05) and estimate.n == 5 and estimate.testable
    depth = fig8.levels(study)["A"]["depth"]
    records[depth] = {seed: records[depth][seed] for seed in (1, 3)} | {7: records[depth][0]}
    again = fig8.margins(study, records)["A"]
    assert (again["depth"].n, again["width"].n) == (3, 5)  # all of its seeds, common or not


def test_a_compound_model_that_is_a_single_dimensions_network_has_no_margin(monkeypatch, record_of):
    study = study_of()
    levels = fig8.levels(study)
    levels["A"]["compound"] = replace(levels["A"]["compound"], arch=levels["A"]["width"].arch)
    monkeypatch.setattr(fig8, "levels", lambda study: levels)
    records = invent(study, FIG8.plan(study), record_of, levelled(study, {"width": 0, "depth": 5, "resolution": 5}))
    parts = fig8.margins(study, records)["A"]
    assert parts["width"] == Estimate() and parts["depth"].n == 5
    assert [claim.verdict for claim in FIG8.claims(study, records)] == [NOT_ENOUGH, SMALLER]


@pytest.mark.parametrize(
    "above, expected",
    [
        (4.0, HOLDS),
        ({"width": 4.0, "depth": 4.0, "resolution": -2.0}, CONTRADICTED),
        ({"width": 4.0, "depth": 4.0, "resolution": 1.0}, HOLDS),
        ({"width": 4.0, "depth": 4.0, "resolution": 0.0}, SMALLER),
        (-3.0, CONTRADICTED),
    ],
)
def test_the_claim_holds_only_where_each_of_the_three_does(record_of, above, expected):
    study = study_of()
    judged = FIG8.claims(study, invent(study, FIG8.plan(study), record_of, levelled(study, above), seeds=6))
    assert [claim.verdict for claim in judged] == [expected, expected]
    worst = min(above.values()) if isinstance(above, dict) else above
    assert all(claim.to_json()["measured"] == pytest.approx(worst, abs=0.05) for claim in judged)
    assert all(
        claim.source.printed == "+2.0 points over the best (Table 7); up to 2.5 (section 5.4)" for claim in judged
    )
    assert "level A (w=2.25 3.71x, d=4.5 3.65x, r=1.85 3.73x, phi=2.1 3.68x)" in judged[0].line()


def test_level_a_is_decided_long_and_level_b_short(record_of):
    study = study_of(deciding=LONG)
    records = invent(study, FIG8.plan(study), record_of, levelled(study, 4.0), seeds=6)
    assert {study.long(model) for model in study.five_methods().values()} <= set(records)
    first, second = FIG8.claims(study, records)
    assert (first.source.declared, second.source.declared) == (3, 3) and first.source.short and not second.source.short
    assert first.to_json()["premise"]["status"] == "unknown" and "log loss, depth" in first.to_json()["beside"]
    figure = FIG8.draw(study, records, FIG8.table(study, records))
    assert "level A, 36 epochs" in read(figure) and "level B, 12 epochs" in read(figure)


def test_one_seed_never_decides(record_of):
    study = study_of()
    for above in (30.0, -30.0):
        judged = FIG8.claims(study, invent(study, FIG8.plan(study), record_of, levelled(study, above), seeds=1))
        assert {claim.verdict for claim in judged} == {NOT_ENOUGH} and {claim.to_json()["n"] for claim in judged} == {1}


def without_b(study):
    """Return accuracies without the records that only level B asks for."""
    made, only = growing(study, SLOPES), {model.arch for model in fig8.levels(study)["B"].values()}
    return lambda model: None if model.arch in only else made(model)


def test_a_level_without_records_is_told(record_of):
    study = study_of()
    first, second = FIG8.claims(study, invent(study, FIG8.plan(study), record_of, without_b(study)))
    assert first.to_json()["n"] == 5 and second.to_json()["measured"] is None and "not measured" in second.line()
    assert [claim.verdict for claim in FIG8.claims(study, {})] == [NOT_ENOUGH] * 2
    assert (
        len(FIG8.claims(study_of(profile="smoke", base=ProxyBaseline(0.25, 0.25, 32)), {})) == 1
    )  # that has level A only


CASES = {
    "all": (lambda study: growing(study, SLOPES), 3),
    "one seed": (lambda study: growing(study, SLOPES), 1),
    "all alike": (lambda study: lambda model: 60.0, 2),
    "falling": (lambda study: growing(study, {method: -slope for method, slope in SLOPES.items()}), 3),
    "no level B": (without_b, 3),
    "baseline only": (lambda study: lambda model: 60.0 if model.method == "baseline" else None, 2),
    "no baseline": (lambda study: lambda model: None if model.method == "baseline" else 60.0, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_three_panels_whose_labels_can_be_read(record_of, case):
    study, (accuracy, seeds) = study_of(), CASES[case]
    figure, _, rows = drawn(FIG8, study, record_of, accuracy(study), seeds)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["all methods", "at equal FLOPS, within 5 %", "printed in the paper (Table 7)"]
    words = read(figure)
    assert (figure.axes[0].get_legend() is None) == (case in ("baseline only", "no baseline"))
    unmeasured = {"no level B": 3, "baseline only": 6}.get(case, 0)
    assert words.count("not measured") == unmeasured and ("small dots" in words) == (rows["gain_low"].notna().any())


def test_every_network_is_one_point_and_every_curve_has_all_of_its_own(record_of):
    """At 64 px phi = 1 is the network of B2."""
    study = study_of(SIXTY_FOUR)
    figure, records, rows = drawn(FIG8, study, record_of, growing(study, SLOPES))
    axes = figure.axes[0]
    expected = list(zip(rows["flops_ratio"], rows["gain"], strict=True))
    assert len(expected) == len(records) and sorted(points(axes)) == [pytest.approx(one) for one in sorted(expected)]
    shared = ratio(study, study.model("compound", 1))
    curves = {line.get_color(): list(line.get_xdata()) for line in curves_of(axes)}
    for method in ("compound", "published"):
        xs = curves[COLOURS[method]]
        assert xs == sorted(xs) and xs[0] == 1 and any(x == pytest.approx(shared) for x in xs)


def curves_of(axes) -> list:
    return [line for line in axes.lines if len(line.get_xdata()) > 2 and line.get_linestyle() != "None"]


def test_five_methods_are_told_apart_also_in_grey(record_of):
    five = [*METHODS, "published"]
    assert len({COLOURS[m] for m in five}) == len({MARKERS[m] for m in five}) == 5
    study = study_of()
    figure, _, _ = drawn(FIG8, study, record_of, growing(study, SLOPES))
    styles = {line.get_color(): (line.get_linestyle(), line.get_linewidth()) for line in curves_of(figure.axes[0])}
    assert len(styles) == len(set(styles.values())) == 5


def test_the_forest_stands_where_the_estimates_are(record_of):
    study = study_of()
    by = {"width": 3.0, "depth": 5.0, "resolution": -1.5}
    figure, records, _ = drawn(FIG8, study, record_of, levelled(study, by))
    axes, found = figure.axes[1], fig8.margins(study, records)
    estimates = [estimate for parts in found.values() for estimate in parts.values()]
    ticks = list(axes.get_yticks())
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == [
        "− width, 3.71x (+1 %)",
        "− depth, 3.65x (-1 %)",
    ]
    assert ticks == sorted(ticks) and axes.yaxis_inverted() and len(ticks) == 6
    for y, estimate in zip(ticks, estimates, strict=True):
        bars = [line for line in axes.lines if list(line.get_ydata()) == [y, y]]
        spans = sorted((line.get_linewidth(), *line.get_xdata()) for line in bars)
        assert spans == [pytest.approx((1.2, *estimate.interval95)), pytest.approx((3.2, *estimate.interval90))]
        (point,) = [line for line in axes.lines if list(line.get_ydata()) == [y]]
        assert point.get_xdata()[0] == pytest.approx(estimate.value)
        assert axes.get_xlim()[0] < estimate.interval95[0] and estimate.interval95[1] < axes.get_xlim()[1]
    deltas = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert deltas == pytest.approx([1.1, 1.05, 1.0] * 2)  # half of Table 7's margins over width, depth, resolution
    assert "premise of a balanced baseline: unknown" in axes.get_xlabel()
