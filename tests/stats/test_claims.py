"""Claims judged together: one effect or several, the correction, interim, what a reader and a file are told."""

import json

import numpy as np
import pytest
from support.effects import effect

from effnet_lib.stats.claims import Claim, judge
from effnet_lib.stats.estimate import Estimate
from effnet_lib.stats.premise import Premise
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, PROTOCOL, SMALLER

KEYS = [
    "claim", "printed", "measured", "interval", "verdict", "n", "protocol", "interim", "declared_n", "delta",
    "comparisons", "beside", "short_budget", "note", "premise",
]  # fmt: skip


def test_holm_demotes_what_stands_only_alone():
    # One-sided p about 0.03 of "above 0" each: enough alone, not as one of two.
    barely = effect(1.5, 1.5 * 1.645 / 1.88)
    assert judge([Claim("alone", barely)])[0].verdict == HOLDS
    pair = judge([Claim("one", barely), Claim("other", barely)])
    assert [j.verdict for j in pair] == [NOT_ENOUGH, NOT_ENOUGH]
    assert pair[0].p == pytest.approx(2 * barely.p_above(0)) and "holds alone" in pair[0].line()
    # A claim that nobody has measured cannot err and costs the others nothing; a strong one costs its step.
    strong = effect(3.0, 0.5)
    for other, expected in ((Estimate(), NOT_ENOUGH), (strong, HOLDS)):
        beside = judge([Claim("a", barely), Claim("b", other)])
        assert [j.verdict for j in beside] == [HOLDS, expected]


def test_several_enter_holm_with_the_weakest_part_or_the_strongest_refutation():
    strong, weak, zero, low = effect(3.0, 0.5), effect(2.0, 1.0), effect(0.0, 0.3), effect(0.2, 0.3)
    (holds,) = judge([Claim("each", {"a": strong, "b": weak})])
    (refuted,) = judge([Claim("each", {"a": zero, "b": low})])
    assert (holds.p, holds.name, holds.estimate) == (pytest.approx(weak.p_above(0.0)), "b", weak)
    assert (refuted.p, refuted.name) == (pytest.approx(2 * zero.p_below(1.0)), "a")


def test_an_intersection_names_every_comparison_and_the_one_that_decides():
    parts = {"resolution": effect(-2.0, 0.4), "depth": effect(2.0, 0.5), "width": effect(0.3, 2.0)}
    (judged,) = judge([Claim("beats each single dimension", parts, effect={"resolution": 2.0, "depth": 2.1})])
    assert judged.verdict == CONTRADICTED and judged.name == "resolution"
    assert judged.line().endswith("; contradicted by resolution; holds against depth; open against width")
    row = judged.to_json()
    assert [one["verdict"] for one in row["comparisons"]] == [CONTRADICTED, HOLDS, NOT_ENOUGH]
    assert [one["delta"] for one in row["comparisons"]] == [1.0, 1.05, 1.0]  # half of what is printed, or a point


@pytest.mark.parametrize("size, expected", [(0.6, HOLDS), (2.0, SMALLER)])
def test_delta_is_half_of_what_the_paper_prints(size, expected):
    (judged,) = judge([Claim("deeper is better", effect(0.6, 0.3), effect=size)])
    assert judged.verdict == expected and judged.to_json()["delta"] == size / 2
    if expected == SMALLER:
        assert "delta 1, but positive" in judged.line()


def test_before_the_declared_number_of_seeds_a_verdict_is_interim():
    for n, interim in ((3, True), (4, True), (5, False)):
        (judged,) = judge([Claim("wider is better", effect(2.0, 0.5, n=n), declared=5)])
        assert judged.interim is interim and judged.to_json()["interim"] is interim
        assert judged.line().startswith("interim: holds" if interim else "holds")
        assert f"{n} of 5 seeds" in judged.line()
    assert judge([Claim("never run", Estimate())])[0].interim


def test_an_open_claim_says_what_would_show_the_printed_effect():
    (judged,) = judge([Claim("wider is better", Estimate.welch(0.5, [(1.0, 3), (1.0, 3)]), effect=2.0)])
    assert judged.verdict == NOT_ENOUGH and judged.needs == 5
    assert "5 seeds would show the printed effect with 80 % power" in judged.line()
    (once,) = judge([Claim("wider is better", Estimate(0.5, None, 0.3, n=1), effect=2.0)])
    assert once.needs is None and "would show" not in once.line()


def test_long_training_decides_and_an_opposite_sign_at_the_short_budget_is_said():
    long, short = effect(2.0, 0.5), effect(-0.3, 0.5)
    (judged,) = judge([Claim("deeper is better", long, short=short)])
    assert judged.verdict == HOLDS and "only with long training" in judged.line()
    assert judge([Claim("deeper is better", long, short=effect(0.3, 0.5))])[0].note == ""


def test_judged_claims_become_plain_json():
    up, level = effect(2.0, 0.6, n=5, image=0.3), effect(np.float64(0.1), 0.3, n=5)
    balanced = Premise({"width": up}, {("width", "depth"): level})
    judged = judge([
        Claim("deeper is better", up, printed=np.float64(1.4), beside={"log loss": level}, premise=balanced),
        Claim("equal is better", level, printed="0.6"),
        Claim("never run", Estimate()),
        Claim("ran once", Estimate(2.0, None, 0.4, n=1)),
        Claim("beats each", {"a": up, "b": effect(2.0, 0.5), "c": Estimate()}),
        Claim("refuted by one", {"a": up, "b": level, "c": Estimate()}),
    ])  # fmt: skip
    rows = json.loads(json.dumps([j.to_json() for j in judged]))
    assert all(list(row) == KEYS and row["protocol"] == PROTOCOL == 2 for row in rows)
    assert [r["verdict"] for r in rows] == [HOLDS, SMALLER, NOT_ENOUGH, NOT_ENOUGH, NOT_ENOUGH, SMALLER]
    assert rows[0]["interval"] == pytest.approx(up.interval95, abs=5e-4) and rows[0]["n"] == 5
    assert rows[0]["printed"] == 1.4 and rows[0]["beside"]["log loss"]["measured"] == 0.1
    assert rows[0]["premise"]["status"] == "met"
    for row in (rows[2], rows[4]):
        assert (row["measured"], row["interval"], row["n"]) == (None, None, 0)
    assert (rows[3]["measured"], rows[3]["interval"], rows[3]["n"]) == (2.0, None, 1)
    assert rows[5]["measured"] == 0.1  # the part that refutes
    lines = [j.line() for j in judged]
    assert all("\n" not in line for line in lines) and "not measured" in lines[2]
    assert "Premise (a balanced baseline): met" in lines[0]


def test_no_claims_is_no_verdict():
    assert judge([]) == []
