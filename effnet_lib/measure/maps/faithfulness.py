"""How much a network's own decision depends on what a map marks: ROAD, insertion and deletion.

All three read only the order of a map's pixels. They ask the network that was trained, whichever way the map was made.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

MEASURES = ("road", "insertion", "deletion")
WORDS = {"road": "ROAD", "insertion": "insertion", "deletion": "deletion"}
PERCENTILES = (80, 90)  # of ROAD: 20 and 10 % of the pixels at either end are removed; objects of a scene have 15 %
STEPS = 4  # of insertion and deletion
BLUR = 1 / 8  # standard deviation of what a removed pixel shows, in sides of the image


def ranks(maps: np.ndarray) -> np.ndarray:
    """Return each pixel's place in its map's order, above 0 and at most 1, (n, h, w) float32; no two are equal.

    The package's thresholds are percentiles: of a map with many equal values they would remove all of it or nothing.
    Equal pixels are ordered by an arbitrary but fixed draw, since any order of the scan would favour one border.
    """
    flat = maps.reshape(len(maps), -1)
    pixels = flat.shape[1]
    mixed = np.random.default_rng(0).permutation(pixels)
    order = mixed[np.argsort(flat[:, mixed], axis=1, kind="stable")]
    placed = np.empty(flat.shape, np.float32)
    np.put_along_axis(placed, order, np.arange(1, pixels + 1, dtype=np.float32)[None] / pixels, axis=1)
    return placed.reshape(maps.shape)


def road(
    model: "nn.Module",
    images: "torch.Tensor",
    maps: np.ndarray,
    classes: "torch.Tensor",
    percentiles: tuple[int, ...] = PERCENTILES,
) -> np.ndarray:
    """Return ROAD (Rong et al., ICML 2022) of each image, (n,), by the package grad-cam: higher is better.

    Half the difference in the class's probability between removing the least and the most relevant pixels, averaged
    over percentiles; a removed pixel is interpolated from its neighbours, with noise that is the same every time.

    Args:
        images: (n, 3, h, w), standardised.
        maps: (n, h, w).
        classes: (n,).
    """
    import torch
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    targets = [ClassifierOutputSoftmaxTarget(int(label)) for label in classes]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return np.asarray(ROADCombined(list(percentiles))(images, ranks(maps), targets, model), np.float64)


def insertion_deletion(
    model: "nn.Module", images: "torch.Tensor", maps: np.ndarray, classes: "torch.Tensor", steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Return insertion (higher is better) and deletion (lower is better) of each image, (n,) each.

    The mean probability of the class while the most relevant pixels are first put into a blurred image, or blurred
    out of the image, in `steps` equal steps (Petsiuk et al., RISE, 2018; trapezoids). Shapes as in `road`.
    """
    import torch
    from torchvision.transforms.functional import gaussian_blur

    image_size = images.shape[-1]
    blurred = gaussian_blur(images, 2 * (image_size // 4) + 1, BLUR * image_size)
    order = torch.from_numpy(ranks(maps)).to(images.device)[:, None]
    rows = torch.arange(len(images), device=images.device)

    def probability(shown: "torch.Tensor") -> "torch.Tensor":
        with torch.inference_mode():
            return model(shown).softmax(1)[rows, classes]

    ends = probability(blurred), probability(images)
    curves = {"insertion": [ends[0]], "deletion": [ends[1]]}
    for step in range(1, steps):
        chosen = order > 1 - step / steps
        curves["insertion"].append(probability(torch.where(chosen, images, blurred)))
        curves["deletion"].append(probability(torch.where(chosen, blurred, images)))
    curves["insertion"].append(ends[1])
    curves["deletion"].append(ends[0])
    areas = (torch.trapezoid(torch.stack(curve), dx=1 / steps, dim=0) for curve in curves.values())
    inserted, deleted = (area.double().cpu().numpy() for area in areas)
    return inserted, deleted


def faithful(
    model: "nn.Module", images: "torch.Tensor", maps: np.ndarray, classes: "torch.Tensor", batch: int = 50
) -> dict[str, np.ndarray]:
    """Return all three measures of each image, (n,) float64, `batch` images at a time. Shapes as in `road`."""
    measured: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    model.eval()
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        given = (model, images[part], maps[part], classes[part])
        for name, values in zip(MEASURES, (road(*given), *insertion_deletion(*given)), strict=True):
            measured[name].append(values)
    return {name: np.concatenate(parts) for name, parts in measured.items()}
