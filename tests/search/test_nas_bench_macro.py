"""The published table and one of its form: names of one network, what is refused; searches on them, and the bar."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError
from effnet_lib.report.tables import architecture_search as tables
from effnet_lib.runs.measurement_store import Measurement, MeasurementStore, key_of
from effnet_lib.search import nas_bench_macro
from effnet_lib.search.nas_bench_macro import FILE, PUBLISHED, SYNTHETIC, key, parse, synthetic, synthetic_body
from effnet_lib.search.settings import SETTINGS, TABLE_SEED
from effnet_lib.search.table_search import TableSearch

HERE = [paths.ROOT / "data" / FILE, paths.ROOT.parent / "shared/data" / FILE]
MADE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


@pytest.fixture
def authors(roots) -> Path:
    """The authors' file in this test's data root."""
    found = next((path for path in HERE if path.is_file()), None)
    if found is None:
        pytest.skip(nas_bench_macro.missing())
    (roots / "data").mkdir()
    return Path(shutil.copyfile(found, roots / "data" / FILE))


def stored(name: str, table: str = SYNTHETIC, seeds: int = 10, evaluations: int = 100, w: float = 0.0) -> dict:
    searcher = replace(SETTINGS["cpu"].table_searcher, name=name)
    task = TableSearch(table, searcher, w, tuple(range(TABLE_SEED, TABLE_SEED + seeds)), evaluations)
    return {task: Measurement(task.kind, task.spec(), task.measure(), MADE)}


def test_identities_after_the_first_layer_of_a_stage_are_one_network():
    assert key((2, 2, 2, 1, 2, 2, 0, 2)) == key((2, 2, 2, 1, 2, 2, 2, 0)) == "22212220"
    assert key((0, 1, 0, 1, 2, 0, 0, 1)) == "01012010" and key((0, 1, 1, 0, 2, 0, 1, 0)) == "01120010"
    assert len(synthetic().scores) == 9 * 21 * 21


def test_a_table_of_the_same_form_is_read_alike():
    body = synthetic_body()
    assert len(body) == 6561 and set(body["22212202"]) == {"test_acc", "mean_acc", "std", "params", "flops"}
    table = synthetic()
    assert table.best == max(row["mean_acc"] for row in body.values())
    assert table.front[-1].accuracy == table.best and parse("x", json.dumps(body).encode()).scores == table.scores


@pytest.mark.parametrize(
    "edit, words",
    [
        (lambda body: body.pop("01201201"), "lacks network 01201201"),
        (lambda body: body.update({"00000000": [1]}), "lacks network 00000000"),
        (lambda body: body["00000000"].update(mean_acc=float("nan")), "mean_acc=nan, which is no percentage"),
        (lambda body: body["00000000"].update(mean_acc=101), "mean_acc=101"),
        (lambda body: body["00000000"].update(flops=0), "flops=0, no whole number above 0"),
        (lambda body: body["00000000"].update(flops=1.5), "flops=1.5"),
    ],
)
def test_a_table_with_a_number_that_none_could_have_is_refused(edit, words):
    body = synthetic_body()
    edit(body)
    with pytest.raises(DataError, match=words.replace("(", r"\(")):
        parse("x", json.dumps(body).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff"])
def test_what_is_no_table_is_refused(raw):
    with pytest.raises(DataError, match=r"^the table x is no "):
        parse("x", raw)


def test_a_missing_or_another_file_is_said_in_one_line(roots):
    with pytest.raises(DataError, match=r"^NAS-Bench-Macro is not here: github.com/xiusu/NAS-Bench-Macro has it"):
        nas_bench_macro.published()
    (roots / "data").mkdir()
    (roots / "data" / FILE).write_text(json.dumps(synthetic_body()))
    with pytest.raises(DataError, match=r"has SHA-256 .* and its authors' file has 686dee8363cc") as error:
        nas_bench_macro.table(PUBLISHED)
    assert "\n" not in str(error.value)


def test_searches_are_a_measurement_that_is_stored_and_read_back(roots):
    (task, made), *_ = stored("evolution", seeds=3).items()
    store = MeasurementStore()
    store.put(made)
    again = store.get(key_of(task.kind, task.spec()))
    assert again.result == made.result == task.measure()
    searches = again.result["searches"]
    assert [one["seed"] for one in searches] == [100, 101, 102] and {one["evaluations"] for one in searches} == {100}
    assert again.result["best"][0] == synthetic().best and again.result["networks"] == 3969
    assert TableSearch(PUBLISHED, task.searcher, 0.0, (0,), 9).spec()["table"] == nas_bench_macro.FINGERPRINT


def test_the_exponent_steers_the_winners():
    found = {}
    for w in (0.0, -0.07, -0.15):
        found |= stored("evolution", w=w)
    effects = tables.fewer_flops(found, (0.0, -0.07, -0.15))
    assert list(effects) == ["w = 0", "w = -0.07"]
    assert all(effect.value > 0 and effect.n == 10 for effect in effects.values())


def test_evolution_is_within_a_tenth_of_a_point_in_eight_of_ten_searches_and_random_in_three(authors):
    """The bar, on the ten seeds that were declared."""
    results = stored("evolution", PUBLISHED) | stored("random", PUBLISHED)
    assert authors.is_file() and tables.close(results, "evolution")[0] >= 8
    assert tables.close(results, "random")[0] <= 3 and tables.close(results, "random")[1] == 10


def test_the_authors_table_has_3969_networks_and_one_score_each(authors):
    body = json.loads(authors.read_text())
    table = nas_bench_macro.published()
    assert len(table.scores) == 3969 and table.best == pytest.approx(93.1267, abs=1e-4)
    for name, row in body.items():
        assert table.scores[key(tuple(map(int, name)))] == (row["mean_acc"], row["flops"])
