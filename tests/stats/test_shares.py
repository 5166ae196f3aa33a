"""Clopper and Pearson's interval and the verdict on a share."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from effnet_lib.core.errors import ParameterError
from effnet_lib.stats.shares import ShareAtMost, clopper_pearson
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH


@pytest.mark.parametrize("count, n", [(0, 10), (1, 46), (7, 40), (10, 10)])
def test_the_interval_is_scipys(count, n):
    found = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(count, n) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_it_covers_at_least_as_often_as_it_says(share):
    covered = [low <= share <= high for low, high in (clopper_pearson(k, 46) for k in range(47))]
    assert binom.pmf(np.arange(47), 46, share)[covered].sum() >= 0.95


@pytest.mark.parametrize("count, n", [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(count, n):
    with pytest.raises(ParameterError):
        clopper_pearson(count, n)


@pytest.mark.parametrize(
    "count, n, verdict",
    [
        (0, 0, NOT_ENOUGH),
        (3, 3, NOT_ENOUGH),  # none of so few could hold: nothing is refuted either
        (0, 28, NOT_ENOUGH),
        (0, 29, HOLDS),
        (1, 45, NOT_ENOUGH),
        (1, 46, HOLDS),
        (2, 61, HOLDS),
        (9, 46, CONTRADICTED),
        (8, 46, NOT_ENOUGH),
    ],
)
def test_the_verdict_goes_by_one_sided_bounds(count, n, verdict):
    assert ShareAtMost("few are better", 0.1, count, n).verdict == verdict


def test_a_claim_says_what_was_counted():
    claim = ShareAtMost("few are better", 0.1, 1, 46, 61)
    assert claim.line() == (
        "interim: holds: few are better (1 of 46, 95 % interval 0.1 to 11.5 %; 61 networks planned)"
    )
    body = claim.to_json()
    assert (body["measured"], body["interval"], body["n"], body["interim"]) == (0.022, [0.001, 0.115], 46, True)
    nothing = ShareAtMost("few are better", 0.1)
    assert nothing.to_json()["measured"] is None and nothing.line().endswith("(not measured)")
