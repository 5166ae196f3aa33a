"""The evaluation of one network with published weights on a set of labelled images."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...core import paths
from ...core.errors import DataError, RunFailed
from ...data import image_reader
from ...data.labelled_images import LabelledImages
from ...models import pretrained
from ...models.archs import Architecture, efficientnet, efficientnet_lite
from ...models.complexity import count
from ...models.pretrained import CROP_MARGIN, Pretrained
from ...runs.journal import Journal
from ...runs.measurement_store import key_of
from ...runs.packing import pack_bits, pack_indices
from ...runs.provenance import provenance
from .engine import Engine, fastest, on_device

if TYPE_CHECKING:
    from torch import Tensor

SEMANTICS = 1  # raise by hand when code changes what this measurement means
BEST = 5  # classes that are kept of an image
SAMPLE = 8  # images on which runtimes are compared
UNREAD = 65_535  # stands for the prediction of an image that could not be read
NAMED = 20  # skipped images that a record names
SPEED = 25e9  # multiply-adds a second and core, about
READING = 2e-3  # seconds an image
HEARTBEAT = 10.0  # seconds between lines


@dataclass(frozen=True)
class Evaluation:
    """Top-1 and top-5 of a network on labelled images, each shown once at the network's own input size.

    `device`: cpu is one core in the fastest runtime, else PyTorch in batches there.
    """

    network: str
    dataset: LabelledImages
    device: str = field(default="cpu", compare=False)
    kind: str = "evaluation"
    any_profile: ClassVar[bool] = True  # published weights: no profile has anything to do with them

    @property
    def label(self) -> str:
        return f"{self.network} on {self.dataset.label}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result."""
        return {
            "model": self.network,
            "weights": pretrained.declared(self.network) or f"timm/{self.network}.aa_in1k",
            "px": pretrained.input_px(self.network),
            "margin": CROP_MARGIN,
            "data": self.dataset.id,
            "fingerprint": self.dataset.fingerprint,
            "semantics": SEMANTICS,
        }

    def seconds(self) -> float:
        """Return about how long it takes on one core."""
        return self.dataset.images * (count(architecture(self.network)).madds / SPEED + READING)

    def measure(self) -> dict[str, Any]:
        """Evaluate; what a stopped evaluation has seen is not computed again.

        Raises:
            DataError: weights or images are missing, or are others than declared; a class that the weights do not
                know; no image can be read.
        """
        network, files = pretrained.load(self.network), self.dataset.files()
        synsets = sorted({synset for _, synset in files})
        outputs = dict(zip(synsets, network.outputs(synsets), strict=True))
        labels = np.array([outputs[synset] for _, synset in files])
        name = f"{key_of(self.kind, self.spec())[:24]}-{network.checksum[:12]}.jsonl"
        with Journal(paths.cache_root() / "evaluations" / name) as journal:
            begun, engine = len(journal.known), None
            clock, cpu = time.monotonic(), time.process_time()
            todo = [row for row in range(len(files)) if row not in journal.known]
            if todo:
                engine = _see(network, [file for file, _ in files], todo, journal, self.device)
            spent = {"seconds": time.monotonic() - clock, "cpu_seconds": time.process_time() - cpu}
            result = _result(labels, [journal.known[row] for row in range(len(files))])
        result["skipped"] = [str(files[row][0].relative_to(self.dataset.folder)) for row in result.pop("unread")][
            :NAMED
        ]
        result |= {"engine": engine.words if engine else "", "engine_error": engine.error if engine else 0.0}
        made = provenance(self.device, 1, self.dataset.fingerprint)
        timing = {name: round(value, 3) for name, value in spent.items()} | {"images_timed": len(files) - begun}
        return result | timing | {"weights_sha256": network.checksum, "provenance": made}


def architecture(name: str) -> Architecture:
    """Return the network of published weights as plain data."""
    return (efficientnet_lite if name in pretrained.LITE else efficientnet).published(name)


def _see(network: Pretrained, files: list[Path], todo: list[int], journal: Journal, device: str) -> Engine | None:
    """Predict every image of `todo` and note it; return the runtime, None where none of them can be read."""
    import torch

    torch.set_num_threads(1)
    reading = _readable(network, files, todo, journal)
    sample = list(islice(reading, SAMPLE))
    if not sample:
        return None
    first = [x for _, x in sample]
    engine = on_device(network.model, device) if device != "cpu" else fastest(network.model, first, len(todo))
    print(f"{network.name}: {len(todo):,} images in {engine.words}", flush=True)
    last, every = time.monotonic(), chain(sample, reading)
    while some := list(islice(every, engine.batch)):
        logits = engine.logits(torch.cat([x for _, x in some]))
        if not np.isfinite(logits).all():
            raise RunFailed(f"{network.name}: logits that are not finite, of {files[some[0][0]].name}")
        for (row, _), values in zip(some, logits, strict=True):
            journal.add(row, np.argsort(-values, kind="stable")[:BEST].tolist())
        if time.monotonic() - last > HEARTBEAT:
            last = time.monotonic()
            print(f"{network.name}: {len(journal.known):,} of {len(files):,} images", flush=True)
    return engine


def _readable(
    network: Pretrained, files: list[Path], todo: list[int], journal: Journal
) -> Iterator[tuple[int, "Tensor"]]:
    """Yield each image of `todo` as the network's input, (1, 3, s, s); what cannot be read is named, noted, skipped."""
    import torch

    for row in todo:
        try:
            image = image_reader.read(files[row], f"imagenet: {str(files[row])!r}")
        except DataError as error:
            print(f"skipped: {error}", flush=True)
            journal.add(row, [])
        else:
            yield row, network.standardise(torch.from_numpy(network.pixels(image))[None])


def _result(labels: np.ndarray, seen: list[list[float]]) -> dict[str, Any]:
    """Return accuracies in percent and, packed, labels and predictions of every image in the order of the files.

    Raises:
        DataError: no image could be read.
    """
    read = np.array([bool(best) for best in seen])
    if not read.any():
        raise DataError("imagenet: none of its images can be read")
    first = np.array([best[0] if best else UNREAD for best in seen])
    among = np.array([label in best for label, best in zip(labels.tolist(), seen, strict=True)])
    return {
        "images": int(read.sum()),
        "top1": 100 * float((first == labels)[read].mean()),
        "top5": 100 * float(among[read].mean()),
        "listed": len(labels),
        "labels": pack_indices(labels),
        "predicted": pack_indices(first),
        "among_five": pack_bits(among),
        "unread": np.flatnonzero(~read).tolist(),
    }
