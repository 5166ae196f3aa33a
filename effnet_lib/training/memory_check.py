"""Whether a run fits into this machine's memory: asked before any of its data are read."""

from typing import TYPE_CHECKING

from ..core.hardware import free_memory
from ..models.memory import check_fits

if TYPE_CHECKING:  # torch, which who asks does not need
    from .job import TrainingJob


def check_memory(job: "TrainingJob", images: int, processes: int = 1, members: int = 1) -> None:
    """Refuse a run on a CPU whose training step needs more memory than is free; on a GPU, batches are split instead.

    Args:
        images: training images of its data set; 0 until that is known.
        processes: those that share a batch.
        members: networks that are trained as one, each with a batch of its own.

    Raises:
        ParameterError: with both numbers (named micro_batch).
    """
    recipe = job.recipe
    batch = min(job.micro_batch or recipe.batch, -(-recipe.batch // processes))
    if images:
        batch = min(batch, max(1, images - recipe.minival))
    check_fits(job.arch, members * batch, free_memory(), recipe.precision, recipe.optimiser, bool(recipe.ema))
