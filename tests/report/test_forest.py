"""Forest plots: each row's numbers in the row, costs as they are, no interval under the numbers."""

import matplotlib.pyplot as plt
import pytest

from effnet_lib.report.figures import forest
from effnet_lib.stats.intervals import Estimate


def margins(costs: dict | None, estimate: Estimate):
    """Return the panel of a level whose comparisons are all one estimate."""
    plt.close("all")
    figure, axes = plt.subplots(figsize=(5, 4))
    forest.margins(axes, {"level A": (costs, dict.fromkeys(("width", "depth", "resolution"), estimate))})
    figure.canvas.draw()
    return axes


COSTS = {"compound": 3.03, "width": 3.71, "depth": 2.98, "resolution": 3.25}


@pytest.mark.parametrize(
    "estimate, text",
    [
        (Estimate(-1.7, 0.6, 0.3, dof=4, n=3), "-1.7, n = 3"),
        (Estimate(30.0, 9.0, 0.3, dof=4, n=3), "+30.0, n = 3"),
        (Estimate(0.4, n=1), "+0.4, n = 1"),
        (Estimate(), "not measured"),
    ],
    ids=["three seeds", "far away", "one seed", "none"],
)
def test_numbers_stand_in_their_row_and_nothing_runs_under_them(estimate, text):
    axes = margins(COSTS, estimate)
    numbers = [one for one in axes.texts if one.get_text() == text]
    boxes = [one.get_window_extent() for one in numbers]
    rows = [axes.transData.transform((0, y))[1] for y in axes.get_yticks()]
    assert [(box.y0 + box.y1) / 2 for box in boxes] == pytest.approx(rows, abs=2)
    ends = [x for line in axes.lines if line.get_linestyle() != ":" for x in line.get_xdata()]
    rightmost = max(axes.transData.transform((x, 0))[0] for x in [*ends, forest.DELTA])
    assert rightmost < min(box.x0 for box in boxes)


def test_costs_are_called_equal_within_5_percent_only():
    axes = margins(COSTS, Estimate())
    assert axes.get_title("left") == "at the FLOPS stated, up to 22 % apart"
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "− width, 3.71x (+22 %)", "− depth, 2.98x (-2 %)", "− resolution, 3.25x (+7 %)",
    ]  # fmt: skip
    near = COSTS | {"width": 3.1, "resolution": 3.17}
    assert margins(near, Estimate()).get_title("left") == "at equal FLOPS, within 5 %"
