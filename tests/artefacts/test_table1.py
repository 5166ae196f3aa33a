"""Table 1 and Figure 2: every cell from architecture data, for any network; a drawing to scale; bad input."""

import json

import pytest
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib import paper
from effnet_lib.artefacts import artefact, table1
from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.report.figures import scaled_networks
from effnet_lib.report.tables import architecture
from effnet_lib.stats.counted_claims import CountedClaim
from effnet_lib.stats.verdicts import HOLDS, NOT_ENOUGH

TABLE1 = artefact("table1")


def planned(**given):
    return eff.plan("table1", **given)


def test_every_printed_cell_is_generated():
    cells = TABLE1.cells()
    assert len(cells) == 9 * 6 and cells["agrees"].all()
    assert set(cells["column"]) == set(paper.table(1).columns) - {"stage"}


def test_a_cell_that_differs_is_counted_and_refutes(monkeypatch):
    printed = paper.table(1)
    printed.loc[3, "channels"] = 48
    monkeypatch.setattr(architecture.paper, "table", lambda number: printed)
    (wrong,) = TABLE1.cells().query("not agrees").to_dict("records")
    assert wrong == {"stage": 4, "column": "channels", "printed": "48", "generated": "40", "agrees": False}
    (claim,) = planned().claims({})
    assert claim.verdict not in (HOLDS, NOT_ENOUGH) and claim.measured == 53 and "53 agree, 54 cells" in claim.line()


@pytest.mark.parametrize("name", [f"b{number}" for number in range(8)])
def test_the_stages_of_any_network_add_up_to_its_counts(name):
    rows, whole = planned(model=name).table({}), count(efficientnet.published(name))
    assert (rows["params"].sum(), rows["madds"].sum()) == (whole.params, whole.madds)
    assert (rows["output"].iloc[:-1].to_list()) == rows["resolution"].iloc[1:].to_list()


def test_multipliers_take_the_place_of_a_name():
    scaled = planned(depth=1.4, width=1.2, resolution=1.3).table({})
    assert scaled["model"].iloc[0] == "B0 x (d 1.4, w 1.2, r 1.3)" and scaled["resolution"].iloc[0] == 291
    assert planned(width=2.0).table({})["layers"].to_list() == planned().table({})["layers"].to_list()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "b8"}, r"model='b8' is not accepted; model takes one of b0, .*"),
        ({"depth": 0}, "depth=0 is not accepted; depth takes coefficients above 0 .*"),
        ({"resolution": 0.1}, "resolution=0.1 is not accepted; resolution takes a multiplier that gives >= 32 px, .*"),
        ({"width": 99.0}, "width=99.0 is not accepted; .* at most 65,536 channels.*"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_written(given, words):
    with pytest.raises(ParameterError, match=words) as caught:
        planned(**given)
    assert "\n" not in str(caught.value) and not paths.figures_root().exists()


def test_figure_2_has_the_five_networks_of_table_7_to_one_scale():
    networks = table1.sketched()
    assert [caption.partition("\n")[0] for caption in networks] == [
        "(a) baseline", "(b) wider", "(c) deeper", "(d) higher resolution", "(e) compound",
    ]  # fmt: skip
    figure = planned().draw({}, planned().table({}))
    assert len(figure.axes) == 10
    for row in (figure.axes[::2], figure.axes[1::2]):
        assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in row}) == 1
        boxes = {tuple(round(side) for side in axes.get_window_extent().size) for axes in row}
        assert len(boxes) == 1  # the same limits in boxes of the same size: one scale
    assert len(list(scaled_networks.layers(networks["(c) deeper\nd = 4, w = 1, r = 1"]))) == 65
    assert_readable(figure, labels(figure))


def test_another_network_is_drawn_beside_the_five():
    figure = planned(model="b3").draw({}, planned(model="b3").table({}))
    assert len(figure.axes) == 12 and "EfficientNet-B3" in figure.axes[10].get_title()
    assert_readable(figure, labels(figure))


def test_files_are_left_and_nothing_needs_a_record():
    plan = planned(profile="smoke")
    rows = plan.table(plan.run())
    folder = plan.save(plan.draw({}, rows), rows, plan.claims({}))
    made = json.loads((folder / "table1_architecture.claims.json").read_text())
    assert made[0]["verdict"] == HOLDS and (made[0]["measured"], made[0]["n"]) == (54, 54)
    assert planned(profile="cpu").evidence() and not planned(profile="photos").evidence()


def test_a_count_that_is_not_there_yet_is_open():
    claim = CountedClaim("nothing yet", None)
    assert claim.verdict == NOT_ENOUGH and claim.line() == "not enough evidence: nothing yet (not measured)"
