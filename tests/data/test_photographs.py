"""The real photographs, where they are: content as declared, and a network that learns from them."""

from dataclasses import replace

import numpy as np
import pytest

from effnet_lib.core import paths
from effnet_lib.data import datasets, image_folder
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.worker import STORED, execute
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training.recipes import SHORT

DATA = paths.ROOT / "data"


@pytest.fixture
def photos(monkeypatch) -> datasets.DataSet:
    """Imagenette as 224 px squares; the other fixtures hide the checkout's own data folder."""
    if not (DATA / "imagenette-224").is_dir():
        pytest.skip(f"no photographs under {DATA.name}/imagenette-224")
    monkeypatch.setenv("EFFNET_DATA", str(DATA))
    return datasets.declare("imagenette-224")


def test_photographs_are_the_declared_ones(photos):
    assert datasets.content_fingerprint(photos) == photos.fingerprint
    files, labels, classes = image_folder.list_images(photos.folder, "val")
    assert (len(files), len(classes)) == (photos.val_images, photos.classes)
    assert np.bincount(labels).min() > 300


@pytest.mark.slow
def test_a_small_network_learns_from_photographs(photos):
    spec = RunSpec(ProxyBaseline(0.25, 0.25, 32).arch(photos.classes), replace(SHORT, epochs=2), photos.id, seed=0)
    store = RunStore()
    assert execute(spec, photos, store) == STORED
    record = store.get(spec.key)
    assert record.result["val_pictures"] == photos.val_images
    assert record.top1 > 25  # chance is 10 %
    assert record.provenance["data_fingerprint"] == photos.fingerprint
