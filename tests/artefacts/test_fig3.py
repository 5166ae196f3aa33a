"""Figure 3 from made-up records: plan, table, claims."""

import json
from functools import partial

import numpy as np
import pytest
from support.figure3 import FLATTENING, figure3
from support.invented import finished, invent, study_of

import effnet_lib as eff
from effnet_lib.artefacts import artefact, fig3
from effnet_lib.models.complexity import count
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL, SMALLER
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.protocol import LONG, SHORT
from effnet_lib.study.scaled_model import SINGLE
from effnet_lib.study.training_plan import TrainingPlan

FIG3 = artefact("fig3")
PREDECLARED = [f"{SINGLE[method]}={c:g}" for method, two in fig3.PREDECLARED.items() for c in two]

pytestmark = pytest.mark.usefixtures("decided")


@pytest.fixture
def fill(record_of):
    """Return a function that plans Figure 3 and stores made-up records: name -> percent correct."""
    return partial(figure3, record_of)


# Plan ---------------------------------------------------------------------------------------------------------


def test_the_plan_is_seventeen_networks_with_the_papers_coefficients():
    plan = eff.plan("fig3", profile="photos")
    assert [model.name for model in plan.models] == [
        "baseline", "w=1.4", "w=1.8", "w=2.6", "w=3.8", "w=5", "d=2", "d=3", "d=4", "d=6", "d=8",
        "r=1.3", "r=1.5", "r=1.7", "r=1.9", "r=2.2", "r=2.5",
    ]  # fmt: skip
    assert len({model.arch for model in plan.models}) == 17 and plan.notes == []
    assert len(plan.specs) == len({spec.key for spec in plan.specs.values()}) == 17 * 3
    assert {spec.data for spec in plan.specs.values()} == {"imagenette-224"}


def test_the_predeclared_points_are_trained_long_too_where_that_budget_decides():
    long = [model for model in FIG3.plan(study_of(deciding=LONG)) if model.budget == LONG]
    assert [model.name for model in long] == ["baseline", "w=1.8", "w=2.6", "d=4", "d=6", "r=1.7", "r=2.2"]


@pytest.mark.parametrize("name", PROFILES)
def test_predeclared_points_are_three_networks_of_growing_cost(name):
    """Otherwise a segment of Observation 1b would have no length."""
    for base in PROFILES[name].candidates:
        study = study_of(base, profile=name)
        for method, points in fig3.PREDECLARED.items():
            madds = [count(study.model(method, c).arch).madds for c in (1.0, *points)]
            assert madds[0] < madds[1] < madds[2]


def test_the_queue_gets_whole_blocks_of_three_seeds_and_the_widest_last():
    rest, widest = FIG3.stages(study_of())
    assert (rest.number, widest.number) == (5, 5) and (len(rest.specs), len(widest.specs)) == (45, 6)
    assert [spec.seed for spec in rest.specs] == [0] * 15 + [1] * 15 + [2] * 15
    costs = [count(spec.arch).madds for spec in rest.specs[:15]]
    assert costs == sorted(costs) and {stage.artefact for stage in (rest, widest)} == {"fig3"}


def test_coefficients_that_round_to_one_network_are_one_point_with_a_note(fill):
    plan = eff.plan("fig3", profile="photos", widths=(1.0, 1.01, 1.79, 1.8, 2.6), seeds=1)
    assert list(dict.fromkeys(m.name for m in plan.models if m.method == "width")) == ["w=1.79", "w=2.6"]
    assert plan.notes == [
        "w=1.01 rounds to the same network as baseline: one point for both",
        "w=1.8 rounds to the same network as w=1.79: one point for both",
    ]
    assert plan.notes[1] in plan.summary() and list(plan.overview()["model"])[:3] == ["baseline", "w=1.79", "w=2.6"]
    # The claim on w=1.8 is measured all the same.
    fill(FLATTENING, seeds=3)
    plan = eff.plan("fig3", plan.parameters)
    assert plan.claims(plan.results())[0].estimate.value > 5


# Table --------------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_a_model_and_counts_exactly(fill):
    plan = fill(FLATTENING, seeds=3)
    rows = plan.table(plan.results())
    assert list(rows.columns) == [
        "method", "coefficient", "model", "px", "final_px", "params", "flops", "flops_ratio", "epochs", "seeds", "top1",
        "top1_larger_test", "gain", "gain_low", "gain_high", "train_loss", "upsampled", "optimisation_limited",
        "device", "date", "shipped", "full_params", "full_flops",
    ]  # fmt: skip
    assert list(rows["model"]) == [model.name for model in plan.models] and set(rows["seeds"]) == {3}
    by = rows.set_index("model")
    assert set(rows["epochs"]) == {12}
    assert by.loc["baseline", "flops_ratio"] == 1 and by.loc["baseline", "gain"] == 0
    assert by.loc["r=2.5", "px"] == 240 and by.loc["r=2.5", "final_px"] == 8
    # 224 px photographs cut to 35 % are 132.5 px wide: r = 1.5 (144 px) and up enlarge some crops.
    assert list(by.index[by["upsampled"]]) == ["r=1.5", "r=1.7", "r=1.9", "r=2.2", "r=2.5"]
    others = by.drop("baseline")
    assert ((others["gain_low"] < others["gain"]) & (others["gain"] < others["gain_high"])).all()
    assert np.allclose(others["gain"], others["top1"] - by.loc["baseline", "top1"])
    # The paper prints 1.8, 1.8 and 1.9 B for d = 4, w = 2 and r = 2 (Table 7); here is the whole B0 at d = 4.
    assert by.loc["d=4", "full_flops"] == pytest.approx(1.5e9, rel=0.1)
    assert by.loc["baseline", "full_params"] == 5_288_548


