"""The grid search from made-up records: its queue, fresh seeds, claims, drawing and parameters; its notebook."""

from itertools import pairwise
from math import inf, log

import numpy as np
import pandas as pd
import pytest
from support.invented import DECIDED, IMAGES, finished, study_of
from support.readable import assert_readable, labels, overlap
from support.surface import quadratic

import effnet_lib as eff
from effnet_lib.apps.execute_notebook import run_notebook
from effnet_lib.artefacts import artefact, grid_search
from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.sweep import Report
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH
from effnet_lib.study import training_plan
from effnet_lib.study.coefficient_grid import PAPER, candidate, points
from effnet_lib.study.decided_study import Study
from effnet_lib.study.parameters import resolve
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.training_plan import TrainingPlan

GRID_SEARCH = artefact("grid_search")

pytestmark = pytest.mark.usefixtures("decided")


@pytest.mark.parametrize("name", ["smoke", "cpu", "photos", "gpu"])
def test_profiles_train_as_many_networks_as_they_say(name):
    base = PROFILES[name].candidates[0]
    study = study_of(base, profile=name)
    models = GRID_SEARCH.plan(study)
    assert models[0].name == "baseline" and models[1].name == "(1.2, 1.1, 1.15)"
    assert len({model.arch for model in models}) == study.profile.networks + 1


# Queue --------------------------------------------------------------------------------------------------------


def top_of(triple: Scaling) -> float:
    return float(quadratic(triple.depth, triple.resolution)) - 10


@pytest.fixture
def put(record_of):
    """Return a function that stores a made-up record: percent correct, scattered by up to 0.2 points over the seeds."""

    def store(study: Study, model, seed: int, accuracy: float) -> None:
        jitter = np.random.default_rng((seed, count(model.arch).madds)).uniform(-0.2, 0.2)
        correct = round(IMAGES * (accuracy + jitter) / 100)
        study.store.put(record_of(study.spec(model, seed), np.arange(IMAGES) < correct, source_px=163))

    return store


def search_of(study: Study, put, seeds=3, accuracy=top_of) -> None:
    for network in grid_search.candidates(study):
        for seed in range(seeds):
            put(study, network, seed, accuracy(network.triple))


def test_the_queue_asks_for_what_the_records_decide(put):
    study = study_of(quintet=True)
    first, *later = GRID_SEARCH.stages(study)
    assert (first.number, first.rank) == (8, 30) and [s.seed for s in first.specs] == [0] * 12 + [1] * 12 + [2] * 12
    assert [stage.specs for stage in later] == [()] * 2  # nothing is decided yet
    assert grid_search.rival(study) is None and GRID_SEARCH.later(study) == []

    search_of(study, put)
    ranked = sorted(grid_search.candidates(study), key=lambda network: -top_of(network.triple))
    best = grid_search.rival(study)
    assert best in ranked[:3] and best.triple != PAPER
    _, fresh, step_2 = GRID_SEARCH.stages(study)
    assert [spec.seed for spec in fresh.specs] == [s for s in range(100, 105) for _ in range(2)]
    paper = grid_search.candidates(study)[0]
    assert {spec.arch for spec in fresh.specs} == {best.arch, paper.arch} and paper.triple == PAPER
    assert step_2.rank == 32 and {spec.arch for spec in step_2.specs} == {
        candidate(study, triple, 2.0).arch for triple in (best.triple, PAPER)
    }
    everything = [spec for stage in GRID_SEARCH.stages(study) for spec in stage.specs]
    assert len({spec.key for spec in everything}) == len(everything) == 12 * 3 + 2 * 5 + 2 * 5


def test_a_network_that_diverged_is_out_of_the_race(put):
    study = study_of()
    networks = grid_search.candidates(study)
    for network in networks[:-1]:
        for seed in range(3):
            put(study, network, seed, top_of(network.triple))
    assert grid_search.rival(study) is None
    study.store.fail(study.spec(networks[-1], 0).key, "Diverged: loss is nan")
    assert study.store.diverged(study.spec(networks[-1], 0).key)
    assert grid_search.rival(study) is not None


def test_a_notebook_trains_what_its_records_ask_for(monkeypatch, record_of):
    rounds = []

    def run_all(specs, dataset_of, store, *_, **__):
        rounds.append([spec.seed for spec in specs])
        for spec in specs:
            store.put(record_of(spec, np.arange(100) < 50 + count(spec.arch).madds % 7, source_px=50))
        return Report(stored=list(specs))

    monkeypatch.setattr(training_plan, "run_all", run_all)
    plan = eff.plan("grid_search", profile="cpu", seeds=2)
    records = plan.run()
    assert [sorted(set(seeds)) for seeds in rounds] == [[0, 1], [100, 101, 102]]
    assert len(rounds[0]) == 12 and len(rounds[1]) == 12 and len(records) == 6
    assert eff.plan("grid_search", profile="cpu", seeds=2).run() == records and rounds[2:] == [[]]


