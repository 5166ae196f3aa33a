"""Figure 3 from made-up records: plan, table, claims, drawing, and the work around them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.readable import assert_readable, labels

from effnet_lib.artefacts import fig3
from effnet_lib.core.errors import DataError, ParameterError, RunFailed
from effnet_lib.core.paths import published_root
from effnet_lib.models.complexity import count
from effnet_lib.report.tables.accuracy import longer
from effnet_lib.runs.store import RunStore
from effnet_lib.runs.sweep import Report
from effnet_lib.stats.claims import DOES_NOT_HOLD, HOLDS, NOT_ENOUGH
from effnet_lib.study import training_plan as work_module
from effnet_lib.study.parameters import Parameters
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.study import SINGLE, Study
from effnet_lib.study.training_plan import TrainingPlan

IMAGES = 2000
FIXED = replace(PROFILES["photos"], candidates=(ProxyBaseline(0.25, 0.5, 96),), learning_rates=())
# Percent right, of a baseline at 60: every curve rises and flattens.
FLATTENING = {"baseline": 60} | {
    f"{symbol}={c:g}": 60 + 6 * np.log2(1 + i)
    for symbol, axis in (("w", FIXED.widths), ("d", FIXED.depths), ("r", FIXED.resolutions))
    for i, c in enumerate(axis)
    if i
}
PREDECLARED = [f"{SINGLE[method]}={c:g}" for method, two in fig3.PREDECLARED.items() for c in two]


@pytest.fixture(autouse=True)
def decided(monkeypatch):
    """Fix the baseline and the rate of `photos`, which step 0 and the tuning would choose."""
    monkeypatch.setitem(PROFILES, "photos", FIXED)


@pytest.fixture
def fill(record_of):
    """Return a function that stores made-up records: name -> percent right, for seeds 0, 1, ...

    Seeds spread a model by `jitter` points, each model in its own way, and leave its mean where it is.
    """

    def put(accuracy: dict, seeds: int = 5, jitter: float = 0.2, store=None, loss=lambda name: 1.0) -> TrainingPlan:
        work = TrainingPlan.of(fig3, Parameters(profile="photos", seeds=seeds))
        store = store or work.study.store
        noise = np.random.default_rng(1).uniform(-jitter, jitter, (len(work.models), seeds))
        shifts = dict(zip(work.models, noise - noise.mean(axis=1, keepdims=True), strict=True))
        for (model, seed), spec in work.specs.items():
            if model.name in accuracy:
                right = np.clip(round(IMAGES * (accuracy[model.name] + shifts[model][seed]) / 100), 0, IMAGES)
                made = {"train_loss": loss(model.name), "top1_larger_test": 1.0, "source_px": round(1.7 * spec.arch.px)}
                made["source_px"] = min(made["source_px"], 224)
                store.put(record_of(spec, np.arange(IMAGES) < right, **made))
        return work

    return put


def drawn(work: TrainingPlan):
    records = work.records()
    rows = fig3.table(work.study, records)
    return fig3.draw(work.study, records, rows), rows, fig3.claims(work.study, records)


# Plan ---------------------------------------------------------------------------------------------------------


def test_the_plan_is_seventeen_networks_with_the_papers_coefficients():
    work = TrainingPlan.of(fig3, Parameters(profile="photos"))
    assert [model.name for model in work.models] == [
        "baseline", "w=1.4", "w=1.8", "w=2.6", "w=3.8", "w=5", "d=2", "d=3", "d=4", "d=6", "d=8",
        "r=1.3", "r=1.5", "r=1.7", "r=1.9", "r=2.2", "r=2.5",
    ]  # fmt: skip
    assert len({model.arch for model in work.models}) == 17 and work.notes == []
    assert len(work.specs) == len({spec.key for spec in work.specs.values()}) == 17 * 3
    assert {spec.data for spec in work.specs.values()} == {"imagenette-224"}


@pytest.mark.parametrize("name", PROFILES)
def test_predeclared_points_are_three_networks_of_growing_cost(name, store):
    """Otherwise a segment of Observation 1b would have no length."""
    for base in PROFILES[name].candidates:
        study = Study.of(replace(PROFILES[name], candidates=(base,), learning_rates=()), store)
        for method, points in fig3.PREDECLARED.items():
            madds = [count(study.model(method, c).arch).madds for c in (1.0, *points)]
            assert madds[0] < madds[1] < madds[2]


def test_the_queue_gets_one_seed_of_everything_first(store):
    first, rest, cut = fig3.stages(Study.of(FIXED, store))
    assert (first.number, len(first.specs)) == (1, 15) and {spec.seed for spec in first.specs} == {0}
    assert (rest.number, len(rest.specs)) == (2, 30) and [s.seed for s in rest.specs] == [1] * 15 + [2] * 15
    assert (cut.number, len(cut.specs)) == (2, 2)
    costs = [count(spec.arch).madds for spec in first.specs]
    assert costs == sorted(costs) and {stage.artefact for stage in (first, rest, cut)} == {"fig3"}


def test_coefficients_that_round_to_one_network_are_one_point_with_a_note(fill):
    work = TrainingPlan.of(fig3, Parameters(profile="photos", widths=(1.0, 1.01, 1.79, 1.8, 2.6), seeds=1))
    assert [model.name for model in work.models if model.method == "width"] == ["w=1.79", "w=2.6"]
    assert work.notes == [
        "w=1.01 rounds to the same network as baseline: one point for both",
        "w=1.8 rounds to the same network as w=1.79: one point for both",
    ]
    assert work.notes[1] in work.summary() and list(work.overview()["model"])[:3] == ["baseline", "w=1.79", "w=2.6"]
    # The claim on w=1.8 is measured all the same.
    fill(FLATTENING, seeds=3)
    work = TrainingPlan.of(fig3, work.parameters)
    assert fig3.claims(work.study, work.records())[0].estimate.value > 5


# Table --------------------------------------------------------------------------------------------------------


def test_the_table_has_a_row_a_model_and_counts_exactly(fill):
    work = fill(FLATTENING, seeds=3)
    rows = fig3.table(work.study, work.records())
    assert list(rows.columns) == [
        "method", "coefficient", "model", "px", "final_px", "params", "flops", "flops_ratio", "seeds", "top1",
        "top1_larger_test", "gain", "gain_low", "gain_high", "train_loss", "upsampled", "optimisation_limited",
        "device", "date", "shipped", "full_params", "full_flops",
    ]  # fmt: skip
    assert list(rows["model"]) == [model.name for model in work.models] and set(rows["seeds"]) == {3}
    by = rows.set_index("model")
    assert by.loc["baseline", "flops_ratio"] == 1 and by.loc["baseline", "gain"] == 0
    assert by.loc["r=2.5", "px"] == 240 and by.loc["r=2.5", "final_px"] == 8
    # 224 px photographs cut to 35 % are 132.5 px wide: r = 1.5 (144 px) and up enlarge some crops.
    assert list(rows.loc[rows["upsampled"], "model"]) == ["r=1.5", "r=1.7", "r=1.9", "r=2.2", "r=2.5"]
    others = by.drop("baseline")
    assert ((others["gain_low"] < others["gain"]) & (others["gain"] < others["gain_high"])).all()
    assert np.allclose(others["gain"], others["top1"] - by.loc["baseline", "top1"])
    # The paper prints 1.8, 1.8 and 1.9 B for d = 4, w = 2 and r = 2 (Table 7); here is the whole B0 at d = 4.
    assert by.loc["d=4", "full_flops"] == pytest.approx(1.5e9, rel=0.1)
    assert by.loc["baseline", "full_params"] == 5_288_548


def test_a_model_that_fits_worse_than_the_baseline_is_marked(fill):
    work = fill(FLATTENING, seeds=2, loss=lambda name: 1.1 if name == "d=8" else 1.0)
    rows = fig3.table(work.study, work.records())
    assert list(rows.loc[rows["optimisation_limited"], "model"]) == ["d=8"]


def test_no_record_is_an_empty_table_and_unmeasured_claims(store):
    study = Study.of(FIXED, store)
    assert fig3.table(study, {}).empty
    judged = fig3.claims(study, {})
    assert len(judged) == 9 and all(claim.to_json()["measured"] is None for claim in judged)
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}


# Claims -------------------------------------------------------------------------------------------------------


def verdicts(work: TrainingPlan) -> list[str]:
    return [claim.verdict for claim in fig3.claims(work.study, work.records())]


def test_curves_that_rise_and_flatten_hold(fill):
    rising = {"baseline": 60} | dict(zip(PREDECLARED, [72, 73] * 3, strict=True))
    assert verdicts(fill(rising)) == [HOLDS] * 9


def test_flat_curves_do_not_hold(fill):
    assert verdicts(fill(dict.fromkeys(FLATTENING, 60))) == [DOES_NOT_HOLD] * 9


def test_each_dimension_is_judged_by_itself(fill):
    """Width rises and flattens; depth falls; resolution rises and accelerates."""
    made = {"baseline": 60} | dict(zip(PREDECLARED, [72, 73, 55, 54, 61, 80], strict=True))
    found = verdicts(fill(made))
    assert found[:3] == [HOLDS, DOES_NOT_HOLD, HOLDS]
    assert (found[3], found[5], found[6], found[8]) == (HOLDS, DOES_NOT_HOLD, HOLDS, DOES_NOT_HOLD)


def test_noise_is_not_enough_evidence_and_says_how_many_seeds_would_do(fill):
    made = {"baseline": 60} | dict(zip(PREDECLARED, [62] * 6, strict=True))
    work = fill(made, seeds=3, jitter=4)
    judged = fig3.claims(work.study, work.records())
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}
    assert any("seeds would decide" in claim.line() for claim in judged)


@pytest.mark.parametrize("accuracy", [{"baseline": 20} | dict.fromkeys(PREDECLARED, 90), dict.fromkeys(FLATTENING, 60)])
def test_one_seed_is_never_a_verdict(fill, accuracy):
    work = fill(accuracy, seeds=1)
    judged = fig3.claims(work.study, work.records())
    assert {claim.verdict for claim in judged} == {NOT_ENOUGH}
    assert all(claim.to_json()["n"] == 1 and claim.to_json()["interval"] is None for claim in judged)


@pytest.mark.parametrize("baseline", [0, 100])
def test_a_baseline_that_is_all_right_or_all_wrong_is_judged_too(fill, baseline):
    found = verdicts(fill(dict.fromkeys(FLATTENING, 50) | {"baseline": baseline}, jitter=0))
    assert found[:3] == [HOLDS if baseline == 0 else DOES_NOT_HOLD] * 3


def test_a_claim_without_its_points_is_not_measured(fill):
    work = fill({name: FLATTENING[name] for name in ("baseline", "w=1.4", "w=1.8", "w=2.6", "d=4")})
    judged = fig3.claims(work.study, work.records())
    assert [claim.to_json()["measured"] is not None for claim in judged] == [True, False, False] * 3
    assert "not measured" in judged[1].line()


def test_claims_are_written_with_seven_keys(fill):
    work = fill(FLATTENING, seeds=2)
    figure, rows, judged = drawn(work)
    folder = work.save(figure, rows, judged)
    claims = json.loads((folder / "fig3_single_dim.claims.json").read_text())
    assert len(claims) == 9
    for claim in claims:
        assert list(claim) == ["claim", "printed", "measured", "interval", "verdict", "n", "protocol"]
        assert claim["n"] == 2 and claim["protocol"] == 1 and len(claim["interval"]) == 2
    assert [claim["printed"] for claim in claims[:3]] == [
        "+1.6 points (Table 7, one point)", "+1.7 points (Table 7, one point)", "+1.8 points (Table 7, one point)",
    ]  # fmt: skip


# Drawing ------------------------------------------------------------------------------------------------------


MISSING = {name: value for name, value in FLATTENING.items() if name not in ("w=5", "d=3", "r=2.5", "r=1.3")}
ORPHANS = {name: value for name, value in FLATTENING.items() if name != "baseline"}


@pytest.mark.parametrize(
    "accuracy, seeds",
    [(FLATTENING, 3), (FLATTENING, 1), (MISSING, 2), ({"baseline": 60}, 2), (ORPHANS, 2)],
    ids=["all", "one seed", "some missing", "baseline only", "no baseline"],
)
def test_four_panels_whose_labels_can_be_read(fill, accuracy, seeds):
    figure, _, _ = drawn(fill(accuracy, seeds=seeds, loss=lambda name: 1 + (name == "d=8")))
    assert len(figure.axes) == 4
    assert [axes.get_title("left") for axes in figure.axes] == [
        "width", "depth", "resolution", "printed in the paper (Table 7)",
    ]  # fmt: skip
    everything = labels(figure)
    assert_readable(figure, everything)
    shown = " ".join(text for texts in everything.values() for text, _ in texts)
    placed = [name for name in accuracy if "baseline" in accuracy and name != "baseline"]
    assert all(name in shown for name in placed)
    assert ("16 models not drawn: no seed in common with the baseline" in shown) == (accuracy is ORPHANS)
    assert ("cross: one seed, no interval" in shown) == (seeds == 1)
    if seeds == 1:
        assert all(line.get_marker() != "o" for line in figure.axes[0].lines)


def test_the_subtitle_says_what_was_measured_where(fill):
    def subtitle(work: TrainingPlan) -> str:
        return drawn(work)[0].texts[1].get_text()

    expected = (
        "Imagenette, 10 ImageNet classes, 224 px squares · baseline B0 x (w 0.25, d 0.5) at 96 px · 12 epochs · "
        "seeds a point: 2 · a processor · 2020-01-01 · "
    )
    shipped = fill(FLATTENING, seeds=2, store=RunStore(root=published_root()))
    assert subtitle(shipped) == expected + "shipped"
    some = fill(MISSING, seeds=2)
    assert subtitle(some) == expected + "measured here and shipped"
    assert subtitle(fill(FLATTENING, seeds=2)) == expected + "measured here"


def test_a_smaller_model_than_the_baseline_is_inside_its_panel(record_of):
    parameters = Parameters(profile="photos", widths=(0.5, 1.0, 1.8), seeds=1)
    work = TrainingPlan.of(fig3, parameters)
    for spec in work.specs.values():
        made = {"train_loss": 1.0, "top1_larger_test": 1.0, "source_px": 224}
        work.study.store.put(record_of(spec, np.arange(IMAGES) < 1000, **made))
    figure, rows, _ = drawn(work)
    ratio = float(rows.set_index("model").loc["w=0.5", "flops_ratio"])
    assert ratio < 0.85 and figure.axes[0].get_xlim()[0] < ratio


def test_files_are_the_same_bytes_twice_and_embed_their_fonts(fill):
    work = fill(FLATTENING, seeds=2)
    folder = work.save(*drawn(work))
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    work.save(*drawn(work))
    assert sorted(first) == [f"fig3_single_dim.{kind}" for kind in ("claims.json", "csv", "pdf", "png", "svg")]
    for name, content in first.items():
        assert (folder / name).read_bytes() == content, name
    assert b"/FontFile2" in first["fig3_single_dim.pdf"] and b"/Type3" not in first["fig3_single_dim.pdf"]
    assert "<text" in first["fig3_single_dim.svg"].decode()
    assert folder.name == "photos"


# The plan of training -----------------------------------------------------------------------------------------


@pytest.fixture
def trained(monkeypatch, record_of) -> list:
    """Stand in for the sweep: note what it was asked to train, and store a record of each."""
    asked = []

    def run_all(specs, dataset_of, store, workers, execution, **_):
        asked.extend(specs)
        for spec in specs:
            store.put(record_of(spec))
        return Report(stored=list(specs))

    monkeypatch.setattr(work_module, "run_all", run_all)
    return asked


@pytest.mark.parametrize(
    "profile, train, trains",
    [("smoke", "auto", True), ("smoke", False, False), ("photos", "auto", False), ("photos", True, True)],
)
def test_who_trains_what_is_missing(trained, profile, train, trains):
    work = TrainingPlan.of(fig3, Parameters(profile=profile, train=train, seeds=1))
    records = work.run()
    assert len(trained) == len(records) == (len(work.models) if trains else 0)
    assert work.run() == records and len(trained) == len(records)  # once
    costs = [count(spec.arch).madds for spec in trained]
    assert costs[1:] == sorted(costs[1:], reverse=True)  # after the baseline, which every difference needs
    assert costs[:1] == [min(costs)][: len(costs)] if costs else not trains


def test_what_is_missing_is_told_with_the_command_that_trains_it(fill):
    work = fill(MISSING, seeds=1)
    assert {spec.key for spec in work.missing()} == {
        spec.key for (model, _), spec in work.specs.items() if model.name not in MISSING
    }
    text = work.summary()
    assert "17 models x 1 seeds = 17 runs, 13 stored" in text
    assert "4 runs are missing" in text and "-p train True" in text
    assert "effnet queue --profile photos --budget " in text
    assert list(work.overview().set_index("model")["stored"])[:6] == ["1 of 1"] * 5 + ["0 of 1"]


def test_an_undecided_study_names_its_command_and_trains_nothing(monkeypatch, trained):
    monkeypatch.setitem(PROFILES, "photos", replace(FIXED, learning_rates=(0.1, 0.2)))
    work = TrainingPlan.of(fig3, Parameters(profile="photos", dataset="imagenette-320"))
    assert "effnet queue --profile photos --dataset imagenette-320 --budget 36000" in work.summary()
    assert work.models == [] and work.run() == {} and trained == [] and work.overview().empty


def test_an_undecided_study_is_decided_first_where_training_is_asked_for(monkeypatch, trained, store, record_of):
    monkeypatch.setitem(PROFILES, "photos", replace(FIXED, learning_rates=(0.1, 0.2)))

    def decide(study, budget, workers, device, chosen, say):
        assert chosen == ["study"]
        for trials in study.tuning().values():
            for rate, spec in trials.items():
                store.put(record_of(spec, loss=rate))

    monkeypatch.setattr("effnet_lib.study.queue.work", decide)
    work = TrainingPlan.of(fig3, Parameters(profile="photos", train=True, seeds=1))
    assert len(work.run()) == len(work.models) == 17
    assert {spec.recipe.lr for spec in trained} == {0.1}


def test_a_dry_run_trains_and_writes_nothing(roots, trained):
    work = TrainingPlan.of(fig3, Parameters(profile="smoke", dry_run=True))
    assert "7 runs to train with 1 worker(s)" in work.summary()
    assert len(work.overview()) == 7 and work.run() == {}
    assert trained == [] and list(roots.iterdir()) == []


def test_shipped_records_count_unless_fresh(fill):
    fill(FLATTENING, seeds=2, store=RunStore(root=published_root()))
    assert TrainingPlan.of(fig3, Parameters(profile="photos", seeds=2)).missing() == []
    fresh = TrainingPlan.of(fig3, Parameters(profile="photos", seeds=2, fresh=True))
    assert len(fresh.missing()) == 34 and fresh.records() == {}


@pytest.mark.parametrize("profile, reads", [("smoke", False), ("cpu", False), ("photos", True)])
def test_profiles_that_train_on_the_spot_read_no_shipped_record(profile, reads, record_of):
    work = TrainingPlan.of(fig3, Parameters(profile=profile, seeds=1))
    for spec in work.specs.values():
        RunStore(root=published_root()).put(record_of(spec))
    assert bool(work.records()) == reads


def test_seeds_are_counted_from_zero():
    assert TrainingPlan.of(fig3, Parameters(profile="photos", seeds=4)).seeds == (0, 1, 2, 3)
    assert TrainingPlan.of(fig3, Parameters(profile="photos")).seeds == (0, 1, 2)
    assert TrainingPlan.of(fig3, Parameters(profile="smoke")).seeds == (0,)


def test_a_failed_run_is_told_with_its_reason(monkeypatch):
    def run_all(specs, dataset_of, store, *_, **__):
        store.fail(specs[0].key, "MemoryError: too large")
        return Report(failed=[specs[0]])

    monkeypatch.setattr(work_module, "run_all", run_all)
    with pytest.raises(RunFailed, match=r"1 of 7 runs failed; the first: .* MemoryError: too large"):
        TrainingPlan.of(fig3, Parameters(profile="smoke")).run()


@pytest.mark.parametrize(
    "given, error, words",
    [
        ({"resolutions": (0.5, 1.0)}, ParameterError, "resolutions=0.5 is not accepted"),
        ({"dataset": "fractals-11"}, ParameterError, "did you mean fractals-10"),
        ({"dataset": "nowhere/at/all"}, DataError, "is not a folder"),
    ],
)
def test_errors_come_before_any_training(roots, trained, given, error, words):
    with pytest.raises(error, match=words):
        TrainingPlan.of(fig3, Parameters(profile="smoke", **given)).run()
    assert trained == [] and list(roots.iterdir()) == []


def test_a_folder_of_images_is_a_data_set(images, trained):
    work = TrainingPlan.of(fig3, Parameters(profile="smoke", dataset=str(images)))
    assert {spec.arch.classes for spec in work.specs.values()} == {3}
    assert len(work.run()) == 7 and {spec.data for spec in trained} == {work.study.dataset.id}


def test_a_claim_that_holds_needs_the_longer_budget_too(store, record_of):
    two = replace(FIXED, candidates=(ProxyBaseline(0.5, 0.5, 64), ProxyBaseline(0.25, 0.5, 96)))
    study = Study.of(two, store)
    study.__dict__["base"] = two.candidates[-1]  # as step 0 would decide
    width = {"width": 1.0, "baseline": -1.0}
    assert longer(Study.of(replace(two, candidates=two.candidates[-1:]), store), width) is None
    assert longer(study, width).n == 0  # asked for, not measured: "holds" is then out of reach
    right = {"baseline": 60, "width": 80, "depth": 70, "resolution": 70, "compound": 70}
    for method, runs in study.long_runs().items():
        assert {spec.recipe.epochs for spec in runs.values()} == {36} and set(runs) == {0, 1, 2, 3}
        for seed, spec in runs.items():
            store.put(record_of(spec, np.roll(np.arange(100) < right[method], seed)))
    gain = longer(study, width)
    assert gain.n == 4 and gain.value == pytest.approx(20.0)
