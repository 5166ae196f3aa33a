"""Table 3 drawn from made-up records: panels and labels, what is missing, the files."""

import json
from functools import partial

import pandas as pd
import pytest
from support.invented import finished
from support.readable import assert_readable, labels
from support.table3 import filled, gains

from effnet_lib.report.tables import flops_audit
from effnet_lib.study import proxy_families
from effnet_lib.study.profiles import PROFILES

STEM = "table3_mobilenet_resnet"

pytestmark = pytest.mark.usefixtures("decided")


@pytest.fixture
def fill(record_of):
    """Return a function that plans Table 3 and stores made-up records: (family, method) -> percent correct."""
    return partial(filled, record_of)


def everything(figure) -> dict[str, list]:
    """Return all labels with their boxes, those of the legend and of the margins' rows included."""
    found, renderer = labels(figure), figure.canvas.get_renderer()
    more = {"figure": figure.legends[0].get_texts()}
    more |= {f"panel {i}": a.get_yticklabels() for i, a in enumerate(figure.axes) if a.get_label() == "margins"}
    for where, texts in more.items():
        found[where] += [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    return found


def some(family: str, method: str):
    return None if family == "ResNet-50" or method == "width" else gains(8)(family, method)


def orphans(family: str, method: str):
    return None if family == "MobileNetV1" and method == "baseline" else gains(8)(family, method)


@pytest.mark.parametrize(
    "profile, accuracy, seeds",
    [
        ("photos", gains(8), 3),
        ("photos", gains(-9), 1),
        ("photos", some, 2),
        ("photos", orphans, 2),
        ("smoke", gains(8), 1),
        ("cpu", gains(8), 2),
    ],
    ids=["all", "one seed", "some missing", "a baseline missing", "smoke", "cpu"],
)
def test_labels_can_be_read_and_print_and_measurement_are_apart(fill, profile, accuracy, seeds):
    figure, rows, _ = finished(fill(accuracy, seeds=seeds, profile=profile))
    number = len(PROFILES[profile].families)
    assert len(figure.axes) == 2 * number + 1
    found = everything(figure)
    assert_readable(figure, found)
    measured = [axes for axes in figure.axes if axes.get_label().startswith("measured ")]
    printed = [axes for axes in figure.axes if axes.get_label().startswith("printed ")]
    assert len(measured) == len(printed) == number
    for axes in measured:  # every point and every bar's end is inside its panel
        (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
        part = rows[(rows["family"] == axes.get_title("left").split(" ")[0]) & rows["gain"].notna()]
        assert part["flops_ratio"].between(x0, x1).all()
        for ends in (part["gain"], part["gain_low"].dropna(), part["gain_high"].dropna()):
            assert ends.between(y0, y1).all()
        assert not any(line.get_markerfacecolor() == "white" for line in axes.lines)
    for axes in printed:
        assert axes.get_title("left") == "printed in the paper (Table 3)"
        points = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
        assert all(line.get_markerfacecolor() == "white" for line in points)
    rows_printed = sum(len(proxy_families.printed(family)) for family in PROFILES[profile].families)
    assert sum(len(axes.lines) for axes in printed) == 2 * rows_printed


def test_a_subtitle_of_many_devices_is_wrapped(fill, monkeypatch):
    monkeypatch.setattr(
        "effnet_lib.report.figures.accuracy_curves.subtitle",
        lambda *_: "Imagenette · " + "Intel(R) Xeon(R) Processor, " * 9,
    )
    figure, _, _ = finished(fill(gains(8), seeds=1))
    assert all(box.x1 <= figure.bbox.x1 for _, box in everything(figure)["figure"])


def test_what_is_missing_is_said(fill):
    figure, _, _ = finished(fill(some, seeds=2))
    texts = [text for _, page in everything(figure).items() for text, _ in page]
    assert texts.count("not measured") >= 4  # ResNet-50's panel, and margins without a width


def test_files_are_the_same_bytes_twice_and_the_audit_lies_beside_them(fill):
    plan = fill(gains(8), seeds=2)
    made = finished(plan)
    folder = plan.save(*made)
    path = flops_audit.save(folder)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert path == flops_audit.save(plan.save(*made)) and path.name == "flops_audit.csv"
    assert sorted(first) == sorted(
        ["flops_audit.csv", *(f"{STEM}.{kind}" for kind in ("claims.json", "csv", "pdf", "png", "svg"))]
    )
    for name, content in first.items():
        assert (folder / name).read_bytes() == content, name
    assert len(pd.read_csv(path)) == 39
    (claim,) = json.loads((folder / f"{STEM}.claims.json").read_text())
    assert claim["printed"] == "+1.4 (MobileNetV1), +0.6 (MobileNetV2), +0.7 (ResNet-50) over the best single"
