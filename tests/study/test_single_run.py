"""One network as a user trains it: which network, the paper's recipe, early stopping, streamed pictures, refusals."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from effnet_lib.apps import cli
from effnet_lib.core import signals
from effnet_lib.core.errors import ParameterError
from effnet_lib.data.array_cache import Part
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.data.splits import minival
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.spec import RunSpec
from effnet_lib.runs.store import RunRecord, RunStore
from effnet_lib.runs.worker import PAUSED, STORED, execute
from effnet_lib.study import single_run
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.single_run import plan
from effnet_lib.study.study import Study
from effnet_lib.training import build_model, checkpoint, trainer
from effnet_lib.training import input_pipeline as feed
from effnet_lib.training import optimizer as optim
from effnet_lib.training.execution import Execution
from effnet_lib.training.recipes import PAPER

torch.set_num_threads(1)

CPU = torch.device("cpu")
PAST = -math.inf  # a deadline before every step
IMAGENET_STEPS = (1_281_167 - 25_000) // 4096  # an epoch
TINY_PAPER = replace(
    PAPER, epochs=4, batch=16, lr=0.256 * 16 / 4096, lr_decay_epochs=1.0, warmup=1 / 4, ema=0.9, minival=6
)


@pytest.fixture
def imagenet(store: RunStore) -> Study:
    """The profile of the paper's own recipe; there is no ImageNet here."""
    return Study.of(PROFILES["imagenet"], store)


def without_times(record: RunRecord) -> dict:
    return {name: value for name, value in record.result.items() if "second" not in name}


def ended(spec: RunSpec, store: RunStore) -> tuple[dict, bytes]:
    """Return what a run left: its result without times, and its weights."""
    return without_times(store.get(spec.key)), store.weights(spec.key).read_bytes()


# The paper's recipe, read off what is built -----------------------------------------------------------------


