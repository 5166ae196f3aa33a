"""The members of a folded network as they would be alone: views of its parameters, and parts of its state."""

from typing import Any

import torch
from torch import nn

from .network import FoldedNetwork


class Views:
    """Single networks whose parameters lie in a folded one's memory: an optimiser changes that through them.

    Args:
        folded: where it stays from now on, on its device.
        models: the networks that it was folded from; their parameters become views.
    """

    def __init__(self, folded: FoldedNetwork, models: list[nn.Module]):
        self.models = models
        self.pairs: list[tuple[nn.Parameter, list[nn.Parameter]]] = []
        for name, parameter in folded.network.named_parameters():
            own = [model.get_parameter(name) for model in models]
            for view, part in zip(own, parameter.detach().chunk(len(models)), strict=True):
                view.data = part
            self.pairs.append((parameter, own))
        self.members = [list(model.parameters()) for model in models]

    def take(self) -> None:
        """Give each member its part of the gradients."""
        for parameter, own in self.pairs:
            if parameter.grad is not None:
                for view, part in zip(own, parameter.grad.chunk(len(own)), strict=True):
                    view.grad = part

    def drop(self) -> None:
        """Let go of all gradients."""
        for parameter, own in self.pairs:
            parameter.grad = None
            for view in own:
                view.grad = None


def member_state(folded: FoldedNetwork, member: int) -> dict[str, torch.Tensor]:
    """Return a member's state dict, as its network alone would have it; values are views."""
    state: dict[str, Any] = {}
    for name, module in folded.network.named_modules():
        own = [*module.named_parameters(name, recurse=False), *module.named_buffers(name, recurse=False)]
        for whole, value in own:
            part = value.detach().chunk(folded.members)[member]
            state[whole] = part.squeeze(0) if whole.endswith("num_batches_tracked") else part
    return {name: state[name] for name in folded.network.state_dict()}
