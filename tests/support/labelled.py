"""A folder of labelled images and a tiny network with the classes of ImageNet, for evaluations without weights."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"n02123045": (200, 60, 40), "n02124075": (40, 190, 60), "n07930864": (40, 60, 200)}  # cats, a cup
CORRUPT = "n02124075/1.jpg"


def folder(root: Path, each: int = 4) -> Path:
    """Write a few small JPEGs of one colour and some noise for each class."""
    rng = np.random.default_rng(0)
    for name, colour in CLASSES.items():
        (root / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.clip(colour + rng.normal(0, 30, (40, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.jpg")
    return root


def tiny(name: str = "lite0"):
    """Return a network as `pretrained.load` does: one random convolution, 32 px, 1,000 classes."""
    import torch
    from torch import nn

    from effnet_lib.models.pretrained import Pretrained, class_names

    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 5, 4, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers[1].act = nn.Identity()  # timm's norms hold their activation
    model = nn.Sequential(*layers, nn.Linear(8, 1000)).eval()
    return Pretrained(name, model, 32, (0.5,) * 3, (0.5,) * 3, "0" * 64, *class_names())


def mapped(name: str = "lite0"):
    """Return a network as `pretrained.load` does that has class activation maps: Lite0 without most of its layers."""
    import torch
    from timm.models.efficientnet import EfficientNet
    from torch import nn

    from effnet_lib.models.archs.efficientnet_lite import Lite
    from effnet_lib.models.archs.timm_blocks import Stage
    from effnet_lib.models.pretrained import Pretrained, class_names

    torch.manual_seed(0)
    model: nn.Module = Lite(32, 1000, 8, (Stage(1, 3, 1, 8, 1), Stage(6, 3, 2, 16, 1)), 32).build().eval()
    assert isinstance(model, EfficientNet)
    return Pretrained(name, model, 32, (0.5,) * 3, (0.5,) * 3, "0" * 64, *class_names())
