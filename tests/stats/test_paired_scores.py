"""Scores image by image: means and paired differences with Student's interval, images without a score left out."""

import numpy as np
import pytest
from scipy.stats import t

from effnet_lib.stats.estimate import Estimate
from effnet_lib.stats.paired_scores import difference, mean


def test_a_mean_has_students_interval():
    scores = np.array([0.1, 0.2, 0.4, np.nan])
    found = mean(scores)
    low, high = t.interval(0.95, 2, 100 * scores[:3].mean(), 100 * scores[:3].std(ddof=1) / np.sqrt(3))
    assert (
        found.value == pytest.approx(100 * 0.7 / 3) and found.interval95 == pytest.approx((low, high)) and found.n == 3
    )


def test_differences_are_paired():
    rng = np.random.default_rng(0)
    hard = rng.uniform(size=50)
    one, other = hard + 0.02 + 0.001 * rng.normal(size=50), hard
    found = difference(one, other)
    assert found.value == pytest.approx(2, abs=0.1) and found.interval95[1] - found.interval95[0] < 0.2
    one[3], other[5] = np.nan, np.nan
    assert difference(one, other).n == 48


@pytest.mark.parametrize("scores", [[], [0.5], [np.nan, np.nan, 0.5]])
def test_fewer_than_two_images_are_no_estimate(scores):
    assert mean(scores) == Estimate()


def test_intervals_of_few_images_cover():
    rng = np.random.default_rng(0)
    found = [mean(scores).interval95 for scores in rng.normal(0.3, 0.2, (4_000, 5))]
    assert np.mean([low <= 30 <= high for low, high in found]) == pytest.approx(0.95, abs=0.012)
