"""Fractal images to classify: one iterated function system a class, one jittered copy of it an image.

In the line of FractalDB (Kataoka et al., "Pre-training without Natural Images", ACCV 2020), with systems
drawn by their singular values as in Anderson & Farrell, "Improving Fractal Pre-training", WACV 2022.

An affine map of the plane is written with complex numbers, z -> a z + b conj(z) + c. Its singular values are
|a| + |b| and ||a| - |b||, its determinant is |a|^2 - |b|^2, so "contractive" reads |a| + |b| < 1. The angles
of the SVD are the arguments of a and b; a mirrored map has |b| > |a|. `systems` is complex128 of shape
(n, 3, MAX_MAPS): a, b, c of each map of n systems; an absent map is all zeros.

Every random number comes from SeedSequence and the raw stream of PCG64, which NumPy promises to keep; pixels
use only +, -, *, / and floor on coefficients rounded to 2^-16: the same bytes from any processor and NumPy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral

import numpy as np

from ..core.errors import ParameterError

MAX_MAPS = 4
MAX_SINGULAR = 0.95  # strictly contractive
CHAINS, STEPS, BURN_IN = 1024, 56, 16  # 57,344 points whatever the px: 3.5 a pixel of the frame at 128 px
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

    classes, train_per_class, val_per_class: counts. jitter: largest change of an image's parameters from its
    class (both angles in radians, translation in its units; |a| and |b| by half of it, relative). clutter: how
    many further classes stand beside the one that a picture shows (then it is a scene, see `composed`; 0: a figure
    fills each picture). version: 1 is the only one. Raises ParameterError.
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


def uniform(bits: np.random.PCG64, *shape: int) -> np.ndarray:
    """Draw float64 in [0, 1)."""
    return ((bits.random_raw(int(np.prod(shape))) >> np.uint64(11)) * 2.0**-53).reshape(shape)


def _exact(values: np.ndarray) -> np.ndarray:
    """Round to float32 multiples of 2^-16, so that no last digit of exp or cos reaches a pixel."""
    return (np.rint(values * 65536) / 65536).astype(np.float32)


def singular_values(systems: np.ndarray) -> np.ndarray:
    """Return (n, MAX_MAPS, 2), the larger first."""
    a, b = np.abs(systems[:, 0]), np.abs(systems[:, 1])
    return np.stack((a + b, np.abs(a - b)), axis=-1)


def weights(systems: np.ndarray) -> np.ndarray:
    """Return each map's probability (n, MAX_MAPS), proportional to |det| so that points cover evenly."""
    singular = singular_values(systems)
    # A nearly flat map would never be drawn and its branch would be missing: at least 0.02 before scaling.
    weight = np.where(singular[..., 0] > 0, np.maximum(singular.prod(axis=-1), 0.02), 0.0)
    return weight / weight.sum(axis=1, keepdims=True)


def _sample_system(bits: np.random.PCG64) -> np.ndarray:
    """Draw one system of 2 to 4 maps whose sigma-factor sum(s1 + 2 s2) is in the range of good geometry.

    The range for N maps is (5 + N) / 2 to (6 + N) / 2. Singular values are uniform on s2 <= s1 < MAX_SINGULAR
    given the range, by rejection. Returns (3, MAX_MAPS). Source: Anderson & Farrell, "Sampling systems".
    """
    n = 2 + int(3 * uniform(bits, 1)[0])
    while True:
        small, large = np.sort(uniform(bits, n, 2) * MAX_SINGULAR).T
        if (5 + n) / 2 <= (large + 2 * small).sum() <= (6 + n) / 2:
            break
    u = uniform(bits, 5, n)
    mirrored = u[0] < 0.5
    system = np.zeros((3, MAX_MAPS), np.complex128)
    system[0, :n] = np.where(mirrored, large - small, large + small) / 2 * np.exp(2j * np.pi * u[1])
    system[1, :n] = np.where(mirrored, large + small, large - small) / 2 * np.exp(2j * np.pi * u[2])
    system[2, :n] = (2 * u[3] - 1) + 1j * (2 * u[4] - 1)
    return system


