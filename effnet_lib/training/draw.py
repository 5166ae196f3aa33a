"""What is drawn for the images of a step: which they are, how each is cropped, and AutoAugment's policy."""

from dataclasses import dataclass

import numpy as np
import torch

from . import augment, autoaugment
from .recipes import Recipe


@dataclass(frozen=True)
class Draw:
    """What is drawn for n images of a step.

    Args:
        chosen: (n,) their numbers in the training set.
        matrices: (n, 2, 3) of their crops.
        policy: AutoAugment's draws; None without it.
    """

    chosen: np.ndarray
    matrices: torch.Tensor
    policy: autoaugment.Draws | None

    def part(self, start: int, stop: int) -> "Draw":
        """Return what is drawn for images start to stop (exclusive)."""
        policy = self.policy.slice(start, stop) if self.policy else None
        return Draw(self.chosen[start:stop], self.matrices[start:stop], policy)


def drawn(recipe: Recipe, seed: int, visit: np.ndarray, place: tuple[int, int]) -> Draw:
    """Draw all of a step.

    Args:
        visit: (images,) the order in which its epoch visits the training images.
        place: epoch and step.
    """
    step = place[1]
    chosen = visit[step * recipe.batch : (step + 1) * recipe.batch]
    matrices = augment.crop_matrices(augment.rng(seed, augment.CROP, *place), len(chosen), recipe.min_area)
    policy = None
    if "autoaugment" in recipe.augment:
        policy = autoaugment.draw(augment.rng(seed, augment.POLICY, *place), len(chosen))
    return Draw(chosen, matrices, policy)
