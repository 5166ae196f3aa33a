"""Table 2 from invented records: plan, counts beside the print, columns that never mix, claims, figure, bad input."""

import json

import numpy as np
import pandas as pd
import pytest
from support import labelled
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.artefacts import artefact
from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import labelled_images
from effnet_lib.measure.evaluation.task import Evaluation
from effnet_lib.models import pretrained
from effnet_lib.report.tables import evaluation
from effnet_lib.runs.measurement_store import Measurement, MeasurementStore
from effnet_lib.runs.packing import pack_bits, pack_indices
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH

TABLE2 = artefact("table2")
WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


def planned(**given):
    return eff.plan("table2", **{"profile": "photos"} | given)


def invent(task: Evaluation, correct: np.ndarray) -> Measurement:
    """Make a record in which these images are recognised, and the others taken for the next class."""
    truth = np.arange(len(correct)) % 430
    n = len(correct)
    result = {"images": n, "listed": n, "skipped": [], "engine": "an engine", "engine_error": 0.0, "images_timed": n}
    result |= {"top1": 100 * float(correct.mean()), "top5": 100.0, "seconds": 1.0, "cpu_seconds": 1.0}
    result |= {"weights_sha256": "0" * 64}
    result |= {"labels": pack_indices(truth), "predicted": pack_indices(np.where(correct, truth, truth + 1))}
    return Measurement(task.kind, task.spec(), result | {"among_five": pack_bits(np.ones(len(correct)))}, WHERE)


def records(*gains: float, images: int = 1000) -> dict:
    """Records of Lite0, Lite1, ... each so many points above the one before, on other images in part."""
    made, at = {}, 0.80
    for number, gain in enumerate((0.0, *gains)):
        at += gain / 100
        hard = np.roll(np.arange(images), 3 * number)
        made[task] = invent(task := Evaluation(f"lite{number}", labelled_images.cc_by()), hard < round(at * images))
    return made


def test_the_plan_is_the_lite_trio_on_the_default_where_it_is_here(tmp_path):
    assert planned().tasks == () and planned().evidence() and not planned(profile="cpu").evidence()
    (paths.data_root() / "cc-by-1000").mkdir(parents=True)
    assert [task.network for task in planned().tasks] == list(pretrained.LITE)
    assert "3 are missing; -p train True makes them here" in planned().summary()


def test_records_are_drawn_without_the_images(capsys):
    store = MeasurementStore()
    for record in records(2.0, 1.0).values():
        store.put(record)
    plan = planned()
    assert len(plan.results()) == 3 and not plan.missing()
    assert len(plan.table(plan.results())) == 27 and "nothing to evaluate" not in capsys.readouterr().out


def test_a_folder_of_ones_own(tmp_path):
    folder = labelled.folder(tmp_path / "photographs")
    plan = planned(imagenet=str(folder), models="lite2,b0", profile="photos")
    assert [(task.network, task.dataset.images) for task in plan.tasks] == [("lite2", 12), ("b0", 12)]


def test_weights_that_cannot_be_had_are_a_line_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    def absent(name):
        if name == "b0":
            raise DataError("model=b0: no network reaches timm's hub")

    monkeypatch.setattr(pretrained, "weights_file", absent)
    given = {"imagenet": str(labelled.folder(tmp_path / "photographs")), "models": "b0,lite0", "train": True}
    assert [task.network for task in planned(**given).tasks] == ["lite0"]
    assert capsys.readouterr().out == "b0 is left out: model=b0: no network reaches timm's hub\n"
    assert len(planned(**given, dry_run=True).tasks) == 2  # which fetches nothing


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"models": "lite7"}, ParameterError, "models='lite7' is not accepted; models takes one of lite0"),
        ({"imagenet": ""}, ParameterError, "imagenet='' is not accepted"),
        ({"imagenet": "/nowhere"}, DataError, "imagenet='/nowhere': there is no such folder"),
    ],
)
def test_bad_input_is_one_line(given, error, words):
    with pytest.raises(error, match=words) as caught:
        planned(**given)
    assert "\n" not in str(caught.value)


