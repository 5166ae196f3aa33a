"""Kendall's tau and its bootstrap interval."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from effnet_lib.stats.rank_correlation import kendall


def test_tau_is_scipys_with_and_without_ties():
    draw = np.random.default_rng(0)
    for _ in range(20):
        a, b = draw.integers(0, 12, 15), draw.normal(size=15)
        assert kendall(a, b, 10).value == pytest.approx(kendalltau(a, b).statistic)


def test_the_interval_covers():
    """Of a population whose tau is known (normal, rho = 0.7: 2 / pi * arcsin(rho) = 0.49)."""
    draw, inside = np.random.default_rng(1), 0
    for _ in range(100):
        a, b = draw.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=30).T
        found = kendall(a, b, 200)
        inside += found.low <= 0.494 <= found.high
    assert inside >= 88


def test_few_networks_have_no_interval_and_equal_ones_no_rank():
    few = kendall([1, 2, 3], [1, 3, 2])
    assert (few.low, few.high, few.n) == (None, None, 3) and str(few) == "tau = 0.33, no interval, 3 networks"
    assert kendall([1, 1, 1], [1, 2, 3]) is None and kendall([], []) is None
    assert "95 % interval" in str(kendall(range(8), range(8)))
