"""Figure 3 drawn from made-up records: panels and labels, the subtitle, the files."""

from functools import partial

import pytest
from support import invented
from support.figure3 import FLATTENING, MISSING, figure3
from support.invented import finished
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.core.paths import published_root
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.training_plan import TrainingPlan

pytestmark = pytest.mark.usefixtures("decided")


@pytest.fixture
def fill(record_of):
    """Return a function that plans Figure 3 and stores made-up records: name -> percent correct."""
    return partial(figure3, record_of)


ORPHANS = {name: value for name, value in FLATTENING.items() if name != "baseline"}


@pytest.mark.parametrize(
    "accuracy, seeds",
    [(FLATTENING, 3), (FLATTENING, 1), (MISSING, 2), ({"baseline": 60}, 2), (ORPHANS, 2)],
    ids=["all", "one seed", "some missing", "baseline only", "no baseline"],
)
def test_four_panels_whose_labels_can_be_read(fill, accuracy, seeds):
    figure, _, _ = finished(fill(accuracy, seeds=seeds))
    assert len(figure.axes) == 4
    assert [axes.get_title("left") for axes in figure.axes] == [
        "width", "depth", "resolution", "printed in the paper (Table 7)",
    ]  # fmt: skip
    everything = labels(figure)
    assert_readable(figure, everything)
    shown = " ".join(text for texts in everything.values() for text, _ in texts)
    placed = [name for name in accuracy if "baseline" in accuracy and name != "baseline"]
    assert all(name in shown for name in placed)
    assert ("16 models not drawn: no baseline to compare with" in shown) == (accuracy is ORPHANS)
    assert ("cross: one seed, no interval" in shown) == (seeds == 1)
    if seeds == 1:
        assert all(line.get_marker() != "o" or line.get_alpha() == 0.3 for line in figure.axes[0].lines)


def test_the_subtitle_says_what_was_measured_where(fill):
    def subtitle(plan: TrainingPlan) -> str:
        return finished(plan)[0].texts[1].get_text()

    expected = (
        "Imagenette, 10 ImageNet classes, 224 px squares · baseline B0 x (w 0.25, d 0.5) at 96 px · 12 epochs · "
        "seeds a point: 2 · a processor · 2020-01-01 · "
    )
    published = fill(FLATTENING, seeds=2, store=RunStore(root=published_root()))
    assert subtitle(published) == expected + "published"
    some = fill(MISSING, seeds=2)
    assert subtitle(some) == expected + "measured here and published"
    assert subtitle(fill(FLATTENING, seeds=2)) == expected + "measured here"


def test_a_smaller_model_than_the_baseline_is_inside_its_panel(record_of):
    plan = invented.fill(
        eff.plan("fig3", profile="photos", widths=(0.5, 1.0, 1.8), seeds=1), record_of, lambda model: 50.0
    )
    figure, rows, _ = finished(plan)
    ratio = float(rows.set_index("model").loc["w=0.5", "flops_ratio"])
    assert ratio < 0.85 and figure.axes[0].get_xlim()[0] < ratio


def test_files_are_the_same_bytes_twice_and_embed_their_fonts(fill):
    plan = fill(FLATTENING, seeds=2)
    folder = plan.save(*finished(plan))
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    plan.save(*finished(plan))
    assert sorted(first) == [f"fig3_single_dim.{kind}" for kind in ("claims.json", "csv", "pdf", "png", "svg")]
    for name, content in first.items():
        assert (folder / name).read_bytes() == content, name
    assert b"/FontFile2" in first["fig3_single_dim.pdf"] and b"/Type3" not in first["fig3_single_dim.pdf"]
    assert "<text" in first["fig3_single_dim.svg"].decode()
    assert folder.name == "photos"
