"""A training over several processes: what each takes, who is told what, the same gradients as of a single process."""

import json
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from support.processes import together
from support.recipes import PAST

from effnet_lib.apps import cli
from effnet_lib.core.errors import DataError, ParameterError, StoreError
from effnet_lib.data.datasets import DataSet
from effnet_lib.models.memory import training_bytes
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.worker import PAUSED, STORED
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.single_run import divided, plan, train_one
from effnet_lib.training import build_model, distributed, input_pipeline, optimizer, trainer
from effnet_lib.training import train_step as step
from effnet_lib.training.distributed import Group, joined
from effnet_lib.training.execution import Execution

torch.set_num_threads(1)

CPU = torch.device("cpu")


def test_a_run_is_keyed_by_the_micro_batch_that_a_process_sees(tiny_spec):
    alone = divided(tiny_spec, 1, None)
    assert alone == tiny_spec and alone.payload()["micro_batch"] == 16
    two = divided(tiny_spec, 2, None)
    assert two == replace(tiny_spec, micro_batch=8) and two.key != tiny_spec.key
    assert divided(replace(tiny_spec, micro_batch=4), 2, None).micro_batch == 4
    assert divided(replace(tiny_spec, micro_batch=16), 2, None) == two
    needed = training_bytes(tiny_spec.arch, 4, tiny_spec.recipe.precision)
    assert divided(tiny_spec, 2, needed).micro_batch == 4  # what fits each GPU
    for processes in (3, 32):
        with pytest.raises(ParameterError, match=f"processes={processes} .* a divisor of the batch of 16"):
            divided(tiny_spec, processes, None)


@pytest.mark.parametrize("batch, processes", [(16, 2), (16, 16), (12, 3), (60, 20)])
def test_a_figure_finds_what_several_processes_trained(tiny_spec, store, record_of, batch, processes):
    spec = replace(tiny_spec, recipe=replace(tiny_spec.recipe, batch=batch))
    record = record_of(divided(spec, processes, None))
    store.put(record)
    assert store.get(spec.key) is None and store.find(spec) == record
    assert store.find(replace(spec, seed=1)) is None


def test_the_largest_micro_batch_is_preferred(tiny_spec, store, record_of):
    spec = replace(tiny_spec, recipe=replace(tiny_spec.recipe, batch=12))
    for processes in (6, 3, 4):
        store.put(record_of(divided(spec, processes, None)))
    assert store.find(spec).key == divided(spec, 3, None).key


def test_a_set_smaller_than_a_batch_is_divided_too_or_refused(tiny_spec, tiny_data):
    spec = replace(tiny_spec, recipe=replace(tiny_spec.recipe, batch=64))
    shares = [input_pipeline.InputPipeline.of(spec, tiny_data, CPU, Group(rank, 4)) for rank in range(4)]
    assert [sum(len(y) for batches in share.epoch(0) for _, y in batches) for share in shares] == [9] * 4
    with pytest.raises(ParameterError, match=r"processes=8 .* a divisor of the batch of 36"):
        input_pipeline.InputPipeline.of(spec, tiny_data, CPU, Group(0, 8))


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ParameterError, match=r"processes='4' .* at most one a GPU, and there are 2"), joined("cuda"):
        pass


