"""The rule of three words, and the corrections across the claims of one artefact."""

import json
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effnet_lib.core.errors import ParameterError
from effnet_lib.stats import claims
from effnet_lib.stats.claims import DOES_NOT_HOLD, HOLDS, NOT_ENOUGH, Claim
from effnet_lib.stats.intervals import Estimate

KEYS = ["claim", "printed", "measured", "interval", "verdict", "n", "protocol"]


def effect(value, half90=None, n=10, dof=144, image=0.0):
    """Build an effect whose two-sided 90 % interval is value +- half90."""
    unit = Estimate(0.0, 1.0, 0.0, dof, n)
    return Estimate(value, half90 / unit.half(0.05), image, dof, n)


@pytest.mark.parametrize(
    "value, half90, expected",
    [
        (2.0, 0.9, HOLDS),  # 1.1 to 2.9
        (1.2, 1.1, HOLDS),  # 0.1 to 2.3
        (0.8, 0.5, HOLDS),  # 0.3 to 1.3: above 0, and not shown to be below 1
        (0.8, 0.1, DOES_NOT_HOLD),  # 0.7 to 0.9: above 0, but less than matters
        (0.0, 0.9, DOES_NOT_HOLD),
        (-3.0, 2.0, DOES_NOT_HOLD),
        (0.0, 1.1, NOT_ENOUGH),
        (1.5, 1.6, NOT_ENOUGH),
        (-2.0, 4.0, NOT_ENOUGH),
    ],
)
def test_verdict_follows_the_bounds(value, half90, expected):
    assert claims.verdict(effect(value, half90)) == expected
    # The same case in other units: a tenth of everything.
    assert claims.verdict(effect(value / 10, half90 / 10), delta=0.1) == expected


def test_one_seed_decides_nothing():
    assert claims.verdict(replace(effect(50.0, 0.1), n=1)) == NOT_ENOUGH
    assert claims.seeds_to_decide(replace(effect(50.0, 0.1), n=1)) == 2


@settings(max_examples=200, deadline=None)
@given(
    value=st.floats(-3, 4), spread=st.floats(0.05, 3), image=st.floats(0, 0.6), n=st.integers(1, 10),
    level=st.sampled_from([0.05, 0.0125]),
)  # fmt: skip
def test_seeds_to_decide_is_the_first_that_the_verdict_decides(value, spread, image, n, level):
    now = Estimate(value, spread * sqrt(2 / n), image, dof=max(1, 4 * (n - 1)), n=n)
    needs = claims.seeds_to_decide(now, level=level)
    if needs is None:
        assert claims.verdict(now.at(1000), level=level) == NOT_ENOUGH
        return
    assert needs >= max(n, 2)
    assert claims.verdict(now.at(needs), level=level) != NOT_ENOUGH
    if needs > max(n, 2):
        assert claims.verdict(now.at(needs - 1), level=level) == NOT_ENOUGH


def test_no_number_of_seeds_helps_where_images_are_too_few_or_nothing_repeats():
    # Images alone: 0.5 +- 1.645 * 1.0 spans both 0 and 1, however many seeds.
    assert claims.seeds_to_decide(effect(0.5, 0.5, image=1.0)) is None
    assert claims.seeds_to_decide(Estimate()) is None
    assert claims.seeds_to_decide(Estimate(3.0, None, 0.1, dof=0, n=1)) is None


@pytest.mark.parametrize("arguments", [{"delta": 0}, {"delta": float("nan")}, {"level": 0.1}, {"level": 0}])
def test_bad_thresholds_are_named(arguments):
    with pytest.raises(ParameterError, match=next(iter(arguments))):
        claims.verdict(Estimate(), **arguments)


def test_p_value_and_interval_say_the_same():
    for found in (effect(1.0, 0.7, dof=4), effect(1.0, 0.7, image=0.3), effect(-1.0, 0.7, dof=1)):
        for alpha in (0.05, 0.01):
            bound = found.value - found.half(alpha)
            assert found.p_above(bound) == pytest.approx(alpha)
            assert found.mirrored().p_above(-found.value) == pytest.approx(0.5)
            assert found.p_above(2 * found.value - bound) == pytest.approx(1 - alpha)
    assert effect(40.0, 0.1).p_above(0.0) < 1e-100 and effect(1.0, 0.0).p_above(0.0) < 1e-100
    assert Estimate().p_above(0.0) == 1.0


