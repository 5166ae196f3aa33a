"""Runs that are trained as one program: equal to runs apart to rounding, and to themselves to the bit when resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support import killing
from support.recipes import PAST, RECIPES

from effnet_lib.core.errors import Diverged, ParameterError
from effnet_lib.training import trainer
from effnet_lib.training.evaluation import Paused
from effnet_lib.training.execution import Execution
from effnet_lib.training.fast.compiled import numba_version
from effnet_lib.training.fold.job import FoldedJob
from effnet_lib.training.fold.network import FoldedNetwork
from effnet_lib.training.fold.run import train
from effnet_lib.training.monitor import Monitor

torch.set_num_threads(1)

KINDS = ["eager", *(["fast"] if numba_version() else [])]
# In single precision, where equal to rounding is a matter of 1e-6; the paper's recipe has all that is drawn and kept.
TRIED = {name: replace(recipe, precision="fp32") for name, recipe in RECIPES.items()}


def specs(name: str, rates=(1.0, 0.5, 2.0), **changes):
    """Three runs, each with a seed and a rate of its own."""
    recipe = replace(TRIED[name], **changes)
    return [
        replace(killing.SHORT, seed=seed, recipe=replace(recipe, lr=rate * recipe.lr))
        for seed, rate in enumerate(rates, 5)
    ]


def assert_same_run(one: trainer.Trained, other: trainer.Trained) -> None:
    """To rounding; counts and everything that is drawn are the same."""
    assert one.result.keys() == other.result.keys() and list(one.weights) == list(other.weights)
    for name, value in one.weights.items():
        torch.testing.assert_close(value, other.weights[name], rtol=1e-3, atol=2e-5)
    for name in ("loss", "train_loss", "history"):
        np.testing.assert_allclose(one.result[name], other.result[name], rtol=1e-4, atol=2e-5)
    inexact = {"loss", "train_loss", "history", "train_seconds", "pictures_per_second"}
    assert all(one.result[name] == other.result[name] for name in one.result.keys() - inexact)
    assert np.array_equal(one.correct, other.correct)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECIPES)
def test_three_folded_runs_are_three_runs(tmp_path, name, kind):
    runs, how = specs(name), Execution(step=kind)
    together = train(FoldedJob(tuple(runs)), killing.DATA, tmp_path / "folded.pt", how)
    assert len({tuple(end.result["history"]) for end in together}) == 3
    for spec, end in zip(runs, together, strict=True):
        assert_same_run(end, trainer.train(spec, killing.DATA, tmp_path / f"{spec.seed}.pt", how))


@pytest.mark.parametrize("name", RECIPES)
def test_they_are_three_runs_in_the_form_that_a_gpu_computes(tmp_path, name, monkeypatch):
    monkeypatch.setattr(FoldedNetwork, "suit", lambda network, device: network.as_batches())
    runs, how = specs(name), Execution(step="eager")
    together = train(FoldedJob(tuple(runs)), killing.DATA, tmp_path / "folded.pt", how)
    for spec, end in zip(runs, together, strict=True):
        assert_same_run(end, trainer.train(spec, killing.DATA, tmp_path / f"{spec.seed}.pt", how))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_trains_the_same_however_it_is_launched(tmp_path, name):
    """A graph draws each member's noise anew at every replay."""
    ends = {}
    for kind in ("graph", "eager"):
        job, how = FoldedJob(tuple(specs(name, epochs=6))), Execution("cuda", kind)
        ends[kind] = train(job, killing.DATA, tmp_path / f"{kind}.pt", how)
    for one, other in zip(ends["graph"], ends["eager"], strict=True):
        np.testing.assert_allclose(one.result["history"], other.result["history"], rtol=2e-2)


def test_micro_batches_are_folded_too(tmp_path):
    runs = [replace(spec, micro_batch=8) for spec in specs("short")]
    together = train(FoldedJob(tuple(runs)), killing.DATA, tmp_path / "folded.pt")
    for spec, end in zip(runs, together, strict=True):
        assert_same_run(end, trainer.train(spec, killing.DATA, tmp_path / f"{spec.seed}.pt"))


@pytest.mark.parametrize("name", RECIPES)
def test_paused_and_resumed_they_are_the_same_to_the_bit(tmp_path, name):
    job = FoldedJob(tuple(specs(name)))
    whole = train(job, killing.DATA, tmp_path / "whole.pt")
    for _ in range(6):  # after every step, and before the tests
        with pytest.raises(Paused):
            train(job, killing.DATA, tmp_path / "cut.pt", monitor=Monitor(PAST))
        torch.manual_seed(12345)
    for one, other in zip(train(job, killing.DATA, tmp_path / "cut.pt"), whole, strict=True):
        times = {"train_seconds", "pictures_per_second"}
        assert all(one.result[name] == other.result[name] for name in one.result.keys() - times)
        assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())


def test_the_weights_of_each_ones_best_epoch_are_the_ones_evaluated(tmp_path, monkeypatch):
    """Of scripted scores on the reserved images the first is best in epoch 1, 2 and 3."""
    scores, evaluate, seen = iter([[3, 1, 1], [2, 3, 2], [1, 1, 3]]), trainer.evaluate, []

    def scripted(model, pipeline, part):
        correct, loss = evaluate(model, pipeline, part)
        if part == "minival":
            seen.append({name: value.clone() for name, value in model.state_dict().items()})
            correct = np.arange(3) < np.array(next(scores))[:, None]
        return correct, loss

    monkeypatch.setattr(trainer, "evaluate", scripted)
    ends = train(FoldedJob(tuple(specs("paper"))), killing.DATA, tmp_path / "folded.pt")
    assert [end.result["best_epoch"] for end in ends] == [1, 2, 3]
    for member, end in enumerate(ends):
        for name, value in end.weights.items():
            best = seen[member][f"network.{name}"].chunk(3)[member]
            assert torch.equal(value, best.reshape(value.shape))


def test_one_that_diverges_leaves_the_others_as_they_are(tmp_path):
    runs = specs("short", rates=(1.0, 1e30, 1.0), clip=0.0)
    ends = train(FoldedJob(tuple(runs)), killing.DATA, tmp_path / "folded.pt")
    assert isinstance(ends[1], Diverged) and str(ends[1]).startswith("the training loss is ")
    for number in (0, 2):
        assert_same_run(ends[number], trainer.train(runs[number], killing.DATA, tmp_path / f"{number}.pt"))
    with pytest.raises(Diverged, match=r"^the training loss is .* in epoch [12] of 3$"):
        train(FoldedJob(tuple(specs("short", (1e30, 1e31), clip=0.0))), killing.DATA, tmp_path / "lost.pt")


def test_only_runs_alike_but_for_seed_and_rate_are_folded():
    one, *others = specs("short")
    assert len({FoldedJob(runs).key for runs in [(one, *others), (*others, one), tuple(others)]}) == 3
    longer = replace(one, seed=9, recipe=replace(one.recipe, epochs=4))
    for runs in ((), (one, one), (one, longer), (one, replace(one, seed=9, micro_batch=8))):
        with pytest.raises(ParameterError, match=r"^jobs="):
            FoldedJob(runs)


def test_a_step_that_cannot_be_folded_is_refused(tmp_path):
    with pytest.raises(
        ParameterError, match=r"^fold=3 is not accepted; fold takes 1 with step=compile; more with eager"
    ):
        train(FoldedJob(tuple(specs("short"))), killing.DATA, tmp_path / "x.pt", Execution(step="compile"))
