"""An effect with two errors: Welch's degrees of freedom, bounds and p values that say the same, more seeds."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from effnet_lib.stats.estimate import Estimate, welch

RUNS = st.lists(st.floats(-50, 50), min_size=2, max_size=8)


@settings(max_examples=100, deadline=None)
@given(RUNS, RUNS)
def test_two_models_are_welchs_t_test(first, second):
    if np.std(first) + np.std(second) < 1e-6:
        return
    found = welch({"a": first, "b": second}, {"a": 1.0, "b": -1.0})
    reference = ttest_ind(first, second, equal_var=False)
    assert found.dof == pytest.approx(reference.df) and found.n == min(len(first), len(second))
    low, high = reference.confidence_interval(0.9)
    assert found.interval90 == pytest.approx((low, high), rel=1e-6, abs=1e-6)


def test_one_run_or_none():
    assert welch({"a": [1.0, 2.0]}, {"a": 1.0, "b": -1.0}) == Estimate()
    once = welch({"a": [1.0, 2.0], "b": [4.0]}, {"a": 1.0, "b": -1.0})
    assert (once.value, once.n, once.testable, once.interval95) == (-2.5, 1, False, None)


def test_runs_that_agree_to_the_last_bit_have_the_images_error_alone():
    found = welch({"a": [3.0, 3.0], "b": [1.0, 1.0]}, {"a": 1.0, "b": -1.0}, se_image=0.5)
    assert found.testable and found.se == 0.5 and found.interval95 == pytest.approx((1.02, 2.98), abs=1e-3)


def test_more_seeds_shrink_the_seed_part_only():
    now = Estimate.welch(1.0, [(0.6, 3), (1.2, 3)], 0.2)
    then = now.at(12)
    assert then.se_seed == pytest.approx(now.se_seed / 2) and then.se_image == 0.2 and then.n == 12
    assert then.dof == pytest.approx(now.dof * 11 / 2) and now.at(3) == now
    plain = Estimate(1.0, 0.6, 0.2, dof=4, n=3)
    assert plain.at(12) == Estimate(1.0, pytest.approx(0.3), 0.2, dof=22, n=12)


@pytest.mark.parametrize("effect", [(1.0, 0.3, 0.0, 4), (1.0, 0.3, 0.3, 144), (-1.0, 0.3, 0.1, 1.7)])
def test_p_value_and_interval_say_the_same(effect):
    value, seed, image, dof = effect
    found = Estimate(value, seed, image, dof, 5)
    for alpha in (0.05, 0.01):
        bound = value - found.half(alpha)
        assert found.p_above(bound) == pytest.approx(alpha)
        assert found.p_above(2 * value - bound) == pytest.approx(1 - alpha)
        assert found.p_below(2 * value - bound) == pytest.approx(alpha)
    assert found.p_below(value) == pytest.approx(0.5)


def test_p_values_far_out_stay_above_nothing():
    sure = Estimate(40.0, 0.1 / sqrt(2), 0.0, 144, 10)
    assert 0 < sure.p_above(0.0) < 1e-100 and Estimate().p_above(0.0) == 1.0
