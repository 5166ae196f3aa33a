"""What people see of one training: epoch, loss, images a second, time left."""

import math
import time

import pytest
import torch
from support.shown import Recorded, Terminal, screen

from effnet_lib.apps import cli
from effnet_lib.runs.progress.face import Log
from effnet_lib.runs.progress.one_run import OneRun
from effnet_lib.training.run_state import Progress

STEPS, BATCH, EPOCHS = 10, 32, 4


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """A clock that stands still: its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


class Training:
    """A training whose steps the test takes."""

    def __init__(self, progress, clock, at=None):
        self.at, self.clock = at or Progress(total=torch.zeros(())), clock
        self.monitor = OneRun(progress, EPOCHS, BATCH).monitor(math.inf)

    def step(self, loss: float, seconds: float) -> None:
        """Take a step, and end the epoch after its last."""
        self.clock[0] += seconds
        self.at.total += loss
        self.at.step += 1
        self.monitor.watch(self.at, STEPS)
        if self.at.step == STEPS:
            self.at.losses.append(float(self.at.total) / STEPS)
            self.at.epoch, self.at.step, self.at.total = self.at.epoch + 1, 0, torch.zeros(())
            self.monitor.progress(self.at.epoch, EPOCHS, 0.0)


def test_every_step_knows_loss_speed_and_the_time_left(clock):
    seen = Recorded()
    training = Training(seen, clock)
    training.step(2.0, 5.0)
    assert seen.events[-1].line() == "epoch 0 of 4, loss 2.000"  # one step has no length yet
    training.step(1.0, 2.0)
    assert seen.events[-1].line() == "epoch 0 of 4, about 76 s left, loss 1.500, 16 images a second"
    assert seen.events[-1].news == "" and seen.events[-1].done == 2
    for _ in range(STEPS - 2):
        training.step(0.5, 2.0)
    ended = seen.events[-1]
    assert ended.line() == "epoch 1 of 4, about 60 s left, loss 0.700, 16 images a second"
    assert ended.news == "epoch 1 of 4" and (ended.done, ended.total) == (STEPS, EPOCHS * STEPS)


def test_a_training_that_goes_on_counts_what_it_does_now(clock):
    seen = Recorded()
    training = Training(seen, clock, Progress(epoch=2, step=3, total=torch.tensor(3.0), losses=[2.0, 1.0]))
    training.step(1.0, 50.0)
    training.step(1.0, 1.0)
    assert seen.events[-1].line() == "epoch 2 of 4, about 15 s left, loss 1.000, 32 images a second"


@pytest.mark.parametrize("seconds, lines", [(0.1, 0), (0.4, 1), (3.0, 4), (30.0, 12)])
def test_a_log_has_a_line_an_epoch_but_none_a_moment_after_another(clock, seconds, lines):
    """Epochs of 1 s, 4 s, 30 s and 5 min: those have lines between them, where nothing was said for two minutes."""
    said: list[str] = []
    training = Training(Log(said.append), clock)
    for _ in range(EPOCHS * STEPS):
        training.step(1.0, seconds)
    assert len(said) == lines
    if seconds == 3.0:
        assert [line.split(",")[0] for line in said] == [f"epoch {number} of 4" for number in range(1, 5)]


def test_effnet_train_has_a_live_line_and_ends_with_its_result(monkeypatch, images, store):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert cli.main(["train", "--profile", "smoke", "--epochs", "2", "--dataset", str(images)]) == 0
    (record,) = store.own()
    assert terminal.rows == [f"{record.key[:12]}: stored, top-1 {record.top1:.2f} %", ""]
    states = [screen(state)[0] for state in terminal.getvalue().split("\n")[0].split("\r") if state.strip()]
    assert states[0].startswith("epoch 0 of 2 |") and any(state.startswith("epoch 2 of 2 |") for state in states)
    assert all("| " in state and "loss " in state for state in states[:-1])
