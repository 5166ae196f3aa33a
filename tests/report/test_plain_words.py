"""Three sentences for a newcomer, from gains and slopes."""

import pytest
from support.effects import effect

from effnet_lib.report.tables.plain_words import sentences
from effnet_lib.stats.estimate import Estimate
from effnet_lib.stats.premise import Premise

PAIRS = (("width", "depth"), ("width", "resolution"), ("depth", "resolution"))
NOTHING = Premise({}, {})


def premise(*differences, n=3):
    slopes = {"width": effect(7.4, 0.6), "depth": effect(1.9, 0.9), "resolution": effect(7.6, 0.5)}
    return Premise(slopes, dict(zip(PAIRS, (effect(*one, n=n) for one in differences), strict=True)))


@pytest.mark.parametrize(
    "width, depth, resolution, said",
    [
        (
            effect(16.2, 2.0), effect(0.4, 2.1), effect(10.3, 1.5),
            "Width and resolution gain 16.2 (90 % interval +14.2 to +18.2) and 10.3 (90 % interval +8.8 to +11.8) "
            "points of top-1 over the baseline; depth cannot be told from the baseline: +0.4 (90 % interval -1.7 to "
            "+2.5) points.",
        ),
        (
            effect(3.0, 1.0), effect(-3.0, 1.0), Estimate(),
            "Width gains 3.0 (90 % interval +2.0 to +4.0) points of top-1 over the baseline; depth loses 3.0 (90 % "
            "interval -4.0 to -2.0) points of top-1 against the baseline; resolution is not measured yet.",
        ),
        (Estimate(4.25, n=1), Estimate(-1.0, n=1), Estimate(),
         "Width and depth have no interval yet (+4.2 and -1.0 points); resolution is not measured yet."),
        (Estimate(), Estimate(), Estimate(), "Width, depth and resolution are not measured yet."),
    ],
    ids=["gains and open", "loses", "one seed", "nothing"],
)  # fmt: skip
def test_who_gains_is_what_the_interval_says(width, depth, resolution, said):
    gains = {"width": width, "depth": depth, "resolution": resolution}
    assert sentences(gains, NOTHING)[0] == said


def test_slopes_stand_from_the_largest_to_the_smallest():
    said = sentences({"width": Estimate()}, premise((5.5, 1.0), (-0.2, 0.8), (-5.7, 1.0)))
    assert (
        said[1] == "A doubling of FLOPS buys, in points: +7.6 along resolution, +7.4 along width and +1.9 along depth."
    )
    assert sentences({"width": Estimate()}, NOTHING)[1] == "What a doubling of FLOPS buys is not measured yet."


@pytest.mark.parametrize(
    "differences, n, said",
    [
        (((0.1, 0.8), (-0.2, 0.7), (0.0, 0.8)), 3, "in balance within 1 point a doubling"),
        (
            ((5.5, 1.0), (-0.2, 0.8), (-5.7, 1.0)), 3,
            "out of balance: width buys more than depth and resolution buys more than depth, and at equal FLOPS",
        ),
        (((0.5, 3.0), (-0.2, 0.8), (0.0, 0.8)), 3, "stays open"),
        (((5.5, 1.0), (-0.2, 0.8), (-5.7, 1.0)), 2, "stays open"),  # two seeds say nothing
    ],
)  # fmt: skip
def test_the_last_sentence_follows_the_premise(differences, n, said):
    assert said in sentences({"width": Estimate()}, premise(*differences, n=n))[2]
