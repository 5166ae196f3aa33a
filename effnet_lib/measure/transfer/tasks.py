"""The two measurements of transfer learning as tasks: a linear probe, and full fine-tuning with its control."""

from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...core import signals
from ...core.errors import ParameterError, RunFailed
from ...data import array_cache, datasets, transfer_datasets
from ...data.datasets import DataSet
from ...data.splits import HOLDOUT, draw
from ...models import complexity, pretrained
from ...runs.measurement_store import Measurement, MeasurementStore, key_of
from ...runs.packing import pack_bits
from ...runs.provenance import provenance
from ...runs.run_store import RunStore
from ...training.execution import Execution
from . import finetune, linear_probe
from .features import Source, features

if TYPE_CHECKING:
    from ...training.trainer import Trained

SEMANTICS = 1  # raise by hand when code changes what these measurements mean
FORWARD = 12e9  # multiply-adds a second and core, forward, on a slow core
TRAINING = 3.5  # forward and backward pass in forward passes


@dataclass(frozen=True)
class Probe:
    """A linear probe of a network with published weights.

    Attributes:
        train_images, test_images: None is all.
        block: which of the draws of training images, which share none.
        workers: processes that extract features; 0 is this one.
    """

    network: str
    dataset: DataSet
    train_images: int | None = None
    block: int = 0
    test_images: int | None = None
    workers: int = field(default=0, compare=False)
    kind: str = "probe"
    any_profile: ClassVar[bool] = False

    @property
    def label(self) -> str:
        what = f"{self.train_images or 'all'} images, draw {self.block}"
        return f"{self.network} linear probe on {transfer_datasets.label(self.dataset)}, {what}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result."""
        return {
            "model": self.network,
            "weights": pretrained.declared(self.network) or f"timm/{self.network}.aa_in1k",
            "px": pretrained.input_px(self.network),
            "data": self.dataset.id,
            "train_pictures": self.train_images,
            "block": self.block,
            "test_pictures": self.test_images,
            "grid": list(linear_probe.GRID),
            "semantics": SEMANTICS,
        }

    def seconds(self) -> float:
        """Return about how long extraction takes."""
        train = self.train_images or self.dataset.train_images
        test = 0 if self.block else self.test_images or self.dataset.val_images  # the same ones for every draw
        arch = finetune.architecture(self.network, self.dataset.classes)
        return (train + test) * complexity.count(arch).madds / FORWARD / max(1, self.workers)

    def measure(self) -> dict[str, Any]:
        """Extract what features are missing, fit, and test.

        Raises:
            DataError, ParameterError: with nothing stored.
        """
        dataset = transfer_datasets.ensure(self.dataset)
        sources = {part: Source(self.network, dataset, part) for part in ("train", "val")}
        labels = {part: source.labels() for part, source in sources.items()}
        rows = {
            "train": _drawn("train_pictures", labels["train"], self.train_images, self.block),
            "val": _drawn("test_pictures", labels["val"], self.test_images, 0),
        }
        seen = {part: features(source, rows[part], self.workers) for part, source in sources.items()}
        truth = labels["val"][rows["val"]]
        fitted = linear_probe.fit(seen["train"], labels["train"][rows["train"]], seen["val"])
        made = provenance("cpu", 1, datasets.content_fingerprint(dataset))
        made["versions"]["scikit-learn"] = version("scikit-learn")
        return _result(self.dataset, self.network, fitted.predicted == truth, truth) | {
            "train_pictures": len(rows["train"]),
            "c": fitted.c,
            "held_out": {f"{c:g}": round(value, 3) for c, value in fitted.held_out.items()},
            "weights_sha256": pretrained.checksum(self.network),
            "shown": "whole" if sources["val"].whole else "central",
            "provenance": made,
        }


