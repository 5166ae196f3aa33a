"""Train one network: the loop, its evaluation, and what it measured."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import signals
from ..core.errors import Diverged, ParameterError, known
from ..data.datasets import DataSet
from ..models import complexity
from . import augment
from . import train_step as step
from .determinism import deterministic
from .distributed import Group
from .evaluation import Paused, evaluate
from .execution import Execution
from .input_pipeline import Batch
from .job import TrainingJob
from .monitor import Monitor
from .run_state import RunState

KNOWN = {"augment": ("crop+flip", "crop+flip+autoaugment"), "precision": ("fp32", "bf16")}  # what the loop below does
Shown = tuple[np.ndarray, float]  # which images of a part a network classified correctly, and its loss
TEST_SHARE = 0.5  # of an epoch's time: testing 1.5 times as many images, forward only, and the start-up


@dataclass
class Trained:
    """What a run measured: `correct` (n,) bool a validation image, other results, the weights that were evaluated.

    `kernels`: the compiled operations that it ended with, for its provenance; None of a run on torch's own.
    """

    correct: np.ndarray
    result: dict[str, Any]
    weights: dict[str, torch.Tensor]
    kernels: dict[str, Any] | None = None

    def provenance(self) -> dict[str, Any]:
        """Return what a record's provenance says of it beside machine and date: the compiled operations, if any."""
        return {"kernels": self.kernels} if self.kernels else {}


class Run(RunState):
    """A run that can be trained to its end and tested."""

    def __init__(self, job: TrainingJob, dataset: DataSet, path: Path, execution: Execution, group: Group):
        super().__init__(job, dataset, path, execution, group)
        self.train_step: step.Step | None = self._launched()

    def _launched(self) -> step.Step:
        return step.KINDS[self.launch](self.job, self.model, self.optimizer, self.device, self.group)

    def train(self, monitor: Monitor) -> None:
        """Train what is left of the epochs; raise Paused, with a checkpoint, for a signal or the deadline."""
        at, self.saved, self.took = self.at, time.monotonic(), 0.0
        self._look_at_minival()  # the call before was stopped while it did
        while at.epoch < self.recipe.epochs:
            self.model.train()
            with contextlib.closing(self.pipeline.epoch(at.epoch, at.step)) as steps:  # closed, loader processes end
                for batches in steps:
                    self._pause_or_save(monitor.deadline)
                    self._step(batches)
                    monitor.watch(self.at, self.pipeline.steps)
            self._end_epoch()
            self._look_at_minival()
            monitor.progress(at.epoch, self.recipe.epochs, at.seconds)
        if self.took:
            self.save()  # a kill during the tests costs the tests only
            if self.group.any(signals.asked() or time.monotonic() + self._test_seconds() > monitor.deadline):
                raise Paused

    def _pause_or_save(self, deadline: float) -> None:
        if not self.took:
            return  # a call that only loads and saves would never get anywhere
        if self.group.any(signals.asked() or time.monotonic() + self.took > deadline):
            self.save()
            raise Paused
        if time.monotonic() - self.saved >= self.execution.every:
            self.save()
            self.saved = time.monotonic()

    def _step(self, batches: Iterator[Batch]) -> None:
        at, started = self.at, time.perf_counter()
        number = at.epoch * self.pipeline.steps + at.step
        self.scheduler.step_update(number)
        if self.recipe.dropout or self.recipe.drop_path:  # their noise is torch's own: tie it to the step as well
            self._seed_noise()
        # Averaged now and not at the epoch's end: the leader's checkpoint must hold everyone's.
        at.total += self.group.average(known(self.train_step)(batches, self._images()))
        if self.ema:
            self.ema.update(self.model, step=number)
        at.step += 1
        self.took = time.perf_counter() - started
        at.seconds += self.took

    def _seed_noise(self) -> None:
        torch.manual_seed(self._noise(self.job.seed) + self.group.rank)

    def _noise(self, seed: int) -> int:
        return int(augment.rng(seed, augment.NOISE, self.at.epoch, self.at.step).integers(2**62))

    def _images(self) -> int:
        share = self.group.shard(min(self.recipe.batch, self.pipeline.images))
        return share.stop - share.start

    def _test_seconds(self) -> float:
        return TEST_SHARE * self.at.seconds / self.recipe.epochs

    def _end_epoch(self) -> None:
        at = self.at
        waited = time.perf_counter()
        losses = [total / self.pipeline.steps for total in at.total.reshape(-1).tolist()]  # waits for the device
        at.seconds += time.perf_counter() - waited
        at.losses += losses
        at.epoch, at.step, at.total = at.epoch + 1, 0, self._no_loss()
        if not any(map(math.isfinite, losses)):
            raise known(self._divergence(0))

    def _divergence(self, member: int) -> Diverged | None:
        """Return why a network has no result, None where its loss was a number in each epoch."""
        history = self.at.losses[member :: self.members]
        first = next((epoch for epoch, loss in enumerate(history, 1) if not math.isfinite(loss)), None)
        if first is None:
            return None
        return Diverged(f"the training loss is {history[first - 1]} in epoch {first} of {self.recipe.epochs}")

    def _look_at_minival(self) -> None:
        """Measure an epoch on the reserved images, and keep its weights if no earlier epoch was as good."""
        at = self.at
        if not self.recipe.minival or len(at.minival) == at.epoch * self.members:
            return
        self.group.synchronise(self.final)
        try:
            correct, _ = evaluate(self.final, self.pipeline, "minival")
        except Paused:
            self.save()
            raise
        at.minival += [100 * float(found.mean()) for found in np.atleast_2d(correct)]
        self.keep([member for member in range(self.members) if self._best_epoch(member) == at.epoch])

    def _best_epoch(self, member: int) -> int:
        """Return the first epoch, counted from 1, in which a network was best on the reserved images."""
        scores = self.at.minival[member :: self.members]
        return 1 + scores.index(max(scores))

    def test(self) -> list[Trained | Diverged]:
        """Evaluate the final weights (the best on the minival, where there is one).

        Returns:
            Of each network what it measured, or why it has no result.

        Raises:
            Diverged: none has one.
            Paused: somebody asked to stop.
        """
        self.train_step = None  # with the memory that a captured step keeps to itself
        if self.at.best:
            self.final.load_state_dict(self.at.best)
        self.group.synchronise(self.final)
        shown = [self._shown("val")]
        losses = [loss for _, loss in shown[0]]
        lost = [self._divergence(member) or _no_number(loss) for member, loss in enumerate(losses)]
        if all(lost):
            raise known(lost[0])
        shown += [self._shown("larger"), self._shown("train_eval")]
        each = zip(lost, *shown, strict=True)
        return [why or self._trained(member, *parts) for member, (why, *parts) in enumerate(each)]

    def _shown(self, part: str) -> list[Shown]:
        correct, losses = evaluate(self.final, self.pipeline, part)
        return list(zip(np.atleast_2d(correct), np.atleast_1d(losses).tolist(), strict=True))

    def _trained(self, member: int, val: Shown, larger: Shown, train_eval: Shown) -> Trained:
        at, pipeline, seconds = self.at, self.pipeline, self.at.seconds / self.members
        (correct, loss), (train_correct, train_loss) = val, train_eval
        result = {
            "top1": 100 * float(correct.mean()),
            "loss": loss,
            "val_pictures": len(correct),
            "top1_larger_test": 100 * float(larger[0].mean()),
            "train_top1": 100 * float(train_correct.mean()),
            "train_loss": train_loss,
            "history": [round(value, 5) for value in at.losses[member :: self.members]],
            **complexity.count(self.job.arch)._asdict(),
            "final_px": self.job.arch.final_px,
            "source_px": pipeline.parts["train"].image_size,
            "train_pictures": pipeline.images,
            "train_seconds": round(seconds, 2),
            "pictures_per_second": round(self.recipe.epochs * pipeline.steps * self.recipe.batch / seconds, 1),
        }
        if at.minival:
            result |= {"minival": at.minival[member :: self.members], "best_epoch": self._best_epoch(member)}
        return Trained(correct, result, self._weights(member), self.choice.to_data() if self.choice else None)

    def _weights(self, member: int) -> dict[str, torch.Tensor]:
        return {name: value.cpu() for name, value in self.final.state_dict().items()}


