"""Train one network: the loop, its evaluation, and what it measured."""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import signals
from ..core.errors import Diverged, ParameterError
from ..data.datasets import DataSet
from ..models import complexity
from . import augment
from . import train_step as step
from .distributed import Group
from .evaluation import Paused, evaluate
from .execution import Execution
from .input_pipeline import Batch
from .job import TrainingJob
from .monitor import Monitor
from .run_state import RunState

KNOWN = {"augment": ("crop+flip", "crop+flip+autoaugment"), "precision": ("fp32", "bf16")}  # what the loop below does
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


class _Run(RunState):
    """A run that can be trained to its end and tested."""

    def __init__(self, job: TrainingJob, dataset: DataSet, path: Path, execution: Execution, group: Group):
        super().__init__(job, dataset, path, execution, group)
        self.train_step = step.KINDS[self.launch](job, self.model, self.optimizer, self.device, group)

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
            torch.manual_seed(self._noise())
        # Averaged now and not at the epoch's end: the leader's checkpoint must hold everyone's.
        at.total += self.group.average(self.train_step(batches, self._images()))
        if self.ema:
            self.ema.update(self.model, step=number)
        at.step += 1
        self.took = time.perf_counter() - started
        at.seconds += self.took

    def _noise(self) -> int:
        noise = augment.rng(self.job.seed, augment.NOISE, self.at.epoch, self.at.step).integers(2**62)
        return int(noise) + self.group.rank

    def _images(self) -> int:
        share = self.group.shard(min(self.recipe.batch, self.pipeline.images))
        return share.stop - share.start

    def _test_seconds(self) -> float:
        return TEST_SHARE * self.at.seconds / self.recipe.epochs

    def _end_epoch(self) -> None:
        at = self.at
        waited = time.perf_counter()
        loss = float(at.total) / self.pipeline.steps  # waits for the device
        at.seconds += time.perf_counter() - waited
        at.losses.append(loss)
        at.epoch, at.step, at.total = at.epoch + 1, 0, torch.zeros((), device=self.device)
        if not math.isfinite(loss):
            raise Diverged(f"the training loss is {loss} in epoch {at.epoch} of {self.recipe.epochs}")

    def _look_at_minival(self) -> None:
        """Measure an epoch on the reserved images, and keep its weights if no earlier epoch was as good."""
        at = self.at
        if not self.recipe.minival or len(at.minival) == at.epoch:
            return
        self.group.synchronise(self.final)
        try:
            correct, _ = evaluate(self.final, self.pipeline, "minival")
        except Paused:
            self.save()
            raise
        at.minival.append(100 * float(correct.mean()))
        if at.minival.index(max(at.minival)) == at.epoch - 1:
            at.best = {name: value.detach().clone() for name, value in self.final.state_dict().items()}

    def test(self) -> Trained:
        """Evaluate the final weights (the best on the minival, where there is one); raise Diverged or Paused."""
        at, pipeline, final = self.at, self.pipeline, self.final
        self.train_step = None  # with the memory that a captured step keeps to itself
        if at.best:
            final.load_state_dict(at.best)
        self.group.synchronise(final)
        correct, loss = evaluate(final, pipeline, "val")
        if not math.isfinite(loss):
            raise Diverged(f"the loss on the validation images is {loss}")
        larger, _ = evaluate(final, pipeline, "larger")
        train_correct, train_loss = evaluate(final, pipeline, "train_eval")
        result = {
            "top1": 100 * float(correct.mean()),
            "loss": loss,
            "val_pictures": len(correct),
            "top1_larger_test": 100 * float(larger.mean()),
            "train_top1": 100 * float(train_correct.mean()),
            "train_loss": train_loss,
            "history": [round(value, 5) for value in at.losses],
            **complexity.count(self.job.arch)._asdict(),
            "final_px": self.job.arch.final_px,
            "source_px": pipeline.parts["train"].image_size,
            "train_pictures": pipeline.images,
            "train_seconds": round(at.seconds, 2),
            "pictures_per_second": round(self.recipe.epochs * pipeline.steps * self.recipe.batch / at.seconds, 1),
        }
        if at.minival:
            result |= {"minival": at.minival, "best_epoch": 1 + at.minival.index(max(at.minival))}
        weights = {name: value.cpu() for name, value in final.state_dict().items()}
        return Trained(correct, result, weights, self.choice.to_data() if self.choice else None)


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
    for name, known in KNOWN.items():  # never a record of something else than what was trained
        if getattr(job.recipe, name) not in known:
            raise ParameterError(name, getattr(job.recipe, name), " or ".join(known))
    execution = execution or Execution()
    with _deterministic(execution.kind == "cpu"):
        run = _Run(job, dataset, path, execution, group or Group())
        run.train(monitor or Monitor())
        return run.test()


@contextlib.contextmanager
def _deterministic(on: bool) -> Iterator[None]:
    """Have torch refuse operations whose result depends on the order of threads, on a CPU where none is needed."""
    memory: Any = torch.utils.deterministic  # a module that torch makes as it is imported
    before, filled = torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    if on:
        memory.fill_uninitialized_memory = False  # it would write every new tensor twice
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        memory.fill_uninitialized_memory = filled
