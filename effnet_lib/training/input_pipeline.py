"""What one run sees: batches for the network, from images in memory or streamed from disk, on one device.

Every draw derives from (seed, epoch, step): all models of a comparison see the same crops of the same images in the
same order (common random numbers), a resumed run needs no loader state, and processes that train one network together
take their shares of one batch.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import numpy as np
import torch
from torch.nn import functional as F

from ..data.array_cache import Look, Part, load, make
from ..data.datasets import DataSet
from ..data.splits import minival
from ..data.streaming import Stream
from . import augment, autoaugment
from .distributed import Group
from .draw import Draw, drawn
from .fast.choice import Choice
from .job import TrainingJob

SOURCE_FACTOR = 1.7  # images are held at 1.7 x the input size: sqrt(0.35) x 1.7 = 1.006, so no crop is enlarged
MEMORY_LIMIT = 16 * 2**30  # bytes of uint8 pixels that are held in memory, mapped from disk; larger sets are streamed
LARGER_TEST = 1.15  # the second test size (train / test size mismatch), without retraining
TEST_BATCH = 64

Batch = tuple[torch.Tensor, torch.Tensor]
Sampler = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Memory:
    """Images of one part in memory; `held` are all its pixels on a GPU, None where they stay with the host."""

    part: Part
    device: torch.device
    held: torch.Tensor | None = None

    @classmethod
    def of(cls, part: Part, device: torch.device) -> "Memory":
        """Take a part, and hold it on a GPU where it takes at most a tenth of what is free there."""
        fits = device.type == "cuda" and 10 * part.pixels.nbytes < torch.cuda.mem_get_info(device)[0]
        return cls(part, device, torch.from_numpy(part.pixels).to(device) if fits else None)

    @property
    def image_size(self) -> int:
        """The side in pixels at which images are held."""
        return self.part.image_size

    def __len__(self) -> int:
        return len(self.part)

    def only(self, rows: np.ndarray | slice) -> "Memory":
        """Return the same images restricted to some rows."""
        return replace(self, part=Part(self.part.pixels, self.part.rows[rows], self.part.labels[rows]))

    def _take(self, chosen: np.ndarray) -> Batch:
        rows, labels = self.part.rows[chosen], to_device(torch.from_numpy(self.part.labels[chosen]), self.device)
        if self.held is not None:
            return self.held.index_select(0, to_device(torch.from_numpy(rows), self.device)), labels
        return to_device(torch.from_numpy(self.part.pixels[rows]), self.device), labels

    def crops(self, draws: Iterable[Draw], image_size: int, sample: Sampler = augment.sample) -> Iterator[Batch]:
        """Yield crops (n, 3, size, size) of values 0 to 255 (or what `sample` makes), and labels, for each draw."""
        for draw in draws:
            pixels, labels = self._take(draw.chosen)
            yield sample(pixels, to_device(draw.matrices, self.device), image_size), labels

    def whole(self, batch: int) -> Iterator[Batch]:
        """Yield whole images (n, 3, size, size) of values 0 to 255, and labels (n,), in order."""
        for start in range(0, len(self), batch):
            pixels, labels = self._take(np.arange(start, min(start + batch, len(self))))
            yield pixels.permute(0, 3, 1, 2).float(), labels


@dataclass(frozen=True, eq=False)
class Streamed:
    """Images of one part, decoded by loader processes as they are needed; the same calls as `Memory` has."""

    stream: Stream
    device: torch.device

    @property
    def image_size(self) -> int:
        """The side in pixels at which images are read."""
        return self.stream.image_size

    def __len__(self) -> int:
        return len(self.stream)

    def only(self, rows: np.ndarray | slice) -> "Streamed":
        """Return the same images restricted to some rows."""
        return replace(self, stream=self.stream.only(rows))

    def crops(self, draws: Iterable[Draw], image_size: int) -> Iterator[Batch]:
        """Yield crops and labels as `Memory.crops` does; the stream's own size is that of the crops."""
        return self._send(self.stream.crops((draw.chosen, draw.matrices) for draw in draws))

    def whole(self, batch: int) -> Iterator[Batch]:
        """Yield whole images and labels as `Memory.whole` does."""
        return self._send(self.stream.whole(batch))

    def _send(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for pixels, labels in batches:
            yield to_device(pixels, self.device).float(), to_device(labels, self.device)


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Send values to the device without waiting for them to arrive."""
    if device.type == "cuda" and not values.is_cuda:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


class InputPipeline:
    """The batches of one run: training steps, and the parts that it is tested on.

    Parts: "val", "larger" (val at 1.15 times the size), "train_eval" (a fifth of what is trained on) and "minival"
    (reserved training images, where the recipe stops early on them).
    """

    def __init__(
        self, job: TrainingJob, parts: dict[str, Memory | Streamed], device: torch.device, group: Group | None = None
    ):
        self.job, self.parts, self.device, self.group = job, parts, device, group or Group()
        local = self.group.share(job.recipe.batch)
        self.micro = min(job.micro_batch or local, local)
        self.images = len(parts["train"])
        self.group.share(min(job.recipe.batch, self.images))  # gradients are averaged as of equal shares
        self.steps = max(1, self.images // job.recipe.batch)
        self.choice: Choice | None = None  # of compiled kernels, on a CPU

    @classmethod
    def of(cls, job: TrainingJob, dataset: DataSet, device: torch.device, group: Group | None = None) -> Self:
        """Open a data set: in memory where its training set takes at most 16 GiB, else streamed."""
        size = job.recipe.seen_px or job.arch.px
        wanted = round(SOURCE_FACTOR * size)
        source = min(wanted, dataset.native_px or wanted)  # enlarged once, by the crop, and not twice
        look = Look(dataset)
        streams = dataset.folder is not None and 3 * dataset.train_images * source**2 > MEMORY_LIMIT

        def opened(part: str, image_size: int) -> Memory | Streamed:
            if streams:
                return Streamed(Stream.of(dataset, part, image_size), device)
            return Memory.of(load(dataset, part, image_size, look=look), device)

        sizes = {
            "train": ("train", size if streams else source),
            "val": ("val", size),
            "larger": ("val", round(LARGER_TEST * size)),
            "train_eval": ("train_eval", size),
        }
        if not streams:
            make(dataset, sizes.values(), look)
        parts = {name: opened(*part_size) for name, part_size in sizes.items()}
        if job.recipe.minival:
            rows, reserved = minival(len(parts["train"]), job.recipe.minival)
            whole = parts["train"] if streams else opened("train", size)
            parts |= {"train": parts["train"].only(rows), "minival": whole.only(reserved)}
        return cls(job, parts, device, group)

    def draw(self, visit: np.ndarray, epoch: int, step: int) -> Draw:
        """Draw this process's share of a step; `visit` (images,) is the epoch's order."""
        whole = drawn(self.job.recipe, self.job.seed, visit, (epoch, step))
        share = self.group.shard(len(whole.chosen))
        return whole.part(share.start, share.stop)

    @property
    def members(self) -> int:
        """How many networks a step's images are for, each with its own (`training.fold`)."""
        return 1

    def order(self, epoch: int) -> np.ndarray:
        """Return the order in which an epoch visits the training images, (images,)."""
        return augment.order(self.job.seed, epoch, self.images)

    def epoch(self, epoch: int, first: int = 0) -> Generator[Iterator[Batch], None, None]:
        """Yield for each step from `first` on its micro-batches: standardised crops, channels_last, and labels."""
        visit, most = self.order(epoch), self.members * self.micro
        ahead: deque[Draw] = deque()  # loader processes ask for draws before their images are due

        def cuts() -> Iterator[Draw]:
            for step in range(first, self.steps):
                share = self.draw(visit, epoch, step)
                for start in range(0, len(share.chosen), most):
                    ahead.append(share.part(start, start + most))
                    yield ahead[-1]

        batches = self._finished(cuts(), ahead)
        share = self.group.shard(min(self.job.recipe.batch, self.images))
        for _ in range(first, self.steps):
            yield islice(batches, -(-(share.stop - share.start) // self.micro))

    def _finished(self, cuts: Iterator[Draw], ahead: deque[Draw]) -> Iterator[Batch]:
        recipe, train = self.job.recipe, self.parts["train"]
        plain = "autoaugment" not in recipe.augment and not recipe.seen_px
        if self.choice is not None and plain and isinstance(train, Memory):
            from .fast.cropping import Cropping

            for batch in train.crops(cuts, self.job.arch.px, Cropping(self.choice)):
                ahead.popleft()
                yield batch
            return
        for images, labels in train.crops(cuts, recipe.seen_px or self.job.arch.px):
            yield self._finish(self._enlarged(images), labels, ahead.popleft())

    @staticmethod
    def _finish(images: torch.Tensor, labels: torch.Tensor, draw: Draw) -> Batch:
        if draw.policy:  # on the crop, as the reference implementation does
            images = autoaugment.apply(images.round().to(torch.uint8), draw.policy).float()
        return augment.standardise(images.contiguous(memory_format=torch.channels_last)), labels

    def _enlarged(self, images: torch.Tensor) -> torch.Tensor:
        """Return images that were reduced to the recipe's `seen_px`, or to 1.15 times it, at the network's size."""
        seen, size = self.job.recipe.seen_px, self.job.arch.px
        if not seen or seen == size:
            return images
        wanted = size if images.shape[-1] == seen else round(LARGER_TEST * size)
        return F.interpolate(images, size=(wanted, wanted), mode="bilinear", align_corners=False)

    def test(self, part: str) -> Iterator[Batch]:
        """Yield this process's share of a part, in order: whole standardised images and labels."""
        mine = self.parts[part].only(self.group.shard(len(self.parts[part])))
        batch = min(TEST_BATCH, self.micro)  # what was made small to fit the device fits it here too
        return ((augment.standardise(self._enlarged(images)), labels) for images, labels in mine.whole(batch))
