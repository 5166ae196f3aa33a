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
def evaluate(model: nn.Module, pipeline: InputPipeline, part: str) -> tuple[np.ndarray, float]:
    """Show a network the whole images of a part.

    Returns:
        Whether each image is classified correctly, (n,) bool, and the mean cross entropy; of all processes together.

    Raises:
        Paused: somebody asked to stop; looked at between two batches.
    """
    model.eval()
    correct, losses = [], []
    for x, y in pipeline.test(part):
        logits = model(x).float()
        losses.append(F.cross_entropy(logits, y, reduction="sum"))
        correct.append(logits.argmax(1) == y)
        if pipeline.group.world == 1 and signals.asked():
            raise Paused
    mine = torch.cat(correct).cpu().numpy() if correct else np.zeros(0, bool)  # of a part smaller than the group
    everyone = pipeline.group.concatenate(mine)
    return everyone, pipeline.group.sum(sum(map(float, losses))) / len(everyone)
