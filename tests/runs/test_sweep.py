"""Sweeps: once each, failures noted, two sweeps on one folder, budgets; tests of faults are in test_faults.py."""

import math
import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from effnet_lib.core.errors import DataError, RunFailed
from effnet_lib.runs.executors import processes
from effnet_lib.runs.executors.processes import ENVIRONMENT, _Pool
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report, Sweep, SweepOptions, cost, estimator, run_all
from effnet_lib.runs.worker import PAUSED, STORED, execute
from effnet_lib.training import trainer
from effnet_lib.training.monitor import Monitor

PATIENCE = 240.0  # seconds until a condition counts as never met


def seeds(spec: RunSpec, *numbers: int) -> list[RunSpec]:
    return [replace(spec, seed=number) for number in numbers]


def keys(specs: list[RunSpec]) -> list[str]:
    return [spec.key for spec in specs]


@pytest.fixture
def sweep(tiny_data, store):
    """Run specs on the tiny data, silently; the lines that were said are in `sweep.said`."""

    def run(specs, workers=0, **options) -> Report:
        return run_all(specs, lambda spec: tiny_data, store, SweepOptions(workers, say=run.said.append, **options))

    run.said = []
    return run


@pytest.fixture
def trained(monkeypatch, record_of, trained_as):
    """Replace training: each run ends at once, that of seed 13 fails. Returns the specs that were trained."""
    done = []

    def train(spec, *_):
        done.append(spec)
        if spec.seed == 13:
            raise RunFailed("an unlucky\nseed")
        return trained_as(record_of(spec))

    monkeypatch.setattr(trainer, "train", train)
    return done


def test_every_run_is_trained_once(sweep, store, trained, tiny_spec, record_of):
    own, published, *new = specs = seeds(tiny_spec, 0, 1, 2, 3)
    store.put(record_of(own))
    RunStore(root=store.published_folder.parent).put(record_of(published))
    report = sweep([*specs, *specs])
    assert trained == report.stored == new
    assert vars(sweep(specs)) == vars(Report()) and trained == new
    assert [store.get(spec.key).seed for spec in specs] == [0, 1, 2, 3]


def test_a_failure_is_noted_and_the_others_go_on(sweep, store, trained, tiny_spec):
    specs = seeds(tiny_spec, 0, 13, 2)
    report = sweep(specs)
    assert keys(report.stored) == keys([specs[0], specs[2]]) and report.failed == [specs[1]]
    assert store.failure(specs[1].key).endswith("RunFailed: an unlucky seed")
    assert [line.count("\n") for line in sweep.said] == [0, 0, 0] and "an unlucky seed" in sweep.said[1]
    assert sweep(specs).failed == [specs[1]] and len(trained) == 4  # tried again, and only that one


def test_missing_data_are_told_once_before_any_run(store, tiny_data, tiny_spec, tmp_path, trained):
    gone = replace(tiny_data, folder=tmp_path / "gone")
    with pytest.raises(DataError, match=r"there is no folder '.*gone'"):
        run_all(seeds(tiny_spec, 0, 1), lambda spec: gone, store, SweepOptions(0, say=lambda line: None))
    assert not trained and store.failure(tiny_spec.key) is None


@pytest.mark.parametrize("workers", [0, 2])
def test_without_time_nothing_starts(sweep, trained, tiny_spec, workers, monkeypatch):
    monkeypatch.setattr("effnet_lib.runs.executors.processes.wait", lambda *_, **__: pytest.fail("waited for nobody"))
    specs = seeds(tiny_spec, 0, 1)
    report = sweep(specs, workers, budget=0.0)
    assert report.left == specs and not trained and not report.stored


def test_a_run_that_does_not_fit_leaves_room_for_a_shorter_one(sweep, trained, tiny_spec):
    specs = seeds(tiny_spec, 0, 1, 2)
    epoch = {0: 1.0, 1: 1e9, 2: 1.0}
    report = sweep(specs, budget=1e6, estimate=lambda spec: epoch[spec.seed] * spec.recipe.epochs)
    assert trained == [specs[0], specs[2]] and report.left == [specs[1]]


def test_a_paused_run_is_neither_stored_nor_failed_and_goes_on(sweep, store, tiny_data, tiny_spec):
    assert execute(tiny_spec, tiny_data, store, monitor=Monitor(-math.inf)) == PAUSED
    assert store.get(tiny_spec.key) is None and store.failure(tiny_spec.key) is None
    assert sweep([tiny_spec]).stored == [tiny_spec]