def test_every_one_of_several():
    good, zero, vague = effect(2.0, 0.5), effect(0.0, 0.5), effect(0.9, 1.2)
    assert claims.all_hold([good, good, good]) == HOLDS
    assert claims.all_hold([good, good, zero]) == DOES_NOT_HOLD
    assert claims.all_hold([good, good, vague]) == NOT_ENOUGH
    assert claims.all_hold([good, Estimate(), good]) == NOT_ENOUGH
    assert claims.all_hold([good, Estimate(), zero]) == DOES_NOT_HOLD
    # 0.0 + 0.9 is below 1 at alpha, but at alpha / 3 the bound is 0.9 * 2.13 / 1.65 = 1.17.
    barely = effect(0.0, 0.9)
    assert claims.verdict(barely) == DOES_NOT_HOLD
    assert claims.all_hold([good, good, barely]) == NOT_ENOUGH
    with pytest.raises(ParameterError, match="parts"):
        claims.all_hold([])


def test_budgets_must_agree_in_sign():
    assert claims.agree_in_sign(HOLDS, Estimate(0.3)) == HOLDS
    assert claims.agree_in_sign(HOLDS, Estimate(0.3), Estimate(-0.1)) == NOT_ENOUGH
    assert claims.agree_in_sign(HOLDS, Estimate()) == NOT_ENOUGH
    assert claims.agree_in_sign(DOES_NOT_HOLD, Estimate(0.3)) == DOES_NOT_HOLD


# Claims of one artefact


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_the_standard_one(p):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    assert claims.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_demotes_what_stands_only_alone():
    # One-sided p about 0.03 of "above 0" each: enough alone, not as one of two.
    barely = effect(1.5, 1.5 * 1.645 / 1.88)
    assert claims.judge([Claim("alone", barely)])[0].verdict == HOLDS
    pair = claims.judge([Claim("one", barely), Claim("other", barely)])
    assert [j.verdict for j in pair] == [NOT_ENOUGH, NOT_ENOUGH]
    assert pair[0].p == pytest.approx(2 * barely.p_above(0)) and pair[0].needs > barely.n
    assert f"{pair[0].needs} seeds would decide" in pair[0].line()
    # A claim that nobody has measured cannot err and costs the others nothing; a strong one costs its step.
    strong = effect(3.0, 0.5)
    for other, expected in ((Estimate(), NOT_ENOUGH), (strong, HOLDS)):
        beside = claims.judge([Claim("a", barely), Claim("b", other)])
        assert [j.verdict for j in beside] == [HOLDS, expected]


def test_several_enter_holm_with_the_weakest_part_or_the_strongest_refutation():
    strong, weak, zero, low = effect(3.0, 0.5), effect(2.0, 1.0), effect(0.0, 0.3), effect(0.2, 0.3)
    (holds,) = claims.judge([Claim("each", [strong, weak])])
    (refuted,) = claims.judge([Claim("each", [zero, low])])
    assert (holds.p, holds.estimate) == (pytest.approx(weak.p_above(0.0)), weak)
    assert (refuted.p, refuted.estimate) == (pytest.approx(2 * zero.mirrored().p_above(-1.0)), zero)


def test_judged_claims_become_plain_json():
    up, level = effect(2.0, 0.6, n=5, image=0.3), effect(np.float64(0.1), 0.3, n=5)
    judged = claims.judge([
        Claim("deeper is better", up, printed=np.float64(1.4)),
        Claim("equal is better", level, printed="0.6"),
        Claim("never run", Estimate()),
        Claim("ran once", Estimate(2.0, None, 0.4, dof=0, n=1)),
        Claim("beats each", [up, effect(2.0, 0.5), Estimate()]),
        Claim("refuted by one", [up, level, Estimate()]),
        Claim("short training only", up, longer=Estimate(-0.2)),
    ])  # fmt: skip
    rows = json.loads(json.dumps([j.to_json() for j in judged]))
    assert all(list(row) == KEYS and row["protocol"] == claims.PROTOCOL == 1 for row in rows)
    assert [row["verdict"] for row in rows] == [
        HOLDS, DOES_NOT_HOLD, NOT_ENOUGH, NOT_ENOUGH, NOT_ENOUGH, DOES_NOT_HOLD, NOT_ENOUGH
    ]  # fmt: skip
    assert rows[0]["measured"] == pytest.approx(up.value, abs=5e-4) and rows[0]["n"] == 5
    assert rows[0]["interval"] == pytest.approx(up.interval95, abs=5e-4)
    assert rows[0]["printed"] == 1.4
    for row in (rows[2], rows[4]):
        assert (row["measured"], row["interval"], row["n"]) == (None, None, 0)
    assert (rows[3]["measured"], rows[3]["interval"], rows[3]["n"]) == (2.0, None, 1)
    assert rows[5]["measured"] == 0.1  # the part that refutes
    lines = [j.line() for j in judged]
    assert all("\n" not in line and line.startswith(j.verdict) for line, j in zip(lines, judged, strict=True))
    assert "not measured" in lines[2] and "spread is unknown" in lines[3] and "longer" in lines[6]


def test_no_claims_is_no_verdict():
    assert claims.judge([]) == []
