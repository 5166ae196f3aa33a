"""Runs that a sweep executes as one program: stored as if alone, killed and resumed to the same bits, or refused."""

import json
import os
import signal
from dataclasses import replace
from multiprocessing import get_context

import pytest
from support import killing
from support.killing import EVERY_STEP, Fault, outcome

from effnet_lib.apps import cli
from effnet_lib.core.errors import ParameterError
from effnet_lib.core.signals import Stopped
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.folding import begun, together
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report, SweepOptions, run_all
from effnet_lib.runs.worker import PAUSED, execute
from effnet_lib.training.execution import Execution
from effnet_lib.training.monitor import Monitor
from effnet_lib.training.trainer import Run

PAST = Monitor(float("-inf"))


def three(name: str = "short") -> list:
    """Three runs, each with a seed and a rate of its own."""
    return [
        replace(spec, recipe=replace(spec.recipe, lr=rate * spec.recipe.lr))
        for spec, rate in zip(killing.specs(name, 0, 1, 2), (1.0, 0.5, 2.0), strict=True)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A store of the three runs, each executed alone."""
    store = RunStore(published=False, root=tmp_path_factory.mktemp("alone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFNET_RESULTS", str(store.root))
        assert len(killing.sweep(three(), store.root, 0).stored) == 3
    return store


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_they_are_stored_as_ordinary_records_that_say_so(store, alone, workers):
    report = killing.sweep(three(), store.root, workers, Execution(), fold=3)
    assert report.stored == three()
    for spec in three():
        record, own = store.get(spec.key), alone.get(spec.key)
        assert (record.key, record.spec) == (own.key, own.spec)
        assert record.result.keys() == own.result.keys()
        assert record.result["history"] == pytest.approx(own.result["history"], abs=2e-5)
        assert record.provenance["folded"] == 3 and "folded" not in own.provenance
        assert record.provenance.keys() - {"folded"} == own.provenance.keys()
        parts = [json.loads(found.path(spec.key).read_text()) for found in (store, alone)]
        assert parts[0]["schema"] == parts[1]["schema"] and parts[0].keys() == parts[1].keys()
    assert killing.leftovers(store, three()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", killing.RECIPES)
@pytest.mark.parametrize("fault", [Fault("step", 4), Fault("saving", 2, 5000), Fault("storing", 2)], ids=str)
def test_killed_they_go_on_to_the_same_bits(tmp_path, name, fault):
    """By SIGKILL before the fourth step, in the middle of the second checkpoint, between two records."""
    whole, cut = (RunStore(published=False, root=tmp_path / name) for name in ("whole", "cut"))
    assert len(killing.sweep(three(name), whole.root, 0, fold=3).stored) == 3
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=killing.live, args=(three(name), cut.root, tmp_path, theirs, fault))
    process.start()
    process.join()
    mine.close()
    assert process.exitcode == (-signal.SIGXFSZ if fault.size else -signal.SIGKILL)
    kept = [spec for spec in three(name) if cut.get(spec.key)]
    assert len(kept) == (fault.kind == "storing")
    assert fault.kind != "step" or [len(members) for _, members in begun(cut)] == [3]
    assert len(killing.sweep(three(name), cut.root, 0, fold=3).stored) == 3 - len(kept)
    assert all(outcome(cut, spec) == outcome(whole, spec) for spec in three(name))
    assert killing.leftovers(cut, three(name)) == []


def test_what_was_begun_folded_goes_on_so_and_what_was_begun_alone_alone(store, monkeypatch):
    runs = three()
    options = SweepOptions(0, EVERY_STEP, say=lambda line: None, fold=2)
    with monkeypatch.context() as patch:
        patch.setattr("effnet_lib.training.trainer.TEST_SHARE", float("inf"))  # pause before the tests
        report = run_all(runs[:2], lambda spec: killing.DATA, store, replace(options, budget=1e6))
    assert report.paused == runs[:2] and len(list(begun(store))) == 1
    fits = {"fits": lambda count: True}
    assert together(runs[1], runs, store, 1, **fits) == tuple(runs[:2])
    assert together(runs[1], runs[1:], store, 3, **fits) == (runs[1],)  # a member is not asked for
    assert together(runs[2], runs[2:], store, 3, **fits) == (runs[2],)
    assert execute(runs[2], killing.DATA, store, monitor=PAST) == PAUSED
    steps, step = [], Run._step
    monkeypatch.setattr(Run, "_step", lambda run, batches: steps.append(run.members) or step(run, batches))
    again = run_all(runs[::-1], lambda spec: killing.DATA, store, replace(options, fold=3))
    assert again.stored == [runs[2], *runs[:2]]
    assert set(steps) == {1} and killing.leftovers(store, runs) == []


def test_mates_are_alike_and_free_and_as_many_as_fit(store):
    runs = killing.specs("short", *range(6))
    other = killing.specs("paper", 0)
    assert execute(runs[1], killing.DATA, store, monitor=PAST) == PAUSED
    with store.lock(runs[2].key):
        found = [together(runs[0], [*runs, *other], store, most, lambda count: count < 4) for most in (1, 2, 9)]
    assert found == [(runs[0],), (runs[0], runs[3]), (runs[0], runs[3], runs[4])]
    assert together(runs[1], runs, store, 9, lambda count: True) == (runs[1],)


def test_one_that_diverges_fails_alone_and_the_others_are_stored(store):
    runs = [replace(spec, recipe=replace(spec.recipe, clip=0.0)) for spec in killing.specs("short", 0, 1)]
    runs[1] = replace(runs[1], recipe=replace(runs[1].recipe, lr=1e30))
    report = killing.sweep(runs, store.root, 0, fold=2)
    assert (report.stored, report.failed) == (runs[:1], runs[1:])
    assert store.diverged(runs[1].key) and killing.leftovers(store, runs) == [str(store._failure(runs[1].key))]


def test_a_network_that_cannot_be_folded_is_refused_before_any_work(store):
    runs = [replace(spec, arch=SCALABLE["ConvNeXt"](Scaling(0.25, 0.25), 32, 3)) for spec in three()]
    words = "^fold=3 is not accepted; fold takes 1 for convnext, of which the network is a ConvNeXt, whose folded form"
    with pytest.raises(ParameterError, match=words):
        run_all(runs, lambda spec: killing.DATA, store, SweepOptions(0, fold=3))
    assert not (store.root / "running").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        (["--executor", "ray"], "fold=2 is not accepted; fold takes 1 with executor=ray"),
        (["--step", "compile"], "fold=2 is not accepted; fold takes 1 with step=compile"),
        (["--fold", "0"], "fold=0 is not accepted; fold takes a whole number from 1 to 256"),
    ],
)
def test_the_command_refuses_in_a_line(options, words, capsys):
    command = ["queue", "--profile", "smoke", "--budget", "60", "--workers", "0", "--fold", "2", *options]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"effnet: {words}") and error.count("\n") == 1


@pytest.mark.parametrize("given, fold", [([], 1), (["--fold", "4"], 4)])
def test_the_queue_folds_as_many_as_it_is_asked_for(given, fold, monkeypatch):
    seen = []
    monkeypatch.setattr("effnet_lib.study.queue.work", lambda study, plans, options: seen.append(options) or Report())
    assert cli.main(["queue", "--profile", "smoke", "--budget", "60", *given]) == 0
    assert [options.fold for options in seen] == [fold]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_in_the_middle_they_save_their_step_and_go_on_to_the_same_bits(store, tmp_path, monkeypatch, number):
    whole, step, taken = RunStore(published=False, root=tmp_path / "whole"), Run._step, []
    assert len(killing.sweep(three(), whole.root, 0, fold=3).stored) == 3

    def stopped(run, batches):
        taken.append(run.members)
        if len(taken) == 3:
            os.kill(os.getpid(), number)
        step(run, batches)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Run, "_step", stopped)
        killing.sweep(three(), store.root, 0, Execution(every=1e9), fold=3)
    ((key, members),) = begun(store)
    assert killing.saved(store, key) == 3 and members == [spec.key for spec in three()]
    assert len(killing.sweep(three(), store.root, 0, fold=3).stored) == 3
    assert all(outcome(store, spec) == outcome(whole, spec) for spec in three())
