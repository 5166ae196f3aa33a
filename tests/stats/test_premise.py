"""Whether a baseline is balanced: slopes a doubling of FLOPS, their differences, three words."""

import numpy as np
import pytest
from support.effects import effect

from effnet_lib.stats.premise import MET, NOT_MET, UNKNOWN, Premise, premise, slope_weights

PAIRS = (("width", "depth"), ("width", "resolution"), ("depth", "resolution"))


def of(*differences, n=5):
    pairs = dict(zip(PAIRS, (effect(value, half, n=n) for value, half in differences), strict=True))
    return Premise({"width": effect(1.0, 0.5, n=n)}, pairs)


@pytest.mark.parametrize(
    "differences, expected",
    [
        ([(0.0, 0.9), (0.1, 0.8), (-0.2, 0.7)], MET),
        ([(0.5, 0.3), (0.0, 0.5), (0.0, 0.5)], MET),  # different for sure, and by less than a point
        ([(2.0, 0.9), (0.1, 0.8), (-0.2, 0.7)], NOT_MET),
        ([(-2.0, 0.9), (0.1, 5.0), (-0.2, 0.7)], NOT_MET),
        ([(0.0, 1.1), (0.1, 0.8), (-0.2, 0.7)], UNKNOWN),
        ([(1.0, 0.9), (0.1, 0.8), (-0.2, 0.7)], UNKNOWN),  # 90 % excludes 0, 95 % does not
    ],
)
def test_the_premise_is_met_not_met_or_unknown(differences, expected):
    assert of(*differences).status == expected
    assert of(*differences, n=2).status == UNKNOWN


def test_a_slope_is_that_of_least_squares():
    doublings = {"baseline": 0.0, "w=1.8": 1.4, "w=2.6": 2.3}
    weights = slope_weights(doublings)
    values = np.array([70.0, 73.1, 73.9])
    assert values @ list(weights.values()) == pytest.approx(np.polyfit(list(doublings.values()), values, 1)[0])
    assert sum(weights.values()) == pytest.approx(0)


def bits(share: float, seeds: int = 3, images: int = 1000) -> dict:
    rng = np.random.default_rng(round(1000 * share))
    return {seed: rng.random(images) < share for seed in range(seeds)}


def test_slopes_come_from_the_runs_and_stand_in_words_and_json():
    outcomes = {"baseline": bits(0.70), "w": bits(0.72), "r": bits(0.9)}
    points = {"width": {"baseline": 0.0, "w": 2.0}, "resolution": {"baseline": 0.0, "r": 2.0}}
    found = premise(outcomes, points, "px on the list's edge")
    assert found.slopes["width"].value == pytest.approx(1.0, abs=1.5)
    assert found.slopes["resolution"].value == pytest.approx(10.0, abs=1.5)
    assert found.status == NOT_MET and found.differences["width", "resolution"].value < -6
    # The baseline is in both slopes and cancels from their difference.
    assert found.differences["width", "resolution"].se < found.slopes["width"].se * 2
    assert found.line().startswith("Premise (a balanced baseline): not met; slopes") and "edge" in found.line()
    plain = found.to_json()
    assert plain["status"] == NOT_MET and plain["slopes"]["width"]["n"] == 3
    assert premise(None, points).status == UNKNOWN and "not measured" in premise(None, points).line()
