"""What a network with published weights sees in images: pooled features, computed once and kept.

Features are kept under results/cache/features, named by content (the data's fingerprint, the weights' checksum, the
input size), in files of at most 100 images: a stopped extraction goes on, and a larger extraction begins with what a
smaller one has left.
"""

import hashlib
import io
import multiprocessing
import os
import signal
import threading
import warnings
import zipfile
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core import forkserver, paths, signals
from ...core.atomic_write import write_aside
from ...core.errors import RunFailed, known
from ...data import array_cache, datasets, image_folder, image_reader
from ...data.datasets import DataSet
from ...models import pretrained
from ...models.fold_norms import folded

SHARD = 100  # images a file: 0.5 MB, 2 to 5 s of work for one core; what a kill costs at most
BATCH = 16  # images a forward pass: larger ones fall out of a core's cache (42, 37 and 9 a second at 16, 32 and 64)


@dataclass(frozen=True)
class Source:
    """A network and a part ("train" or "val") of a data set that is here; `px` is the network's own input size."""

    network: str
    dataset: DataSet
    part: str

    @property
    def px(self) -> int:
        return pretrained.input_px(self.network)

    @property
    def whole(self) -> bool:
        """Whether the whole centre square is shown: of images smaller than the input, a crop would lose content."""
        return self.dataset.fractals is not None or 0 < self.dataset.native_px < self.px

    def labels(self) -> np.ndarray:
        """Return the part's labels, (n,) int64, in the order of its images."""
        if self.dataset.fractals:
            return np.repeat(np.arange(self.dataset.classes), getattr(self.dataset.fractals, f"{self.part}_per_class"))
        return image_folder.list_images(known(self.dataset.folder), self.part)[1]

    def folder(self, fingerprint: str, checksum: str) -> Path:
        """Return where the features are kept."""
        name = f"{self.network}-{checksum[:12]}-{self.px}{'-whole' if self.whole else ''}"
        data = f"{self.dataset.id}-{fingerprint[:12]}"
        return paths.results_root() / "cache/features" / data / self.part / name


class Extractor:
    """A network and the images of a part, ready to turn rows into features."""

    def __init__(self, source: Source):
        import torch

        self.source = source
        self.network = pretrained.load(source.network)
        self.model = folded(self.network.model).to(memory_format=torch.channels_last)
        self.files: list[Path] | None = None
        if source.dataset.fractals:
            self.held = array_cache.load(source.dataset, source.part, source.px).pixels
        else:
            self.files = image_folder.list_images(known(source.dataset.folder), source.part)[0]

    def pixels(self, row: int) -> np.ndarray:
        """Return an image at the network's input size, (h, w, 3) uint8.

        Raises:
            DataError: naming an image that cannot be decoded.
        """
        if self.files is None:
            return self.held[row]
        image, size = image_reader.read(self.files[row]), self.source.px
        if not self.source.whole:
            return pretrained.central(image, size)
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        square = (left, top, left + side, top + side)
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=square))

    def features(self, rows: np.ndarray) -> np.ndarray:
        """Return the pooled features of some rows, (n, d) float32."""
        import torch

        model: Any = self.model  # timm's networks have both halves of a forward pass
        batches = []
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                pixels = np.stack([self.pixels(row) for row in rows[start : start + BATCH]])
                x = self.network.standardise(torch.from_numpy(pixels))
                batches.append(model.forward_head(model.forward_features(x), pre_logits=True).numpy())
        return np.concatenate(batches)


def features(source: Source, rows: np.ndarray, workers: int = 0) -> np.ndarray:
    """Return the features of some rows of a part, (n, d) float32, computing those that are not kept yet.

    Args:
        workers: processes, of one thread each; 0 is this process.

    Raises:
        DataError: for an image that cannot be decoded, and for weights that are missing or altered.
        RunFailed: where a worker dies.
    """
    fingerprint = datasets.content_fingerprint(source.dataset)
    folder = source.folder(fingerprint, pretrained.checksum(source.network))
    known = _kept(folder)
    missing = np.array([row for row in dict.fromkeys(rows.tolist()) if row not in known], np.int64)
    if len(missing):
        shards = [missing[start : start + SHARD] for start in range(0, len(missing), SHARD)]
        if workers:
            _with_workers(source, shards, folder, min(workers, len(shards)))
        else:
            extractor = Extractor(source)
            for shard in shards:
                _keep(folder, shard, extractor.features(shard))
        known = _kept(folder)
    return np.stack([known[row] for row in rows.tolist()])


def _keep(folder: Path, rows: np.ndarray, values: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, rows=rows, values=values)
    write_aside(folder / f"{hashlib.sha256(rows.tobytes()).hexdigest()[:16]}.npz", buffer.getvalue())


def _kept(folder: Path) -> dict[int, np.ndarray]:
    """Return every kept row's features; a damaged file is set aside with a warning, its images are done again."""
    known: dict[int, np.ndarray] = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as held:
                known |= dict(zip(held["rows"].tolist(), held["values"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            path.replace(path.with_suffix(".damaged"))
            warnings.warn(f"features {path.name} set aside, they will be redone: {error}", stacklevel=3)
    return known


# Worker processes ---------------------------------------------------------------------------------------------


def _with_workers(source: Source, shards: Sequence[np.ndarray], folder: Path, workers: int) -> None:
    context = forkserver.server()
    pool: Executor = ProcessPoolExecutor(workers, context, _begin)
    try:
        waiting = [pool.submit(_shard, source, folder, shard) for shard in shards]
        for done in as_completed(waiting):
            done.result()
    except BrokenProcessPool as error:
        raise RunFailed("a worker process died while it extracted features, perhaps for lack of memory") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Prepare a worker: one thread, deaf to Ctrl-C (the parent tells it to end), gone when the parent is."""
    import torch

    signals.listen_to_the_end()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = known(multiprocessing.parent_process())

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    torch.set_num_threads(1)


def _shard(source: Source, folder: Path, rows: np.ndarray) -> None:
    _keep(folder, rows, _extractor(source).features(rows))


@lru_cache(maxsize=1)
def _extractor(source: Source) -> Extractor:  # not made in `_begin`: there its errors would be lost
    return Extractor(source)
