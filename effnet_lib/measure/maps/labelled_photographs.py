"""Maps of published weights on labelled photographs: one photograph with its credit, and how faithful maps are.

Faithfulness is asked of the class that the photograph is labelled with, image by image, in one order drawn once for all
networks: what is measured of the first hundred is part of what is measured of a thousand.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...core import paths
from ...core.errors import DataError
from ...data import image_reader
from ...data.labelled_images import LabelledImages, credits_of
from ...models import pretrained
from ...runs.journal import Journal
from ...runs.measurement_store import key_of
from ...runs.packing import pack
from ...runs.provenance import provenance
from . import faithfulness
from .cam import class_maps, says_something, to_pixels
from .geometry import cells
from .photographs import Photograph

SEMANTICS = 1  # raise by hand when code changes what these measurements mean
SEED = 0  # of the order in which images are taken
COST = {"lite0": 1.0, "lite1": 1.3, "lite2": 1.6}  # seconds an image on one core
OTHERS = 6.0  # of a larger network
HEARTBEAT = 10.0  # seconds between lines
CREDIT = {"author": "author", "licence": "license", "page": "landing_url"}  # in a record: in the list


@dataclass(frozen=True)
class CreditedPhotograph:
    """Maps one file of a set with each network, of its labelled class, and keeps who made it.

    `file`: relative to the set's folder; `index`: of its class among the networks' outputs.
    """

    dataset: LabelledImages
    file: str
    index: int
    models: tuple[str, ...]
    method: str = "cam"
    kind: str = "cam row"
    any_profile: ClassVar[bool] = True  # published weights: no profile has anything to do with them

    @property
    def label(self) -> str:
        return f"maps of {self.file} by {', '.join(self.models)}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result."""
        given = {"data": self.dataset.id, "fingerprint": self.dataset.fingerprint, "file": self.file}
        return given | {"class": self.index, "models": list(self.models), "method": self.method, "semantics": SEMANTICS}

    def seconds(self) -> float:
        """Return about how long it takes on one core."""
        return 1.7 * len(self.models)

    def measure(self) -> dict[str, Any]:
        """Map the photograph.

        Raises:
            DataError: weights or images are missing or are others than declared; the file has no credit.
            MapError: a map says nothing.
        """
        self.dataset.files()  # the content is the declared one
        credit = credits_of(self.dataset.folder).get(self.file)
        if credit is None:
            raise DataError(f"imagenet: credits.csv names no author of {self.file!r}, and it is not shown without one")
        shown = Photograph(self.dataset.folder / self.file, self.method, "", self.index, self.models).measure()
        named = {name: credit[column] for name, column in CREDIT.items()}
        return shown | {"credit": named, "provenance": {"data_fingerprint": self.dataset.fingerprint}}


@dataclass(frozen=True)
class Faithfulness:
    """ROAD, insertion and deletion of a network's maps on the first so many images of the drawn order."""

    network: str
    dataset: LabelledImages
    images: int
    method: str = "cam"
    device: str = field(default="cpu", compare=False)
    kind: str = "cam faithfulness"
    any_profile: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return f"faithfulness of {self.network}'s maps on {self.images:,} images of {self.dataset.id}"

    def order(self) -> np.ndarray:
        """Return the rows that are measured, (images,), among the set's files."""
        return np.random.default_rng(SEED).permutation(self.dataset.images)[: self.images]

    def spec(self) -> dict[str, Any]:
        """Return what defines the result."""
        return self._one_image() | {"pictures": self.images}

    def _one_image(self) -> dict[str, Any]:
        return {
            "model": self.network,
            "weights": pretrained.declared(self.network) or f"timm/{self.network}.aa_in1k",
            "px": pretrained.input_px(self.network),
            "data": self.dataset.id,
            "fingerprint": self.dataset.fingerprint,
            "method": self.method,
            "percentiles": list(faithfulness.PERCENTILES),
            "steps": faithfulness.STEPS,
            "semantics": SEMANTICS,
        }

    def seconds(self) -> float:
        """Return about how long it takes on one core."""
        return COST.get(self.network, OTHERS) * self.images

    def measure(self) -> dict[str, Any]:
        """Measure image by image; what a stopped measurement has done is not done again.

        Raises:
            DataError: weights or images are missing or are others than declared.
        """
        import torch

        torch.set_num_threads(1)
        network, files = pretrained.load(self.network), self.dataset.files()
        labels = network.outputs([synset for _, synset in files])
        name = f"{key_of(self.kind, self._one_image())[:24]}-{network.checksum[:12]}.jsonl"
        with Journal(paths.cache_root() / "faithfulness" / name) as journal:
            last = time.monotonic()
            for done, row in enumerate(self.order().tolist()):
                if row not in journal.known:
                    journal.add(row, self._scores(network, files[row][0], labels[row]))
                if time.monotonic() - last > HEARTBEAT:
                    last = time.monotonic()
                    print(f"{self.network}: {done + 1:,} of {self.images:,} images", flush=True)
            found = [journal.known[row] for row in self.order().tolist()]
        read = [scores for scores in found if scores]
        if not any(any(value is not None for value in scores) for scores in read):
            raise DataError("imagenet: of none of its images does a map say something")
        blank = [np.nan] * len(faithfulness.MEASURES)
        values = np.array([scores or blank for scores in found], dtype=float).T
        packed = {
            measure: pack(scores, -1.0 if measure == "road" else 0.0, 1.0)
            for measure, scores in zip(faithfulness.MEASURES, values, strict=True)
        }
        empty = sum(all(value is None for value in scores) for scores in read)
        counts = {"images": self.images, "skipped": len(found) - len(read), "empty": empty}
        made = provenance(self.device, 1, self.dataset.fingerprint)
        return counts | {"scores": packed, "weights_sha256": network.checksum, "provenance": made}

    def _scores(self, network: pretrained.Pretrained, file: Path, label: int) -> list[float | None]:
        """Return the measures of an image; none where it cannot be read, each None where its map says nothing."""
        import torch

        try:
            image = image_reader.read(file, f"imagenet: {str(file)!r}")
        except DataError as error:
            print(f"skipped: {error}", flush=True)
            return []
        model, wanted = network.model.to(self.device), torch.tensor([label], device=self.device)
        x = network.transform(image)[None].to(self.device)
        grids = class_maps(model, x, wanted, self.method).grids
        if not says_something(grids)[0]:
            return [None] * len(faithfulness.MEASURES)
        measured = faithfulness.faithful(model, x, to_pixels(grids, cells(model, network.px)), wanted)
        return [round(float(measured[name][0]), 6) for name in faithfulness.MEASURES]
