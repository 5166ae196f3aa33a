"""torch's SGD, clipped, by a kernel: one call for all weights, where torch makes four for each of a hundred tensors."""

from itertools import chain
from typing import Any

import numpy as np
import torch
from torch.optim import SGD, Optimizer

from .compiled import kernels


class ClippedSgd:
    """A callable that clips gradients and updates weights, as `clip_grad_norm_` and the optimiser's step do.

    Momentum stays in the optimiser's state, where its checkpoint finds it.

    Args:
        clip: largest norm of all gradients together; 0: none.
        groups: of the optimiser's parameters, those of one network.
    """

    def __init__(self, optimizer: SGD, clip: float, groups: list[dict[str, Any]]):
        self.optimizer, self.clip, self.groups = optimizer, clip, groups
        self.weights = list(chain.from_iterable(group["params"] for group in groups))
        for weight in self.weights:
            if optimizer.state[weight].get("momentum_buffer") is None:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)  # preserves its strides
        self.odd: list[int] | None = None  # weights whose gradients lie otherwise in memory
        count = len(self.weights)
        self.places, self.rates = np.zeros((count, 3), np.int64), np.zeros((count, 2))
        self.lengths = np.array([weight.numel() for weight in self.weights], np.int64)
        self.tables = tuple(table.ctypes.data for table in (self.places, self.lengths, self.rates))

    @classmethod
    def of(cls, optimizer: Optimizer, clip: float, groups: list[dict[str, Any]] | None = None) -> "ClippedSgd | None":
        """Return the update of an optimiser; None where it is another than SGD with Nesterov's momentum, on a CPU.

        Args:
            groups: those of its parameters that are one network's; None: all.
        """
        if type(optimizer) is not SGD:
            return None
        groups = optimizer.param_groups if groups is None else groups
        usual = all(
            group["nesterov"] and not group["maximize"] and weight.dtype == torch.float32 and not weight.is_cuda
            for group in groups
            for weight in group["params"]
        )
        return cls(optimizer, clip, groups) if usual else None

    def __call__(self) -> None:
        """Do one step with the gradients and rates that are there."""
        state = self.optimizer.state
        gradients = [weight.grad for weight in self.weights]
        if self.odd is None:  # autograd's contract is that there are none
            self.odd = [n for n, weight in enumerate(self.weights) if _order(weight) != _order(gradients[n])]
        for n in self.odd:
            gradients[n] = torch.empty_like(self.weights[n]).copy_(gradients[n])
        self.places[:, 0] = [weight.data_ptr() for weight in self.weights]
        self.places[:, 1] = [gradient.data_ptr() for gradient in gradients]
        self.places[:, 2] = [state[weight]["momentum_buffer"].data_ptr() for weight in self.weights]
        start = 0
        for group in self.groups:
            stop = start + len(group["params"])
            self.rates[start:stop] = group["lr"], group["weight_decay"]
            start = stop
        kernels().update.clipped_sgd(self.tables, (len(gradients),), (self.clip, self.groups[0]["momentum"]))


def _order(values: torch.Tensor) -> tuple[int, ...]:
    """Return in which order elements lie in memory."""
    return tuple(stride for stride, size in zip(values.stride(), values.shape, strict=True) if size > 1)
