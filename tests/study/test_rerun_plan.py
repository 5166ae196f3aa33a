"""Which published runs are rerun: drawn by a seed, inside a budget, and refused where nothing fits or is published."""

import pytest
from support.republished import SECONDS, publish_smoke

from effnet_lib.artefacts import artefact
from effnet_lib.core.errors import ParameterError
from effnet_lib.study.published_runs import published_runs
from effnet_lib.study.rerun_plan import ROOM, Wanted, choose, makespan


@pytest.fixture
def published(monkeypatch, record_of):
    publish_smoke(monkeypatch, record_of)
    return published_runs(artefact("fig3"), "smoke")


def chosen(published, **wanted) -> list:
    return choose(published.runs, published.seconds("cpu"), Wanted(**wanted))


def test_what_is_published_is_found_with_its_networks_seeds_and_spread(published):
    assert {run.name for run in published.runs} == SECONDS.keys() and len(published.runs) == 9
    assert all(run.spec.key == run.record.key and run.record.published for run in published.runs)
    (baseline,) = {run.network for run in published.runs if run.name == "baseline"}
    assert published.top1(baseline) == [60.0, 61.5, 63.0]
    sd, dof = published.pooled(baseline)
    assert dof == 6 and sd == pytest.approx((((2.25 * 2) + (3.25 * 2) + (7 / 3 * 2)) / 6) ** 0.5)


def test_your_own_records_are_none_of_the_published_ones(published, store):
    for run in published.runs:
        store.put(run.record)
    for path in store.published_folder.glob("*.json"):
        path.unlink()
    with pytest.raises(ParameterError, match="there is none yet"):
        published_runs(artefact("fig3"), "smoke")


def test_a_networks_fastest_run_says_how_long_it_takes(published):
    assert {run.name: published.seconds("cpu")(run) for run in published.runs} == SECONDS
    assert all(published.seconds("cuda:0")(run) not in SECONDS.values() for run in published.runs)


def test_a_plan_is_the_seeds_own_and_takes_every_network_once_before_any_twice(published):
    plans = [chosen(published, runs=3, budget=1e6, seed=seed) for seed in range(10)]
    assert plans == [chosen(published, runs=3, budget=1e6, seed=seed) for seed in range(10)]
    assert all({run.name for run in plan} == SECONDS.keys() for plan in plans)
    assert len({tuple(run.record.key for run in plan) for plan in plans}) > 5
    assert len(chosen(published, runs=20, budget=1e6)) == 9


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("budget", [13, 40, 80])
def test_a_plan_fits_into_its_budget_and_nothing_more_would(published, budget, workers):
    seconds = published.seconds("cpu")
    plan = chosen(published, runs=9, budget=budget, workers=workers)
    assert makespan(map(seconds, plan), workers) <= ROOM * budget
    left = [run for run in published.runs if run not in plan]
    assert all(makespan(map(seconds, [*plan, run]), workers) > ROOM * budget for run in left)
    assert list(map(seconds, plan)) == sorted(map(seconds, plan))


def test_workers_take_the_shortest_first():
    assert makespan([4, 2, 3, 1], 2) == 6 and makespan([1, 2, 3, 4], 0) == 10 and makespan([], 3) == 0


def test_a_budget_that_holds_no_run_is_refused_with_what_would(published):
    assert [run.name for run in chosen(published, budget=12.5)] == ["baseline"]
    with pytest.raises(ParameterError, match=r"at least 13 seconds: the cheapest .*, baseline, takes about 10 of them"):
        chosen(published, budget=12.4)


@pytest.mark.parametrize(
    "name, profile, words",
    [
        ("fig3", "photos", "profile takes one with published runs of fig3: smoke$"),
        ("fig7", "smoke", "profile takes one with published runs of fig7: there is none yet$"),
        ("fig3", "smok", "did you mean smoke"),
    ],
)
def test_a_profile_without_published_runs_is_refused(published, name, profile, words):
    with pytest.raises(ParameterError, match=words):
        published_runs(artefact(name), profile)


def test_one_seed_of_every_network_says_nothing_of_their_spread(monkeypatch, record_of):
    publish_smoke(monkeypatch, record_of, {"baseline": (60.0,), "w=2.6": (70.0,)})
    with pytest.raises(ParameterError, match="one with two published seeds of a network of fig3"):
        published_runs(artefact("fig3"), "smoke")
