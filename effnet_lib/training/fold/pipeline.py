"""What the members of a folded run see: each its own images and crops, side by side in one batch."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch

from .. import augment, autoaugment
from ..draw import Draw, drawn
from ..input_pipeline import Batch, InputPipeline
from .job import FoldedJob


class FoldedPipeline(InputPipeline):
    """The batches of several runs: crops (n, S * 3, h, w) and labels (n, S); whole images are shown to all of them."""

    job: FoldedJob
    memory_format: torch.memory_format = torch.channels_last

    @property
    def members(self) -> int:
        """How many runs there are."""
        return len(self.job.jobs)

    def order(self, epoch: int) -> np.ndarray:
        """Return each run's order, (S, images)."""
        return np.stack([augment.order(job.seed, epoch, self.images) for job in self.job.jobs])

    def draw(self, visit: np.ndarray, epoch: int, step: int) -> Draw:
        """Draw a step of each run: first image of the first run, first image of the second, ..."""
        each = zip(self.job.jobs, visit, strict=True)
        return side_by_side([drawn(job.recipe, job.seed, one, (epoch, step)) for job, one in each])

    def _finished(self, cuts: Iterator[Draw], ahead: deque[Draw]) -> Iterator[Batch]:
        for images, labels in super()._finished(cuts, ahead):
            yield self._wide(images), labels.view(-1, self.members)

    def _wide(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n * S, 3, h, w) images as (n, S * 3, h, w)."""
        if self.memory_format is torch.contiguous_format:
            return images.contiguous().view(-1, self.members * images.shape[1], *images.shape[2:])
        last = images.permute(0, 2, 3, 1).unflatten(0, (-1, self.members))  # (n, S, h, w, 3)
        return last.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)


def side_by_side(draws: list[Draw]) -> Draw:
    """Return several draws of n images as one of n * S: an image of each before the next of any."""

    policies = [draw.policy for draw in draws if draw.policy]
    policy = None
    if policies:
        names = ("policy", "applied", "negative")
        each = [np.stack([getattr(policy, name) for policy in policies], 1) for name in names]
        policy = autoaugment.Draws(*(values.reshape(-1, *values.shape[2:]) for values in each))
    chosen = np.stack([draw.chosen for draw in draws], 1).reshape(-1)
    return Draw(chosen, torch.stack([draw.matrices for draw in draws], 1).flatten(0, 1), policy)
