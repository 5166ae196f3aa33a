"""Figure 7 on invented measurements: plan, settings, choice of images, table, claims, drawing."""

import json
from dataclasses import asdict, replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support.invented import luminance, study_of
from support.invented_maps import GAINS, invented_maps
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.artefacts import artefact, fig7
from effnet_lib.core import paths
from effnet_lib.core.errors import EffnetError, RunFailed
from effnet_lib.measure.maps import evaluation_images, network_maps
from effnet_lib.models.complexity import count
from effnet_lib.report.figures import activation_maps as map_panels
from effnet_lib.report.tables import activation_maps
from effnet_lib.runs.measurement_store import MeasurementStore
from effnet_lib.runs.run_store import RunStore
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH
from effnet_lib.study import queue
from effnet_lib.study.decided_study import Study
from effnet_lib.study.measurement_plan import MeasurementPlan
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.protocol import LONG

FIG7 = artefact("fig7")


def planned(**given) -> MeasurementPlan:
    return eff.plan("fig7", **{"profile": "cpu"} | given)


def test_the_five_models_are_level_as_and_cost_the_same():
    study = Study.of(FIG7.adapted(PROFILES["cpu"]), RunStore())
    found = fig7.models(study)
    assert list(found) == ["baseline", "depth", "width", "resolution", "compound"]
    unit, *costs = (count(model.arch).madds for model in found.values())
    assert max(costs) <= 1.1 * min(costs) and all(3 <= cost / unit <= 4 for cost in costs)
    assert {name: model.budget for name, model in found.items()} == dict.fromkeys(found, study.profile.deciding)
    assert all(model.arch.final_px >= 6 for model in found.values())


@pytest.mark.parametrize(
    "profile, base", [("photos", ProxyBaseline(0.25, 0.5, 96)), ("gpu", ProxyBaseline(0.5, 0.75, 112))]
)
def test_profiles_of_photographs_share_their_runs_with_other_figures(profile, base):
    study = study_of(base, quintet=True, profile=profile, deciding=LONG)
    (maps,) = (stage for stage in queue.stages(study) if stage.artefact == "fig7")
    assert maps.number == 6 and [spec.seed for spec in maps.specs] == [seed for seed in range(5) for _ in range(5)]
    keys = {spec.key for stage in queue.stages(study) if stage.artefact != "fig7" for spec in stage.specs}
    assert {spec.key for spec in maps.specs} <= keys
    assert {spec.recipe.epochs for spec in maps.specs} == {3 * study.recipe.epochs}


def test_the_cpu_profile_trains_on_scenes_from_a_baseline_of_its_own():
    plain = Study.of(PROFILES["cpu"], RunStore())
    (maps,) = queue.stages(plain, ["fig7"])
    assert {spec.data for spec in maps.specs} == {"scenes-20"} and len(maps.specs) == 5 * plain.profile.map_seeds
    plan = planned()
    assert set(plan.networks.specs.values()) == set(maps.specs)
    assert planned(seeds=5).networks.seeds == (0, 1, 2, 3, 4) and "stride 8" in plan.summary()


