"""How many pictures of a part a network gets right, on one process or many."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..core import signals
from .input_pipeline import InputPipeline


class Paused(Exception):
    """The deadline came, or somebody asked to stop; a checkpoint is stored."""


@torch.no_grad()
def evaluate(model: nn.Module, feed: InputPipeline, part: str) -> tuple[np.ndarray, float]:
    """Return one boolean a picture (right or wrong) and the mean cross entropy; the whole frame is shown.

    Raises Paused between two batches where somebody asked to stop.
    """
    model.eval()
    right, losses = [], []
    for x, y in feed.test(part):
        logits = model(x).float()
        losses.append(F.cross_entropy(logits, y, reduction="sum"))
        right.append(logits.argmax(1) == y)
        if feed.group.world == 1 and signals.asked():
            raise Paused
    mine = torch.cat(right).cpu().numpy() if right else np.zeros(0, bool)  # of a part smaller than the group
    found = feed.group.concatenate(mine)
    return found, feed.group.sum(sum(map(float, losses))) / len(found)
