"""The statistics of a search: regret against the best of many, and the quadratic response surface.

Regret: unconstrained multiple comparisons with the best (Edwards and Hsu 1983; Hsu 1996, chapter 4). Surface: Box and
Hunter 1954. Accuracies are top-1 in percent, differences in points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import hypot, inf, isfinite, log, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi
from scipy.stats import f as fisher

from ..core.errors import ParameterError
from .intervals import Outcomes, contrast

LIMIT = log(2)  # log of alpha * beta^2 * gamma^2 (equation 3)


@cache
def dunnett(others: int, dof: float, level: float = 0.95, two_sided: bool = True) -> float:
    """Return the quantile of the largest of `others` t statistics that share one control, all of equal size.

    Such statistics are correlated by 1/2: T_j = (Z_j - Z_0) / sqrt(2) / s. Given Z_0 and s they are independent, so the
    multivariate t is a double integral, done by quadrature: exact to about 1e-6, no random numbers. `dof` may be inf.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    # s = chi / sqrt(dof) by midpoints of equal probability.
    s = chi.ppf((np.arange(2000) + 0.5) / 2000, dof) / sqrt(dof) if isfinite(dof) else np.ones(1)

    def inside(c: float) -> float:
        bound = sqrt(2) * c * s[:, None]
        each = ndtr(nodes + bound) - (ndtr(nodes - bound) if two_sided else 0)
        return float((each**others @ weights).mean())

    return brentq(lambda c: inside(c) - level, 0.0, 1000.0, xtol=1e-6)


@dataclass(frozen=True)
class Regret:
    """What one network of a search loses against the best, in points; at least 0, and 0 means that it is the best.

    `differences`: other network -> (its accuracy minus this one's, low, high), intervals that hold together at 95 %,
    None for both bounds with fewer than two seeds. `best`: the network with the highest mean.
    """

    value: float
    interval: tuple[float, float] | None
    best: str
    differences: Mapping[str, tuple[float, float | None, float | None]]


def regret(outcomes: Outcomes, name: str, level: float = 0.95) -> Regret | None:
    """Estimate max over all networks of (accuracy minus that of `name`), with its interval.

    Every difference is taken over the seeds that both share; its half width is d * sd * sqrt(2 / n) for the seeds (sd
    pooled over all networks, seed as a block; d Dunnett's two-sided quantile) and the same quantile at infinite dof
    times the paired picture error, added as squares. All differences hold together, so the largest lower and the
    largest upper bound, both at least 0, hold for the regret. None where `name` shares no seed with another network.
    """
    found = {other: contrast(outcomes, {other: 1.0, name: -1.0}) for other in outcomes.bits if other != name}
    found = {other: effect for other, effect in found.items() if effect.value is not None}
    if not found:
        return None
    # The same pooled dof everywhere, so one quantile serves; a pair of single seeds has no interval, and then none has.
    testable = all(effect.testable for effect in found.values())
    differences, lows, highs = {}, [0.0], [0.0]
    if testable:
        dof = next(iter(found.values())).dof
        seed_d, picture_d = dunnett(len(found), dof, level), dunnett(len(found), inf, level)
    for other, effect in found.items():
        low = high = None
        if testable:
            half = hypot(seed_d * effect.se_seed, picture_d * effect.se_picture)
            low, high = effect.value - half, effect.value + half
            lows.append(low)
            highs.append(high)
        differences[other] = (effect.value, low, high)
    best = max(differences, key=lambda other: differences[other][0])
    value = max(0.0, differences[best][0])
    interval = (max(lows), max(highs)) if testable else None
    return Regret(value, interval, best if value > 0 else name, differences)


