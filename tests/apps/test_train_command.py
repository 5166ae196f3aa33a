"""`effnet train`: which network, refusals, budgets, and what stands on the terminal."""

import math
import os
import signal
from dataclasses import replace

import pytest
import torch

from effnet_lib.apps import cli
from effnet_lib.core.errors import ParameterError
from effnet_lib.data.datasets import declare
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study import single_run
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.single_run import Wanted, plan
from effnet_lib.training import checkpoint, trainer
from effnet_lib.training.execution import Execution
from effnet_lib.training.recipes import PAPER

torch.set_num_threads(1)


@pytest.fixture
def imagenet(store: RunStore) -> Study:
    """The profile of the paper's own recipe; there is no ImageNet here."""
    return Study.of(PROFILES["imagenet"], store)


@pytest.fixture
def planned(monkeypatch) -> list:
    """Collect what `effnet train` would train: (run, study, execution, budget, say); nothing is trained."""
    found = []
    monkeypatch.setattr(single_run, "train_one", lambda *given: found.append(given))
    return found


def planned_by(planned: list, *argv: str) -> RunSpec:
    assert cli.main(["train", *argv]) == 0
    return planned.pop()[0]


def test_the_command_alone_trains_b0_as_the_paper_does(planned):
    assert cli.main(["train"]) == 0
    spec, study, execution, budget, _ = planned.pop()
    assert spec == RunSpec(efficientnet.published("b0"), PAPER, "imagenet", 0)
    assert study.profile.name == "imagenet" and execution == Execution("cpu", "auto", 300.0) and budget == math.inf


def test_options_say_which_network(planned):
    assert planned_by(planned, "--model", "b1").arch == efficientnet.published("b1")
    assert planned_by(planned, "--model", "b5").recipe == replace(PAPER, dropout=0.4)
    longer = planned_by(planned, "--epochs", "10", "--seed", "3", "--batch", "256", "--micro-batch", "32")
    assert (longer.seed, longer.micro_batch) == (3, 32)
    assert longer.recipe == replace(PAPER, epochs=10, batch=256, lr=0.016)
    assert planned_by(planned, "--dataset", "fractals-10", "--minival", "40").recipe.minival == 40


def test_a_scaled_network_is_the_one_of_the_figures(planned):
    study = Study.of(PROFILES["smoke"], RunStore())
    for argv, method, coefficient in (
        (["--width", "1.4"], "width", 1.4),
        (["--resolution", "1.7"], "resolution", 1.7),
        (["--phi", "1"], "compound", 1.0),
        (["--phi", "0"], "compound", 0.0),
        ([], "width", 1.0),
    ):
        spec = planned_by(planned, "--profile", "smoke", *argv)
        assert spec.key == study.spec(study.model(method, coefficient), 0).key
    mixed = planned_by(planned, "--profile", "smoke", "--width", "1.4", "--depth", "2")
    assert mixed == plan(study, Wanted(scaling=Scaling(depth=2, width=1.4)))


