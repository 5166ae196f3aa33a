"""What one run sees: batches for the network, from pictures in memory or streamed from disk, on one device.

Every draw derives from (seed, epoch, step): all models of a comparison see the same crops of the same pictures in the
same order (common random numbers), a resumed run needs no loader state, and processes that train one network together
take their shares of one batch.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import torch

from ..data.array_cache import Part, load, make
from ..data.datasets import DataSet
from ..data.splits import minival
from ..data.streaming import Stream
from ..models.archs import Architecture
from . import augment, autoaugment
from .distributed import ALONE, Group
from .recipes import Recipe

SOURCE_FACTOR = 1.7  # pictures are held at 1.7 x the input size: sqrt(0.35) x 1.7 = 1.006, so no crop is enlarged
MEMORY_LIMIT = 16 * 2**30  # bytes of uint8 pixels that are held in memory, mapped from disk; larger sets are streamed
LARGER_TEST = 1.15  # the second test size (train / test size mismatch), without retraining
TEST_BATCH = 64

Batch = tuple[torch.Tensor, torch.Tensor]


class Job(Protocol):
    """What is trained; a RunSpec is one."""

    arch: Architecture
    recipe: Recipe
    data: str
    seed: int
    micro_batch: int
    key: str


@dataclass(frozen=True)
class Draw:
    """What is drawn for some pictures of a step: their numbers, crop matrices, AutoAugment's draws (or None)."""

    chosen: np.ndarray
    matrices: torch.Tensor
    policy: autoaugment.Draws | None

    def part(self, start: int, stop: int) -> "Draw":
        policy = self.policy.slice(start, stop) if self.policy else None
        return Draw(self.chosen[start:stop], self.matrices[start:stop], policy)


class Memory:
    """Pictures of one part, held as uint8 on a GPU where they take at most a tenth of what is free there."""

    def __init__(self, part: Part, device: torch.device):
        self.part, self.device, self.px = part, device, part.image_size
        self.held: torch.Tensor | None = None
        if device.type == "cuda" and 10 * part.pixels.nbytes < torch.cuda.mem_get_info(device)[0]:
            self.held = torch.from_numpy(part.pixels).to(device)

    def __len__(self) -> int:
        return len(self.part)

    def only(self, rows: np.ndarray | slice) -> "Memory":
        """Return the same pictures restricted to some rows."""
        view = object.__new__(Memory)
        view.__dict__ |= vars(self)
        view.part = Part(self.part.pixels, self.part.rows[rows], self.part.labels[rows])
        return view

    def _take(self, chosen: np.ndarray) -> Batch:
        rows, labels = self.part.rows[chosen], to_device(torch.from_numpy(self.part.labels[chosen]), self.device)
        if self.held is not None:
            return self.held.index_select(0, to_device(torch.from_numpy(rows), self.device)), labels
        return to_device(torch.from_numpy(self.part.pixels[rows]), self.device), labels

    def crops(self, draws: Iterable[Draw], px: int) -> Iterator[Batch]:
        """Yield crops (n, 3, px, px) of values 0 to 255, and labels, for each draw."""
        for draw in draws:
            pixels, labels = self._take(draw.chosen)
            yield augment.sample(pixels, to_device(draw.matrices, self.device), px), labels

    def whole(self, batch: int) -> Iterator[Batch]:
        """Yield whole pictures (n, 3, px, px) of values 0 to 255, and labels, in order."""
        for start in range(0, len(self), batch):
            pixels, labels = self._take(np.arange(start, min(start + batch, len(self))))
            yield pixels.permute(0, 3, 1, 2).float(), labels


