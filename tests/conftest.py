"""What all tests share: temporary roots, a tiny folder of pictures, a network that trains in a second."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.models.archs.efficientnet import EfficientNet, Stage
from effnet_lib.models.complexity import count
from effnet_lib.runs.packing import pack_bits
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunRecord, RunStore, parse_record
from effnet_lib.training.recipes import Recipe

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch is imported later, by the tests that need it
# A busy machine is no fault: no test depends on how long an example takes, or is taken to be drawn.
# The same examples each time: what fails was changed. `make fuzz` is for new ones.
settings.register_profile("effnet", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("effnet")

COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 60), "red": (200, 50, 40)}
PER_CLASS = {"train": 12, "val": 6}


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move every root into the test's own folder: no test touches a user's data, results or figures."""
    for name in ("DATA", "RESULTS", "FIGURES", "PUBLISHED"):
        monkeypatch.setenv(f"EFFNET_{name}", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ImageFolder of 3 classes, 12 + 6 JPEGs of 48 x 40 px each, a noisy colour a class; only to read."""
    root = tmp_path_factory.mktemp("pictures") / "tiny"
    noise = np.random.default_rng(0)
    for part, per_class in PER_CLASS.items():
        for name, colour in COLOURS.items():
            (root / part / name).mkdir(parents=True)
            for index in range(per_class):
                pixels = np.clip(colour + noise.normal(0, 40, (40, 48, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{index:02}.jpg")
    return root


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """A copy of the tiny ImageFolder that a test may change."""
    return Path(shutil.copytree(images, tmp_path / "tiny"))


@pytest.fixture
def tiny_data(images: Path) -> DataSet:
    """The tiny ImageFolder, declared."""
    return declare(str(images))


@pytest.fixture(scope="session")
def tiny_arch() -> EfficientNet:
    """The smallest network with every kind of block: first and later in a stage, with a skip and without."""
    stages = (Stage(1, 3, 1, 8, 1), Stage(6, 3, 2, 8, 2), Stage(6, 5, 2, 16, 2))
    return EfficientNet(px=32, classes=3, stem=8, stages=stages, head=16)


@pytest.fixture
def tiny_spec(tiny_arch: EfficientNet, tiny_data: DataSet) -> RunSpec:
    """A run of 3 epochs of 2 steps."""
    return RunSpec(tiny_arch, Recipe(epochs=3, lr=0.1, batch=16), tiny_data.id, seed=0)


@pytest.fixture
def store() -> RunStore:
    """An empty store that has a published layer."""
    return RunStore()


@pytest.fixture(scope="session")
def trained_as() -> Callable[[RunRecord], Any]:
    """A maker of what training returns, from the record that shall come of it."""
    from effnet_lib.training.trainer import Trained

    return lambda record: Trained(record.correct, {n: v for n, v in record.result.items() if n != "correct"}, {})


@pytest.fixture(scope="session")
def record_of() -> Callable[..., RunRecord]:
    """A maker of records without training: `record_of(spec, bits)`, other results as keywords."""

    def make(spec: RunSpec, correct=(True, True, False), **result) -> RunRecord:
        bits = np.asarray(correct, bool)
        made = {
            "top1": 100 * float(bits.mean()),
            "loss": 1.0,
            "train_loss": 1.0,
            "top1_larger_test": 50.0,
            "source_px": 54,
            "correct": pack_bits(bits),
            "val_pictures": len(bits),
            "history": [1.0] * spec.recipe.epochs,
            "train_pictures": 36,
            "train_seconds": 1.0,
            **count(spec.arch)._asdict(),
        }
        provenance = {
            "date": "2020-01-01T00:00:00+00:00",
            "device": "a processor",
            "host": "0" * 12,
            "versions": {"torch": "0"},
            "data_fingerprint": "0" * 64,
        }
        return parse_record(RunRecord(spec.key, spec.payload(), made | result, provenance).to_json())

    return make
