"""Training crops by the kernel, standardised in the same pass."""

import torch

from .. import augment
from .choice import Choice
from .functions import crop


class Cropping:
    """A callable in the place of `augment.sample`: its crops are standardised and channels_last."""

    def __init__(self, choice: Choice):
        self.choice = choice
        self.shift, self.scale = (values.flatten().contiguous() for values in augment.standard(torch.device("cpu")))

    def __call__(self, pixels: torch.Tensor, matrices: torch.Tensor, size: int) -> torch.Tensor:
        """Return crops (n, 3, size, size) of (n, h, w, 3) uint8 images."""
        pixels, matrices = pixels.contiguous(), matrices.contiguous()
        ways = (
            lambda: crop(pixels, matrices, size, self.shift, self.scale),
            lambda: augment.standardise(_channels_last(augment.sample(pixels, matrices, size))),
        )
        return ways[0 if self.choice.kernel(("crop", *pixels.shape[:3], size), *ways) else 1]()


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    return images.contiguous(memory_format=torch.channels_last)
