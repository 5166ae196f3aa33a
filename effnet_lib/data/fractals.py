"""Fractal images to classify: one iterated function system a class, one jittered copy of it an image.

In the line of FractalDB (Kataoka et al., "Pre-training without Natural Images", ACCV 2020), with systems
drawn by their singular values as in Anderson & Farrell, "Improving Fractal Pre-training", WACV 2022.

Every random number comes from SeedSequence and the raw stream of PCG64, which NumPy promises to keep; pixels
use only +, -, *, / and floor on coefficients rounded to 2^-16: the same bytes from any processor and NumPy.
"""

from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral

import numpy as np

from ..core.errors import ParameterError
from .function_systems import MAX_MAPS, chaos_game, jittered, sample_system, uniform

BATCH = 8  # images a chaos game: 8 x 1024 float32 = 32 KiB an array, inside the L2 cache
HALF_TONE = 0.6  # density of points (1 = spread evenly over the frame) that is drawn half opaque
GRIDS = (3, 9)  # nodes a side of the two octaves of background noise
GROUND = (np.float32(40), np.float32(15))  # grey levels of each octave: 0 to 55 together
FIGURE = (190, 255)  # grey levels of the ends of the colour ramp
MAX_TURN = 0.1  # radians either way
SIZE = (0.82, 0.96)  # longer side of the bounding box, in frames
PROBES, PROBE_STEPS, PROBE_PX = 5, 8, 32
MIN_ASPECT, FILL = 0.4, (0.1, 0.7)  # of a probe's bounding box; share of its pixels that are half opaque
SPLITS = {"train": 0, "val": 1}
DRAWS = 6 * MAX_MAPS + 11  # random numbers of a figure: shape, pose, colours


