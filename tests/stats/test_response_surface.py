"""The quadratic response surface: a known maximum, the room that covers it, and where there is none."""

from math import log

import numpy as np
import pytest
from support.invented import study_of
from support.surface import quadratic

from effnet_lib.artefacts import grid_search
from effnet_lib.core.errors import ParameterError
from effnet_lib.stats.response_surface import fit


@pytest.fixture
def places():
    """Return alpha and gamma of the twelve networks of `photos`."""
    triples = [network.triple for network in grid_search.candidates(study_of())]
    return np.array([t.depth for t in triples]), np.array([t.resolution for t in triples])


def test_the_surface_recovers_a_known_maximum_and_its_ellipse(places):
    surface = fit(*places, quadratic(*places), np.full(12, 3))
    alpha, beta, gamma = surface.maximum
    assert (alpha, gamma) == pytest.approx((1.3, 1.12)) and alpha * beta**2 * gamma**2 == pytest.approx(2)
    outline = surface.ellipse(1.0)
    assert quadratic(*outline.T) == pytest.approx(74)
    assert surface.at(np.log(1.5), np.log(1.05)) == pytest.approx(quadratic(1.5, 1.05))


def test_the_room_for_the_maximum_covers_it(places):
    """At 95 %: of 400 simulated surfaces 20 miss on average, 33 with three standard deviations."""
    rng, missed = np.random.default_rng(5), 0
    for _ in range(400):
        surface = fit(*places, quadratic(*places) + rng.normal(0, 0.4, 12), np.ones(12))
        missed += not surface.may_be_maximum(np.array([log(1.3)]), np.array([log(1.12)]))[0]
    assert 7 <= missed <= 33


@pytest.mark.parametrize(
    "accuracy",
    [lambda a, g: -quadratic(a, g), lambda a, g: 70 + np.log(a) ** 2 - np.log(g) ** 2,
     lambda a, g: quadratic(a, g, (1.3, 0.9)), lambda a, g: quadratic(a, g, (1.8, 1.2)), lambda a, g: 0 * a + 70],
    ids=["bowl", "saddle", "gamma below 1", "beta below 1", "flat"],
)  # fmt: skip
def test_no_maximum_inside(places, accuracy):
    surface = fit(*places, accuracy(*places), np.ones(12))
    assert surface.maximum is None and surface.ellipse() is None


def test_too_few_networks_are_no_surface(places):
    alpha, gamma = places
    assert fit(alpha[:5], gamma[:5], quadratic(alpha[:5], gamma[:5]), np.ones(5)) is None
    assert fit(np.ones(12), gamma, gamma, np.ones(12)) is None  # all on one line
    six = fit(alpha[:6], gamma[:6], quadratic(alpha[:6], gamma[:6]), np.ones(6))
    assert six is None or six.covariance is None
    assert fit(*np.empty((4, 0))) is None
    with pytest.raises(ParameterError, match=r"alpha=0\.9"):
        fit(np.array([0.9, 1.2]), np.ones(2), np.ones(2), np.ones(2))
