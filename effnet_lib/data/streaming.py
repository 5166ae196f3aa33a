"""Data sets larger than memory: pictures decoded and cropped by loader processes as they are needed.

A loader process holds no state and draws nothing: the caller says which pictures come in which order, each with its
crop, so what comes out depends neither on the number of processes nor on where a run was resumed.
"""

import atexit
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from ..core import forkserver
from ..core.errors import DataError, ParameterError
from ..core.hardware import cpu_count
from . import image_folder
from .datasets import DataSet, content_fingerprint
from .splits import part_rows, source_part

MOST_WORKERS = 8
AHEAD = 2  # batches that each loader process prepares before they are asked for

Batch = tuple[torch.Tensor, torch.Tensor]
Order = tuple[list[str], np.ndarray, np.ndarray | None]  # files, labels, matrices; None for whole pictures


@dataclass(frozen=True, eq=False)
class Stream:
    """Pictures of one part, read at `px` pixels when asked for: `files` (n,) str, `labels` (n,) int64, class names."""

    files: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    px: int

    @classmethod
    def of(cls, dataset: DataSet, part: str, px: int, rows: np.ndarray | slice = slice(None)) -> "Stream":
        """List the pictures of train, val or probe, split as `sets.load` does; `rows` restricts them.

        Raises DataError for a data set that is generated, missing, or not what its id declares.
        """
        if dataset.folder is None:
            raise DataError(f"dataset={dataset.id} is generated in memory; only folders of pictures are streamed")
        if dataset.fingerprint or not dataset.folder.is_dir():  # else there is nothing to compare 150 GB with
            content_fingerprint(dataset)
        files, labels, classes = image_folder.list_images(dataset.folder, source_part(dataset, part))
        everything = cls(np.array([str(path) for path in files], object), labels, tuple(classes), px)
        return everything.only(part_rows(dataset, part, labels)[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, rows: np.ndarray | slice) -> "Stream":
        """Return the same pictures restricted to some rows, in their order."""
        return replace(self, files=self.files[rows], labels=self.labels[rows])

    def crops(self, batches: Iterable[tuple[np.ndarray, torch.Tensor]], workers: int | None = None) -> Iterator[Batch]:
        """Yield crops (n, 3, px, px) uint8, channels_last, and labels (n,) int64, a pair for each batch given.

        A batch is row numbers (n,) and `augment.crop_matrices` (n, 2, 3); the loader processes take batches before
        their pictures come out. `box` says what is cropped of a picture that is no square. Reductions are antialiased.
        `workers` 0 is this process; None is one a core, at most 8. Raises
        DataError that names a picture that cannot be decoded, ParameterError for a negative number of workers.
        """
        orders = ((self.files[rows].tolist(), self.labels[rows], matrices.numpy()) for rows, matrices in batches)
        return _load(orders, self.px, workers)

    def whole(self, batch: int, workers: int | None = None) -> Iterator[Batch]:
        """Yield all pictures in order, `batch` at a time, as `folders.decode` makes them: antialiased centre squares.

        Shapes, workers and errors as in `crops`.
        """
        cuts = (slice(start, start + batch) for start in range(0, len(self), batch))
        return _load(((self.files[cut].tolist(), self.labels[cut], None) for cut in cuts), self.px, workers)


class _Decoder(Dataset):
    """What a loader process holds: nothing of the data set, since every order names its files."""

    def __init__(self, px: int):
        self.px = px

    def __getitem__(self, order: Order) -> Batch | str:
        """Return pictures and labels, or what is wrong: an exception would arrive inside torch's traceback text."""
        files, labels, matrices = order
        pixels = torch.empty((len(files), self.px, self.px, 3), dtype=torch.uint8)
        try:
            for index, (out, file) in enumerate(zip(pixels.numpy(), files, strict=True)):
                out[:] = (
                    image_folder.square(file, self.px) if matrices is None else _crop(file, matrices[index], self.px)
                )
        except DataError as error:
            return str(error)
        return pixels.permute(0, 3, 1, 2), torch.from_numpy(labels)


def _crop(file: str, matrix: np.ndarray, px: int) -> np.ndarray:
    image = image_folder.read(file)
    pixels = np.asarray(image.resize((px, px), Image.Resampling.BILINEAR, box=box(matrix, *image.size)))
    return pixels[:, ::-1] if matrix[0, 0] < 0 else pixels


def box(matrix: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """Return the crop (left, top, right, bottom) in pixels that a matrix (2, 3) means on a picture of any shape.

    Share of the area and aspect ratio in pixels are those of the crop of a square, where `augment.sample` takes the
    same; a side that would exceed the picture is cut to it, as torchvision's RandomResizedCrop does.
    """
    (wide, _, x), (_, high, y) = matrix.tolist()
    wide, found = abs(wide), []
    for length, share, ratio, centre in ((width, wide, wide / high, x), (height, high, high / wide, y)):
        side = min(length, math.sqrt(wide * high * width * height * ratio))
        # A centre lies in [share - 1, 1 - share]: the crop keeps its place between the two ends.
        place = (1 + centre / (1 - share)) / 2 if share < 1 else 0.5
        start = min(max(0.0, place * (length - side)), length - side)
        found.append((start, start + side))
    (left, right), (top, bottom) = found
    return left, top, right, bottom


def _load(orders: Iterable[Order], px: int, workers: int | None) -> Iterator[Batch]:
    if workers is None:
        workers = min(MOST_WORKERS, cpu_count())
    if workers < 0:
        raise ParameterError("workers", workers, "a whole number of at least 0, or None")
    options: dict[str, Any] = {"num_workers": workers, "pin_memory": torch.cuda.is_available()}
    options["generator"] = torch.Generator()  # the loader draws a seed that nobody uses: not from torch's own generator
    if workers:
        # A fork would copy CUDA's and OpenMP's state in the middle of things; this server has only imported torch.
        context = forkserver.server(__name__)
        options |= {"multiprocessing_context": context, "prefetch_factor": AHEAD, "worker_init_fn": _follow}
    # An order is a whole batch already, so the loader is told of no batches.
    found = iter(DataLoader(_Decoder(px), batch_size=None, sampler=orders, **options))
    end = getattr(found, "_shutdown_workers", lambda: None)
    atexit.register(end)  # who never asks for the rest would wait for the loader processes, which no signal ends
    try:
        for batch in found:
            if isinstance(batch, str):
                raise DataError(batch)
            yield batch[0], batch[1]
    finally:
        # Left to the garbage collector, the processes would live as long as a traceback, of which notebooks keep one.
        atexit.unregister(end)
        end()


def _follow(worker: int) -> None:
    """Let this loader process end with its parent and with nothing else."""
    # Ctrl-C reaches all processes, as do torchrun and job schedulers; the parent may want to finish its step.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        wait([parent.sentinel])  # torch's own watch looks at the server, which outlives the parent
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
