"""Which images of a part a network classifies correctly, on one process or many."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core import signals
from .input_pipeline import InputPipeline


class Paused(Exception):
    """The deadline came, or somebody asked to stop; a checkpoint is stored."""


@torch.no_grad()
def evaluate(model: nn.Module, pipeline: InputPipeline, part: str) -> tuple[np.ndarray, float | np.ndarray]:
    """Show a network the whole images of a part.

    Returns:
        Whether each image is classified correctly, (n,) bool, and the mean cross entropy; of all processes together.
        Of a folded network (members, n) and (members,).

    Raises:
        Paused: somebody asked to stop; looked at between two batches.
    """
    model.eval()
    correct, losses = [], []
    for x, y in pipeline.test(part):
        logits = model(x).float()
        found, loss = _judged(logits, y)
        losses.append(loss)
        correct.append(found)
        if pipeline.group.world == 1 and signals.asked():
            raise Paused
    total = sum(np.array(loss.tolist()) for loss in losses)  # in double precision
    if losses and losses[0].dim():
        everyone = torch.cat(correct, 1).cpu().numpy()
        return everyone, np.asarray(total) / everyone.shape[1]
    mine = torch.cat(correct).cpu().numpy() if correct else np.zeros(0, bool)  # of a part smaller than the group
    everyone = pipeline.group.concatenate(mine)
    return everyone, pipeline.group.sum(float(total)) / len(everyone)


def _judged(logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return whether each image of a batch is classified correctly, and the sum of the losses."""
    if logits.dim() == 2:
        return logits.argmax(1) == y, F.cross_entropy(logits, y, reduction="sum")
    count, members, _ = logits.shape
    losses = F.cross_entropy(logits.flatten(0, 1), y.repeat_interleave(members), reduction="none")
    return (logits.argmax(2) == y[:, None]).t(), losses.view(count, members).sum(0)
