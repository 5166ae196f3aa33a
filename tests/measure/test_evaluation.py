"""Evaluations: resumed without losing an image, corrupt images named, the fastest runtime of those that agree."""

import numpy as np
import pytest
import torch
from support import labelled

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, RunFailed
from effnet_lib.data.labelled_images import declare
from effnet_lib.measure.evaluation import engine, task
from effnet_lib.measure.evaluation.task import Evaluation
from effnet_lib.models import pretrained
from effnet_lib.report.tables import evaluation as tables
from effnet_lib.runs.journal import Journal
from effnet_lib.runs.measurement_store import Measurement


@pytest.fixture
def network(monkeypatch):
    """A tiny network instead of published weights."""
    made = labelled.tiny()
    monkeypatch.setattr(pretrained, "load", lambda name: made)
    return made


@pytest.fixture
def evaluation(network, tmp_path):
    """Its evaluation on twelve images."""
    return Evaluation("lite0", declare(str(labelled.folder(tmp_path / "photographs"))))


def kept(result: dict) -> dict:
    return {name: result[name] for name in ("images", "top1", "top5", "labels", "predicted", "among_five", "skipped")}


def test_accuracies_are_those_of_the_network(evaluation, network):
    result = evaluation.measure()
    right = five = 0
    for path, synset in evaluation.dataset.files():
        image = task.image_reader.read(path)
        with torch.inference_mode():
            best = network.model(network.transform(image, 32)[None]).topk(5).indices[0].tolist()
        label = network.synsets.index(synset)
        right, five = right + (best[0] == label), five + (label in best)
    assert (result["top1"], result["top5"]) == (pytest.approx(100 * right / 12), pytest.approx(100 * five / 12))
    assert (result["images"], result["listed"], result["images_timed"]) == (12, 12, 12)


def test_an_interrupted_evaluation_goes_on_with_the_next_image(evaluation, monkeypatch):
    whole = kept(evaluation.measure())
    for path in (paths.cache_root() / "evaluations").glob("*.jsonl"):
        path.unlink()
    seen, real = [], Journal.add

    def stops(self, row, best):
        if len(seen) == 7:
            raise KeyboardInterrupt
        seen.append(row)
        real(self, row, best)

    monkeypatch.setattr(Journal, "add", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluation.measure()
    monkeypatch.setattr(Journal, "add", lambda self, row, best: (seen.append(row), real(self, row, best)))
    again = evaluation.measure()
    assert seen == list(range(12)) and kept(again) == whole and again["images_timed"] == 5  # none lost, none twice


def test_a_corrupt_image_is_named_skipped_and_counted(network, tmp_path, capsys):
    folder = labelled.folder(tmp_path / "photographs")
    (folder / labelled.CORRUPT).write_bytes((folder / labelled.CORRUPT).read_bytes()[:300])
    corrupt = Evaluation("lite0", declare(str(folder)))
    result = corrupt.measure()
    assert (result["images"], result["listed"], result["skipped"]) == (11, 12, [labelled.CORRUPT])
    assert capsys.readouterr().out.count(f"skipped: imagenet: '{folder / labelled.CORRUPT}' is not an image") == 1
    where = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor"}
    (row,) = tables.measured({corrupt: Measurement("evaluation", corrupt.spec(), result, where)}).to_dict("records")
    assert (row["images"], row["skipped"]) == (11, 1) and row["top1_low"] <= row["top1_here"] <= row["top1_high"]


def test_a_folder_without_one_readable_image_is_refused(network, tmp_path):
    folder = labelled.folder(tmp_path / "photographs", each=1)
    for path in folder.glob("*/*.jpg"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="none of its images can be read"):
        Evaluation("lite0", declare(str(folder))).measure()


def test_a_class_that_the_weights_do_not_know_is_named(network, tmp_path):
    folder = labelled.folder(tmp_path / "photographs")
    (folder / "n02124075").rename(folder / "n00000001")
    with pytest.raises(DataError, match="the label 'n00000001' is none of the 1000 WordNet ids"):
        Evaluation("lite0", declare(str(folder))).measure()


def inputs(network, count: int = 3) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    return [network.standardise(torch.from_numpy(rng.integers(0, 255, (1, 32, 32, 3), np.uint8))) for _ in range(count)]


def test_the_fastest_of_the_runtimes_that_agree_serves(network, monkeypatch):
    plain, sample = engine.eager(network.model), inputs(network)

    def candidates(model, x, images):
        yield "another network", lambda x: plain(x) + 0.01
        yield "rounded", lambda x: plain(x) * (1 + 1e-6)

    clock = iter(range(1000))
    monkeypatch.setattr(engine, "_candidates", candidates)
    monkeypatch.setattr(engine.time, "process_time", lambda: next(clock))
    chosen = engine.fastest(network.model, sample, 1000)
    assert chosen.words in ("PyTorch, NCHW", "rounded") and chosen.error <= engine.AGREEMENT


@pytest.mark.parametrize("images", [1, 1000])
def test_every_runtime_that_is_here_agrees(network, images):
    sample = inputs(network)
    ready = dict(engine._candidates(network.model, sample[0], images))
    expected = [engine.eager(network.model)(x) for x in sample]
    assert len(ready) >= 1 and ("OpenVINO fp32" in ready) <= (images > 1)
    assert all(engine._error(logits, sample, expected) < engine.AGREEMENT for logits in ready.values())


def test_batches_on_a_device_are_the_same_images(evaluation):
    one = kept(evaluation.measure())
    for path in (paths.cache_root() / "evaluations").glob("*.jsonl"):
        path.unlink()
    many = Evaluation("lite0", evaluation.dataset, device="cpu:0")
    assert many == evaluation and kept(many.measure()) == one


def test_logits_that_are_no_numbers_end_it(evaluation, network):
    with torch.no_grad():
        network.model[-1].bias.fill_(torch.nan)
    with pytest.raises(RunFailed, match="not finite on the first images"):
        evaluation.measure()
