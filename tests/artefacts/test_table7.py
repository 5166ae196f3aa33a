"""Table 7 and Figure 7's own rows from invented records: counts, plan, claims, credits in a readable figure."""

import json

import numpy as np
import pytest
from PIL import Image
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.artefacts import artefact, table7
from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import labelled_images
from effnet_lib.measure.maps.faithfulness import MEASURES
from effnet_lib.measure.maps.labelled_photographs import CreditedPhotograph, Faithfulness
from effnet_lib.models import pretrained
from effnet_lib.runs.measurement_store import Measurement, MeasurementStore
from effnet_lib.runs.packing import pack, thumbnail
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH

TABLE7 = artefact("table7")
WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


def planned(**given):
    return eff.plan("table7", **{"profile": "photos"} | given)


def photograph(task: CreditedPhotograph) -> Measurement:
    grey, grid = np.full((160, 160, 3), 128, np.uint8), np.linspace(0, 1, 49).reshape(1, 7, 7)
    one = {"predicted": "castle", "probability": 0.6, "mapped": "a labyrinth of hedges", "mapped_probability": 0.2}
    one |= {"cells": {"px": 224, "count": 7, "step": 32.0, "offset": 15.5}, "grid": pack(grid, bits=8)}
    one |= {"thumbnail": thumbnail(grey, 160)}
    credit = {"author": "Somebody Or Other", "licence": "https://creativecommons.org/licenses/by/2.0/"}
    credit |= {"page": "http://www.flickr.com/photos/147860906@N07/30011753244/"}
    name = task.file.rpartition("/")[2].removesuffix(".jpg")
    result = {"name": name, "models": dict.fromkeys(task.models, one), "credit": credit}
    return Measurement(task.kind, task.spec(), result, WHERE)


def faithful(task: Faithfulness, gain: float) -> Measurement:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.2, 0.6, task.images) + np.random.default_rng(int(100 * gain) + 500).normal(
        0, 0.02, task.images
    )
    scores = {m: pack(noise + (-gain if m == "deletion" else gain), -1.0 if m == "road" else 0.0) for m in MEASURES}
    result = {"images": task.images, "empty": 0, "skipped": 0, "scores": scores, "weights_sha256": "0" * 64}
    return Measurement(task.kind, task.spec(), result, WHERE)


def records(*gains: float, images: int = 100, models=pretrained.LITE) -> dict:
    dataset = labelled_images.cc_by()
    rows = [CreditedPhotograph(dataset, file, index, models) for index, file in table7.ROWS.values()]
    made = {task: photograph(task) for task in rows}
    tasks = [Faithfulness(name, dataset, images) for name in models[: len(gains)]]
    return made | {task: faithful(task, gain) for task, gain in zip(tasks, gains, strict=True)}


def test_the_rows_are_the_papers_classes():
    synsets, names = pretrained.class_names()
    for (name, (index, file)), words in zip(table7.ROWS.items(), ("bakery, bakeshop", "maze, labyrinth"), strict=True):
        assert names[index].startswith(words) and file.startswith(f"val/{synsets[index]}/") and name in names[index]


def test_the_plan_needs_photographs_or_records(capsys):
    assert planned().tasks == () and "nothing to map: cc-by-1000 is not under the data root" in capsys.readouterr().out
    (paths.data_root() / "cc-by-1000").mkdir(parents=True)
    kinds = [task.kind for task in planned().tasks]
    assert kinds == ["cam row"] * 2 + ["cam faithfulness"] * 3
    assert planned(models="b0,b4", dry_run=True).tasks[0].models == ("b0", "b4")
    assert {task.images for task in planned(pictures=1000).tasks[2:]} == {1000}


def test_weights_that_cannot_be_had_leave_the_row_to_the_others(monkeypatch, capsys):
    def absent(name):
        if name == "b0":
            raise DataError("model=b0: no network reaches timm's hub")

    monkeypatch.setattr(pretrained, "weights_file", absent)
    (paths.data_root() / "cc-by-1000").mkdir(parents=True)
    tasks = planned(models="b0,lite0", train=True).tasks
    assert tasks[0].models == ("lite0",) and [task.network for task in tasks[2:]] == ["lite0"]
    assert capsys.readouterr().out == "b0 is left out: model=b0: no network reaches timm's hub\n"
    assert planned(models="b0", train=True).tasks == ()


def test_records_are_drawn_without_the_photographs():
    made = records(0.0, 0.05, 0.1, images=table7.MANY)
    for record in made.values():
        MeasurementStore().put(record)
    assert set(planned().results()) == set(made) and planned().evidence()


@pytest.mark.parametrize(
    ("given", "words"),
    [({"pictures": 1}, "pictures=1 is not accepted"), ({"models": "b9"}, "models='b9' is not accepted")],
)
def test_bad_input_is_one_line(given, words):
    with pytest.raises(ParameterError, match=words):
        planned(**given)


def test_table_7_is_counted_beside_the_print():
    rows = planned().table({}).set_index("model")
    assert rows["flops"].div(1e9).round(3).to_list() == [0.386, 1.575, 1.450, 1.538, 1.800]
    assert list(rows.index[rows["flops_verdict"] == "disagrees"]) == ["depth", "width", "resolution"]
    claim = planned().claims({})[-1]
    assert (claim.verdict, claim.measured, claim.n) == (CONTRADICTED, 2, 5)


@pytest.mark.parametrize(
    ("gains", "word"),
    [((0.0, 0.02, 0.1), HOLDS), ((0.1, 0.05, 0.0), CONTRADICTED), ((0.0,), NOT_ENOUGH), ((), NOT_ENOUGH)],
)
def test_better_maps_are_a_gain_in_each_measure_whatever_its_sign(gains, word):
    claims = planned().claims(records(*gains))[:3]
    assert [claim.verdict for claim in claims] == [word] * 3
    assert all(("100 images" in claim.line()) == (len(gains) > 1) for claim in claims)


@pytest.mark.parametrize(("gains", "models"), [((0.0, 0.02, 0.1), pretrained.LITE), ((), pretrained.PAPER)])
def test_the_figure_names_who_made_each_photograph(gains, models):
    found = records(*gains, models=models)
    figure = planned().draw(found, planned().table(found))
    said = labels(figure)
    assert_readable(figure, said)
    below = [axes.get_xlabel() for part in figure.subfigs for axes in part.axes]
    assert sum("Somebody Or Other, CC BY 2.0\nflickr.com/photos/" in words for words in below) == 2
    beside = {axes.get_ylabel() for part in figure.subfigs for axes in part.axes}
    assert {"bakeshop", "maze"} <= beside
    assert set(TABLE7.credits(found)["author"]) == {"Somebody Or Other"}


def test_measures_alone_and_nothing_at_all_are_drawn_too(tmp_path):
    measures = {task: one for task, one in records(0.0, 0.1).items() if isinstance(task, Faithfulness)}
    for found in (measures, {}):
        figure = planned().draw(found, planned().table(found))
        figure.savefig(tmp_path / "a.png")
        assert np.asarray(Image.open(tmp_path / "a.png").convert("L")).std() > 5


def test_files_are_left_where_nothing_is_mapped():
    plan = planned(profile="smoke")
    rows = plan.table(plan.run())
    folder = plan.save(plan.draw({}, rows), rows, plan.claims({}))
    made = json.loads((folder / "table7_cam_rows.claims.json").read_text())
    assert [claim["verdict"] for claim in made] == [NOT_ENOUGH] * 3 + [CONTRADICTED]