def test_a_run_that_another_sweep_has_is_left_to_it(sweep, store, trained, tiny_spec):
    mine, theirs = seeds(tiny_spec, 0, 1)
    with store.lock(theirs.key):
        report = sweep([theirs, mine])
        assert report.busy == [theirs] and report.stored == trained == [mine]
    assert sweep([theirs, mine]).stored == [theirs]


def test_two_sweeps_on_one_folder_share_the_work(monkeypatch, tiny_data, tiny_spec, record_of, trained_as):
    specs, counted, both = seeds(tiny_spec, *range(8)), [], threading.Barrier(2, timeout=PATIENCE)

    def train(spec, *_):
        counted.append(spec)
        if len(counted) <= 2:
            both.wait()  # each sweep is inside a run before either ends its first
        return trained_as(record_of(spec))

    monkeypatch.setattr(trainer, "train", train)
    reports = []

    def work(order):
        reports.append(run_all(order, lambda spec: tiny_data, RunStore(), SweepOptions(0, say=lambda line: None)))

    threads = [threading.Thread(target=work, args=(order,)) for order in (specs, specs[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(keys(counted)) == sorted(keys(specs))  # none twice
    assert len(reports) == 2 and not any(report.failed for report in reports)
    assert all(RunStore().get(spec.key) for spec in specs)


def test_cost_and_estimate_follow_the_records(tiny_data, tiny_spec, record_of):
    longer = replace(tiny_spec, recipe=replace(tiny_spec.recipe, epochs=6))
    assert cost(longer, tiny_data) == 2 * cost(tiny_spec, tiny_data)
    records = [record_of(tiny_spec, train_seconds=seconds, train_pictures=36) for seconds in (0.0, 4.0, 4.0, 90.0)]
    predicted = estimator(records, lambda spec: tiny_data)
    assert predicted(tiny_spec) == pytest.approx(4.0) and predicted(longer) == pytest.approx(8.0)
    assert estimator([], lambda spec: tiny_data, fallback=1e9)(tiny_spec) == cost(tiny_spec, tiny_data) / 1e9
    slow, fast = (estimator(records, lambda spec: tiny_data, device)(tiny_spec) for device in ("mps", "cuda:1"))
    assert 30 * fast == pytest.approx(slow) and slow == pytest.approx(
        cost(tiny_spec, tiny_data) / 5e9
    )  # none of these records is of either


def test_a_worker_that_dies_after_storing_has_stored(store, tiny_data, tiny_spec, record_of):
    state = Sweep([tiny_spec], lambda spec: tiny_data, store, SweepOptions(1))
    pool = _Pool(state)
    store.put(record_of(tiny_spec))
    pool.running[0] = SimpleNamespace(exitcode=-signal.SIGSEGV, join=lambda: None), {tiny_spec: tiny_spec}
    pool._finish(0)
    assert state.report.stored == [tiny_spec] and store.failure(tiny_spec.key) is None


def test_workers_give_the_same_results_as_this_process(sweep, store, tiny_data, tiny_spec, tmp_path, monkeypatch):
    specs = [*seeds(tiny_spec, 0, 1), replace(tiny_spec, recipe=replace(tiny_spec.recipe, lr=1e30, clip=0.0))]
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    report = sweep(specs, workers=2)
    assert sorted(keys(report.stored)) == sorted(keys(specs[:2])) and report.failed == [specs[2]]
    assert "training loss" in store.failure(specs[2].key)
    here = RunStore(root=tmp_path / "here")
    for spec in specs[:2]:
        assert execute(spec, tiny_data, here) == STORED
        one, other = (found.get(spec.key).result for found in (store, here))
        assert one["correct"] == other["correct"] and one["history"] == other["history"]
        assert store.weights(spec.key).read_bytes() == here.weights(spec.key).read_bytes()
    assert dict(os.environ) == before and not multiprocessing.active_children()


@pytest.mark.parametrize("error", [ConnectionRefusedError, BrokenPipeError, EOFError])
def test_a_process_starts_from_a_new_server_where_the_old_one_is_just_being_killed(error, monkeypatch):
    monkeypatch.setattr(processes, "GLANCE", 0.0)
    refusals = iter([error, error])

    def start() -> None:
        if refusal := next(refusals, None):
            raise refusal

    processes._launch(SimpleNamespace(start=start))
    assert next(refusals, None) is None

    monkeypatch.setattr(processes, "BURIAL", 0.0)
    refusals = iter(lambda: error, None)  # a server that lives and refuses everybody
    with pytest.raises(error):
        processes._launch(SimpleNamespace(start=start))
