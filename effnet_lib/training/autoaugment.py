"""AutoAugment's ImageNet policy (section 5.2 of the EfficientNet paper; Cubuk et al. 2019) on whole batches.

Policy, magnitudes and operations are torchvision's. Two things differ from calling it image by image: the draws
come from a numpy generator, so they neither disturb torch's own nor depend on micro-batches or device, and images
that need the same operation share one call on their own device, which the host never waits for.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, InterpolationMode
from torchvision.transforms.autoaugment import _apply_op
from torchvision.transforms.functional import rgb_to_grayscale
from torchvision.transforms.v2.functional import equalize

BINS = 10  # levels of magnitude, as in the AutoAugment paper
MOVES = ("Rotate", "ShearX")  # the policy's operations that move pixels and leave their values alone
CPU_VALUES = 2**18  # a call on more leaves a processor's cache: at 224 px 20 images at once take twice their time


@dataclass(frozen=True)
class Draws:
    """Say what happens to each image of a batch, whatever its pixels."""

    policy: np.ndarray  # (n,) int64: which of the 25 sub-policies
    applied: np.ndarray  # (n, 2) bool: whether its first and its second operation happen
    negative: np.ndarray  # (n, 2) bool: whether a signed magnitude is negated; unsigned ones ignore it

    def __len__(self) -> int:
        return len(self.policy)

    def slice(self, start: int, stop: int) -> "Draws":
        """Return the draws of images start to stop (exclusive), for a micro-batch."""
        return Draws(self.policy[start:stop], self.applied[start:stop], self.negative[start:stop])


class Policy(NamedTuple):
    """List the distinct operations of the policy and where each is used."""

    chances: np.ndarray  # (25, 2) float64: probability of an operation, by sub-policy and slot
    codes: np.ndarray  # (25, 2, 2) int64: number of the operation, by sub-policy, slot and sign (1: negative)
    operations: tuple[tuple[str, float], ...]  # code -> torchvision's name and the signed magnitude


@cache
def imagenet() -> Policy:
    """Return the ImageNet policy as tables, read from torchvision."""
    source = AutoAugment(AutoAugmentPolicy.IMAGENET)
    space = source._augmentation_space(BINS, (1, 1))  # only translations depend on the size, and the policy has none

    def operation(name: str, level: int | None, negative: bool) -> tuple[str, float]:
        magnitudes, signed = space[name]
        magnitude = 0.0 if level is None else float(magnitudes[level])
        return name, -magnitude if signed and negative else magnitude

    slots = list(chain.from_iterable(source.policies))
    wanted = [operation(name, level, negative) for name, _, level in slots for negative in (False, True)]
    operations = tuple(dict.fromkeys(wanted))
    codes = np.array([operations.index(each) for each in wanted])
    chances = np.array([chance for _, chance, _ in slots])
    return Policy(chances.reshape(-1, 2), codes.reshape(-1, 2, 2), operations)


def draw(rng: np.random.Generator, batch: int) -> Draws:
    """Draw what happens to each of `batch` images, distributed as in torchvision's AutoAugment."""
    chances = imagenet().chances
    policy = rng.integers(len(chances), size=batch)
    applied = rng.random((batch, 2)) < chances[policy]
    return Draws(policy, applied, rng.random((batch, 2)) < 0.5)


def apply(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Apply the drawn operations to (n, 3, h, w) uint8 images; return others, contiguous, on the same device.

    Each image comes out as torchvision makes it alone, whatever else is in the batch.

    Raises:
        ValueError: images of another type, or not as many as the draws.
    """
    if images.dtype != torch.uint8 or len(images) != len(draws):
        raise ValueError(f"{len(draws)} draws cannot be applied to {len(images)} images of {images.dtype}")
    policy = imagenet()
    codes = policy.codes[draws.policy[:, None], [0, 1], draws.negative.astype(np.int64)]
    codes = np.where(draws.applied, codes, -1).T
    rows = _send(torch.from_numpy(codes.argsort(axis=1)), images.device)
    out = images.clone(memory_format=torch.contiguous_format)
    most = max(1, CPU_VALUES // math.prod(images.shape[1:])) if images.device.type == "cpu" else len(draws)
    for slot in (0, 1):
        # Grouped by operation, not by sub-policy: 17 of the 50 are Equalize.
        drawn, counts = np.unique(codes[slot], return_counts=True)
        for code, stop, count in zip(drawn, counts.cumsum(), counts, strict=True):
            if code >= 0:
                for index in rows[slot, stop - count : stop].split(most):
                    out.index_copy_(0, index, _operate(out.index_select(0, index), *policy.operations[code]))
    return out


def _send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    # From ordinary memory even a non-blocking copy waits for the device.
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def _operate(images: torch.Tensor, name: str, magnitude: float) -> torch.Tensor:
    """Apply one operation to every image: torchvision's own code, except where that waits for the device."""
    if name == "Equalize":  # the older one, of _apply_op, reads back every channel's histogram
        return equalize(images)
    if name == "Contrast":
        return _contrast(images, 1 + magnitude)
    if name in MOVES:
        source = _source(name, magnitude, *images.shape[2:], images.device)
        padded = torch.nn.functional.pad(images.flatten(2), (1, 0))
        return padded.gather(2, source.expand(*padded.shape[:2], -1)).view(images.shape)
    return _apply_op(images, name, magnitude, InterpolationMode.NEAREST, None)


def _contrast(images: torch.Tensor, factor: float) -> torch.Tensor:
    """Blend each image with its mean grey, as adjust_contrast does.

    The mean is of integers: above 256 px a sum in float32 rounds, in an order that may depend on the batch.
    """
    grey = rgb_to_grayscale(images)
    mean = grey.sum((1, 2, 3), keepdim=True, dtype=torch.int64) / grey[0].numel()
    return (factor * images + (1 - factor) * mean).clamp(0, 255).to(torch.uint8)


@lru_cache(maxsize=32)
def _source(name: str, magnitude: float, height: int, width: int, device: torch.device) -> torch.Tensor:
    """Return which pixel moves to each place, (height * width,) int64 counted from 1; 0 where none does (black).

    Read off torchvision by moving an image of pixel numbers, which float32 holds exactly up to 4096 × 4096.
    """
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, height, width)
    return _send(_apply_op(numbers, name, magnitude, InterpolationMode.NEAREST, None).flatten().long(), device)