@pytest.mark.parametrize(
    "base, data, expected",
    [
        (ProxyBaseline(0.15, 0.25, 48, stride=8), "scenes-20", (32, 32, 6)),
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
    found = fig7.settings_of(study)
    assert (found.scene_stride, found.picture_stride, found.grid) == expected and found.px % 2 == 0


def test_every_network_is_measured_and_settings_are_part_of_the_key():
    tasks = planned().tasks
    networks = [task for task in tasks if isinstance(task, network_maps.NetworkMaps)]
    assert len(networks) == 15 and {task.name for task in networks} == set(GAINS)
    assert sum(isinstance(task, evaluation_images.Thumbnails) for task in tasks) == 1 and len(set(tasks)) == len(tasks)
    other = [t for t in planned(method="layercam").tasks if isinstance(t, network_maps.NetworkMaps)]
    assert not {json.dumps(t.spec()) for t in networks} & {json.dumps(t.spec()) for t in other}
    assert json.loads(json.dumps(networks[0].spec()))["run"] == networks[0].run.key


# Results from invented measurements ---------------------------------------------------------------------------


def verdicts(judged) -> list[str]:
    return [json.loads(json.dumps(one.to_json()))["verdict"] for one in judged]


def test_effects_of_known_size_get_their_verdicts():
    plan = planned(seeds=5)
    judged = plan.claims(invented_maps(plan.study))
    assert verdicts(judged) == [HOLDS] * 8
    for one in judged[1:]:
        assert one.estimate.value == pytest.approx(7, abs=0.6) and one.estimate.n == 5
        assert one.to_json()["declared_n"] == plan.study.profile.declared == 3 and not one.interim
    none = plan.claims(invented_maps(plan.study, GAINS | {"compound": 0.0}))
    assert verdicts(none)[1:] == [CONTRADICTED] * 7


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_fewer_than_five_seeds_are_interim_and_fewer_than_three_no_verdict(seeds):
    study = study_of(quintet=True)  # of a profile that follows the protocol: five seeds
    judged = FIG7.claims(study, invented_maps(study, seeds=seeds))
    assert all(one.interim for one in judged)
    assert verdicts(judged) == [HOLDS if seeds == 4 else NOT_ENOUGH] * 8


def test_images_are_chosen_by_rule():
    plan = planned()
    gallery = activation_maps.Gallery(invented_maps(plan.study))
    chosen, correct = gallery.chosen(), gallery.correct()
    assert len(set(chosen)) == 5 and chosen == activation_maps.Gallery(invented_maps(plan.study)).chosen()
    assert correct[:, chosen[:3]].all() and (correct[:, chosen[3:]].sum(0) == 1).all()
    gallery.grids["width"][chosen[0]] = np.nan  # a map that says nothing is never drawn
    assert chosen[0] not in gallery.chosen()


def test_the_table_says_where_and_when_it_was_measured():
    plan = planned()
    rows = plan.table(invented_maps(plan.study)).set_index("row")
    assert set(rows.loc[list(GAINS), "device"]) == {"a processor"} and rows.loc["depth", "date"] == "2020-01-01"


def test_the_table_has_a_row_a_model_and_the_three_controls():
    plan = planned()
    rows = plan.table(invented_maps(plan.study)).set_index("row")
    assert list(rows.index) == [*GAINS, "uniform", "centre prior", "untrained"]
    assert rows.loc["compound", "energy"] - rows.loc["baseline", "energy"] == pytest.approx(10, abs=1)
    assert rows.loc["baseline", "deletion"] - rows.loc["compound", "deletion"] == pytest.approx(10, abs=1)
    low, high = rows.loc["width", ["iou_low", "iou_high"]]
    assert low < rows.loc["width", "iou"] < high and rows.loc["uniform", "pointing"] == pytest.approx(20, abs=0.01)
    assert (rows.loc[list(GAINS), "same"] == 90).all() and rows.loc["resolution", "cells"] == 7


def test_the_figure_can_be_read_and_its_peaks_lie_in_the_objects():
    plan = planned()
    measured = invented_maps(plan.study, published=True)
    plt.close("all")
    figure = plan.draw(measured, plan.table(measured))
    everything = labels(figure)
    assert_readable(figure, everything)
    words = " ".join(text for texts in everything.values() for text, _ in texts)
    assert "published" in words and "0.75 ✓" in words and "0.75 ✗" in words
    assert [axes.get_title() for axes in figure.axes[:6]] == ["original", *map_panels.HEADS.values()]
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 5 * 6
    # The first image's baseline: its peak cell (1, 2) is centred on pixel (16, 32) of 48.
    shown = images[1].images[0].get_array()
    side = len(shown)
    at = np.unravel_index(np.dot(shown, (0.2126, 0.7152, 0.0722)).argmax(), (side, side))
    assert np.abs(np.array(at) - np.array([16.5, 32.5]) / 48 * side + 0.5).max() <= 1


def test_paired_differences_are_drawn_where_they_are():
    plan = planned()
    measured = invented_maps(plan.study)
    figure, found = plan.draw(measured, plan.table(measured)), activation_maps.differences(measured)
    panels = [axes for axes in figure.axes if not axes.images and axes.get_title("left")]
    assert len(panels) == len(found) == 7
    for axes, parts in zip(panels, found.values(), strict=True):
        for y, estimate in enumerate(parts.values()):
            spans = [list(line.get_xdata()) for line in axes.lines if list(line.get_ydata()) == [y, y]]
            assert spans == [pytest.approx(estimate.interval95), pytest.approx(estimate.interval90)]
    assert found["energy"]["depth"].value == pytest.approx(9, abs=1) and found["deletion"]["depth"].value > 0


def test_on_mosaics_no_centre_prior_and_the_share_of_predictions_that_survive():
    plan = planned()
    measured = invented_maps(plan.study)
    for number, one in enumerate(activation_maps.networks(measured)["depth"].values()):
        one.result["agreement"]["same"]["tile"] = 0.13 + 0.01 * number
    for method in ("baseline", "width", "resolution", "compound"):
        for one in activation_maps.networks(measured)[method].values():
            one.result["agreement"]["same"]["tile"] = 0.3
    rows = plan.table(measured)
    assert "centre prior" not in list(rows["row"]) and "uniform" in list(rows["row"])
    words = plan.draw(measured, rows).texts
    assert any("on a mosaic's tile only 15 to 30 % of the predictions survive" in one.get_text() for one in words)


def test_maps_that_are_no_better_than_controls_are_named():
    plan = planned()
    rows = plan.table(invented_maps(plan.study))
    assert activation_maps.no_better_than_controls(rows) == {}
    rows.loc[rows["row"] == "uniform", "energy"] = rows.loc[rows["row"] == "width", "energy"].iloc[0]
    named = activation_maps.no_better_than_controls(rows)["energy"]
    assert "width" in named and "baseline" in named and "compound" not in named


def test_more_evidence_is_lighter_also_in_grey():
    light = [luminance(colour) for colour in plt.get_cmap(map_panels.HEAT)(np.linspace(0, 1, 50))]
    assert (np.diff(light) > 0).all() and light[-1] - light[0] > 0.8


def test_thumbnails_alone_are_no_figure():
    plan = planned()
    alone = {
        task: one for task, one in invented_maps(plan.study).items() if isinstance(task, evaluation_images.Thumbnails)
    }
    assert alone and not FIG7.drawable(alone) and not FIG7.drawable({})
    for one in alone.values():
        plan.study.measurements.put(one)
    assert plan.results() == {}
    with pytest.raises(EffnetError, match="nothing is measured yet"):
        plan.draw(alone, plan.table(alone))


def test_it_redraws_from_shipped_measurements_alone():
    plan = planned()
    measured = invented_maps(plan.study)
    folder = paths.published_root() / "records"
    folder.mkdir(parents=True)
    for one in measured.values():
        (folder / f"{one.key}.json").write_text(one.to_json())
    size = sum(path.stat().st_size for path in folder.iterdir())
    store = MeasurementStore()
    assert all(store.get(one.key).published for one in measured.values()) and size < 1_000_000
    again = {task: store.get(one.key) for task, one in measured.items()}
    assert plan.table(again).equals(plan.table(measured))


def test_weights_that_are_missing_are_named_with_the_command_that_trains_them(record_of):
    run = next(iter(planned().networks.specs.values()))
    with pytest.raises(RunFailed, match=r"is not trained; effnet run fig7 --profile cpu -p train True"):
        network_maps.weights(run, "cpu")
    RunStore().put(record_of(run))
    with pytest.raises(RunFailed, match=r"has a record, but no weights on this machine; train it again: rm .*\.json"):
        network_maps.weights(run, "cpu")
    own = RunStore().path(run.key)
    published = paths.published_root() / "records"
    published.mkdir(parents=True)
    own.rename(published / own.name)
    with pytest.raises(RunFailed, match=r"-p fresh True"):
        network_maps.weights(run, "photos")


def test_no_measurement_is_skipped_in_silence(record_of):
    for spec in planned().networks.specs.values():
        RunStore(published=False).put(record_of(spec))
    plan = planned(measure=True)
    with pytest.raises(RunFailed, match="no weights on this machine"):
        plan.run()


@pytest.mark.slow
def test_networks_are_trained_measured_and_drawn(monkeypatch, images):
    """The whole path on photographs: mosaics, dilation, both kinds of images."""
    small = replace(PROFILES["smoke"], map_base=ProxyBaseline(0.25, 0.25, 64), map_data=None, map_images=12)
    monkeypatch.setitem(PROFILES, "smoke", small)
    plan = eff.plan("fig7", profile="smoke", dataset=str(images))
    measured = plan.run()
    rows = plan.table(measured)
    assert len(measured) == len(plan.tasks) >= 6 and rows["energy"].notna().all()
    one = next(iter(activation_maps.networks(measured)["baseline"].values())).result
    assert one["cells"]["count"] == 4 and set(one["agreement"]["same"]) == {"trained", "dilated", "tile"}
    assert verdicts(plan.claims(measured)) == [NOT_ENOUGH] * 8
    assert asdict(next(t for t in plan.tasks if isinstance(t, network_maps.NetworkMaps)).settings)["scene_stride"] == 32
    figure = plan.draw(measured, rows)
    assert_readable(figure, labels(figure))