@pytest.mark.parametrize("model, px, dropout", [("b0", 224, 0.2), ("b7", 600, 0.5)])
def test_the_network_of_the_papers_recipe(imagenet, model, px, dropout):
    spec = plan(imagenet, model=model)
    assert spec.arch == efficientnet.published(model) and (spec.arch.px, spec.arch.padding) == (px, "same")
    built = build_model.build(spec)
    assert built.drop_rate == dropout
    norms = [module for module in built.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}  # 0.99 of the old value is kept
    activations = {type(module) for name, module in built.named_modules() if name.split(".")[-1].startswith("act")}
    assert nn.SiLU in activations and activations <= {nn.SiLU, nn.Identity}
    # Stochastic depth: what survives falls linearly over the blocks, to 0.8 behind the last.
    blocks = [block for stage in built.blocks for block in stage]
    skipping = {i / len(blocks): getattr(b.drop_path, "drop_prob", 0.0) for i, b in enumerate(blocks) if b.has_skip}
    assert len(skipping) > 8 and list(skipping.values()) == pytest.approx([0.2 * place for place in skipping])
    assert {float(norm.weight.detach().min()) for norm in norms} == {1.0}  # no residual branch starts at zero


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_optimiser_of_the_papers_recipe(imagenet, model):
    recipe = plan(imagenet, model=model).recipe
    weight = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    optimizer = optim.optimiser(recipe, nn.Sequential(weight, nn.BatchNorm1d(1)))
    decayed = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert [parameter.ndim for parameter in decayed[1e-5]] == [2] and len(decayed[0.0]) == 2
    # RMSProp as TensorFlow has it: mean squares start at one, epsilon under the root, the rate inside the momentum.
    expected, square, moved = weight.weight.detach().clone(), torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    for step in range(1, 4):
        gradient = torch.tensor([[0.01, -3.0]]).double() * step
        weight.weight.grad = gradient.clone()
        optimizer.step()
        gradient = gradient + 1e-5 * expected
        square = 0.9 * square + 0.1 * gradient**2
        moved = 0.9 * moved + 0.256 * gradient / (square + 1e-3).sqrt()
        expected = expected - moved
        torch.testing.assert_close(weight.weight.detach(), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_schedule_and_the_average_of_the_papers_recipe(imagenet, model):
    recipe = plan(imagenet, model=model).recipe
    optimizer = optim.optimiser(recipe, nn.Linear(2, 2))
    schedule = optim.schedule(recipe, optimizer, IMAGENET_STEPS)

    def rate(epoch: float) -> float:
        schedule.step_update(math.ceil(epoch * IMAGENET_STEPS))
        return optimizer.param_groups[0]["lr"]

    assert rate(0) < 1e-5 and rate(2.5) == pytest.approx(0.128, rel=1e-4) and rate(5) == 0.256
    assert [rate(5 + 2.4 * n) for n in (1, 2, 100)] == pytest.approx([0.256 * 0.97**n for n in (1, 2, 100)])
    assert rate(5 + 2.39) == 0.256 and recipe.epochs == 350
    average = optim.average(recipe, nn.Linear(2, 2))
    # min(0.9999, (1 + n) / (10 + n)) after n steps, as in TensorFlow; the paper's run has 107,100.
    assert average.get_decay(350 * IMAGENET_STEPS) == 0.9999
    assert [average.get_decay(n) for n in (100, 10_000)] == pytest.approx([101 / 110, 10_001 / 10_010], rel=2e-3)


@pytest.mark.parametrize("model", ["b0", "b7"])
def test_the_images_of_the_papers_recipe(imagenet, model):
    spec = plan(imagenet, model=model)
    rows, reserved = minival(imagenet.dataset.train_images, spec.recipe.minival)
    assert len(reserved) == 25_000 and len(rows) // spec.recipe.batch == IMAGENET_STEPS
    nothing = Part(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(5000, int), np.zeros(5000, np.int64))
    drawn = feed.InputPipeline(spec, {"train": feed.Memory(nothing, CPU)}, CPU).draw(np.arange(5000), 0, 0)
    assert len(drawn.chosen) == 4096 and len(drawn.policy) == 4096  # AutoAugment
    area = (drawn.matrices[:, 0, 0].abs() * drawn.matrices[:, 1, 1]).numpy()
    assert 0.07 < area.min() < 0.1 and spec.recipe.label_smoothing == 0.1


def test_another_batch_scales_the_rate_and_is_another_run(imagenet):
    whole, quarter = plan(imagenet, model="b0"), plan(imagenet, model="b0", batch=1024)
    assert (quarter.recipe.batch, quarter.recipe.lr) == (1024, 0.064)
    assert quarter.recipe == replace(whole.recipe, batch=1024, lr=0.064) and quarter.key != whole.key
    assert plan(imagenet, model="b0", batch=4096) == whole
    assert plan(imagenet, model="b0", minival=0).recipe == replace(whole.recipe, minival=0)


# Early stopping ---------------------------------------------------------------------------------------------


@pytest.fixture
def paper(tiny_spec: RunSpec) -> RunSpec:
    """The paper's recipe on the tiny network: 4 epochs of 1 step, 6 pictures reserved."""
    return replace(tiny_spec, recipe=TINY_PAPER)


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("paused", [False, True])
def test_the_weights_of_the_best_minival_epoch_are_the_ones_evaluated(monkeypatch, paper, tiny_data, store, paused):
    """Of two equal epochs the earlier; also where the run is paused after every step."""
    evaluate, found, hits = trainer.evaluate, {}, [2, 5, 5, 1]

    def spy(model, feed, part):
        right, loss = evaluate(model, feed, part)
        if part == "minival":
            assert len(right) == 6
            part = f"minival {1 + len([name for name in found if name.startswith('minival')])}"
            right = np.arange(6) < hits[int(part[-1]) - 1]
        found[part] = weights_of(model)
        return right, loss

    monkeypatch.setattr(trainer, "evaluate", spy)
    for _ in range(4 if paused else 0):
        assert execute(paper, tiny_data, store, deadline=PAST) == PAUSED
    assert execute(paper, tiny_data, store) == STORED
    result = store.get(paper.key).result
    assert result["minival"] == pytest.approx([100 * hit / 6 for hit in hits]) and result["best_epoch"] == 2
    assert result["train_pictures"] == 30 and len(result["history"]) == 4

    def same(one: str, other: str) -> bool:
        return all(torch.equal(found[one][name], found[other][name]) for name in found[one])

    assert same("val", "minival 2") and same("larger", "val") and same("train_eval", "val")
    assert not same("val", "minival 1") and not same("val", "minival 3")
    from safetensors.torch import load_file

    kept = load_file(store.weights(paper.key))
    assert all(torch.equal(kept[name], value) for name, value in found["val"].items())


def test_a_stop_while_the_reserved_images_are_looked_at_costs_no_step(monkeypatch, paper, tiny_data, store, tmp_path):
    assert execute(paper, tiny_data, store) == STORED
    other, evaluate = RunStore(root=tmp_path / "other"), trainer.evaluate

    def stopped(model, feed, part):
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(model, feed, part)

    with monkeypatch.context() as patch, signals.listening():
        patch.setattr(trainer, "evaluate", stopped)
        assert execute(paper, tiny_data, other, Execution(every=1e9)) == PAUSED
    saved = checkpoint.load(other.checkpoint(paper.key), paper.key)["progress"]
    assert (saved["epoch"], saved["step"], saved["minival"]) == (1, 0, [])
    assert execute(paper, tiny_data, other) == STORED
    assert ended(paper, other) == ended(paper, store)


# Streamed ---------------------------------------------------------------------------------------------------


def steps(spec: RunSpec, dataset: DataSet) -> list[tuple]:
    """Return what every step of the first epoch is given: picture numbers, crops, AutoAugment, pixels, labels."""
    seen, fed = [], feed.InputPipeline.of(spec, dataset, CPU)
    finish = fed._finish

    def spy(images, labels, draw):
        seen.append((draw.chosen.tolist(), draw.matrices.tolist(), draw.policy and vars(draw.policy), images, labels))
        return finish(images, labels, draw)

    fed._finish = spy
    for batches in fed.epoch(0):
        list(batches)
    return seen


@pytest.mark.slow
def test_streamed_crops_are_those_of_the_in_memory_path(monkeypatch, tmp_path, paper):
    """On small square pictures, which neither path reduces; elsewhere streamed reductions are antialiased."""
    noise = np.random.default_rng(0)
    for part in ("train", "val"):
        for index in range(30):
            file = tmp_path / "squares" / part / "ab"[index % 2] / f"{index:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    dataset = declare(str(tmp_path / "squares"))
    spec = replace(paper, recipe=replace(paper.recipe, batch=8), data=dataset.id, micro_batch=3)
    held = steps(spec, dataset)
    monkeypatch.setattr(feed, "MEMORY_LIMIT", 0)
    streamed = steps(spec, dataset)
    assert len(held) == len(streamed) == 3 * 3
    for one, other in zip(held, streamed, strict=True):
        assert one[:2] == other[:2] and torch.equal(one[4], other[4])
        assert all(np.array_equal(one[2][name], other[2][name]) for name in one[2])
        assert (one[3] - other[3]).abs().max() <= 1.5  # Pillow rounds twice


@pytest.mark.slow
def test_a_streamed_run_is_the_same_to_the_bit_wherever_it_was_paused(monkeypatch, paper, tiny_data, store, tmp_path):
    spec = replace(paper, recipe=replace(paper.recipe, epochs=2, batch=8), micro_batch=3)
    monkeypatch.setattr(feed, "MEMORY_LIMIT", 0)
    assert execute(spec, tiny_data, store) == STORED
    result, _ = ended(spec, store)
    assert result["source_px"] == 32 and result["val_pictures"] == 18 and len(result["minival"]) == 2
    assert len(list((store.root / "cache").glob("*/*.npy"))) == 0  # nothing was decoded into memory
    other = RunStore(root=tmp_path / "other")
    assert [execute(spec, tiny_data, other, deadline=PAST) for _ in range(2)] == [PAUSED, PAUSED]
    assert checkpoint.load(other.checkpoint(spec.key), spec.key)["progress"]["step"] == 2
    torch.manual_seed(12345)
    assert execute(spec, tiny_data, other) == STORED
    assert ended(spec, other) == ended(spec, store)


STREAMED = "import sys\nfrom effnet_lib import cli\nfrom effnet_lib.training import feed\nfeed.MEMORY_LIMIT = 0\n"


def until(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Wait for something; say whether it came."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_signal_to_all_processes_lets_a_streamed_run_finish_its_step(images, roots, store, capsys):
    """Job schedulers signal loader processes too, as a terminal and torchrun do."""
    argv = ["train", "--profile", "smoke", "--dataset", str(images), "--epochs", "30", "--every", "1e9"]
    run = subprocess.Popen(
        [sys.executable, "-c", f"{STREAMED}sys.exit(cli.main({argv!r}))"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        notes = store.root / "running"
        assert until(lambda: any(json.loads(note.read_text())["epoch"] for note in notes.glob("*.json")))
        os.killpg(run.pid, signal.SIGTERM)
        _, err = run.communicate(timeout=120)
        assert run.returncode == 143 and "stopped by SIGTERM; it goes on" in err and "Traceback" not in err
        assert until(lambda: not alive(run.pid), 20)
    finally:
        if alive(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
    (saved,) = (store.root / "checkpoints").glob("*.pt")
    assert checkpoint.load(saved, saved.stem)["progress"]["epoch"] >= 1 and store.failure(saved.stem) is None


# The command ------------------------------------------------------------------------------------------------


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
    assert mixed == plan(study, scaling=Scaling(depth=2, width=1.4))


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
        ("--epochs 0", "epochs=0 is not accepted; epochs takes a whole number of at least 1"),
        ("--seed -1", "seed=-1 is not accepted"),
        ("--batch 0", "batch=0 is not accepted"),
        ("--micro-batch -1", "micro_batch=-1 is not accepted"),
        ("--minival -1", "minival=-1 is not accepted"),
        ("--dataset fractals-10", "minival=25000 is not accepted; minival takes 0 (none), or fewer than the 400"),
        ("--budget 0", "budget=0.0 is not accepted; budget takes seconds above 0"),
        ("--budget nan", "budget=nan is not accepted"),
        ("--every -1", "every=-1.0 is not accepted; every takes seconds, at least 0"),
        ("--every nan", "every=nan is not accepted"),
        ("--step graph", "step='graph' is not accepted"),
        ("--dataset no/such/folder", "is not a folder"),
        ("", "dataset=imagenet: there is no folder"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line_before_any_work(refused, argv, words):
    assert words in refused(*argv.split())


def test_a_device_that_is_not_there_is_refused(refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "device takes a device of this machine: cpu" in refused("--device", "cuda")


def test_more_than_one_way_to_say_which_network_is_refused(imagenet):
    with pytest.raises(ParameterError, match=r"scaling=.* where model is given"):
        plan(imagenet, model="b0", scaling=Scaling())


SMOKE = ["train", "--profile", "smoke", "--epochs", "2", "--dataset"]


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
    assert capsys.readouterr().out == f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %\n"
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
    step = trainer._Run._step

    def signalled(self, batches):
        step(self, batches)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(trainer._Run, "_step", signalled)
    assert cli.main([*SMOKE, str(images)]) == 143
    saved = list((store.root / "checkpoints").glob("*.pt"))
    assert [checkpoint.load(path, path.stem)["progress"]["step"] for path in saved] == ([steps] if steps else [])


def test_what_fails_is_one_line_with_its_reason(capsys, folder, store):
    image = folder / "val" / "red" / "00.jpg"
    image.write_bytes(image.read_bytes()[:300])
    assert cli.main([*SMOKE, str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "DataError" in err and "red/00.jpg" in err and len(err.splitlines()) == 1


def test_a_run_that_another_process_trains_is_left_to_it(capsys, images, store):
    study = Study.of(PROFILES["smoke"], store, declare(str(images)))
    with store.lock(plan(study, epochs=2).key):
        assert cli.main([*SMOKE, str(images)]) == 0
    assert capsys.readouterr().out.endswith(": busy: another process trains it now\n")
    assert list(store.own()) == []