@dataclass(frozen=True)
class FineTune:
    """A network trained on all of a data set: from published weights, or from scratch as the control.

    Attributes:
        px: side of an input image; None is the network's own.
        steps: instead of `epochs`.
        rates, decays: a grid of learning rates and weight decays that is searched first, on a held-out fifth of the
            training set; () is none.
    """

    network: str
    dataset: DataSet
    px: int | None = None
    epochs: int = 10
    steps: int | None = None
    scratch: bool = False
    seed: int = 0
    micro_batch: int = 0
    precision: str = "fp32"
    rates: tuple[float, ...] = ()
    decays: tuple[float, ...] = ()
    device: str = field(default="cpu", compare=False)
    kind: str = "finetune"
    any_profile: ClassVar[bool] = False

    @property
    def label(self) -> str:
        how = "from scratch" if self.scratch else "fine-tuned"
        job, where = self.job(), transfer_datasets.label(self.dataset)
        return f"{self.network} {how} on {where}, {job.arch.px} px, {job.recipe.epochs} epochs"

    def job(self) -> finetune.Job:
        """Return what is trained, before any grid is searched."""
        recipe = finetune.recipe(self.dataset.train_images, self.epochs, self.steps, self.scratch)
        arch = finetune.architecture(self.network, self.dataset.classes, self.px)
        weights = "" if self.scratch else self.network
        recipe, micro = replace(recipe, precision=self.precision), min(self.micro_batch, recipe.batch)
        return finetune.Job(self.network, arch, recipe, self.dataset.id, self.seed, weights, micro)

    def candidates(self) -> list[finetune.Job]:
        """Return the grid's jobs, which train on four fifths of the training set; none without a grid."""
        job = self.job()
        return [
            replace(job, data=job.data + HOLDOUT, recipe=replace(job.recipe, lr=rate, weight_decay=decay))
            for rate in self.rates
            for decay in self.decays
        ]

    def spec(self) -> dict[str, Any]:
        """Return what defines the result: the job and the grid."""
        grid = [[job.recipe.lr, job.recipe.weight_decay] for job in self.candidates()]
        return self.job().payload() | {"grid": grid, "transfer_semantics": SEMANTICS}

    def seconds(self) -> float:
        """Return about how long it takes on one core, the grid included."""
        job = self.job()
        each = complexity.count(job.arch).madds * self.dataset.train_images * TRAINING / FORWARD
        return each * job.recipe.epochs * (1 + 0.8 * len(self.candidates()))

    def measure(self) -> dict[str, Any]:
        """Search the grid, train, test; a stopped measurement goes on from its checkpoint.

        Raises:
            Stopped: after a signal, with everything saved.
            DataError, RunFailed: with nothing stored.
        """
        dataset = transfer_datasets.ensure(self.dataset)
        with signals.listening():
            tried = [self._trial(job, replace(dataset, id=dataset.id + HOLDOUT)) for job in self.candidates()]
            job = self.job()
            if tried:
                rate, decay, _ = max(tried, key=lambda trial: trial[2])
                job = replace(job, recipe=replace(job.recipe, lr=rate, weight_decay=decay))
            trained = self._train(job, dataset)
        labels = array_cache.load(dataset, "val", job.arch.px).labels
        import torch

        made = provenance(self.device, torch.get_num_threads(), datasets.content_fingerprint(dataset))
        kept = ("history", "loss", "train_loss", "train_top1", "top1_larger_test", "train_pictures", "train_seconds")
        result = _result(self.dataset, self.network, trained.correct, labels)
        result |= {name: trained.result[name] for name in kept}
        result |= {"rate": job.recipe.lr, "decay": job.recipe.weight_decay, "tried": [list(trial) for trial in tried]}
        RunStore().keep_weights(key_of(self.kind, self.spec()), trained.weights)
        for checkpoint in RunStore().checkpoint(job.key).parent.glob(f"{job.key}.*"):
            checkpoint.unlink()
        return result | {"provenance": made | trained.provenance()}

    def _trial(self, job: finetune.Job, dataset: DataSet) -> tuple[float, float, float]:
        """Return rate, decay and held-out top-1 of one place of the grid, stored so that a stopped search goes on."""
        store, spec = MeasurementStore(), job.payload()
        known = store.get(key_of("finetune-trial", spec))
        if not known:
            trained = self._train(job, dataset)
            made = provenance(self.device, 1, datasets.content_fingerprint(dataset))
            known = Measurement("finetune-trial", spec, {"top1": trained.result["top1"]}, made | trained.provenance())
            store.put(known)
        return job.recipe.lr, job.recipe.weight_decay, known.result["top1"]

    def _train(self, job: finetune.Job, dataset: DataSet) -> "Trained":
        from ...training.trainer import Monitor, Paused, train

        def say(epoch: int, epochs: int, seconds: float) -> None:
            print(f"epoch {epoch} of {epochs}, {seconds:.0f} s", flush=True)

        try:
            return train(job, dataset, RunStore().checkpoint(job.key), Execution(self.device), Monitor(progress=say))
        except Paused:
            signals.check()
            raise RunFailed(f"{self.label}: paused; it goes on from its checkpoint next time") from None


def _drawn(name: str, labels: np.ndarray, images: int | None, block: int) -> np.ndarray:
    try:
        return draw(labels, images, block)
    except ParameterError as error:
        raise ParameterError(name, error.value, error.accepted) from None


def _result(dataset: DataSet, network: str, correct: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return what both kinds have in common: accuracies, bits, parameters without the classifier (as Table 5)."""
    known = transfer_datasets.SETS.get(dataset.id)
    metric = known.metric if known else transfer_datasets.TOP1
    top1, per_class = 100 * float(correct.mean()), linear_probe.mean_per_class(correct, labels)
    return {
        "accuracy": per_class if metric == transfer_datasets.PER_CLASS else top1,
        "metric": metric,
        "top1": top1,
        "mean_per_class": per_class,
        "correct": pack_bits(correct),
        "test_pictures": len(correct),
        "params": params(network),
    }


def params(network: str) -> int:
    """Return a network's parameters without its classifier, as Table 5 counts them."""
    arch = finetune.architecture(network, 1)
    return complexity.count(arch).params - (arch.head + 1)