def test_counts_stand_beside_the_print_and_known_deviations_are_explained():
    rows = planned().table({}).set_index("model")
    assert len(rows) == 24 and rows["params"].notna().all() and rows["flops"].notna().all()
    assert rows.loc["SENet", "params"] == 115_088_984 and "115.1 M" in rows.loc["SENet", "explanation"]
    far = rows[(rows["params_deviation"].abs() > 5) | (rows["flops_deviation"].abs() > 5)]
    assert set(far.index) == {"Inception-v4", "SENet", "PNASNet"} and (far["explanation"] != "").all()
    assert pd.isna(rows.loc["GPipe", "flops_printed"]) and rows.loc["GPipe", "flops"] == 298_794_036_064


def test_ratios_are_over_the_efficientnet_of_the_group():
    found = planned().artefact.ratios(planned().table({})).set_index("model")
    assert len(found) == 16 and found.loc["GPipe", "over"] == "EfficientNet-B7"
    assert found.loc["GPipe", "params counted"] == pytest.approx(8.4, abs=0.01)
    assert found.loc["PNASNet", ["flops of the print", "flops printed"]].round(2).to_list() == [5.48, 6.0]
    assert found.loc["ResNet-50", "flops printed"] == 11


def test_printed_others_and_here_never_share_a_column():
    rows = planned().table(records(2.0, 1.0))
    counted, here = rows[rows["group"].notna()], rows[rows["group"].isna()]
    assert counted["top1_here"].isna().all() and here["top1_printed"].isna().all()
    assert here["top1_others"].to_list() == [74.846, 76.674, 77.47]  # timm's, of the same weights on ImageNet
    assert (here["top1_low"] < here["top1_here"]).all() and (here["top1_here"] < here["top1_high"]).all()
    assert here["top1_here"].to_list() == pytest.approx([80, 82, 83])


@pytest.mark.parametrize(
    ("gains", "word"),
    [
        ((4.0, 3.0), HOLDS),
        ((4.0, -3.0), CONTRADICTED),
        ((4.0, 0.0), NOT_ENOUGH),
        ((4.0,), NOT_ENOUGH),
        ((), NOT_ENOUGH),
    ],
)
def test_accuracy_rises_only_where_each_step_does(gains, word):
    claim = planned().claims(records(*gains))[0]
    assert claim.verdict == word
    if len(gains) == 2:
        assert "1,000 images" in claim.line() and "Lite2 over Lite1" in claim.line()
        assert [part["delta"] for part in claim.to_json()["comparisons"]] == [1.0, 0.5]
    else:
        assert "(not measured)" in claim.line()


def test_claims_on_sizes_are_counts():
    more, most, near = planned().claims({})[1:]
    assert (more.verdict, more.measured, more.n) == (HOLDS, 32, 32)
    assert most.verdict == HOLDS and round(most.measured, 2) == 8.40
    assert (near.verdict, near.measured, near.n) == (CONTRADICTED, 26, 31)


def test_confusions_name_the_worst_classes():
    correct = np.ones(1000, bool)
    correct[[1, 431, 861]] = False  # all three of class 1, goldfish
    (worst,) = TABLE2.confusions(
        {(task := Evaluation("lite0", labelled_images.cc_by())): invent(task, correct)}
    ).values()
    assert worst.iloc[0].to_list() == ["goldfish", 3, 0, "great white shark", 3] and len(worst) == 1
    assert evaluation.confusions(invent(task, np.ones(1000, bool))).empty


@pytest.mark.parametrize("gains", [(2.0, 0.5), *(pytest.param(one, marks=pytest.mark.slow) for one in ((), None))])
def test_the_figure_is_readable(gains):
    found = {} if gains is None else records(*gains)
    plan = planned()
    figure = plan.draw(found, plan.table(found))
    assert_readable(figure, labels(figure))
    names = {text.get_text() for text in figure.axes[0].texts} - {""}
    assert names == {name.removeprefix("EfficientNet-") for name in plan.table({})["model"]} - {"GPipe"}


@pytest.mark.slow
def test_files_are_left_even_where_nothing_is_evaluated():
    plan = planned(profile="smoke")
    rows = plan.table(plan.run())
    folder = plan.save(plan.draw({}, rows), rows, plan.claims({}))
    made = json.loads((folder / "table2_imagenet.claims.json").read_text())
    assert [claim["verdict"] for claim in made] == [NOT_ENOUGH, HOLDS, HOLDS, CONTRADICTED]