# Claims and drawing -------------------------------------------------------------------------------------------


@pytest.fixture
def judged(put):
    """Return a function that fills a search and its fresh seeds, and returns the plan."""

    def make(lost: float, seeds: int = 3, fresh: bool = True, accuracy=top_of, **given) -> TrainingPlan:
        plan = eff.plan("grid_search", profile="photos", seeds=seeds, **given)
        for seed in range(seeds):
            put(plan.study, plan.study.baseline, seed, 60.0)
        search_of(plan.study, put, seeds, accuracy)
        for pair in grid_search.duels(plan.study).values() if fresh else ():
            for network in pair:
                for seed in range(100, 105):
                    put(plan.study, network, seed, 70.0 - lost * (network.triple == PAPER))
        return plan

    return make


@pytest.mark.parametrize("lost, verdict", [(-2.0, HOLDS), (0.0, HOLDS), (3.0, CONTRADICTED)])
def test_fresh_seeds_decide(judged, lost, verdict):
    plan = judged(lost)
    found = plan.claims(plan.results())
    assert [claim.verdict for claim in found] == [verdict] * 2
    assert all(claim.estimate.value == pytest.approx(1 - lost, abs=0.3) and claim.estimate.n == 5 for claim in found)
    assert "(1.2, 1.1, 1.15)" in found[0].line() and "which it meets at 1.88x" in found[0].line()


def test_without_fresh_seeds_there_is_no_verdict(judged):
    plan = judged(0.0, fresh=False)
    assert {c.verdict for c in plan.claims(plan.results())} == {NOT_ENOUGH}
    assert "not measured" in plan.claims({})[0].line()


def linear(triple: Scaling) -> float:
    return 60 + 8 * log(triple.depth) + 3 * log(triple.resolution) ** 2


@pytest.mark.parametrize(
    "given, said",
    [
        ({}, "response surface: maximum (+) at (1.29, 1.11, 1.12)"),
        ({"fresh": False}, "response surface: maximum"),
        ({"seeds": 1}, "crosses: one seed, no interval"),
        ({"accuracy": linear}, "response surface: no maximum inside"),
        ({"rounding": "paper"}, "rounding paper: blocks up, 8 channels, 1 px"),
        ({"alphas": (1.0, 1.2, 1.4), "betas": (1.0, 1.1), "gammas": (1.15, 1.2)}, "too few networks"),
    ],
    ids=["all", "no fresh seeds", "one seed", "no maximum", "paper rounding", "few networks"],
)
def test_a_figure_whose_labels_can_be_read(judged, given, said):
    figure, rows, _ = finished(judged(0.5, **given))
    everything = labels(figure)
    assert_readable(figure, everything, 0.3)
    assert said in " ".join(text for text, _ in everything["figure"])
    assert "the paper's triple costs" in everything["figure"][-1][0]
    names = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    boxes = [text.get_window_extent() for text in figure.axes[1].get_yticklabels()]
    assert all(overlap(a, b) == 0 for a, b in pairwise(boxes))
    assert sum(name.startswith("(") for name in names) == len(rows) - 2  # but the baseline and the paper's own
    assert "best other, fresh seeds, φ = 2" in names
    shown = [text.get_text() for text in figure.axes[1].texts]
    assert ("not measured" in shown) == ("fresh" in given)


def test_the_table_has_triples_and_simultaneous_intervals(judged):
    rows = finished(judged(0.5))[1].set_index("model")
    paper = rows.loc["(1.2, 1.1, 1.15)"]
    assert (paper["alpha"], paper["beta"], paper["gamma"]) == (1.2, 1.1, 1.15) and np.isnan(paper["over_paper"])
    assert np.isnan(rows.loc["baseline", "alpha"]) and rows.loc["baseline", "triples"] == 0
    others = rows.drop(["baseline", "(1.2, 1.1, 1.15)"])
    assert len(others) == 11 and (others["triples"] >= 1).all()
    assert np.allclose(others["over_paper"], others["top1"] - paper["top1"])
    assert (
        (others["over_paper_low"] < others["over_paper"]) & (others["over_paper"] < others["over_paper_high"])
    ).all()
    assert GRID_SEARCH.table(study_of(), {}).empty
    # B0 itself at 224 px under the paper's triple: B1 to B2's size.
    full = efficientnet.scale(PAPER)
    assert paper["full_flops"] == count(full).madds


