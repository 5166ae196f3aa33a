"""Runs that are alike but for seed and learning rate, as one job."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from ...core.errors import ParameterError
from ...models.archs import Architecture
from ..job import TrainingJob
from ..recipes import Recipe


def alike(job: TrainingJob) -> tuple[Any, ...]:
    """Return what is equal of two jobs exactly where they can be folded."""
    micro_batch = job.micro_batch or job.recipe.batch
    return job.arch, replace(job.recipe, lr=0.0), job.data, micro_batch


@dataclass(frozen=True)
class FoldedJob:
    """Runs that are trained as one program; where they are alike, they are what this job says.

    Raises:
        ParameterError: there is none, one twice, or one that differs in more than seed and learning rate.
    """

    jobs: tuple[TrainingJob, ...]

    def __post_init__(self) -> None:
        if not self.jobs or len({job.key for job in self.jobs}) < len(self.jobs):
            raise ParameterError("jobs", len(self.jobs), "one run or more, each of them once")
        if any(alike(job) != alike(self.jobs[0]) for job in self.jobs):
            raise ParameterError("jobs", len(self.jobs), "runs that differ in seed and learning rate alone")

    @property
    def arch(self) -> Architecture:
        """The network of all of them."""
        return self.jobs[0].arch

    @property
    def recipe(self) -> Recipe:
        """The recipe of all of them; its learning rate is the first one's."""
        return self.jobs[0].recipe

    @property
    def data(self) -> str:
        """The data set of all of them."""
        return self.jobs[0].data

    @property
    def seed(self) -> int:
        """The first one's seed."""
        return self.jobs[0].seed

    @property
    def micro_batch(self) -> int:
        """The micro-batch of all of them."""
        return self.jobs[0].micro_batch

    @property
    def key(self) -> str:
        """What their checkpoint is kept under: SHA-256 of their keys in order, 64 hex digits."""
        return hashlib.sha256(" ".join(["folded", *(job.key for job in self.jobs)]).encode()).hexdigest()
