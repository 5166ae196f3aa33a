"""One optimiser step: forward and backward pass of each micro-batch, clipping, update; how it is launched."""

import contextlib
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer

from .distributed import ALONE, Group
from .feed import Batch, Job

WARM_STEPS = 3  # real steps before a capture: kernels are chosen and momentum buffers made outside the graph


class Step:
    """A callable that trains one step and returns its loss, on the device and not waited for."""

    def __init__(self, job: Job, model: nn.Module, optimizer: Optimizer, device: torch.device, group: Group = ALONE):
        self.recipe, self.optimizer, self.device = job.recipe, optimizer, device
        self.model, self.parameters = group.wrap(model), list(model.parameters())
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=job.recipe.precision == "bf16")

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with self.autocast:
            return F.cross_entropy(self.model(x), y, label_smoothing=self.recipe.label_smoothing)

    def _accumulate(self, x: torch.Tensor, y: torch.Tensor, share: float, last: bool) -> torch.Tensor:
        waits = hasattr(self.model, "no_sync") and not last  # gradients travel once a step, with the last micro-batch
        with self.model.no_sync() if waits else contextlib.nullcontext():
            loss = self._loss(x, y) * share
            loss.backward()
        return loss.detach()

    def _update(self) -> None:
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip, foreach=True)
        self.optimizer.step()

    def __call__(self, batches: Iterable[Batch], pictures: int) -> torch.Tensor:
        """Train on the micro-batches of one step that has so many pictures in all; return the mean loss."""
        total, seen = torch.zeros((), device=self.device), 0
        for x, y in batches:
            seen += len(y)
            total += self._accumulate(x, y, len(y) / pictures, seen == pictures)
        self._update()
        self.optimizer.zero_grad(set_to_none=True)
        return total


class CompiledStep(Step):
    """A step whose network and loss torch.compile has fused."""

    def __init__(self, *args):
        super().__init__(*args)
        torch.compiler.reset()  # networks share this code, and after 8 of them torch would go on without compiling
        self._loss = torch.compile(self._loss)


class GraphStep(Step):
    """A step that is captured once in a CUDA graph and replayed: hundreds of launches become one.

    The first steps, and those of another shape, run one operation after the other. An optimiser that cannot take its
    rate from the device (all but torch's fused SGD) is launched after the graph.
    """

    def __init__(self, *args):
        super().__init__(*args)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps, self.whole = 0, bool(self.optimizer.defaults.get("fused"))
        self.side = torch.cuda.Stream(self.device)
        self.rates = [torch.zeros((), device=self.device) for _ in self.optimizer.param_groups]

    def __call__(self, batches: Iterable[Batch], pictures: int) -> torch.Tensor:
        batches = list(batches)
        if self.whole:  # the schedule writes numbers; the graph reads them where they were at its capture
            for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
                rate.fill_(group["lr"])
                group["lr"] = rate
        if self.graph is None and self.steps < WARM_STEPS:
            self.steps += 1
            self.side.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(self.side):
                total = super().__call__(batches, pictures)
            torch.cuda.current_stream(self.device).wait_stream(self.side)
            return total
        if self.graph is None:
            self._capture(batches, pictures)
        if [x.shape for x, _ in batches] != [x.shape for x, _ in self.static]:
            raise ValueError(f"a step of {len(batches)} micro-batches of another shape than the captured ones")
        for (x, y), (static_x, static_y) in zip(batches, self.static, strict=True):
            static_x.copy_(x)
            static_y.copy_(y)
        self.graph.replay()
        if not self.whole:
            self._update()
        return self.total.clone()

    def _capture(self, batches: list[Batch], pictures: int) -> None:
        self.static = [(x.clone(memory_format=torch.preserve_format), y.clone()) for x, y in batches]
        self.optimizer.zero_grad(set_to_none=True)  # so that the capture owns the gradients' memory
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.total, seen = torch.zeros((), device=self.device), 0
            for x, y in self.static:
                seen += len(y)
                self.total += self._accumulate(x, y, len(y) / pictures, seen == pictures)
            if self.whole:
                self._update()
                self.optimizer.zero_grad(set_to_none=True)


KINDS = {"eager": Step, "compile": CompiledStep, "graph": GraphStep}
