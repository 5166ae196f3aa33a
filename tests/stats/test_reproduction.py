"""Prediction intervals against the textbook's values, and how often a check is wrong where the truth is known."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import t

from effnet_lib.core import paths
from effnet_lib.stats.reproduction import Compared, alarming, chance, seed_interval, shift

POOLED = (1.5, 14)
SDS = (0.6, 1.3, 1.8, 2.1)  # of four networks: those of Figure 3 in profile cpu


def test_three_seeds_have_their_own_spread():
    found = seed_interval([70.0, 72.0, 74.0], POOLED)
    half = t.ppf(0.975, 2) * 2.0 * sqrt(4 / 3)
    assert (found.low, found.high) == pytest.approx((72 - half, 72 + half))
    assert half == pytest.approx(9.9366, abs=1e-4)
    assert found.spread == (pytest.approx(2.0), 2, False) and found.seeds == 3
    assert 62.1 in found and 62.0 not in found and 81.9 in found and 82.0 not in found


@pytest.mark.parametrize("published", [[70.0], [69.0, 71.0], [70.0, 70.0, 70.0]])
def test_one_or_two_seeds_or_such_that_agree_have_the_pooled_spread(published):
    found = seed_interval(published, POOLED)
    half = t.ppf(0.975, 14) * 1.5 * sqrt(1 + 1 / len(published))
    assert found.spread == (1.5, 14, True)
    assert (found.mean, found.high - found.mean) == (70.0, pytest.approx(half))


def test_seeds_that_all_agree_hold_themselves_and_nothing_else():
    agreed = [72.3, 72.3, 72.3]
    found, moved = seed_interval(agreed, (0.0, 2)), shift([Compared([72.3], agreed, (0.0, 2))])
    assert 72.3 in found and 72.4 not in found
    assert not alarming(chance(0, 1), moved) and alarming(chance(0, 1), shift([Compared([72.4], agreed, (0.0, 2))]))


def test_chance_is_binomial():
    assert chance(1, 4) == (1, pytest.approx(0.2), pytest.approx(1 - 0.95**4))
    assert chance(0, 4).tail == 1.0
    assert chance(4, 4).tail == pytest.approx(0.05**4)


def test_the_shift_of_one_network_is_its_prediction_interval_at_another_level():
    moved = shift([Compared([75.0, 77.0], [70.0, 72.0, 74.0], POOLED)])
    half = t.ppf(1 - 0.0125, 2) * 2.0 * sqrt(1 / 2 + 1 / 3)
    assert moved == pytest.approx((4.0, 4 - half, 4 + half))


def test_networks_count_by_their_reruns_with_satterthwaites_degrees_of_freedom():
    longer = Compared([72.0, 72.0, 72.0], [70.0, 72.0, 74.0], POOLED)
    moved = shift([longer, Compared([68.0], [60.0, 64.0, 68.0], POOLED)])
    one, other = 0.75**2 * 4 * (1 / 3 + 1 / 3), 0.25**2 * 16 * (1 + 1 / 3)
    dof = (one + other) ** 2 / ((one**2 + other**2) / 2)
    assert moved.value == pytest.approx(1.0)
    assert moved.high - moved.value == pytest.approx(t.ppf(1 - 0.0125, dof) * sqrt(one + other))


def alarms(moved: float, checks: int = 1000) -> tuple[float, float]:
    """Return how often a check of one rerun of each network alarms, and the share of single runs outside."""
    draw = np.random.default_rng(0)
    wrong = outside = 0
    for _ in range(checks):
        published = [draw.normal(70, sd, 3) for sd in SDS]
        here = [float(draw.normal(70 + moved, sd)) for sd in SDS]
        count = sum(one not in seed_interval(seeds, POOLED) for one, seeds in zip(here, published, strict=True))
        networks = [Compared([one], seeds, POOLED) for one, seeds in zip(here, published, strict=True)]
        wrong += alarming(chance(count, len(SDS)), shift(networks))
        outside += count
    return wrong / checks, outside / checks / len(SDS)


def test_how_often_a_check_is_wrong_and_what_the_page_says_of_it():
    """Once in twenty at most where a machine agrees; five points off are found, though single runs hardly tell."""
    wrong, outside = alarms(0.0)
    assert outside == pytest.approx(0.05, abs=3 * sqrt(0.05 * 0.95 / 4000))
    assert wrong <= 0.05 + 3 * sqrt(0.05 * 0.95 / 1000)
    found, outside = alarms(-5.0)
    assert found > 0.85 > outside
    page = " ".join((paths.ROOT / "docs/running.md").read_text(encoding="utf-8").split())
    said = (
        f"5 points lower, {100 * found:.0f} % are found, and {100 * wrong:.0f} % of those that agree are called outside"
    )
    assert said in page