def test_a_model_that_fits_worse_than_the_baseline_is_marked(fill):
    plan = fill(FLATTENING, seeds=2)
    rows = plan.table(plan.results())
    assert list(rows.loc[rows["optimisation_limited"], "model"]) == ["d=8"]


def test_no_record_is_an_empty_table_and_unmeasured_claims():
    study = study_of()
    assert FIG3.table(study, {}).empty
    judged = FIG3.claims(study, {})
    assert len(judged) == 6 and all(claim.to_json()["measured"] is None for claim in judged)
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}


# Claims -------------------------------------------------------------------------------------------------------


def verdicts(plan: TrainingPlan) -> list[str]:
    return [claim.verdict for claim in plan.claims(plan.results())]


def test_curves_that_rise_and_flatten_hold(fill):
    rising = {"baseline": 60} | dict(zip(PREDECLARED, [72, 73] * 3, strict=True))
    assert verdicts(fill(rising)) == [HOLDS] * 6


def test_flat_curves_do_not_hold(fill):
    assert verdicts(fill(dict.fromkeys(FLATTENING, 60))) == [SMALLER] * 6


def test_each_dimension_is_judged_by_itself(fill):
    """Width rises and flattens; depth falls; resolution rises and accelerates."""
    made = {"baseline": 60} | dict(zip(PREDECLARED, [72, 73, 55, 54, 61, 80], strict=True))
    found = verdicts(fill(made))
    assert found[:3] == [HOLDS, CONTRADICTED, HOLDS]
    assert (found[3], found[5]) == (HOLDS, CONTRADICTED)


def test_noise_is_not_enough_evidence_and_says_how_many_seeds_would_do(fill):
    made = {"baseline": 60} | dict(zip(PREDECLARED, [62] * 6, strict=True))
    plan = fill(made, seeds=3, jitter=4)
    judged = plan.claims(plan.results())
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}
    assert any("seeds would show the printed effect with 80 % power" in claim.line() for claim in judged)


@pytest.mark.parametrize("accuracy", [{"baseline": 20} | dict.fromkeys(PREDECLARED, 90), dict.fromkeys(FLATTENING, 60)])
def test_one_seed_is_never_a_verdict(fill, accuracy):
    plan = fill(accuracy, seeds=1)
    judged = plan.claims(plan.results())
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}
    assert all(claim.to_json()["n"] == 1 and claim.to_json()["interval"] is None for claim in judged)


@pytest.mark.parametrize("baseline", [0, 100])
def test_a_baseline_that_is_all_correct_or_all_wrong_is_judged_too(fill, baseline):
    found = verdicts(fill(dict.fromkeys(FLATTENING, 50) | {"baseline": baseline}, jitter=0))
    assert found[:3] == [HOLDS if baseline == 0 else CONTRADICTED] * 3


def test_a_claim_without_its_points_is_not_measured(fill):
    plan = fill({name: FLATTENING[name] for name in ("baseline", "w=1.4", "w=1.8", "w=2.6", "d=4")})
    judged = plan.claims(plan.results())
    assert [claim.to_json()["measured"] is not None for claim in judged] == [True, False, False] * 2
    assert "not measured" in judged[1].line()


def test_claims_are_written_with_what_decides(fill):
    plan = fill(FLATTENING, seeds=2)
    figure, rows, judged = finished(plan)
    folder = plan.save(figure, rows, judged)
    claims = json.loads((folder / "fig3_single_dim.claims.json").read_text())
    assert len(claims) == 6
    for claim in claims:
        assert claim["n"] == 2 and claim["protocol"] == PROTOCOL and len(claim["interval"]) == 2
        assert claim["interim"] and claim["declared_n"] == 3 and "log loss" in claim["beside"]
    assert "logits" in claims[3]["beside"]
    assert [claim["printed"] for claim in claims[:3]] == [
        "+1.6 points (Table 7, one point)", "+1.7 points (Table 7, one point)", "+1.8 points (Table 7, one point)",
    ]  # fmt: skip


def test_the_long_budget_decides_and_the_short_one_is_said_beside(record_of):
    study = study_of(deciding=LONG)
    gains = {LONG: 6.0, SHORT: -3.0}  # of every point
    made = [
        invent(study, [m for m in FIG3.plan(study) if m.budget == budget], record_of,
               lambda m, gain=gain: 60 + gain * (m.name != "baseline"), seeds=3)
        for budget, gain in gains.items()
    ]  # fmt: skip
    records = made[0] | made[1]
    judged = FIG3.claims(study, records)
    assert [one.verdict for one in judged[:3]] == [HOLDS] * 3 and "only with long training" in judged[0].line()
    rows = FIG3.table(study, records)
    assert set(rows["epochs"]) == {12, 36} and (rows["epochs"] == 36).sum() == 7
    figure = FIG3.draw(study, records, rows)
    labels = [axes.get_ylabel() for axes in figure.axes if "epochs" in axes.get_ylabel()]
    assert [label.partition(":")[0] for label in labels] == ["36 epochs", "12 epochs"]
