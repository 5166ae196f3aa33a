"""Random resized crop and flip of a whole batch, from uint8 images in memory.

Every draw derives from (seed, epoch, step) alone: all models of a comparison see the same crops of the same
images in the same order (common random numbers), and a resumed run needs no loader state.
"""

import math
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as everywhere in the field
ORDER, CROP, NOISE, POLICY = 0, 1, 2, 3  # kinds of random stream
ASPECT = 4 / 3  # widest crop, as in torchvision's RandomResizedCrop


def rng(seed: int, kind: int, epoch: int, step: int = 0) -> np.random.Generator:
    """Return the generator of one kind of draw at one step."""
    return np.random.default_rng([seed, kind, epoch, step])


def order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order in which an epoch visits its images, (count,) int64."""
    return rng(seed, ORDER, epoch).permutation(count)


def crop_matrices(draw: np.random.Generator, batch: int, min_area: float, flip: bool = True) -> torch.Tensor:
    """Draw affine matrices (batch, 2, 3), each for a random resized crop with a random flip.

    The area is uniform in [min_area, 1] of the image, the log aspect ratio uniform between 3:4 and 4:3; a side that
    would exceed the image is cut to it.
    """
    area, ratio, left, top, side = draw.random((5, batch))
    area = min_area + (1 - min_area) * area
    stretch = np.exp((ratio - 0.5) * math.log(ASPECT))
    width = np.minimum(1, np.sqrt(area) * stretch)
    height = np.minimum(1, np.sqrt(area) / stretch)
    mirror = np.where(side < 0.5, -1.0, 1.0) if flip else np.ones(batch)
    matrices = np.zeros((batch, 2, 3), np.float32)
    # In affine_grid's frame an image spans [-1, 1]: a crop of width w may centre anywhere in [-(1 - w), 1 - w].
    matrices[:, 0, 0], matrices[:, 0, 2] = width * mirror, (1 - width) * (2 * left - 1)
    matrices[:, 1, 1], matrices[:, 1, 2] = height, (1 - height) * (2 * top - 1)
    return torch.from_numpy(matrices)


def standardise(images: torch.Tensor) -> torch.Tensor:
    """Turn (n, 3, h, w) float32 of 0 to 255 into ImageNet-standardised values: (x / 255 - mean) / std in one pass."""
    shift, scale = standard(images.device)
    return torch.addcmul(shift, images, scale)


@cache
def standard(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return shift and scale (3, 1, 1) on a device, sent once: other copies wait for what is queued."""
    std = torch.tensor(STD).view(3, 1, 1)
    shift, scale = -torch.tensor(MEAN).view(3, 1, 1) / std, 1 / (255 * std)
    return shift.to(device), scale.to(device)


def sampling_grid(matrices: torch.Tensor, image_size: int) -> torch.Tensor:
    """Return where each output pixel is read, (n, size, size, 2) in [-1, 1], as affine_grid does.

    Crops have no rotation, so x depends on the column alone and y on the row alone: two outer sums instead of a
    matrix product a pixel, half the time.
    """
    # Pixel centres, as with align_corners=False.
    steps = (2 * torch.arange(image_size, device=matrices.device) + 1) / image_size - 1
    grid = matrices.new_empty((len(matrices), image_size, image_size, 2))
    grid[..., 0] = (steps * matrices[:, 0, :1] + matrices[:, 0, 2:]).unsqueeze(1)
    grid[..., 1] = (steps * matrices[:, 1, 1:2] + matrices[:, 1, 2:]).unsqueeze(2)
    return grid


def sample(pixels: torch.Tensor, matrices: torch.Tensor, image_size: int) -> torch.Tensor:
    """Sample crops (n, 3, size, size) float32 of values 0 to 255 from (n, h, w, 3) uint8, bilinear.

    Images are held at up to 1.7 times the input size, so a crop of 35 % of the area (0.59 of the side) is never
    enlarged and a whole image is reduced by at most 1.7. Standardised afterwards: a third of the pixels.
    """
    grid = sampling_grid(matrices, image_size)
    images = pixels.permute(0, 3, 1, 2).float()
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
