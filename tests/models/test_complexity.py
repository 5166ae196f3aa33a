"""Closed-form counts equal what torch counts, exactly; the golden counts stand in tests/golden."""

import json
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.torch_counts import measured

from effnet_lib import paper
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import RoundingRule, Scaling

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("efficientnet.json").read_text())


def architecture(row: dict):
    """Return the network that a golden row describes."""
    if "name" in row:
        return efficientnet.published(row["name"])
    return efficientnet.scale(Scaling(row["depth"], row["width"], row["resolution"]), row["base_px"], row["classes"])


def label(row: dict) -> str:
    return row.get("name") or "d{depth} w{width} {px}px".format(**row)


ROWS = [row for group in ("published", "figure3", "proxy") for row in GOLDEN[group]]
SMALL = efficientnet.scale(Scaling(0.5, 0.5), 64, classes=10)


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_golden_counts(row):
    arch = architecture(row)
    counts = count(arch)
    assert (arch.px, counts.params, counts.madds) == (row["px"], row["params"], row["madds"])
    assert counts == measured(arch)


def test_the_golden_file_holds_b0_to_b7_and_all_of_figure_3():
    assert [row["name"] for row in GOLDEN["published"]] == [f"b{i}" for i in range(8)]
    names = ("width", "depth", "resolution")
    assert {name: sorted({row[name] for row in GOLDEN["figure3"]}) for name in names} == {
        "width": [1.0, 1.4, 1.8, 2.6, 3.8, 5.0],
        "depth": [1.0, 2.0, 3.0, 4.0, 6.0, 8.0],
        "resolution": [1.0, 1.3, 1.5, 1.7, 1.9, 2.2, 2.5],
    }
    assert len({architecture(row) for row in GOLDEN["figure3"]}) == 17


# Each example builds a network: a failure is shown as found rather than shrunk for minutes.
@settings(max_examples=12, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(
    depth=st.floats(0.25, 3), width=st.floats(0.2, 3), image_size=st.integers(32, 160), classes=st.integers(1, 1000),
    padding=st.sampled_from(["symmetric", "same"]),
)  # fmt: skip
def test_any_network_is_counted_as_torch_counts_it(depth, width, image_size, classes, padding):
    arch = efficientnet.scale(Scaling(depth, width), image_size, classes, padding)
    assert count(arch) == measured(arch)


@pytest.mark.parametrize("divisor", [4, 16])
def test_other_divisors_too(divisor):
    arch = efficientnet.scale(Scaling(width=0.55), 64, rule=RoundingRule(divisor=divisor))
    assert arch != efficientnet.scale(Scaling(width=0.55), 64)
    assert count(arch) == measured(arch)


def test_a_batch_costs_its_images():
    one, four = measured(SMALL), measured(SMALL, batch=4)
    assert (four.madds, four.activations) == (4 * one.madds, 4 * one.activations)


@pytest.mark.parametrize(
    "model, billions",
    # The paper prints 0.4, 1.8, 1.8, 1.9 and 1.8: a count is never bent to meet the print.
    [
        ("baseline (EfficientNet-B0)", 0.386),
        ("depth", 1.575),
        ("width", 1.450),
        ("resolution", 1.538),
        ("compound", 1.80),
    ],
)
def test_table_7_counted_beside_the_print(model, billions):
    row = paper.table(7).set_index("model").loc[model]
    counted = count(efficientnet.scale(Scaling(row["depth"], row["width"], row["resolution"]))).madds / 1e9
    assert counted == pytest.approx(billions, abs=0.005)
    assert counted == pytest.approx(row["flops_billions"], rel=0.2)