def test_fresh_seeds_are_in_no_column_of_the_table(judged):
    plan = judged(3.0)
    results = plan.results()
    rows = plan.table(results)
    for pair in grid_search.duels(plan.study).values():
        for network in pair:
            runs = {seed: plan.study.store.find(plan.study.spec(network, seed)) for seed in range(100, 105)}
            if network in results:
                results[network] = results[network] | runs
    assert any(100 in runs for runs in results.values())
    pd.testing.assert_frame_equal(plan.table(results), rows)


@pytest.mark.parametrize("accuracy, filled", [(lambda triple: 60.0, False), (top_of, True)], ids=["alike", "apart"])
def test_only_what_is_told_apart_is_filled_and_nothing_is_coloured_between(judged, accuracy, filled):
    plan = judged(0.5, accuracy=accuracy)
    page = finished(plan)[0]
    axes = page.axes[0]
    assert not any(getattr(one, "filled", False) for one in axes.collections) and len(page.axes) == 2  # no colour bar
    shown = [line for line in axes.lines if line.get_markersize() == 8]
    apart = [d for d in grid_search.regret(plan.study).differences.values() if d[1] > 0 or d[2] < 0]
    assert len(shown) == 12 and bool(apart) == filled
    assert sum(line.get_markerfacecolor() != "white" for line in shown) == len(apart)


# Parameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, words",
    [
        ({"alphas": [0.9, 1.2]}, "alphas=0.9 is not accepted; alphas takes coefficients (equation 3) from 1 to 100"),
        ({"gammas": [0]}, "gammas=0 is not accepted"),
        ({"betas": "1.1"}, "papermill takes as -y 'betas: [1.0, 1.4]'"),
        ({"tolerance": 0}, "tolerance=0 is not accepted; tolerance takes a share above 0"),
        ({"tolerance": -0.05}, "tolerance=-0.05 is not accepted"),
        ({"tolerance": inf}, "tolerance=inf is not accepted"),
        ({"tolerance": "5 %"}, "tolerance='5 %' is not accepted"),
        ({"rounding": "fin"}, "(did you mean fine?)"),
        ({"rounding": None}, "one of fine, paper"),
    ],
)
def test_a_bad_parameter_is_one_line(given, words):
    with pytest.raises(ParameterError) as error:
        resolve(given)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_lists_are_kept_as_given_and_reach_the_grid():
    params = resolve(
        {"profile": "photos", "alphas": [1.4, 1.2], "gammas": [1.1, 1.2], "rounding": "paper", "tolerance": 0.1}
    )
    assert params.alphas == (1.2, 1.4)
    profile = eff.plan("grid_search", params).study.profile
    assert (profile.alphas, profile.betas, profile.gammas) == ((1.2, 1.4), DECIDED.betas, (1.1, 1.2))
    assert (profile.rounding, profile.tolerance) == ("paper", 0.1)


def test_the_library_refuses_them_too():
    with pytest.raises(ParameterError, match=r"rounding='finest'.*did you mean fine"):
        candidate(study_of(rounding="finest"), PAPER)
    with pytest.raises(ParameterError, match="tolerance=0"):
        points(study_of(tolerance=0))
    with pytest.raises(ParameterError, match=r"alpha=0\.9"):
        candidate(study_of(), Scaling(0.9))
    with pytest.raises(ParameterError, match=r"tolerance=0\.05 .* the nearest"):
        eff.plan("grid_search", profile="photos", alphas=(1.0,), betas=(1.0,), gammas=(1.05,))


# Notebook -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_notebook_trains_the_search_and_its_fresh_seeds(roots):
    given = {"profile": "smoke", "alphas": [1.0, 2.0], "betas": [1.0, 1.4], "gammas": [1.0, 1.4]}
    given["tolerance"] = 0.1  # so that three triples are there
    out = run_notebook("grid_search", given)
    assert out == roots / "figures/smoke/grid_search.ipynb" and out.with_suffix(".png").is_file()
    assert list(pd.read_csv(out.with_suffix(".csv"))["model"]) == [
        "baseline", "(1.2, 1.1, 1.15)", "(1, 1.4, 1)", "(1, 1, 1.4)",
    ]  # fmt: skip
    assert len(list((roots / "results/records").iterdir())) == 4 + 2 + 2
