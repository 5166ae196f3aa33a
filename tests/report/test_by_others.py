"""What others measured: complete, each with where it stands, and what follows from it."""

import pytest

from effnet_lib.models import pretrained
from effnet_lib.report.tables import by_others

EFFICIENTNETS = [f"EfficientNet-B{number}" for number in range(8)]


def test_every_number_says_where_it_stands():
    rows = by_others.results()
    assert rows["commit"].str.fullmatch("[0-9a-f]{40}").all() and rows["repository"].str.fullmatch(r"\S+/\S+").all()
    assert rows[["file", "what", "top1_percent", "px"]].notna().all(axis=None)
    assert not rows.duplicated(["network", "dataset", "what", "source"]).any()
    assert set(rows["source"]) == {"timm", "NVIDIA", "pycls"}


def test_timms_results_are_those_of_the_weights_that_are_fetched():
    rows = by_others.of_published_weights()
    assert rows.loc[EFFICIENTNETS, "top1_percent"].round(2).to_list() == [
        76.88, 78.84, 80.07, 81.65, 83.04, 83.70, 84.12, 84.42,
    ]  # fmt: skip
    for name in pretrained.NAMES:
        row = rows.loc[f"EfficientNet-{name.capitalize()}"]
        assert row["px"] == pretrained.input_px(name)
        assert f"{pretrained.timm_name(name)}." in row["what"]


def test_others_own_trainings_stand_apart():
    rows = by_others.from_scratch()
    nvidia = rows[(rows["source"] == "NVIDIA") & rows["what"].str.contains("TF32")].set_index("network")
    assert nvidia[["top1_percent", "spread_points"]].to_numpy().tolist() == [[77.16, 0.07], [82.82, 0.04]]
    pycls = rows[rows["source"] == "pycls"].set_index("network")["top1_percent"]
    assert len(pycls) == 6 and pycls["EfficientNet-B5"] < pycls["EfficientNet-B4"]


def test_drops_are_from_images_of_the_same_classes():
    drops = by_others.drops().set_index(["network", "dataset"])
    assert len(drops) == 11 * 5
    assert drops.loc[("EfficientNet-B0", "V2"), "drop"] == pytest.approx(76.882 - 64.34)
    assert drops.loc[("EfficientNet-B7", "R"), "drop"] == pytest.approx(96.07 - 45.46)  # not from its 84.42
    assert (drops.xs("ReaL", level="dataset")["drop"] < 0).all()


def test_a_changed_frame_changes_no_other():
    mine = by_others.results()
    mine["top1_percent"] = 0.0
    assert by_others.results()["top1_percent"].min() > 0