@pytest.mark.parametrize("rank", ["0", "1"])
def test_processes_that_do_not_divide_the_batch_say_so_before_any_work(monkeypatch, capsys, roots, rank):
    """Each, as torchrun starts them, and before it looks for the others: here there are none."""
    for name, value in {"WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["train", "--profile", "smoke", "--batch", "15"]) == 2
    said = "effnet: processes=2 is not accepted; processes takes a divisor of the batch of 15\n"
    assert capsys.readouterr() == ("", said) and list(roots.iterdir()) == []


class Told(Group):
    """A process of two, the other of which is not there; `heard` is what the leader says, or has said."""

    def begins(self, flag: bool = False) -> bool:
        self.told = True
        if self.leads:
            self.heard = flag
        return self.heard


@pytest.mark.parametrize("why", ["no data", "no room", "stored"])
def test_followers_are_told_where_there_is_nothing_to_do(monkeypatch, roots, store, record_of, why):
    """Else they would wait, and end with torch's own errors."""
    study = Study.of(PROFILES["imagenet" if why == "no data" else "smoke"], store)
    spec = replace(plan(study), micro_batch=2) if why == "no data" else plan(study)  # fits any memory
    if why == "stored":
        store.put(record_of(divided(spec, 2, None)))
    elif why == "no room":
        (roots / "results").write_text("a file in the way")
    leader, follower = Told(0, 2), Told(1, 2)

    def train_as(group: Group) -> str:
        monkeypatch.setattr(distributed, "joined", lambda device: nullcontext((group, device)))
        return train_one(spec, study, Execution(), say=lambda line: None)

    monkeypatch.setattr(trainer, "train", lambda *_, **__: pytest.fail("trained"))
    if why == "stored":
        assert train_as(leader) == STORED
    else:
        with pytest.raises(DataError if why == "no data" else StoreError):
            train_as(leader)
    assert leader.heard is False
    follower.heard = leader.heard
    assert train_as(follower) == PAUSED


class Spied(step.Step):
    """A step that keeps the gradients with which it updates."""

    def _update(self) -> None:
        self.gradients = [parameter.grad.clone() for parameter in self.parameters]
        super()._update()


def trace(group: Group, specs: list[RunSpec], dataset: DataSet, path: Path) -> None:
    """Train two epochs; keep each step's gradients and loss, and the last weights, in a file for each process."""
    traced = []
    for spec in specs:
        model = build_model.build(spec, CPU)
        train_step = Spied(spec, model, optimizer.optimiser(spec.recipe, model), CPU, group)
        fed, gradients, losses = input_pipeline.InputPipeline.of(spec, dataset, CPU, group), [], []
        model.train()
        for batches in chain(fed.epoch(0), fed.epoch(1)):
            losses.append(group.average(train_step(batches, spec.recipe.batch // group.world)))
            gradients.append(train_step.gradients)
        traced.append((gradients, losses, list(model.parameters())))
    torch.save(traced, f"{path}.{group.rank}")


@pytest.mark.slow
def test_gradients_are_those_of_one_process_that_accumulates(tiny_spec, tiny_data, tmp_path):
    """On a network with batch norm, whose statistics are those of the images that are seen at a time."""
    recipe = replace(tiny_spec.recipe, lr=0.02)
    specs = [
        replace(tiny_spec, recipe=recipe, micro_batch=micro) for micro in (8, 4)
    ]  # each process accumulates two 4s
    trace(Group(), specs, tiny_data, tmp_path / "alone")
    together(2, trace, specs, tiny_data, tmp_path / "two")
    traced = [torch.load(tmp_path / name) for name in ("alone.0", "two.0", "two.1")]
    for alone, leader, other in zip(*traced, strict=True):
        assert len(alone[0]) == len({float(loss) for loss in alone[1]}) == 4
        torch.testing.assert_close(other, leader, atol=0, rtol=0)  # all processes have the same weights, to the bit
        torch.testing.assert_close(leader[0][0], alone[0][0], atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(leader[1], alone[1], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(leader[2], alone[2], atol=1e-4, rtol=1e-3)


def pause_often(group: Group, spec: RunSpec, dataset: DataSet, root: Path) -> None:
    """Train a run at once, and once more with pauses; the results must be the same to the bit, also on followers."""
    whole = trainer.train(spec, dataset, root / "whole.pt", group=group)
    for _ in range(5):
        with pytest.raises(trainer.Paused):
            trainer.train(spec, dataset, root / "paused.pt", monitor=trainer.Monitor(PAST), group=group)
    torch.manual_seed(12345)
    paused = trainer.train(spec, dataset, root / "paused.pt", group=group)
    assert all(torch.equal(value, paused.weights[name]) for name, value in whole.weights.items())
    assert (paused.correct == whole.correct).all() and len(whole.correct) == 18
    for name, value in whole.result.items():
        assert "second" in name or paused.result[name] == value
    if group.leads:
        (root / "result.json").write_text(json.dumps(whole.result))


@pytest.mark.slow
def test_a_run_of_three_processes_is_the_same_to_the_bit_wherever_it_was_paused(tiny_spec, tiny_data, tmp_path):
    """Sums of three numbers depend on their order, those of two do not. All that has a state is switched on."""
    noisy = {"dropout": 0.2, "drop_path": 0.2, "ema": 0.9, "minival": 6, "augment": "crop+flip+autoaugment"}
    spec = replace(tiny_spec, recipe=replace(tiny_spec.recipe, batch=12, **noisy), micro_batch=4)
    together(3, pause_often, spec, tiny_data, tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(result["history"]) == len(result["minival"]) == 3 and result["train_pictures"] == 30
