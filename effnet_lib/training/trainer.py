"""Train one network: the loop, its evaluation, and what it measured."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import signals
from ..core.errors import Diverged, ParameterError
from ..data.datasets import DataSet
from ..models import complexity
from . import augment, checkpoint, optimizer
from . import train_step as step
from .build_model import build
from .distributed import ALONE, Group
from .execution import Execution
from .evaluation import Paused, evaluate
from .input_pipeline import Batch, InputPipeline, Job

KNOWN = {"augment": ("crop+flip", "crop+flip+autoaugment"), "precision": ("fp32", "bf16")}  # what the loop below does
TEST_SHARE = 0.5  # of an epoch's time: testing 1.5 times as many pictures, forward only, and the start-up


@dataclass
class Trained:
    """What a run measured: one boolean a validation picture, other results, the weights that were evaluated."""

    right: np.ndarray
    result: dict[str, Any]
    weights: dict[str, torch.Tensor]


@dataclass
class Progress:
    """Where a run is: the next step, the loss summed over the epoch so far, mean losses of whole epochs, seconds.

    Where the recipe stops early: `minival`, each epoch's accuracy on the reserved pictures, `best`, the best's weights.
    """

    epoch: int = 0
    step: int = 0
    total: torch.Tensor | None = None
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    minival: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None


class _Run:
    """A network with everything that a checkpoint holds."""

    def __init__(self, job: Job, dataset: DataSet, path: Path, execution: Execution, group: Group):
        self.job, self.path, self.execution, self.group = job, path, execution, group
        self.device, self.recipe = torch.device(execution.device), job.recipe
        self.feed = InputPipeline.of(job, dataset, self.device, group)
        self.model = build(job, self.device)
        self.optimizer = optimizer.optimiser(self.recipe, self.model)
        self.scheduler = optimizer.schedule(self.recipe, self.optimizer, self.feed.steps)
        self.ema = optimizer.average(self.recipe, self.model)
        self.at = Progress(total=torch.zeros((), device=self.device))
        self._load()
        launch = execution.launch() if group.world == 1 else "eager"  # averaging gradients is no part of a graph
        self.train_step = step.KINDS[launch](job, self.model, self.optimizer, self.device, group)

    @property
    def final(self) -> nn.Module:
        """The network that is evaluated: averaged weights where the recipe averages them."""
        return self.ema.module if self.ema else self.model

    def save(self) -> None:
        """Write a checkpoint; of a group, the leader does."""
        if self.group.leads:
            checkpoint.save(self.path, self._state())

    def _state(self) -> dict[str, Any]:
        state = {"key": self.job.key, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"schedule": self.scheduler.state_dict(), "progress": vars(self.at)}
        state |= {"ema": self.ema.state_dict() if self.ema else None, "rng": torch.get_rng_state()}
        return state | {"cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None}

    def _load(self) -> None:
        state = checkpoint.load(self.path, self.job.key) if self.group.leads else None
        if self.group.world > 1:  # the others may be on machines without the file
            content = self.group.bytes(checkpoint.pack(state) if state else None)
            state = checkpoint.unpack(content, self.job.key, "of the leader") if content else None
        if not state:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["schedule"])
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        torch.set_rng_state(state["rng"])
        if state["cuda_rng"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        self.at = Progress(**state["progress"])
        self.at.total = self.at.total.to(self.device)

    def train(self, deadline: float, progress: Callable[[int, int, float], None]) -> None:
        """Train what is left of the epochs; raise Paused, with a checkpoint, for a signal or the deadline."""
        at, self.saved, self.took = self.at, time.monotonic(), 0.0
        self._look_at_minival()  # the call before was stopped while it did
        while at.epoch < self.recipe.epochs:
            self.model.train()
            with contextlib.closing(self.feed.epoch(at.epoch, at.step)) as steps:  # closed, loader processes end
                for batches in steps:
                    self._pause_or_save(deadline)
                    self._step(batches)
            self._end_epoch()
            self._look_at_minival()
            progress(at.epoch, self.recipe.epochs, at.seconds)
        if self.took:
            self.save()  # a kill during the tests costs the tests only
            if self.group.any(signals.asked() or time.monotonic() + self._test_seconds() > deadline):
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
        number = at.epoch * self.feed.steps + at.step
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
        share = self.group.shard(min(self.recipe.batch, self.feed.images))
        return share.stop - share.start

    def _test_seconds(self) -> float:
        return TEST_SHARE * self.at.seconds / self.recipe.epochs

    def _end_epoch(self) -> None:
        at = self.at
        waited = time.perf_counter()
        loss = float(at.total) / self.feed.steps  # waits for the device
        at.seconds += time.perf_counter() - waited
        at.losses.append(loss)
        at.epoch, at.step, at.total = at.epoch + 1, 0, torch.zeros((), device=self.device)
        if not math.isfinite(loss):
            raise Diverged(f"the training loss is {loss} in epoch {at.epoch} of {self.recipe.epochs}")

    def _look_at_minival(self) -> None:
        """Measure an epoch on the reserved pictures, and keep its weights if no earlier epoch was as good."""
        at = self.at
        if not self.recipe.minival or len(at.minival) == at.epoch:
            return
        self.group.synchronise(self.final)
        try:
            right, _ = evaluate(self.final, self.feed, "minival")
        except Paused:
            self.save()
            raise
        at.minival.append(100 * float(right.mean()))
        if at.minival.index(max(at.minival)) == at.epoch - 1:
            at.best = {name: value.detach().clone() for name, value in self.final.state_dict().items()}

    def test(self) -> Trained:
        """Evaluate the final weights (the best on the minival, where there is one). Raises Diverged, Paused."""
        at, feed, final = self.at, self.feed, self.final
        self.train_step = None  # with the memory that a captured step keeps to itself
        if at.best:
            final.load_state_dict(at.best)
        self.group.synchronise(final)
        right, loss = evaluate(final, feed, "val")
        if not math.isfinite(loss):
            raise Diverged(f"the loss on the validation pictures is {loss}")
        larger, _ = evaluate(final, feed, "larger")
        probe, probe_loss = evaluate(final, feed, "train_eval")
        result = {
            "top1": 100 * float(right.mean()),
            "loss": loss,
            "val_pictures": len(right),
            "top1_larger_test": 100 * float(larger.mean()),
            "train_top1": 100 * float(probe.mean()),
            "train_loss": probe_loss,
            "history": [round(value, 5) for value in at.losses],
            **complexity.count(self.job.arch)._asdict(),
            "final_px": self.job.arch.final_px,
            "source_px": feed.parts["train"].px,
            "train_pictures": feed.images,
            "train_seconds": round(at.seconds, 2),
            "pictures_per_second": round(self.recipe.epochs * feed.steps * self.recipe.batch / at.seconds, 1),
        }
        if at.minival:
            result |= {"minival": at.minival, "best_epoch": 1 + at.minival.index(max(at.minival))}
        return Trained(right, result, {name: value.cpu() for name, value in final.state_dict().items()})


def train(
    job: Job,
    dataset: DataSet,
    path: Path,
    execution: Execution | None = None,
    deadline: float = math.inf,
    progress: Callable[[int, int, float], None] = lambda epoch, epochs, seconds: None,
    group: Group = ALONE,
) -> Trained:
    """Train and evaluate one network; `path` is where its checkpoints go, and where it goes on from.

    `deadline` is in time.monotonic() seconds: raises Paused, with a checkpoint, before a step that would pass it and
    when a signal has been noted (`stopping.listening`); at least one step is done. Raises Diverged when the loss stops
    being a number, ParameterError for a recipe that this loop does not follow.
    """
    for name, known in KNOWN.items():  # never a record of something else than what was trained
        if getattr(job.recipe, name) not in known:
            raise ParameterError(name, getattr(job.recipe, name), " or ".join(known))
    execution = execution or Execution()
    with _deterministic(execution.kind == "cpu"):
        run = _Run(job, dataset, path, execution, group)
        run.train(deadline, progress)
        return run.test()


@contextlib.contextmanager
def _deterministic(on: bool) -> Iterator[None]:
    """Have torch refuse operations whose result depends on the order of threads, on a CPU where none is needed."""
    before, filled = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    if on:
        torch.utils.deterministic.fill_uninitialized_memory = False  # it would write every new tensor twice
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filled
