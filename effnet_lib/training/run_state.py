"""A run with everything that its checkpoint holds: weights, optimiser, schedule, average, noise, progress."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..core import signals
from ..core.errors import known
from ..data.datasets import DataSet
from . import checkpoint, optimizer
from .build_model import build
from .distributed import Group
from .evaluation import Paused
from .execution import Execution
from .fast.choice import Choice
from .input_pipeline import InputPipeline
from .job import TrainingJob
from .memory_check import check_memory


@dataclass
class Progress:
    """Say where a run is.

    Args:
        epoch: whole epochs done.
        step: the next step of this epoch.
        total: loss summed over this epoch's steps, on the device.
        losses: mean loss of each whole epoch.
        seconds: time trained so far.
        minival: each epoch's accuracy in percent on the reserved images, where the recipe stops early.
        best: weights of the best epoch on them.
    """

    epoch: int = 0
    step: int = 0
    total: torch.Tensor = field(default_factory=lambda: torch.zeros(()))
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    minival: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None


def _choice(launch: str, stored: dict[str, Any] | None) -> Choice | None:
    """Return the choices that a run begins or goes on with; None: torch's own operations in all."""
    if not stored:
        return Choice() if launch == "fast" else None
    chosen = stored.get("kernels")  # earlier checkpoints know of none
    if chosen is None or launch == "fast":
        return None if chosen is None else Choice(chosen)
    warnings.warn(
        "a run that began with compiled kernels goes on without: its numbers change by rounding", stacklevel=3
    )
    return None


class RunState:
    """A network at the start of its run, or where its newest checkpoint left it.

    `members` networks of equal architecture may share a run (`training.fold`): what stands for each of them lies one
    after the other in every tensor and in every list of `Progress`.
    """

    def __init__(self, job: TrainingJob, dataset: DataSet, path: Path, execution: Execution, group: Group):
        self.job, self.path, self.execution, self.group = job, path, execution, group
        self.device, self.recipe = torch.device(execution.device), job.recipe
        if self.device.type == "cpu":
            check_memory(job, dataset.train_images, group.world, self.members)
        self.launch = execution.launch() if group.world == 1 else "eager"  # averaging gradients is no part of a graph
        stored = self._stored()
        self.choice = _choice(self.launch, stored)
        if self.launch == "fast" and self.choice is None:
            self.launch = "eager"  # as the run began
        self.pipeline = self._open(dataset)
        self.pipeline.choice = self.choice
        self.model = self._built()
        self.optimizer = self._optimiser()
        self.scheduler = optimizer.schedule(self.recipe, self.optimizer, self.pipeline.steps)
        self.ema = optimizer.average(self.recipe, self.model)
        self.at = Progress(total=self._no_loss())
        if stored:
            self._restore(stored)

    def _open(self, dataset: DataSet) -> InputPipeline:
        return InputPipeline.of(self.job, dataset, self.device, self.group)

    def _built(self) -> nn.Module:
        """Build the network. Raises Paused where a signal comes: a large one takes minutes, in which no step ends."""
        try:
            with signals.at_once():
                return self._build()
        except signals.Stopped:
            raise Paused from None

    def _build(self) -> nn.Module:
        return build(self.job, self.device, self.choice)

    def _optimiser(self) -> Optimizer:
        return optimizer.optimiser(self.recipe, self.model)

    def _no_loss(self) -> torch.Tensor:
        return torch.zeros((), device=self.device)

    @property
    def members(self) -> int:
        """How many networks are trained as one."""
        return 1

    @property
    def final(self) -> nn.Module:
        """The network that is evaluated: averaged weights where the recipe averages them."""
        return self.ema.module if self.ema else self.model

    def save(self) -> None:
        """Write a checkpoint; of a group, the leader does."""
        if self.group.leads:
            checkpoint.save(self.path, self._state())
        if self.choice:
            self.choice.keep()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "key": self.job.key,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        state |= {"schedule": self.scheduler.state_dict(), "progress": vars(self.at)}
        state |= {"ema": self.ema.state_dict() if self.ema else None, "rng": torch.get_rng_state()}
        state |= {"kernels": self.choice.chosen if self.choice else None}
        return state | {"cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None}

    def keep(self, members: list[int]) -> None:
        """Keep some networks' weights as their best so far."""
        now = {name: value.detach() for name, value in self.final.state_dict().items()}
        if len(members) == self.members:
            self.at.best = {name: value.clone() for name, value in now.items()}
            return
        for member in members:
            for name, kept in known(self.at.best).items():
                kept.chunk(self.members)[member].copy_(now[name].chunk(self.members)[member])

    def _stored(self) -> dict[str, Any] | None:
        state = checkpoint.load(self.path, self.job.key) if self.group.leads else None
        if self.group.world > 1:  # the others may be on machines without the file
            content = self.group.bytes(checkpoint.pack(state) if state else None)
            state = checkpoint.unpack(content, self.job.key, "of the leader") if content else None
        return state

    def _restore(self, state: dict[str, Any]) -> None:
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
