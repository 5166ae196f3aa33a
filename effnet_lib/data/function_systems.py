"""Iterated function systems: draw them, change them a little, and walk their attractors.

An affine map of the plane is written with complex numbers, z -> a z + b conj(z) + c. Its singular values are
|a| + |b| and ||a| - |b||, its determinant is |a|^2 - |b|^2, so "contractive" reads |a| + |b| < 1. The angles
of the SVD are the arguments of a and b; a mirrored map has |b| > |a|. `systems` is complex128 of shape
(n, 3, MAX_MAPS): a, b, c of each map of n systems; an absent map is all zeros.

Coefficients are rounded to 2^-16 before a walk, so that no last digit of exp or cos reaches a pixel.
"""

import numpy as np

MAX_MAPS = 4
MAX_SINGULAR = 0.95  # strictly contractive
CHAINS, STEPS, BURN_IN = 1024, 56, 16  # 57,344 points whatever the image size: 3.5 a pixel of the frame at 128 px


def uniform(bits: np.random.PCG64, *shape: int) -> np.ndarray:
    """Draw float64 in [0, 1)."""
    return ((bits.random_raw(int(np.prod(shape))) >> np.uint64(11)) * 2.0**-53).reshape(shape)


def _exact(values: np.ndarray) -> np.ndarray:
    """Round to float32 multiples of 2^-16, so that no last digit of exp or cos reaches a pixel."""
    return (np.rint(values * 65536) / 65536).astype(np.float32)


def singular_values(systems: np.ndarray) -> np.ndarray:
    """Return the singular values of each map, (n, MAX_MAPS, 2), the larger first."""
    a, b = np.abs(systems[:, 0]), np.abs(systems[:, 1])
    return np.stack((a + b, np.abs(a - b)), axis=-1)


def weights(systems: np.ndarray) -> np.ndarray:
    """Return each map's probability (n, MAX_MAPS), proportional to |det| so that points cover evenly."""
    singular = singular_values(systems)
    # A nearly flat map would never be drawn and its branch would be missing: at least 0.02 before scaling.
    weight = np.where(singular[..., 0] > 0, np.maximum(singular.prod(axis=-1), 0.02), 0.0)
    return weight / weight.sum(axis=1, keepdims=True)


def sample_system(bits: np.random.PCG64) -> np.ndarray:
    """Draw a system of 2 to 4 maps, (3, MAX_MAPS), whose sigma-factor sum(s1 + 2 s2) gives good geometry.

    The range for N maps is (5 + N) / 2 to (6 + N) / 2 (Anderson & Farrell, "Sampling systems"). Singular values are
    uniform on s2 <= s1 < MAX_SINGULAR given the range, by rejection.
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
    """Return perturbed copies that stay contractive; `u` (n, 6, MAX_MAPS) is uniform in [0, 1)."""
    d = jitter * (2 * u - 1)
    a = systems[:, 0] * np.exp(1j * d[:, 0]) * (1 + d[:, 1] / 2)
    b = systems[:, 1] * np.exp(1j * d[:, 2]) * (1 + d[:, 3] / 2)
    shrink = np.maximum(1, (np.abs(a) + np.abs(b)) / MAX_SINGULAR)
    return np.stack((a / shrink, b / shrink, systems[:, 2] + d[:, 4] + 1j * d[:, 5]), axis=1)


def chaos_game(systems: np.ndarray, bits: list[np.random.PCG64], steps: int = STEPS) -> np.ndarray:
    """Sample points of each attractor by CHAINS independent walks of `steps` recorded steps.

    Returns:
        x and y in the system's own units, (2, n, CHAINS * steps) float32.
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
