"""Regret against the best of several: Dunnett's quantiles, and intervals that cover."""

import numpy as np
import pytest
from scipy.stats import multivariate_t
from support.invented import IMAGES

from effnet_lib.stats.intervals import PairedOutcomes
from effnet_lib.stats.regret import dunnett, regret


def invented(means: dict, seeds: int, sd: float, rng) -> PairedOutcomes:
    """Return bits of seeds whose accuracies scatter by `sd` points; the same images are correct first everywhere."""
    level = rng.normal(0, 1, seeds)  # a seed's own level, which every network shares
    correct = {
        n: [round(IMAGES * (m + level[s] + rng.normal(0, sd)) / 100) for s in range(seeds)] for n, m in means.items()
    }
    return PairedOutcomes({n: {s: np.arange(IMAGES) < k for s, k in enumerate(row)} for n, row in correct.items()})


@pytest.mark.parametrize(
    "two_sided, table",
    [(True, (2.09, 2.38, 2.54, 2.65, 2.73)), (False, (1.72, 2.03, 2.19, 2.30, 2.39))],
)
def test_dunnetts_printed_quantiles_at_20_degrees_of_freedom(two_sided, table):
    found = [dunnett(k, 20, two_sided=two_sided) for k in range(1, 6)]
    assert found == pytest.approx(table, abs=0.006)


@pytest.mark.parametrize("others, dof", [(3, 4), (5, 11)])
def test_dunnetts_quantile_is_the_multivariate_t(others, dof):
    shape = np.full((others, others), 0.5) + 0.5 * np.eye(others)
    bound = np.full(others, dunnett(others, dof))
    t = multivariate_t(shape=shape, df=dof, seed=1)
    assert t.cdf(bound, lower_limit=-bound, random_state=1) == pytest.approx(0.95, abs=2e-3)


def test_regret_of_the_best_is_nothing_and_of_another_its_distance():
    outcomes = invented({"a": 70, "b": 75, "c": 60}, 4, 0.2, np.random.default_rng(0))
    best, second = regret(outcomes, "b"), regret(outcomes, "a")
    assert (best.value, best.best, best.interval[0]) == (0, "b", 0) and best.interval[1] == 0  # nothing comes near
    assert second.best == "b" and second.value == pytest.approx(5, abs=0.5)
    assert second.interval[0] < second.value < second.interval[1]
    low, high = second.differences["b"][1:]
    assert second.interval == (low, high) and second.differences["c"][0] == pytest.approx(-10, abs=0.5)


def test_one_seed_has_a_regret_without_interval_and_one_network_none():
    outcomes = invented({"a": 70, "b": 75}, 1, 0.0, np.random.default_rng(0))
    found = regret(outcomes, "a")
    assert found.value == pytest.approx(5) and found.interval is None and found.differences["b"][1:] == (None, None)
    assert regret(PairedOutcomes({"a": outcomes.bits["a"]}), "a") is None


@pytest.mark.parametrize(
    "means, true",
    [
        (dict.fromkeys("abcdefghijkl", 70.0), 0.0),
        ({"a": 69.0, "b": 70.0, "c": 70.0} | dict.fromkeys("defghijkl", 67), 1.0),
    ],
    ids=["all equal", "two better by a point"],
)
def test_the_regrets_interval_covers_it(means, true):
    """At 95 %: of 100 simulated searches of 12 networks x 3 seeds at most 5 % and noise (11) may miss."""
    rng, missed = np.random.default_rng(3), 0
    for _ in range(100):
        found = regret(invented(means, 3, 0.65, rng), "a")
        missed += not found.interval[0] - 0.05 <= true <= found.interval[1] + 0.05  # accuracies are whole images
    assert missed <= 11
