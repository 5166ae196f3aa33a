"""Maps on labelled photographs: credited, faithful image by image, resumed, the same order for all networks."""

import numpy as np
import pytest
from support import labelled

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError
from effnet_lib.data.labelled_images import declare
from effnet_lib.measure.maps import faithfulness, labelled_photographs, photographs
from effnet_lib.measure.maps.labelled_photographs import CreditedPhotograph, Faithfulness
from effnet_lib.models import pretrained
from effnet_lib.runs.journal import Journal
from effnet_lib.runs.measurement_store import Measurement, parse_measurement
from effnet_lib.runs.packing import unpack
from effnet_lib.runs.provenance import provenance

FILE = "n02124075/0.jpg"


@pytest.fixture
def network(monkeypatch):
    """A tiny network of timm's kind instead of published weights."""
    made = labelled.mapped()
    monkeypatch.setattr(pretrained, "load", lambda name: made)
    monkeypatch.setattr(photographs, "_network", lambda name: made)
    return made


@pytest.fixture
def folder(tmp_path):
    """Twelve images with a list of credits."""
    made = labelled.folder(tmp_path / "photographs")
    row = f"{FILE},https://creativecommons.org/licenses/by/2.0/,somebody,https://example.org/1"
    (made / "credits.csv").write_text(f"file,license,author,landing_url\n{row}\n")
    return made


def scores(result: dict, images: int) -> np.ndarray:
    packed = result["scores"]
    return np.array([unpack(packed[m], (images,), -1.0 if m == "road" else 0.0) for m in faithfulness.MEASURES])


def whole(task) -> Measurement:
    """The record of a task, read back as a file would be."""
    result = task.measure()
    made = provenance("cpu", 1, "") | result.pop("provenance")
    return parse_measurement(Measurement(task.kind, task.spec(), result, made).to_json())


def test_a_photograph_is_mapped_with_its_credit(network, folder):
    record = whole(CreditedPhotograph(declare(str(folder)), FILE, 282, ("lite0", "lite1")))
    assert record.result["credit"] == {
        "author": "somebody",
        "licence": "https://creativecommons.org/licenses/by/2.0/",
        "page": "https://example.org/1",
    }
    assert list(record.result["models"]) == ["lite0", "lite1"]
    assert {one["mapped"] for one in record.result["models"].values()} == {"tiger cat"}


def test_a_photograph_without_a_credit_is_not_shown(network, folder):
    with pytest.raises(DataError, match=r"names no author of 'n02124075/2\.jpg', and it is not shown without one"):
        CreditedPhotograph(declare(str(folder)), "n02124075/2.jpg", 282, ("lite0",)).measure()


def test_every_network_has_the_same_images_and_fewer_are_the_first_of_more(folder):
    dataset = declare(str(folder))
    more = Faithfulness("lite0", dataset, 10).order()
    assert len(set(more.tolist())) == 10
    assert Faithfulness("lite2", dataset, 4).order().tolist() == more[:4].tolist()


def test_an_interrupted_measurement_goes_on_and_more_images_begin_with_what_is_done(network, folder, monkeypatch):
    dataset, seen = declare(str(folder)), []
    real = Journal.add
    monkeypatch.setattr(Journal, "add", lambda self, row, values: (seen.append(row), real(self, row, values)))
    few = scores(whole(Faithfulness("lite0", dataset, 3)).result, 3)
    more = scores(whole(Faithfulness("lite0", dataset, 6)).result, 6)
    assert seen == Faithfulness("lite0", dataset, 6).order().tolist() and (more[:, :3] == few).all()
    assert np.isfinite(more).all() and (np.abs(more) <= 1).all()


def test_corrupt_images_and_empty_maps_have_no_score_and_are_counted(network, folder, monkeypatch, capsys):
    (folder / labelled.CORRUPT).write_bytes(b"no image")
    task = Faithfulness("lite0", declare(str(folder)), 12)
    corrupt = [str(path.relative_to(folder)) for path, _ in task.dataset.files()].index(labelled.CORRUPT)
    blank = task.order()[task.order() != corrupt][0]
    file = task.dataset.files()[blank][0]
    real = Faithfulness._scores
    empty = [None] * 3
    monkeypatch.setattr(Faithfulness, "_scores", lambda self, n, f, i: empty if f == file else real(self, n, f, i))
    record = whole(task)
    assert (record.result["skipped"], record.result["empty"]) == (
        1,
        1,
    ) and "skipped: imagenet" in capsys.readouterr().out
    assert np.isnan(scores(record.result, 12)).all(axis=0).sum() == 2


def test_maps_that_all_say_nothing_are_refused(network, folder, monkeypatch):
    monkeypatch.setattr(labelled_photographs, "says_something", lambda maps: [False])
    with pytest.raises(DataError, match="of none of its images does a map say something"):
        Faithfulness("lite0", declare(str(folder)), 2).measure()
    assert list((paths.cache_root() / "faithfulness").glob("*.jsonl"))