def jittered(systems: np.ndarray, u: np.ndarray, jitter: float) -> np.ndarray:
    """Return perturbed copies that stay contractive; u is uniform in [0, 1), of shape (n, 6, MAX_MAPS)."""
    d = jitter * (2 * u - 1)
    a = systems[:, 0] * np.exp(1j * d[:, 0]) * (1 + d[:, 1] / 2)
    b = systems[:, 1] * np.exp(1j * d[:, 2]) * (1 + d[:, 3] / 2)
    shrink = np.maximum(1, (np.abs(a) + np.abs(b)) / MAX_SINGULAR)
    return np.stack((a / shrink, b / shrink, systems[:, 2] + d[:, 4] + 1j * d[:, 5]), axis=1)


def chaos_game(systems: np.ndarray, bits: list[np.random.PCG64], steps: int = STEPS) -> np.ndarray:
    """Sample points of each attractor: CHAINS independent walks of `steps` recorded steps.

    Returns float32 (2, n, CHAINS * steps): x and y, in the system's own units.
    """
    n = len(systems)
    # One random byte picks a map: a table of 256 entries resolves probabilities to 1/256.
    edges = np.rint(256 * np.cumsum(weights(systems), axis=1))
    choice = (np.arange(256)[None, :, None] >= edges[:, None, :]).sum(axis=2)
    a, b, c = np.take_along_axis(systems, choice[:, None], axis=2).swapaxes(0, 1)
    to_x = [_exact(m).ravel() for m in ((a + b).real, (b - a).imag, c.real)]
    to_y = [_exact(m).ravel() for m in ((a + b).imag, (a - b).real, c.imag)]

    # Walks start at the first map's fixed point, which is in the attractor, so no point ever lies off it.
    a, b, c = systems[:, :, :1].swapaxes(0, 1)
    fixed = (c * (1 - a.conj()) + b * c.conj()) / (np.abs(1 - a) ** 2 - np.abs(b) ** 2)
    x, y = (np.repeat(_exact(m), CHAINS, axis=1) for m in (fixed.real, fixed.imag))

    total = BURN_IN + steps
    raw = np.stack([b.random_raw(total * CHAINS // 8) for b in bits]).astype("<u8", copy=False)
    letters = raw.view(np.uint8).reshape(n, total, CHAINS)
    offset = 256 * np.arange(n)[:, None]
    points = np.empty((2, n, steps, CHAINS), np.float32)
    index = np.empty((n, CHAINS), np.intp)
    term, next_x, next_y = np.empty((3, n, CHAINS), np.float32)
    for step in range(total):
        np.add(letters[:, step], offset, out=index)
        for (p, q, r), out in ((to_x, next_x), (to_y, next_y)):  # out = p[index] x + q[index] y + r[index]
            np.multiply(p.take(index, out=term, mode="clip"), x, out=out)
            np.multiply(q.take(index, out=term, mode="clip"), y, out=term)
            out += term
            out += r.take(index, out=term, mode="clip")
        x, next_x, y, next_y = next_x, x, next_y, y
        if step >= BURN_IN:
            points[0, :, step - BURN_IN], points[1, :, step - BURN_IN] = x, y
    return points.reshape(2, n, -1)


def fit(points: np.ndarray, size: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Move each point set into the unit square in place, aspect ratio kept; return it.

    size: (n,) longer side of the bounding box, in (0, 1), so that nothing is clipped. place: (2, n) in
    [0, 1], where the box lies in the room that it leaves.
    """
    low = points.min(axis=2)
    extent = points.max(axis=2) - low
    scale = (size / np.maximum(extent.max(axis=0), 1e-6)).astype(np.float32)
    points -= low[..., None]
    points *= scale[:, None]
    points += (place * (1 - scale * extent)).astype(np.float32)[..., None]
    return points


def render(points: np.ndarray, px: int) -> np.ndarray:
    """Draw point sets of the unit square as coverage.

    points: float32 (2, n, m). Returns float32 (n, px, px) in [0, 1): d / (d + HALF_TONE), d being the density
    of points relative to an even spread over the frame, so that brightness depends on neither px nor m.
    """
    m = points.shape[2]
    out = np.empty((points.shape[1], px * px), np.float32)
    for row, x, y in zip(out, *points, strict=True):
        flat = np.floor(y * np.float32(px))
        flat *= np.float32(px)  # whole numbers below px^2, exact in float32 up to 4096^2 = 2^24
        flat += np.floor(x * np.float32(px))
        row[:] = np.bincount(flat.astype(np.intp), minlength=px * px)
    out /= out + np.float32(HALF_TONE * m / px**2)
    return out.reshape(-1, px, px)


def value_noise(nodes: np.ndarray, px: int) -> np.ndarray:
    """Interpolate node values (n, g, g, 3) bilinearly to (n, px, px, 3)."""
    at = (np.arange(px, dtype=np.float32) + np.float32(0.5)) * np.float32((nodes.shape[1] - 1) / px)
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
    """Draw systems from the class's own stream until PROBES jittered copies of one all make pictures."""
    bits = stream(spec, 0, label)
    while True:
        system = _sample_system(bits)
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
    systems: np.ndarray, u: np.ndarray, bits: list[np.random.PCG64], jitter: float, px: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one jittered and posed figure a system: coverage (n, px, px, 1), ends of its colour ramp (n, 2, 3), float32.

    u: uniform in [0, 1), of shape (n, DRAWS).
    """
    n = len(systems)
    shape, pose, colour = np.split(u, (24, 29), axis=1)
    systems = jittered(systems, shape.reshape(n, 6, MAX_MAPS), jitter)
    turn = np.exp(1j * MAX_TURN * (2 * pose[:, :1] - 1))
    # Conjugating each map by the turn r, z -> r f(z / r), turns the attractor: a stays, b -> r^2 b, c -> r c.
    systems *= np.stack((np.ones_like(turn), turn**2, turn), axis=1)
    size = SIZE[0] + (SIZE[1] - SIZE[0]) * pose[:, 1]
    cover = render(fit(chaos_game(systems, bits), size, pose[:, 2:4].T), px)[..., None]
    flip = pose[:, 4] < 0.5
    cover[flip] = cover[flip, :, ::-1]
    return cover, (FIGURE[0] + (FIGURE[1] - FIGURE[0]) * colour).astype(np.float32).reshape(n, 2, 3)


def painted(ground: np.ndarray, cover: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Paint figures over a ground (..., px, px, 3); thin and dense parts get the ends of the ramp, both brighter."""
    thin, dense = ramp[..., None, None, 0, :], ramp[..., None, None, 1, :]
    return ground + cover * (thin + (dense - thin) * cover - ground)


def draw(systems: np.ndarray, bits: list[np.random.PCG64], jitter: float, px: int) -> np.ndarray:
    """Draw one jittered, posed and coloured picture a system: uint8 (n, px, px, 3)."""
    u = np.stack([uniform(b, DRAWS) for b in bits])
    nodes = [np.stack([uniform(b, g, g, 3) for b in bits]).astype(np.float32) for g in GRIDS]
    cover, ramp = figures(systems, u, bits, jitter, px)
    image = GROUND[0] * value_noise(nodes[0], px) + GROUND[1] * value_noise(nodes[1], px)
    return painted(image, cover, ramp).astype(np.uint8)


def generate(
    spec: FractalSpec,
    split: str,
    px: int,
    progress: Callable[[int, int], None] | None = None,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Render one split: images uint8 (n, px, px, 3) and labels int64 (n,), class by class.

    split: "train" or "val". px: 32 to 2048. progress(done, total) is called after each batch. rows: only these of the
    split's pictures, (n,) whole numbers. Raises ParameterError.
    """
    if split not in SPLITS:
        raise ParameterError("split", split, ", ".join(SPLITS))
    if not isinstance(px, Integral) or not 32 <= px <= 2048:
        raise ParameterError("px", px, "a whole number from 32 to 2048")
    per_class = spec.train_per_class if split == "train" else spec.val_per_class
    rows = np.arange(spec.classes * per_class) if rows is None else rows
    labels = rows // per_class
    images = np.empty((len(rows), px, px, 3), np.uint8)
    systems = class_systems(spec)
    for start in range(0, len(rows), BATCH):
        batch = slice(start, min(start + BATCH, len(rows)))
        bits = [stream(spec, 1, SPLITS[split], *divmod(int(row), per_class)) for row in rows[batch]]
        images[batch] = draw(systems[labels[batch]], bits, spec.jitter, px)
        if progress is not None:
            progress(batch.stop, len(rows))
    return images, labels
