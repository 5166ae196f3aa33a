"""What is computed of the single-dimension runs alone: the premise, and what later work predicts."""

import numpy as np
import pytest
from support.decided import bits
from support.invented import study_of

from effnet_lib.report.tables import accuracy, endpoints, predictions, premises
from effnet_lib.stats.premise import MET, NOT_MET, UNKNOWN
from effnet_lib.study import controls
from effnet_lib.study.protocol import LONG, SHORT

SEEDS = 3


def stored(record_of, slopes: dict[str, float], budget: str = SHORT, seeds: int = SEEDS, **results):
    """Return a study with single-dimension runs that gain so many points of 100 a doubling of FLOPS."""
    study = study_of()
    for model in premises_models(study):
        x = np.log2(premises.ratio(study, model))
        for seed in range(seeds):
            right = round(2000 * (60 + slopes.get(model.method, 0.0) * x) / 100) + seed - 1
            spec = study.spec(premises.replace(model, budget=budget), seed)
            study.store.put(record_of(spec, bits(right, 2000), **results))
    return study


def premises_models(study):
    points = [study.model(method, c) for method, both in premises.PREDECLARED.items() for c in both]
    return [study.baseline, *points]


@pytest.mark.parametrize(
    "slopes, expected",
    [
        ({"width": 2.0, "depth": 2.0, "resolution": 2.0}, MET),
        ({"width": 1.0, "depth": 0.0, "resolution": 4.0}, NOT_MET),
    ],
)
def test_the_premise_is_that_of_the_stored_slopes(record_of, slopes, expected):
    found = premises.premise_of(stored(record_of, slopes))
    assert found.status == expected
    for method, slope in slopes.items():
        assert found.slopes[method].value == pytest.approx(slope, abs=0.1) and found.slopes[method].n == SEEDS


def test_without_runs_the_premise_is_unknown():
    found = premises.premise_of(study_of())
    assert found.status == UNKNOWN and found.line().count("not measured") == 3
    assert predictions.predictions(study_of()) == []


def test_a_profile_that_decides_long_takes_long_runs_alone(record_of):
    short = stored(record_of, {"width": 2.0, "depth": 2.0, "resolution": 2.0})
    long = study_of(deciding=LONG)
    assert premises.premise_of(short).status == MET and premises.premise_of(long).status == UNKNOWN


def test_depths_slope_by_budget(record_of):
    stored(record_of, {"depth": 1.0})
    study = stored(record_of, {"depth": 3.0}, budget=LONG)
    assert predictions.depth_by_budget(study).value == pytest.approx(2.0, abs=0.1)


def test_predictions_are_reported_without_a_verdict(record_of):
    study = stored(record_of, {"width": 1.0, "depth": 0.0, "resolution": 4.0}, top1_larger_test=70.0)
    listed = predictions.predictions(study)
    by = {one.source: one for one in listed}
    assert {one.verdict for one in listed} == {"reported, no verdict"}
    tinynet = [one for one in listed if "TinyNet" in one.source]
    assert [round(one.estimate.value) for one in tinynet] == [3, -1]  # resolution minus width, depth minus width
    assert "last map" in by["Touvron et al. 2019 (FixRes)"].words
    assert all(one.line() and one.to_json()["claim"].startswith("Prediction of") for one in listed)


def test_the_floor_of_noise_is_the_disagreement(record_of):
    rng, study = np.random.default_rng(0), study_of()
    spec = [study.spec(study.baseline, seed) for seed in range(40)]
    # Every image is its own coin: the sd is sqrt(p (1 - p) / N), and so is the floor, sqrt(2 p (1 - p) / 2N).
    records = [record_of(one, rng.random(2000) < 0.7) for one in spec]
    assert predictions.noise_over_floor(records).value == pytest.approx(0.0, abs=0.25)
    assert predictions.noise_over_floor(records[:1]).value is None


def test_a_network_fits_worse_beyond_two_standard_errors(record_of):
    study = study_of()
    deep = study.model("depth", 4.0)
    for excess, expected in ((0.5, True), (0.001, False), (-0.5, False)):
        losses = {study.baseline: 1.0, deep: 1.0 + excess}
        records = {
            model: {s: record_of(study.spec(model, s), train_loss=loss + 0.02 * s, loss=2.0) for s in range(3)}
            for model, loss in losses.items()
        }
        assert list(accuracy.table(study, records)["optimisation_limited"]) == [False, expected]
        assert accuracy.limited(records, records) == ("optimisation-limited: d=4" if expected else "")
        assert accuracy.limited(records, [study.baseline]) == ""
    assert endpoints.log_loss(records, {"d=4": 1.0, "baseline": -1.0}).value == 0.0
    once = {model: {0: runs[0]} for model, runs in records.items()}
    assert not accuracy.table(study, once)["optimisation_limited"].any()


def controlled(record_of, top1: dict[str, float]):
    """Return a study whose queue holds the controls, with three seeds each of the baseline, the controls and theirs."""
    study = study_of(quintet=True)
    models = {
        "baseline": study.baseline,
        "dWr": controls.fast_compound(study),
        "compound": study.five_methods()["compound"],
        "sharp": study.model("resolution", controls.BLURRED),
        "blurred": controls.blur_control(study),
    }
    for name, value in top1.items():
        for seed in range(SEEDS):
            study.store.put(record_of(study.spec(models[name], seed), bits(round(20 * value) + seed - 1, 2000)))
    return study, {name: np.log2(accuracy.ratio(study, model)) for name, model in models.items()}


def test_the_controls_answer_their_predictions(record_of):
    study, x = controlled(record_of, {"baseline": 60.0, "dWr": 66.0, "compound": 68.0, "sharp": 70.0, "blurred": 64.0})
    gain, share = predictions.fast_compound_gain(study), predictions.remaining_gain(study)
    assert gain.value == pytest.approx(6 / x["dWr"] - 8 / x["compound"], abs=0.01) and gain.n == SEEDS
    assert share.value == pytest.approx(0.4, abs=0.01) and share.interval95[0] < 0.4 < share.interval95[1]
    assert {"Dollar et al. 2021", "no paper (blur control)"} <= {one.source for one in predictions.predictions(study)}


def test_a_share_of_no_gain_has_no_interval(record_of):
    assert predictions.remaining_gain(study_of(quintet=True)).value is None
    study, _ = controlled(record_of, {"baseline": 60.0, "sharp": 60.05, "blurred": 60.0})
    assert predictions.remaining_gain(study).interval95 is None