class Streamed:
    """Pictures of one part, decoded by loader processes as they are needed."""

    def __init__(self, stream: Stream, device: torch.device):
        self.stream, self.device, self.px = stream, device, stream.image_size

    def __len__(self) -> int:
        return len(self.stream)

    def only(self, rows: np.ndarray | slice) -> "Streamed":
        return Streamed(self.stream.only(rows), self.device)

    def crops(self, draws: Iterable[Draw], px: int) -> Iterator[Batch]:
        for pixels, labels in self.stream.crops((draw.chosen, draw.matrices) for draw in draws):
            yield to_device(pixels, self.device).float(), to_device(labels, self.device)

    def whole(self, batch: int) -> Iterator[Batch]:
        for pixels, labels in self.stream.whole(batch):
            yield to_device(pixels, self.device).float(), to_device(labels, self.device)


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Send values to the device without waiting for them to arrive."""
    if device.type == "cuda" and not values.is_cuda:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


class InputPipeline:
    """The batches of one run: training steps, and the parts that it is tested on.

    Parts: "val", "larger" (val at 1.15 times the size), "probe" (a fifth of what is trained on) and "minival" (reserved
    training pictures, where the recipe stops early on them).
    """

    def __init__(self, job: Job, parts: dict[str, Memory | Streamed], device: torch.device, group: Group = ALONE):
        self.job, self.parts, self.device, self.group = job, parts, device, group
        local = group.share(job.recipe.batch)
        self.micro = min(job.micro_batch or local, local)
        self.images = len(parts["train"])
        group.share(min(job.recipe.batch, self.images))  # gradients are averaged as of equal shares
        self.steps = max(1, self.images // job.recipe.batch)

    @classmethod
    def of(cls, job: Job, dataset: DataSet, device: torch.device, group: Group = ALONE) -> "InputPipeline":
        """Open a data set: in memory where its training set takes at most 16 GiB, else streamed."""
        px = job.arch.px
        wanted = round(SOURCE_FACTOR * px)
        source = min(wanted, dataset.native_px or wanted)  # enlarged once, by the crop, and not twice
        streams = dataset.folder is not None and 3 * dataset.train_images * source**2 > MEMORY_LIMIT

        def part(name: str, px: int) -> Memory | Streamed:
            if streams:
                return Streamed(Stream.of(dataset, name, px), device)
            return Memory(load(dataset, name, px), device)

        sizes = {
            "train": ("train", px if streams else source),
            "val": ("val", px),
            "larger": ("val", round(LARGER_TEST * px)),
            "train_eval": ("train_eval", px),
        }
        if not streams:
            make(dataset, sizes.values())
        parts = {name: part(*size) for name, size in sizes.items()}
        if job.recipe.minival:
            rows, reserved = minival(len(parts["train"]), job.recipe.minival)
            whole = parts["train"] if streams else part("train", px)
            parts |= {"train": parts["train"].only(rows), "minival": whole.only(reserved)}
        return cls(job, parts, device, group)

    def draw(self, visit: np.ndarray, epoch: int, step: int) -> Draw:
        """Draw this process's share of a step; `visit` is the epoch's order."""
        recipe, seed = self.job.recipe, self.job.seed
        chosen = visit[step * recipe.batch : (step + 1) * recipe.batch]
        matrices = augment.crop_matrices(augment.rng(seed, augment.CROP, epoch, step), len(chosen), recipe.min_area)
        policy = None
        if "autoaugment" in recipe.augment:
            policy = autoaugment.draw(augment.rng(seed, augment.POLICY, epoch, step), len(chosen))
        share = self.group.shard(len(chosen))
        return Draw(chosen, matrices, policy).part(share.start, share.stop)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Iterator[Batch]]:
        """Yield for each step from `first` on its micro-batches: standardised crops, channels_last, and labels."""
        visit = augment.order(self.job.seed, epoch, self.images)
        ahead: deque[Draw] = deque()  # loader processes ask for draws before their pictures are due

        def cuts() -> Iterator[Draw]:
            for step in range(first, self.steps):
                share = self.draw(visit, epoch, step)
                for start in range(0, len(share.chosen), self.micro):
                    ahead.append(share.part(start, start + self.micro))
                    yield ahead[-1]

        crops = self.parts["train"].crops(cuts(), self.job.arch.px)
        batches = (self._finish(images, labels, ahead.popleft()) for images, labels in crops)
        share = self.group.shard(min(self.job.recipe.batch, self.images))
        for _ in range(first, self.steps):
            yield islice(batches, -(-(share.stop - share.start) // self.micro))

    @staticmethod
    def _finish(images: torch.Tensor, labels: torch.Tensor, draw: Draw) -> Batch:
        if draw.policy:  # on the crop, as the reference implementation does
            images = autoaugment.apply(images.round().to(torch.uint8), draw.policy).float()
        return augment.standardise(images.contiguous(memory_format=torch.channels_last)), labels

    def test(self, part: str) -> Iterator[Batch]:
        """Yield this process's share of a part, in order: whole standardised pictures and labels."""
        mine = self.parts[part].only(self.group.shard(len(self.parts[part])))
        batch = min(TEST_BATCH, self.micro)  # what was made small to fit the device fits it here too
        return ((augment.standardise(images), labels) for images, labels in mine.whole(batch))
