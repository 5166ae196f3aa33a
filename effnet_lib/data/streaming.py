"""Data sets larger than memory: images decoded and cropped by loader processes as they are needed.

A loader process holds no state and draws nothing: the caller says which images come in which order, each with its
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
from ..core.errors import DataError, ParameterError, known
from ..core.hardware import cpu_count
from . import image_folder, image_reader
from .datasets import DataSet, content_fingerprint
from .splits import part_rows, source_part

MOST_WORKERS = 8
AHEAD = 2  # batches that each loader process prepares before they are asked for

Batch = tuple[torch.Tensor, torch.Tensor]
Order = tuple[list[str], np.ndarray, np.ndarray | None]  # files, labels, matrices; None for whole images


@dataclass(frozen=True, eq=False)
class Stream:
    """Images of one part, read at `image_size` pixels when asked for: `files` (n,) str, `labels` (n,) int64."""

    files: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    image_size: int

    @classmethod
    def of(cls, dataset: DataSet, part: str, image_size: int, rows: np.ndarray | slice = slice(None)) -> "Stream":
        """List the images of train, val or train_eval, the same as `array_cache.load` does; `rows` restricts them.

        Raises:
            DataError: the data set is generated, missing, or not what its id declares.
        """
        if dataset.folder is None:
            raise DataError(f"dataset={dataset.id} is generated in memory; only folders of images are streamed")
        if dataset.fingerprint or not dataset.folder.is_dir():  # else there is nothing to compare 150 GB with
            content_fingerprint(dataset)
        files, labels, classes = image_folder.list_images(dataset.folder, source_part(dataset, part))
        everything = cls(np.array([str(path) for path in files], object), labels, tuple(classes), image_size)
        return everything.only(part_rows(dataset, part, labels)[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, rows: np.ndarray | slice) -> "Stream":
        """Return the stream restricted to some rows, in their order."""
        return replace(self, files=self.files[rows], labels=self.labels[rows])

    def crops(self, batches: Iterable[tuple[np.ndarray, torch.Tensor]], workers: int | None = None) -> Iterator[Batch]:
        """Yield crops (n, 3, size, size) uint8, channels_last, and labels (n,) int64, a pair for each batch given.

        Reductions are antialiased; `box` says what is cropped of an image that is no square.

        Args:
            batches: row numbers (n,) and `augment.crop_matrices` (n, 2, 3), taken before their images come out.
            workers: loader processes; 0: this process, None: one a core, at most 8.

        Raises:
            DataError: an image cannot be decoded; names it.
            ParameterError: a negative number of workers.
        """
        orders = ((self.files[rows].tolist(), self.labels[rows], matrices.numpy()) for rows, matrices in batches)
        return _load(orders, self.image_size, workers)

    def whole(self, batch: int, workers: int | None = None) -> Iterator[Batch]:
        """Yield all images in order, `batch` at a time, as `image_folder.decode` makes them: centre squares.

        Shapes, workers and errors as in `crops`.
        """
        cuts = (slice(start, start + batch) for start in range(0, len(self), batch))
        return _load(((self.files[cut].tolist(), self.labels[cut], None) for cut in cuts), self.image_size, workers)


class _Decoder(Dataset):
    """What a loader process holds: nothing of the data set, since every order names its files."""

    def __init__(self, image_size: int):
        self.image_size = image_size

    def __getitem__(self, order: Order) -> Batch | str:
        """Return images and labels, or what is wrong: an exception would arrive inside torch's traceback text."""
        files, labels, matrices = order
        size = self.image_size
        pixels = torch.empty((len(files), size, size, 3), dtype=torch.uint8)
        try:
            for index, (out, file) in enumerate(zip(pixels.numpy(), files, strict=True)):
                out[:] = image_folder.square(file, size) if matrices is None else _crop(file, matrices[index], size)
        except DataError as error:
            return str(error)
        return pixels.permute(0, 3, 1, 2), torch.from_numpy(labels)


def _crop(file: str, matrix: np.ndarray, size: int) -> np.ndarray:
    image = image_reader.read(file)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box(matrix, *image.size)))
    return pixels[:, ::-1] if matrix[0, 0] < 0 else pixels


def box(matrix: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """Return the crop (left, top, right, bottom) in pixels that a matrix (2, 3) means on an image of any shape.

    Share of the area and aspect ratio in pixels are those of the crop of a square, where `augment.sample` takes the
    same; a side that would exceed the image is cut to it, as torchvision's RandomResizedCrop does.
    """
    (wide, _, x), (_, high, y) = matrix.tolist()
    wide, edges = abs(wide), []
    for length, share, ratio, centre in ((width, wide, wide / high, x), (height, high, high / wide, y)):
        side = min(length, math.sqrt(wide * high * width * height * ratio))
        # A centre lies in [share - 1, 1 - share]: the crop keeps its place between the two ends.
        place = (1 + centre / (1 - share)) / 2 if share < 1 else 0.5
        start = min(max(0.0, place * (length - side)), length - side)
        edges.append((start, start + side))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _load(orders: Iterable[Order], image_size: int, workers: int | None) -> Iterator[Batch]:
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
    loaded = iter(DataLoader(_Decoder(image_size), batch_size=None, sampler=orders, **options))
    end = getattr(loaded, "_shutdown_workers", lambda: None)
    atexit.register(end)  # who never asks for the rest would wait for the loader processes, which no signal ends
    try:
        for batch in loaded:
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
    parent = known(multiprocessing.parent_process())

    def follow() -> None:
        wait([parent.sentinel])  # torch's own watch looks at the server, which outlives the parent
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
