"""A step of a folded run: one forward and backward pass, then each member's own clipping and update."""

from typing import Any

import torch
from torch.optim import Optimizer

from ...core.errors import ParameterError
from ..distributed import Group
from ..train_step import FastStep, GraphStep, Step
from .job import FoldedJob
from .modules import criterion
from .network import FoldedNetwork
from .views import Views


class FoldedStep(Step):
    """A step whose losses, gradient norms and rates are the members' own; the optimiser holds the members' views."""

    def __init__(
        self,
        views: Views,
        job: FoldedJob,
        model: FoldedNetwork,
        optimizer: Optimizer,
        device: torch.device,
        group: Group | None = None,
    ):
        self.views = views
        super().__init__(job, model, optimizer, device, group)
        self.criterion, self.clipped, self.losses = criterion, views.members, (model.members,)

    def _update(self) -> None:
        self.views.take()
        super()._update()

    def _clear(self) -> None:
        super()._clear()
        self.views.drop()


class FoldedFastStep(FoldedStep, FastStep):
    """A folded step on compiled kernels, where they know its operations."""

    def _networks(self) -> list[list[dict[str, Any]]]:
        groups = self.optimizer.param_groups
        each = len(groups) // len(self.views.members)
        return [groups[start : start + each] for start in range(0, len(groups), each)]


class FoldedGraphStep(FoldedStep, GraphStep):
    """A folded step as one CUDA graph; the members' noise is drawn in it."""

    def _new_graph(self) -> torch.cuda.CUDAGraph:
        graph = super()._new_graph()
        model: Any = self.model
        for generator in model.noise.generators:
            graph.register_generator_state(generator)
        return graph


KINDS: dict[str, type[FoldedStep]] = {"eager": FoldedStep, "fast": FoldedFastStep, "graph": FoldedGraphStep}


def check_launch(launch: str, members: int) -> None:
    """Refuse a way to launch a step that a folded run does not have.

    Raises:
        ParameterError: named fold.
    """
    if launch not in KINDS:
        raise ParameterError("fold", members, f"1 with step={launch}; more with {', '.join(KINDS)}")