@dataclass(frozen=True)
class Surface:
    """A quadratic in x = log alpha and z = log gamma: c + g.v + v.H.v / 2, by least squares over `n` networks.

    beta follows from the constraint: 2 log beta = log 2 - log alpha - 2 log gamma. `covariance` is that of the six
    coefficients, None where nothing is left over (n = 6).
    """

    coefficients: np.ndarray
    covariance: np.ndarray | None
    n: int

    @property
    def hessian(self) -> np.ndarray:
        _, _, _, xx, zz, xz = self.coefficients
        return np.array([[2 * xx, xz], [xz, 2 * zz]])

    @property
    def maximum(self) -> tuple[float, float, float] | None:
        """The triple (alpha, beta, gamma) of the highest point; None where the fit has no maximum inside.

        Inside: the surface is concave, and its top has alpha, beta and gamma of at least 1.
        """
        if not (np.linalg.eigvalsh(self.hessian) < -1e-9).all():
            return None
        x, z = np.linalg.solve(self.hessian, -self.coefficients[1:3])
        beta = (LIMIT - x - 2 * z) / 2
        return (float(np.exp(x)), float(np.exp(beta)), float(np.exp(z))) if min(x, z, beta) >= 0 else None

    def at(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the fitted accuracy in percent at x = log alpha, z = log gamma."""
        return _design(x, z) @ self.coefficients

    def ellipse(self, drop: float = 1.0, steps: int = 181) -> np.ndarray | None:
        """Return (alpha, gamma), shape (steps, 2), where the fit is `drop` points below its maximum; None without one.

        With H = -2 A the drop at distance v is v.A.v; v = L^-T u sqrt(drop) for unit vectors u and A = L L^T.
        """
        if self.maximum is None:
            return None
        angle = np.linspace(0, 2 * np.pi, steps)
        root = np.linalg.cholesky(-self.hessian / 2)
        offsets = np.linalg.solve(root.T, np.array([np.cos(angle), np.sin(angle)])) * sqrt(drop)
        top = np.log([self.maximum[0], self.maximum[2]])
        return np.exp(top[:, None] + offsets).T

    def may_be_maximum(self, x: np.ndarray, z: np.ndarray, level: float = 0.95) -> np.ndarray | None:
        """Say where the data leave room for the top, by Box and Hunter: the slope there is not clearly other than 0.

        slope . Var(slope)^-1 . slope <= 2 F(2, n - 6). None where the fit leaves nothing over.
        """
        if self.covariance is None:
            return None
        zero, one = np.zeros_like(x), np.ones_like(x)
        slopes = np.stack(
            [np.stack([zero, one, zero, 2 * x, zero, z], -1), np.stack([zero, zero, one, zero, 2 * z, x], -1)], -2
        )
        slope = slopes @ self.coefficients
        spread = slopes @ self.covariance @ np.swapaxes(slopes, -1, -2)
        size = np.einsum("...i,...i->...", slope, np.linalg.solve(spread, slope[..., None])[..., 0])
        return size <= 2 * fisher.ppf(level, 2, self.n - 6)


def _design(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    x, z = np.asarray(x, float), np.asarray(z, float)
    return np.stack([np.ones_like(x), x, z, x * x, z * z, x * z], -1)


def fit(alpha: np.ndarray, gamma: np.ndarray, accuracy: np.ndarray, weights: np.ndarray) -> Surface | None:
    """Fit the surface to one mean accuracy (percent) a network, `weights` their numbers of seeds.

    None where fewer than six networks, or six on one conic, leave the quadratic open. The residual spread holds seeds,
    rounding and lack of fit alike. Raises ParameterError for a coefficient below 1.
    """
    for name, values in (("alpha", alpha), ("gamma", gamma)):
        if np.min(values, initial=1.0) < 1:
            raise ParameterError(name, float(np.min(values)), "numbers of at least 1 (equation 3)")
    root = np.sqrt(np.asarray(weights, float))
    design = _design(np.log(alpha), np.log(gamma)) * root[:, None]
    if np.linalg.matrix_rank(design, tol=1e-6) < 6:
        return None
    coefficients, _, _, _ = np.linalg.lstsq(design, np.asarray(accuracy, float) * root, rcond=None)
    left = len(root) - 6
    covariance = None
    if left:
        variance = float(np.sum((accuracy * root - design @ coefficients) ** 2)) / left
        covariance = variance * np.linalg.inv(design.T @ design)
    return Surface(coefficients, covariance, len(root))