def _no_number(loss: float) -> Diverged | None:
    return None if math.isfinite(loss) else Diverged(f"the loss on the validation images is {loss}")


def train(
    job: TrainingJob,
    dataset: DataSet,
    path: Path,
    execution: Execution | None = None,
    monitor: Monitor | None = None,
    group: Group | None = None,
) -> Trained:
    """Train and evaluate one network, from its checkpoint on where there is one.

    Args:
        path: where its checkpoints go.
        execution: the device and how a step is launched; None: the CPU.
        monitor: None: no deadline, no word of progress.
        group: the processes that train it together; None: this one alone.

    Raises:
        Paused: the deadline came, or a signal was noted (`signals.listening`); a checkpoint is stored, and at least
            one step was done, unless the signal came while the network was built.
        Diverged: the loss is no number any more.
        ParameterError: the recipe asks for what this loop does not do.
    """
    execution = execution or Execution()
    (end,) = to_the_end(lambda: Run(job, dataset, path, execution, group or Group()), job, execution, monitor)
    if isinstance(end, Diverged):
        raise end
    return end


def to_the_end(
    begin: Callable[[], Run], job: TrainingJob, execution: Execution, monitor: Monitor | None
) -> list[Trained | Diverged]:
    """Train and evaluate the run that a function begins; raises as `train` and `Run.test` do."""
    for name, does in KNOWN.items():  # never a record of something else than what was trained
        if getattr(job.recipe, name) not in does:
            raise ParameterError(name, getattr(job.recipe, name), " or ".join(does))
    with deterministic(execution.kind == "cpu"):
        run = begin()
        run.train(monitor or Monitor())
        return run.test()
