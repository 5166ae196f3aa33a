"""Counting once more beside what is published: every cell, every verdict."""

import shutil

import pytest

from effnet_lib.artefacts import all_artefacts, artefact
from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.study.counted_files import compare

SHIPPED = paths.ROOT / "figures/published/cpu"
COUNTED = [name for name, one in all_artefacts().items() if one.counted]


@pytest.fixture
def shipped(roots):
    """A copy of what ships for `cpu` that a test may change."""
    shutil.copytree(SHIPPED, roots / "published/cpu")
    return roots / "published/cpu"


@pytest.mark.parametrize("name", COUNTED)
def test_every_cell_that_ships_is_counted_again(shipped, name):
    compared = compare(artefact(name), "cpu")
    assert all(one.same == one.cells > 0 for one in compared)
    assert [one.file.split(".", 1)[1] for one in compared] == ["csv"] * (len(compared) - 1) + ["claims.json"]


def test_what_is_counted_plans_no_run_and_no_measurement():
    assert COUNTED == ["table1", "table6"]
    assert not any(artefact(name).trains for name in COUNTED)


def test_a_changed_cell_a_lost_row_and_a_changed_verdict_are_seen(shipped):
    table, verdicts = shipped / "table1_architecture.csv", shipped / "table1_architecture.claims.json"
    before = compare(artefact("table1"), "cpu")
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-1]).replace("224", "225"))
    verdicts.write_text(verdicts.read_text().replace("holds", "open"))
    cells, claims = compare(artefact("table1"), "cpu")
    columns = lines[0].count(",") + 1
    assert cells.cells == before[0].cells and cells.same < before[0].same - columns
    assert (claims.same, claims.cells) == (0, 1)


def test_a_file_that_is_gone_beside_the_table_agrees_in_nothing(shipped):
    (shipped / "val_vs_test.csv").unlink()
    (shipped / "table6_table8.claims.json").unlink()
    found = {one.file: one.same for one in compare(artefact("table6"), "cpu")}
    assert found["val_vs_test.csv"] == found["table6_table8.claims.json"] == 0 < found["table6_table8.csv"]


@pytest.mark.parametrize("profile, words", [("photos", "table of table1: cpu$"), ("cpus", "did you mean cpu")])
def test_another_profile_is_refused(shipped, profile, words):
    with pytest.raises(ParameterError, match=words):
        compare(artefact("table1"), profile)
