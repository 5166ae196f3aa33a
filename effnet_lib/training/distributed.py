"""The processes that train one network together, as torchrun starts them; one process alone is a group of one."""

import contextlib
import datetime
import functools
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed, nn

from ..core.errors import ParameterError

PATIENCE = datetime.timedelta(hours=6)  # how long one process waits for another


@dataclass
class Group:
    """Which process of how many this is, and whether the leader has said that training begins."""

    rank: int = 0
    world: int = 1
    told: bool = False

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints and records; a single process does."""
        return self.rank == 0

    def share(self, batch: int) -> int:
        """Return how many images of a batch each process takes; raise ParameterError where they do not divide."""
        if batch % self.world:
            raise ParameterError("processes", self.world, f"a divisor of the batch of {batch}")
        return batch // self.world

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the network whose gradients are averaged over the group.

        The leader's running statistics are everyone's before each forward pass, so its checkpoint is the whole state.
        """
        if self.world == 1:
            return model
        # Of a depthwise weight (C, 1, k, k) two orders of the strides mean the same memory.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        wrapped = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
        if next(model.parameters()).device.type == "cpu":
            wrapped.register_comm_hook(None, _mean_in_order)
        return wrapped

    def synchronise(self, model: nn.Module) -> None:
        """Give every process the leader's weights and running statistics."""
        if self.world > 1:
            for value in model.state_dict().values():
                distributed.broadcast(value, 0)

    def any(self, flag: bool) -> bool:
        """Say whether any process raised its flag, so that all stop after the same step."""
        if self.world == 1:
            return flag
        raised = torch.tensor(int(flag))
        distributed.all_reduce(raised, distributed.ReduceOp.MAX)
        return bool(raised)

    def begins(self, flag: bool = False) -> bool:
        """Return whether the leader says that training begins; it may have found nothing to do."""
        self.told = True
        return bool(self.bytes(bytes([flag]))[0])

    def average(self, value: torch.Tensor) -> torch.Tensor:
        """Return the mean of a number over the group, on its own device and not waited for."""
        if self.world == 1:
            return value
        distributed.all_reduce(value)
        return value / self.world

    def sum(self, value: float) -> float:
        """Return the sum over the group."""
        if self.world == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return float(total)

    def bytes(self, content: bytes | None) -> bytes:
        """Return the leader's bytes to every process."""
        if self.world == 1:
            return content or b""
        size = torch.tensor(len(content or b"") if self.leads else 0)
        distributed.broadcast(size, 0)
        if self.leads:
            sent = torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)
        else:
            sent = torch.empty(max(1, int(size)), dtype=torch.uint8)
        distributed.broadcast(sent, 0)
        return sent.numpy().tobytes()[: int(size)]

    def shard(self, count: int) -> slice:
        """Return which of `count` images this process takes: contiguous, shares equal within an image."""
        edges = np.linspace(0, count, self.world + 1).round().astype(int)
        return slice(int(edges[self.rank]), int(edges[self.rank + 1]))

    def concatenate(self, values: np.ndarray) -> np.ndarray:
        """Return every process's values, in the order of their shards."""
        if self.world == 1:
            return values
        lengths = torch.zeros(self.world, dtype=torch.int64)
        lengths[self.rank] = len(values)
        distributed.all_reduce(lengths)
        mine = torch.zeros(int(lengths.max()), dtype=torch.float64)
        mine[: len(values)] = torch.from_numpy(np.asarray(values, np.float64))
        gathered = [torch.empty_like(mine) for _ in range(self.world)]
        distributed.all_gather(gathered, mine)
        parts = [part[:length].numpy() for part, length in zip(gathered, lengths.tolist(), strict=True)]
        return np.concatenate(parts).astype(values.dtype)


def _mean_in_order(_: object, bucket: distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """Add gradients process by process, so that a resumed run is the same to the bit, which is promised on a CPU.

    The order of a usual sum of three or more depends on a gradient's place in its bucket, and after its first step DDP
    packs the buckets anew.
    """
    mine = bucket.buffer()
    parts = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    gathered = distributed.all_gather(parts, mine, async_op=True).get_future()
    return gathered.then(lambda _: functools.reduce(torch.add, parts).div_(len(parts)))


@contextlib.contextmanager
def joined(device: str) -> Iterator[tuple[Group, str]]:
    """Join the processes that torchrun started; give the group (without it, of one) and this process's device.

    Raises:
        ParameterError: more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group(), device
        return
    cuda = device.startswith("cuda")
    if cuda:
        if int(os.environ["LOCAL_RANK"]) >= (there := torch.cuda.device_count()):
            raise ParameterError(
                "processes", os.environ["LOCAL_WORLD_SIZE"], f"at most one a GPU, and there are {there}"
            )
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    # Flags and bits travel on the CPU. torchrun ends who waits for a dead process; a living leader may read all of
    # ImageNet once, for its fingerprint.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size()), device
    finally:
        distributed.destroy_process_group()
