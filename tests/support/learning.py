"""A few plain steps of SGD: does a network that was built learn at all?"""

import torch
from torch import nn


def losses(model: nn.Module, image_size: int, images: int, classes: int, steps: int) -> list[float]:
    """Return the loss before each step on random images, clipped at norm 1; every gradient must be finite."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    batch, labels = torch.randn(images, 3, image_size, image_size), torch.arange(images) % classes
    history = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        history.append(loss.item())
    return history