@pytest.fixture
def refused(capsys, roots):
    """Return a function that runs a command which must be refused: exit code 2, one line, nothing written."""

    def run(*argv: str) -> str:
        assert cli.main(["train", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("effnet: ") and len(err.splitlines()) == 1
        assert list(roots.iterdir()) == []
        return err

    return run


@pytest.mark.parametrize(
    "argv, words",
    [
        ("--model b1 --width 1.4", "takes no value where model is given"),
        ("--model b1 --phi 1", "phi=1.0 is not accepted; phi takes no value where model is given"),
        ("--width 1.4 --phi 1", "phi takes no value where scaling is given"),
        ("--model b33", "model='b33' is not accepted; model takes one of b0, b1, b2"),
        ("--model b33", "b6, b7 (did you mean b3?)"),
        ("--model B7", "(did you mean b7?)"),
        ("--width 0", "width=0.0 is not accepted"),
        ("--resolution 0.1", "resolution=0.1 is not accepted"),
        ("--phi nan", "phi=nan is not accepted"),
        ("--profile photos", "profile takes a profile whose baseline is decided (effnet tune does)"),
        ("--profile photos --model b0", "a profile whose baseline is decided"),
        ("--profile imagenett", "(did you mean imagenet?)"),
        ("--epochs 0", "epochs=0 is not accepted; epochs takes a whole number from 1 to 100,000"),
        ("--seed -1", "seed=-1 is not accepted"),
        ("--batch 0", "batch=0 is not accepted"),
        ("--micro-batch -1", "micro_batch=-1 is not accepted"),
        ("--minival -1", "minival=-1 is not accepted"),
        ("--dataset fractals-10", "minival=25000 is not accepted; minival takes 0 (none), or fewer than the 400"),
        ("--budget 0", "budget=0.0 is not accepted; budget takes seconds above 0 and at most 1,000,000,000"),
        ("--budget nan", "budget=nan is not accepted"),
        ("--every -1", "every=-1.0 is not accepted; every takes seconds (0: after each step) from 0 to"),
        ("--every nan", "every=nan is not accepted"),
        ("--depth 1000", "depth=1000.0 is not accepted; depth takes a number above 0 and at most 100"),
        ("--width 1e300", "width=1e+300 is not accepted"),
        ("--width 60", "width=60.0 is not accepted; width takes a multiplier that gives at most 65,536 channels"),
        ("--phi 1e4", "phi=10000.0 is not accepted; phi takes a number from -100 to 100"),
        ("--phi=-1e4", "phi=-10000.0 is not accepted"),
        ("--seed 99999999999", "seed takes a whole number from 0 to 2,147,483,647"),
        (f"--epochs {10**400}", "epochs=1000000"),
        ("--batch 9999999", "batch takes a whole number from 1 to 1,000,000"),
        ("--budget 1e300", "budget=1e+300 is not accepted"),
        ("--step graph", "step='graph' is not accepted"),
        ("--dataset no/such/folder", "is not a folder"),
        ("--batch 16", "dataset=imagenet: there is no folder"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line_before_any_work(refused, argv, words):
    assert words in refused(*argv.split())


def test_a_device_that_is_not_there_is_refused(refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "device takes a device of this machine: cpu" in refused("--device", "cuda")


def test_more_than_one_way_to_say_which_network_is_refused(imagenet):
    with pytest.raises(ParameterError, match=r"scaling=.* where model is given"):
        plan(imagenet, Wanted(model="b0", scaling=Scaling()))


SMOKE = ["train", "--profile", "smoke", "--epochs", "2", "--batch", "16", "--dataset"]


def test_a_budget_that_ends_in_the_middle_tells_how_to_go_on(capsys, images, store):
    command = [*SMOKE, str(images)]
    assert cli.main([*command, "--budget", "1e-9"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(": paused; the same command goes on from its checkpoint\n") and err == ""
    assert list(store.own()) == []
    (saved,) = (store.root / "checkpoints").glob("*.pt")
    assert checkpoint.load(saved, saved.stem)["progress"]["step"] == 1
    assert cli.main(command) == 0
    (record,) = store.own()
    last = capsys.readouterr().out.splitlines()[-1]  # before it stands where it is, on a machine that takes long
    assert last == f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %"
    assert record.key == saved.stem and len(record.result["history"]) == 2 and not saved.exists()
    assert "processes" not in record.provenance


def test_a_stored_run_is_not_trained_again_even_where_its_data_are_gone(capsys, monkeypatch, store, record_of):
    record = record_of(RunSpec(efficientnet.published("b0"), PAPER, "imagenet", 0))
    store.put(record)
    monkeypatch.setattr(trainer, "train", lambda *_: pytest.fail("trained again"))
    assert cli.main(["train"]) == 0
    assert capsys.readouterr().out == f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %\n"


def test_the_papers_recipe_runs_at_any_size(capsys, images, store):
    """B0 at 34 px with all of the recipe, on 30 pictures with 6 reserved."""
    options = "--resolution 0.15 --batch 10 --minival 6 --epochs 2 --dataset"
    assert cli.main(["train", *options.split(), str(images)]) == 0
    (record,) = store.own()
    assert f": stored, top-1 {record.top1:.2f} %\n" in capsys.readouterr().out
    expected = replace(PAPER, epochs=2, batch=10, lr=PAPER.lr * 10 / 4096, minival=6)
    assert record.spec["recipe"] == expected.to_data() and record.spec["arch"]["px"] == 34
    assert (record.result["train_pictures"], len(record.result["minival"])) == (30, 2)
    assert record.result["best_epoch"] == 1 + record.result["minival"].index(max(record.result["minival"]))


@pytest.mark.parametrize("world, steps", [("1", 1), (None, None)])
def test_under_torchrun_a_second_signal_is_the_first_one_once_more(monkeypatch, images, store, world, steps):
    """A job scheduler signals torchrun and its processes. Without it, who signals twice does not want to wait."""
    if world:
        monkeypatch.setenv("WORLD_SIZE", world)
    step = trainer.Run._step

    def signalled(self, batches):
        step(self, batches)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(trainer.Run, "_step", signalled)
    assert cli.main([*SMOKE, str(images)]) == 143
    saved = list((store.root / "checkpoints").glob("*.pt"))
    assert [checkpoint.load(path, path.stem)["progress"]["step"] for path in saved] == ([steps] if steps else [])


def test_what_fails_is_one_line_with_its_reason(capsys, folder, store):
    image = folder / "val" / "red" / "00.jpg"
    image.write_bytes(image.read_bytes()[:300])
    assert cli.main([*SMOKE, str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert "is not an image that can be decoded" in err and "red/00.jpg" in err


def test_a_run_that_another_process_trains_is_left_to_it(capsys, images, store):
    study = Study.of(PROFILES["smoke"], store, declare(str(images)))
    with store.lock(plan(study, Wanted(epochs=2, batch=16)).key):
        assert cli.main([*SMOKE, str(images)]) == 0
    assert capsys.readouterr().out.endswith(": busy: another process trains it now\n")
    assert list(store.own()) == []