@dataclass(frozen=True)
class FractalSpec:
    """Name a fractal data set completely.

    Args:
        jitter: largest change of an image's parameters from its class (both angles in radians, translation in its
            units; |a| and |b| by half of it, relative).
        version: 1 is the only one.
        clutter: how many further classes stand beside the one that an image shows (then it is a scene, see
            `fractal_scenes`); 0: a figure fills each image.

    Raises:
        ParameterError: a number is out of range.
    """

    classes: int
    train_per_class: int
    val_per_class: int
    jitter: float = 0.12
    seed: int = 0
    version: int = 1
    clutter: int = 0

    def __post_init__(self) -> None:
        for name, least in (("classes", 2), ("train_per_class", 1), ("val_per_class", 1), ("seed", 0), ("clutter", 0)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ParameterError(name, value, f"a whole number from {least}")
        if not 0 <= self.jitter <= 1:
            raise ParameterError("jitter", self.jitter, "0 to 1")
        if self.version != 1:
            raise ParameterError("version", self.version, "1")


def stream(spec: FractalSpec, *key: int) -> np.random.PCG64:
    """Open the random stream of a class, key (0, label), or of an image, key (1, split, label, instance)."""
    return np.random.PCG64(np.random.SeedSequence((spec.version, spec.seed, *key)))


def fit(points: np.ndarray, size: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Move each point set into the unit square in place, aspect ratio kept; return it.

    Args:
        points: (2, n, m) float32.
        size: (n,) longer side of the bounding box, in (0, 1), so that nothing is clipped.
        place: (2, n) in [0, 1], where the box lies in the room that it leaves.
    """
    low = points.min(axis=2)
    extent = points.max(axis=2) - low
    scale = (size / np.maximum(extent.max(axis=0), 1e-6)).astype(np.float32)
    points -= low[..., None]
    points *= scale[:, None]
    points += (place * (1 - scale * extent)).astype(np.float32)[..., None]
    return points


def render(points: np.ndarray, image_size: int) -> np.ndarray:
    """Draw point sets of the unit square, (2, n, m) float32, as coverage.

    Returns:
        (n, size, size) float32 in [0, 1): d / (d + HALF_TONE), d being the density of points relative to an even
        spread over the frame, so that brightness depends on neither size nor m.
    """
    m = points.shape[2]
    out = np.empty((points.shape[1], image_size * image_size), np.float32)
    for row, x, y in zip(out, *points, strict=True):
        flat = np.floor(y * np.float32(image_size))
        flat *= np.float32(image_size)  # whole numbers below size^2, exact in float32 up to 4096^2 = 2^24
        flat += np.floor(x * np.float32(image_size))
        row[:] = np.bincount(flat.astype(np.intp), minlength=image_size * image_size)
    out /= out + np.float32(HALF_TONE * m / image_size**2)
    return out.reshape(-1, image_size, image_size)


def value_noise(nodes: np.ndarray, image_size: int) -> np.ndarray:
    """Interpolate node values (n, g, g, 3) bilinearly to (n, size, size, 3)."""
    at = (np.arange(image_size, dtype=np.float32) + np.float32(0.5)) * np.float32((nodes.shape[1] - 1) / image_size)
    cell = at.astype(np.intp)
    t = (at - cell.astype(np.float32))[:, None]
    rows = nodes[:, cell] + (nodes[:, cell + 1] - nodes[:, cell]) * t[..., None]
    return rows[:, :, cell] + (rows[:, :, cell + 1] - rows[:, :, cell]) * t


def _make_images(systems: np.ndarray, bits: list[np.random.PCG64]) -> bool:
    """Say that no attractor is collapsed, thin or without structure."""
    points = chaos_game(systems, bits, PROBE_STEPS)
    short, long = np.sort(np.ptp(points, axis=2), axis=0)
    cover = render(fit(points, np.full(PROBES, 0.99), np.full((2, PROBES), 0.5)), PROBE_PX)
    fill = (cover > 0.5).mean(axis=(1, 2))
    return bool(((short >= MIN_ASPECT * long) & (FILL[0] <= fill) & (fill <= FILL[1])).all())


def _class_system(spec: FractalSpec, label: int) -> np.ndarray:
    """Draw systems from the class's own stream until PROBES jittered copies of one all make images."""
    bits = stream(spec, 0, label)
    while True:
        system = sample_system(bits)
        copies = jittered(system[None], uniform(bits, PROBES, 6, MAX_MAPS), spec.jitter)
        if _make_images(copies, [bits] * PROBES):
            return system


@lru_cache(maxsize=4)
def class_systems(spec: FractalSpec) -> np.ndarray:
    """Draw the system of each class: complex128 (classes, 3, MAX_MAPS), class k whatever the other counts."""
    systems = np.stack([_class_system(spec, k) for k in range(spec.classes)])
    systems.flags.writeable = False  # everybody who asks gets this one array
    return systems


def figures(
    systems: np.ndarray, u: np.ndarray, bits: list[np.random.PCG64], jitter: float, image_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one jittered and posed figure a system.

    Args:
        systems: (n, 3, MAX_MAPS).
        u: (n, DRAWS), uniform in [0, 1).
        bits: n streams, for the walks.

    Returns:
        Coverage (n, size, size, 1) and the ends of each figure's colour ramp (n, 2, 3), float32.
    """
    n = len(systems)
    shape, pose, colour = np.split(u, (24, 29), axis=1)
    systems = jittered(systems, shape.reshape(n, 6, MAX_MAPS), jitter)
    turn = np.exp(1j * MAX_TURN * (2 * pose[:, :1] - 1))
    # Conjugating each map by the turn r, z -> r f(z / r), turns the attractor: a stays, b -> r^2 b, c -> r c.
    systems *= np.stack((np.ones_like(turn), turn**2, turn), axis=1)
    size = SIZE[0] + (SIZE[1] - SIZE[0]) * pose[:, 1]
    cover = render(fit(chaos_game(systems, bits), size, pose[:, 2:4].T), image_size)[..., None]
    flip = pose[:, 4] < 0.5
    cover[flip] = cover[flip, :, ::-1]
    return cover, (FIGURE[0] + (FIGURE[1] - FIGURE[0]) * colour).astype(np.float32).reshape(n, 2, 3)


def painted(ground: np.ndarray, cover: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Paint figures over a ground (..., size, size, 3); thin and dense parts get the ramp's ends, both brighter."""
    thin, dense = ramp[..., None, None, 0, :], ramp[..., None, None, 1, :]
    return ground + cover * (thin + (dense - thin) * cover - ground)


def draw(systems: np.ndarray, bits: list[np.random.PCG64], jitter: float, image_size: int) -> np.ndarray:
    """Draw one jittered, posed and coloured image a system, (n, size, size, 3) uint8."""
    u = np.stack([uniform(b, DRAWS) for b in bits])
    nodes = [np.stack([uniform(b, g, g, 3) for b in bits]).astype(np.float32) for g in GRIDS]
    cover, ramp = figures(systems, u, bits, jitter, image_size)
    image = GROUND[0] * value_noise(nodes[0], image_size) + GROUND[1] * value_noise(nodes[1], image_size)
    return painted(image, cover, ramp).astype(np.uint8)


def generate(
    spec: FractalSpec, split: str, image_size: int, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Render one split, class by class.

    Args:
        split: train or val.
        image_size: side in pixels, 32 to 2048.
        rows: (n,) which images of the split; None: all.

    Returns:
        Images (n, size, size, 3) uint8 and labels (n,) int64.

    Raises:
        ParameterError: another split or size.
    """
    if split not in SPLITS:
        raise ParameterError("split", split, ", ".join(SPLITS))
    if not isinstance(image_size, Integral) or not 32 <= image_size <= 2048:
        raise ParameterError("image_size", image_size, "a whole number from 32 to 2048")
    per_class = spec.train_per_class if split == "train" else spec.val_per_class
    rows = np.arange(spec.classes * per_class) if rows is None else rows
    labels = rows // per_class
    images = np.empty((len(rows), image_size, image_size, 3), np.uint8)
    systems = class_systems(spec)
    for start in range(0, len(rows), BATCH):
        batch = slice(start, min(start + BATCH, len(rows)))
        bits = [stream(spec, 1, SPLITS[split], *divmod(int(row), per_class)) for row in rows[batch]]
        images[batch] = draw(systems[labels[batch]], bits, spec.jitter, image_size)
    return images, labels
