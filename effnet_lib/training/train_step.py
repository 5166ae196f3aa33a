"""One optimiser step: forward and backward pass of each micro-batch, clipping, update; how it is launched."""

import contextlib
import gc
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer

from ..core.errors import known
from .distributed import Group
from .input_pipeline import Batch
from .job import TrainingJob

WARM_STEPS = 3  # real steps before a capture: kernels are chosen and momentum buffers made outside the graph


class Step:
    """A callable that trains one step and returns its loss, on the device and not waited for.

    `losses` is the shape of what the criterion returns, `clipped` what is clipped together: of several networks that
    are trained as one program (`training.fold`), each has a loss and a norm of its own.
    """

    losses: tuple[int, ...] = ()

    def __init__(
        self, job: TrainingJob, model: nn.Module, optimizer: Optimizer, device: torch.device, group: Group | None = None
    ):
        self.recipe, self.optimizer, self.device = job.recipe, optimizer, device
        self.model, self.parameters = (group or Group()).wrap(model), list(model.parameters())
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=job.recipe.precision == "bf16")
        self.criterion, self.clipped = criterion, [self.parameters]

    def _accumulate(self, x: torch.Tensor, y: torch.Tensor, share: float, last: bool) -> torch.Tensor:
        alone: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if isinstance(self.model, nn.parallel.DistributedDataParallel) and not last:
            alone = self.model.no_sync()  # gradients travel once a step, with the last micro-batch
        with alone:
            with self.autocast:
                loss = self.criterion(self.model, x, y, self.recipe.label_smoothing) * share
            loss.backward(torch.ones_like(loss))
        return loss.detach()

    def _update(self) -> None:
        if self.recipe.clip:
            for together in self.clipped:
                nn.utils.clip_grad_norm_(together, self.recipe.clip, foreach=True)
        self.optimizer.step()

    def _clear(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def __call__(self, batches: Iterable[Batch], images: int) -> torch.Tensor:
        """Train on the micro-batches of a step of `images` images in all; return their mean loss."""
        total, seen = torch.zeros(self.losses, device=self.device), 0
        for x, y in batches:
            seen += len(y)
            total += self._accumulate(x, y, len(y) / images, seen == images)
        self._update()
        self._clear()
        return total


def criterion(model: nn.Module, x: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Return the mean cross entropy of a batch."""
    return F.cross_entropy(model(x), y, label_smoothing=smoothing)


class FastStep(Step):
    """A step whose network asks for kernels, and whose update is one where the optimiser is SGD."""

    def __init__(self, *args: Any):
        from .fast.update import ClippedSgd

        super().__init__(*args)
        self.updates = [ClippedSgd.of(self.optimizer, self.recipe.clip, groups) for groups in self._networks()]

    def _networks(self) -> list[list[dict[str, Any]]]:
        """Return the optimiser's groups, those of each network apart."""
        return [self.optimizer.param_groups]

    def _update(self) -> None:
        if None in self.updates:
            super()._update()
        else:
            for update in self.updates:
                known(update)()


class CompiledStep(Step):
    """A step whose network and loss torch.compile has fused."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        torch.compiler.reset()  # networks share this code, and after 8 of them torch would go on without compiling
        # A function and no method: a step that refers to itself would keep its network's memory after the run.
        self.criterion = torch.compile(criterion)


class Rates:
    """Learning rates of an optimiser's groups in the device's memory, where a graph reads them anew at each replay."""

    def __init__(self, optimizer: Optimizer, device: torch.device):
        self.optimizer = optimizer
        self.values = [torch.zeros((), device=device) for _ in optimizer.param_groups]  # float32, as the kernel reads

    def send(self) -> None:
        """Copy the numbers that the schedule has written."""
        for value, group in zip(self.values, self.optimizer.param_groups, strict=True):
            value.fill_(group["lr"])

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Let the optimiser take its rates from the device; numbers again afterwards, for schedule and checkpoint."""
        groups = self.optimizer.param_groups
        numbers = [group["lr"] for group in groups]
        for value, group in zip(self.values, groups, strict=True):
            group["lr"] = value
        try:
            yield
        finally:
            for number, group in zip(numbers, groups, strict=True):
                group["lr"] = number


class GraphStep(Step):
    """A step that is captured once in a CUDA graph and replayed: hundreds of launches become one.

    The first steps run one operation after the other, on the stream of the capture: kernels are loaded and chosen, and
    momentum buffers and cuBLAS's workspace lie outside the graph. An optimiser that cannot take its rate from the
    device (all but torch's fused SGD) is launched after the graph.

    Raises:
        ValueError: a later step has another shape.
    """

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps, self.whole = 0, all(group.get("fused") for group in self.optimizer.param_groups)
        self.side, self.learning_rates = _side(self.device), Rates(self.optimizer, self.device)

    def __call__(self, batches: Iterable[Batch], images: int) -> torch.Tensor:
        if self.whole:
            self.learning_rates.send()
        if self.graph is None and self.steps < WARM_STEPS:
            self.steps += 1
            return self._warm(batches, images)
        if self.graph is None:
            batches = list(batches)
            self._capture(batches, images)
        for (x, y), (static_x, static_y) in zip(batches, self.static, strict=True):
            if x.shape != static_x.shape:
                raise ValueError(f"a micro-batch of {tuple(x.shape)}; captured was one of {tuple(static_x.shape)}")
            static_x.copy_(x)
            static_y.copy_(y)
        known(self.graph).replay()
        if not self.whole:
            self._update()  # gradients stay where they are: the next replay writes them anew, and adds nothing to them
        return self.total.clone()

    def _update(self) -> None:
        with self.learning_rates.lent() if self.whole else contextlib.nullcontext():
            super()._update()

    def _warm(self, batches: Iterable[Batch], images: int) -> torch.Tensor:
        here = torch.cuda.current_stream(self.device)
        self.side.wait_stream(here)
        with torch.cuda.stream(self.side):
            total = super().__call__(batches, images)
        here.wait_stream(self.side)
        return total

    def _capture(self, batches: list[Batch], images: int) -> None:
        self.static = [(x.clone(memory_format=torch.preserve_format), y.clone()) for x, y in batches]
        self._clear()  # so that the capture owns the gradients' memory
        gc.collect()  # what earlier runs left in cycles is freed now, and not in the middle of the capture
        self.graph = self._new_graph()
        # Thread-local: a loader's thread that pins memory meanwhile would spoil a capture of the whole process.
        capture = torch.cuda.graph(self.graph, stream=self.side, capture_error_mode="thread_local")
        with torch.cuda.device(self.device), capture:
            self.total, seen = torch.zeros(self.losses, device=self.device), 0
            for x, y in self.static:
                seen += len(y)
                self.total += self._accumulate(x, y, len(y) / images, seen == images)
            if self.whole:
                self._update()
                self._clear()

    def _new_graph(self) -> torch.cuda.CUDAGraph:
        return torch.cuda.CUDAGraph()


@cache
def _side(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of all captures on a device: cuBLAS keeps a workspace for every stream it has seen."""
    return torch.cuda.Stream(device)


KINDS = {"eager": Step, "fast": FastStep, "compile": CompiledStep, "graph": GraphStep}
