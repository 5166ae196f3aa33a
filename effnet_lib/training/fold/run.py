"""Train several runs as one program: the trainer's own loop around a folded network."""

from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from ...core.errors import Diverged
from ...data.datasets import DataSet
from .. import optimizer
from ..build_model import build, placed
from ..distributed import Group
from ..execution import Execution
from ..fast.choice import Choice
from ..monitor import Monitor
from ..train_step import Step
from ..trainer import Run, Trained, to_the_end
from . import step
from .job import FoldedJob
from .network import FoldedNetwork, fold
from .pipeline import FoldedPipeline
from .views import Views, member_state


class FoldedRun(Run):
    """Runs that are alike but for seed and rate, trained and tested together."""

    job: FoldedJob
    model: FoldedNetwork
    pipeline: FoldedPipeline
    views: Views

    @property
    def members(self) -> int:
        """How many runs there are."""
        return len(self.job.jobs)

    def _open(self, dataset: DataSet) -> FoldedPipeline:
        return FoldedPipeline.of(self.job, dataset, self.device, self.group)

    def _build(self) -> nn.Module:
        folded, self.views = built(self.job, self.device, self.choice)
        self.pipeline.memory_format = folded.memory_format
        return folded

    def _optimiser(self) -> Optimizer:
        return optimiser(self.job, self.views)

    def _no_loss(self) -> torch.Tensor:
        return torch.zeros(self.members, device=self.device)

    def _launched(self) -> Step:
        kind = step.KINDS[self.launch]
        return kind(self.views, self.job, self.model, self.optimizer, self.device, self.group)

    def _seed_noise(self) -> None:
        self.model.noise.seed([self._noise(job.seed) for job in self.job.jobs])

    def _weights(self, member: int) -> dict[str, torch.Tensor]:
        final = self.final
        assert isinstance(final, FoldedNetwork)
        return {name: value.cpu() for name, value in member_state(final, member).items()}


def built(job: FoldedJob, device: torch.device, choice: Choice | None) -> tuple[FoldedNetwork, Views]:
    """Build the seeded networks of some runs as one on a device, and the views through which each is trained."""
    models = [build(one) for one in job.jobs]
    folded = fold(models, device)
    folded.suit(device)
    placed(folded, device, choice, folded.memory_format)
    return folded, Views(folded, models)


def optimiser(job: FoldedJob, views: Views) -> Optimizer:
    """Build one optimiser of all members' parameters, with each member's groups at its own rate."""
    first, *others = (optimizer.optimiser(one.recipe, model) for one, model in zip(job.jobs, views.models, strict=True))
    for group in (group for other in others for group in other.param_groups):
        first.add_param_group(group)
    return first


def train(
    job: FoldedJob, dataset: DataSet, path: Path, execution: Execution | None = None, monitor: Monitor | None = None
) -> list[Trained | Diverged]:
    """Train and evaluate several runs as one program, from their checkpoint on where there is one.

    Arguments are those of `trainer.train`.

    Returns:
        Of each run what it measured, or that it diverged; the others go on without it.

    Raises:
        Paused: as `trainer.train` does.
        Diverged: no run has a result.
        ParameterError: the network or the way of launching steps cannot be folded (named fold), and as `trainer.train`
            does.
    """
    execution = execution or Execution()
    step.check_launch(execution.launch(), len(job.jobs))
    return to_the_end(lambda: FoldedRun(job, dataset, path, execution, Group()), job, execution, monitor)
