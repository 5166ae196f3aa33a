"""The quadratic response surface of a search over scaling coefficients, and where its top may be.

Source: Box and Hunter 1954. Accuracies are top-1 in percent, differences in points.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import scipy

from ..core.errors import ParameterError

LIMIT = log(2)  # log of alpha * beta^2 * gamma^2 (equation 3)


@dataclass(frozen=True)
class Surface:
    """Hold a quadratic in x = log alpha and z = log gamma: c + g.v + v.H.v / 2, by least squares over `n` networks.

    beta follows from the constraint (equation 3): 2 log beta = log 2 - log alpha - 2 log gamma.

    Args:
        coefficients: Of 1, x, z, x^2, z^2 and x z.
        covariance: Of the six coefficients, None where nothing is left over (n = 6).
        log_cost: Log of the cost that all networks have, over the baseline's; below 0 they are smaller than it.
        shares: With which powers of alpha, beta and gamma that cost grows.
        p_flat: Of the F test that the surface is a constant; None where nothing is left over.
    """

    coefficients: np.ndarray
    covariance: np.ndarray | None
    n: int
    log_cost: float = LIMIT
    shares: tuple[float, float, float] = (1, 2, 2)
    p_flat: float | None = None

    @property
    def hessian(self) -> np.ndarray:
        """H, shape (2, 2)."""
        _, _, _, xx, zz, xz = self.coefficients
        return np.array([[2 * xx, xz], [xz, 2 * zz]])

    @property
    def maximum(self) -> tuple[float, float, float] | None:
        """The triple (alpha, beta, gamma) of the highest point; None where the fit has no maximum inside.

        Inside: the surface is concave, and its top has alpha, beta and gamma of at least 1 (at most 1 where networks
        shrink).
        """
        if not (np.linalg.eigvalsh(self.hessian) < -1e-9).all():
            return None
        x, z = np.linalg.solve(self.hessian, -self.coefficients[1:3])
        depth, width, size = self.shares
        beta = (self.log_cost - depth * x - size * z) / width
        inside = (np.sign(self.log_cost) * np.array([x, z, beta]) >= 0).all()
        return (float(np.exp(x)), float(np.exp(beta)), float(np.exp(z))) if inside else None

    @property
    def established(self) -> bool:
        """Whether there is a maximum inside, and the networks differ by more than chance (F test, 5 %)."""
        return self.maximum is not None and self.p_flat is not None and self.p_flat < 0.05

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

        slope . Var(slope)^-1 . slope <= 2 F(2, n - 6).

        Returns:
            Bools of the shape of `x` and `z`; None where the fit leaves nothing over.
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
        return size <= 2 * scipy.stats.f.ppf(level, 2, self.n - 6)


def _design(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    x, z = np.asarray(x, float), np.asarray(z, float)
    return np.stack([np.ones_like(x), x, z, x * x, z * z, x * z], -1)


def fit(
    alpha: np.ndarray,
    gamma: np.ndarray,
    accuracy: np.ndarray,
    weights: np.ndarray,
    log_cost: float = LIMIT,
    shares: tuple[float, float, float] = (1, 2, 2),
) -> Surface | None:
    """Fit the surface by weighted least squares; the residual spread holds seeds, rounding and lack of fit alike.

    Args:
        accuracy: A mean in percent for each network.
        weights: Their numbers of seeds.
        log_cost, shares: As `Surface` has them.

    Returns:
        None where fewer than six networks, or six on a conic, leave the quadratic open.

    Raises:
        ParameterError: A coefficient is below 1, where networks grow.
    """
    for name, values in (("alpha", alpha), ("gamma", gamma)):
        if log_cost > 0 and np.min(values, initial=1.0) < 1:
            raise ParameterError(name, float(np.min(values)), "numbers of at least 1 (equation 3)")
    root = np.sqrt(np.asarray(weights, float))
    design = _design(np.log(alpha), np.log(gamma)) * root[:, None]
    if np.linalg.matrix_rank(design, tol=1e-6) < 6:
        return None
    coefficients, _, _, _ = np.linalg.lstsq(design, np.asarray(accuracy, float) * root, rcond=None)
    left = len(root) - 6
    covariance = p_flat = None
    if left:
        variance = float(np.sum((accuracy * root - design @ coefficients) ** 2)) / left
        covariance = variance * np.linalg.inv(design.T @ design)
        middle = np.average(accuracy, weights=weights)
        explained = float(np.sum((design @ coefficients - middle * root) ** 2)) / 5
        p_flat = float(scipy.stats.f.sf(explained / variance, 5, left)) if variance > 0 else float(explained == 0)
    return Surface(coefficients, covariance, len(root), log_cost, shares, p_flat)
