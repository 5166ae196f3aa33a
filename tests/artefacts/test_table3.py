"""Table 3: proxies of equal cost; plan, table, claims and drawing from made-up records; its notebook executed."""

import json
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
from support.readable import assert_readable, labels

from effnet_lib import paper
from effnet_lib.apps.notebooks import run_notebook
from effnet_lib.artefacts import artefact, plan, table3
from effnet_lib.data.datasets import declare
from effnet_lib.models import scalable
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.report.tables import flops_audit
from effnet_lib.runs.spec import RunSpec
from effnet_lib.stats.claims import DOES_NOT_HOLD, HOLDS, NOT_ENOUGH
from effnet_lib.study import proxy_families
from effnet_lib.study.parameters import Parameters
from effnet_lib.study.profiles import FAMILIES, PROFILES, ProxyBaseline
from effnet_lib.study.study import Study
from effnet_lib.study.training_plan import TrainingPlan

TABLE3 = artefact("table3")

IMAGES = 2000
FIXED = replace(PROFILES["photos"], candidates=(ProxyBaseline(0.25, 0.5, 96),), learning_rates=())
METHODS = ("baseline", "depth", "width", "resolution", "compound")


@pytest.fixture(autouse=True)
def decided(monkeypatch):
    """Fix the baseline and the rate of `photos`, which step 0 and the tuning would choose."""
    monkeypatch.setitem(PROFILES, "photos", FIXED)


@pytest.fixture
def fill(record_of):
    """Return a function that stores made-up records: (family, method) -> percent right, or None for no record.

    Seeds spread a model by `jitter` points, each model in its own way, and leave its mean where it is.
    """

    def put(accuracy, seeds: int = 5, jitter: float = 0.2, profile: str = "photos") -> TrainingPlan:
        work = plan("table3", Parameters(profile=profile, seeds=seeds))
        noise = np.random.default_rng(1).uniform(-jitter, jitter, (len(work.models), seeds))
        shifts = dict(zip(work.models, noise - noise.mean(axis=1, keepdims=True), strict=True))
        for (model, seed), spec in work.specs.items():
            percent = accuracy(model.family, model.method)
            if percent is not None:
                right = np.clip(round(IMAGES * (percent + shifts[model][seed]) / 100), 0, IMAGES)
                made = {"train_loss": 1.0, "top1_larger_test": 1.0, "source_px": min(round(1.7 * spec.arch.px), 224)}
                work.study.store.put(record_of(spec, np.arange(IMAGES) < right, **made))
        return work

    return put


def gains(compound: float, single: float = 6.0):
    """Return accuracies: another baseline for each family, one gain for every single dimension, one for compound."""
    gain = {"baseline": 0.0, "compound": compound}
    return lambda family, method: 50 + 5 * FAMILIES.index(family) + gain.get(method, single)


def drawn(work: TrainingPlan):
    records = work.results()
    rows = TABLE3.table(work.study, records)
    return TABLE3.draw(work.study, records, rows), rows, TABLE3.claims(work.study, records)


# Proxies and plan ---------------------------------------------------------------------------------------------


def test_the_plan_is_table_3s_fourteen_rows_with_names_of_their_own():
    work = plan("table3", Parameters(profile="photos"))
    printed = paper.table(3)
    assert [(m.family, m.method) for m in work.models] == list(zip(printed["baseline"], printed["method"], strict=True))
    assert len(work.models) == len({m.name for m in work.models}) == len({m.arch for m in work.models}) == 14
    assert [m.name for m in work.models][:6] == [
        "MobileNetV1 baseline", "MobileNetV1 w=2", "MobileNetV1 r=2", "MobileNetV1 compound",
        "MobileNetV2 baseline", "MobileNetV2 d=4",
    ]  # fmt: skip
    assert len(work.specs) == len({spec.key for spec in work.specs.values()}) == 14 * 3
    assert work.notes == []


def test_every_model_has_the_multipliers_that_are_printed():
    for model in plan("table3", Parameters(profile="photos")).models:
        row = paper.table(3).set_index(["baseline", "method"]).loc[(model.family, model.method)]
        printed = [row["depth"], row["width"], row["resolution"]]
        expected = scalable.ASSUMED if np.isnan(printed).any() else Scaling(*printed)
        assert model.scaling == expected == proxy_families.printed(model.family)[model.method]
    assert proxy_families.printed("ResNet-50")["compound"] == Scaling(1.4, 1.2, 1.3)


@pytest.mark.parametrize("profile", ["photos", "gpu"])
def test_every_family_costs_what_the_baseline_does(profile, store):
    """Whichever baseline step 0 chooses; 15 %, since a family as thin as ResNet-50 has few sizes to choose from."""
    for base in PROFILES[profile].candidates:
        study = Study.of(replace(PROFILES[profile], candidates=(base,), learning_rates=()), store)
        unit = count(study.baseline.arch).madds
        for family in FAMILIES:
            proxy = proxy_families.baseline(study, family)
            # MobileNetV2 at 64 px is smaller at its full width and depth than B0 there: 24.5 M against 32.0 M.
            largest = proxy.arch == scalable.FAMILIES[family](Scaling(), base.px, 10)
            assert largest or abs(count(proxy.arch).madds / unit - 1) < 0.15, (base, proxy.name)
            assert 0.8 * base.px <= proxy.arch.px <= base.px


def test_proxies_at_the_chosen_baseline_are_these(store):
    """Keys of stored records depend on them."""
    study = Study.of(FIXED, store)
    assert {family: proxy_families.proxy(study, family) for family in FAMILIES} == {
        "MobileNetV1": ProxyBaseline(0.25, 1, 80),
        "MobileNetV2": ProxyBaseline(0.25, 1, 96),
        "ResNet-50": ProxyBaseline(0.1, 0.5, 80),
    }
    rows = TABLE3.proxies(study)
    assert rows["over_baseline"].between(0.94, 1.06).all() and set(rows["final_px"]) == {3}


def test_ratios_stay_nearer_to_the_full_size_than_with_the_nearest_cost_alone(store):
    study = Study.of(FIXED, store)
    full, proxy = proxy_families.full_ratios("MobileNetV1"), proxy_families.baseline(study, "MobileNetV1")
    assert (round(full["compound"], 1), round(full["width"], 1)) == (4.3, 3.9)
    nearest = {
        method: count(scalable.FAMILIES["MobileNetV1"](Scaling(0.5, 0.5) * scaling, 64, 10)).madds
        for method, scaling in proxy_families.printed("MobileNetV1").items()
    }
    assert round(nearest["compound"] / nearest["baseline"], 1) == 6.0
    ours = {m: count(proxy_families.model(study, "MobileNetV1", m).arch).madds / count(proxy.arch).madds for m in full}
    assert all(abs(np.log(ours[method] / full[method])) < 0.07 for method in full)
    costs = TABLE3.costs(study).set_index("model")
    assert costs.loc["MobileNetV1 compound", "proxy_ratio"] == ours["compound"]
    assert costs.loc["ResNet-50 d=4", "printed_ratio"] == pytest.approx(16.2 / 4.1)


def test_at_full_size_the_networks_are_the_papers_own(store):
    study = Study.of(PROFILES["imagenet"], store, replace(declare("imagenette-224"), classes=1000))
    assert count(proxy_families.baseline(study, "ResNet-50").arch).params == 25_557_032
    for model in TABLE3.plan(study):
        assert model.arch == proxy_families.full_size(model)


def test_the_smallest_profile_has_one_family(store):
    models = TABLE3.plan(Study.of(PROFILES["smoke"], store))
    assert [model.method for model in models] == list(METHODS) and {model.family for model in models} == {"MobileNetV2"}


def test_other_models_keep_their_names_and_their_keys(store):
    study = Study.of(FIXED, store)
    assert study.baseline.family == "" and study.baseline.name == "baseline"
    model = proxy_families.model(study, "ResNet-50", "width")
    assert study.spec(model, 0).key == RunSpec(model.arch, FIXED.recipe, study.dataset.id, 0).key


def test_the_queue_gets_one_seed_first_and_the_cheapest_family_first(store):
    study = Study.of(replace(PROFILES["photos"]), store)
    first, rest = TABLE3.stages(study)
    assert (first.number, first.rank, len(first.specs)) == (1, 13, 14)
    assert (rest.number, rest.rank, len(rest.specs)) == (2, 50, 14 * 2)
    assert [spec.seed for spec in rest.specs] == [1] * 14 + [2] * 14
    order = list(dict.fromkeys(spec.arch.family for spec in first.specs))
    total = {f: sum(count(spec.arch).madds for spec in first.specs if spec.arch.family == f) for f in order}
    assert list(total.values()) == sorted(total.values()) and len(order) == 3
    decisive = replace(FIXED, candidates=(ProxyBaseline(0.5, 0.5, 64), ProxyBaseline(0.25, 0.5, 96)))
    study = Study.of(decisive, store)
    study.__dict__["base"] = decisive.candidates[-1]  # as step 0 would decide
    assert len(list(TABLE3.stages(study))[1].specs) == 14 * 5


# Table --------------------------------------------------------------------------------------------------------


def test_the_table_puts_our_counts_beside_the_printed_ones(fill):
    work = fill(gains(8), seeds=2)
    rows = TABLE3.table(work.study, work.results()).set_index("model")
    assert len(rows) == 14 and "coefficient" not in rows
    assert list(rows.columns)[:5] == ["family", "method", "depth", "width", "resolution"]
    audited = TABLE3.full_size()
    assert len(audited) == 14
    assert np.allclose(rows["full_deviation_percent"], audited["deviation_percent"])
    assert np.allclose(rows["full_flops"] / 1e9, audited["ours"])
    # Each family starts at its own baseline.
    base = rows[rows["method"] == "baseline"]
    assert (base["gain"] == 0).all() and (base["flops_ratio"] == 1).all() and base["top1"].is_unique
    assert np.allclose(rows.loc[rows["method"] == "compound", "gain"], 8, atol=0.2)
    assert rows.loc["ResNet-50 compound", "printed_top1_percent"] == 78.8
    assert rows.loc["ResNet-50 compound", ["depth", "width", "resolution"]].tolist() == [1.4, 1.2, 1.3]


def test_no_record_is_an_empty_table_and_an_unmeasured_claim(store):
    study = Study.of(FIXED, store)
    assert TABLE3.table(study, {}).empty
    (judged,) = TABLE3.claims(study, {})
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["measured"] is None


# Claims -------------------------------------------------------------------------------------------------------


def test_printed_margins_are_those_over_the_best_single_dimension():
    assert table3.printed_margins() == {"MobileNetV1": 1.4, "MobileNetV2": 0.6, "ResNet-50": 0.7}


@pytest.mark.parametrize("compound, verdict", [(9, HOLDS), (6, DOES_NOT_HOLD), (3, DOES_NOT_HOLD)])
def test_the_verdict_is_one_for_all_families(fill, compound, verdict):
    work = fill(gains(compound))
    (judged,) = TABLE3.claims(work.study, work.results())
    assert judged.verdict == verdict
    assert judged.estimate.value == pytest.approx(compound - 6, abs=0.1)


def test_a_mean_takes_each_family_alike_and_depth_those_two_that_print_it(fill):
    margin = {"MobileNetV1": 9.0, "MobileNetV2": 6.0, "ResNet-50": 3.0}
    work = fill(lambda family, method: 50 + 6 * (method != "baseline") + margin[family] * (method == "compound"))
    found = table3.margins(work.study, work.results())
    assert {family: round(parts["width"].value) for family, parts in found.items()} == margin | {table3.MEAN: 6}
    assert "depth" not in found["MobileNetV1"] and round(found[table3.MEAN]["depth"].value, 1) == 4.5
    # The mean over three families is known better than any one of them: 1 / sqrt(3).
    alone, mean = found["MobileNetV1"]["width"], found[table3.MEAN]["width"]
    assert mean.se_seed == pytest.approx(alone.se_seed / np.sqrt(3))


def test_one_dimension_that_wins_refutes_it_whatever_the_others_say(fill):
    gain = {"baseline": 0, "depth": 2, "width": 2, "resolution": 14, "compound": 9}
    work = fill(lambda family, method: 50 + gain[method])
    (judged,) = TABLE3.claims(work.study, work.results())
    assert judged.verdict == DOES_NOT_HOLD and judged.estimate.value == pytest.approx(-5, abs=0.1)


def test_one_seed_is_never_a_verdict(fill):
    work = fill(gains(20), seeds=1)
    (judged,) = TABLE3.claims(work.study, work.results())
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["n"] == 1 and judged.to_json()["interval"] is None


def test_a_family_without_records_leaves_the_mean_unmeasured_and_the_others_estimated(fill):
    work = fill(lambda family, method: None if family == "ResNet-50" else gains(8)(family, method))
    (judged,) = TABLE3.claims(work.study, work.results())
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["measured"] is None
    found = table3.margins(work.study, work.results())
    assert found["MobileNetV1"]["width"].value == pytest.approx(2, abs=0.1) and found["ResNet-50"]["width"].n == 0


# Drawing ------------------------------------------------------------------------------------------------------


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
    figure, rows, _ = drawn(fill(accuracy, seeds=seeds, profile=profile))
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
    figure, _, _ = drawn(fill(gains(8), seeds=1))
    assert all(box.x1 <= figure.bbox.x1 for _, box in everything(figure)["figure"])


def test_what_is_missing_is_said(fill):
    figure, _, _ = drawn(fill(some, seeds=2))
    texts = [text for _, page in everything(figure).items() for text, _ in page]
    assert texts.count("not measured") >= 4  # ResNet-50's panel, and margins without a width


def test_files_are_the_same_bytes_twice_and_the_audit_lies_beside_them(fill):
    work = fill(gains(8), seeds=2)
    made = drawn(work)
    folder = work.save(*made)
    path = flops_audit.save(folder)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert path == flops_audit.save(work.save(*made)) and path.name == "flops_audit.csv"
    assert sorted(first) == sorted(
        ["flops_audit.csv", *(f"{TABLE3.notebook}.{kind}" for kind in ("claims.json", "csv", "pdf", "png", "svg"))]
    )
    for name, content in first.items():
        assert (folder / name).read_bytes() == content, name
    assert len(pd.read_csv(path)) == 39
    (claim,) = json.loads((folder / f"{TABLE3.notebook}.claims.json").read_text())
    assert claim["printed"] == "+1.4 (MobileNetV1), +0.6 (MobileNetV2), +0.7 (ResNet-50) over the best single"


def test_figure_3_is_none_the_wiser(fill):
    """Families have baselines of their own, so that no other artefact's plan meets them."""
    mine = {spec.key for spec in plan("table3", Parameters(profile="photos")).specs.values()}
    assert not mine & {spec.key for spec in plan("fig3", Parameters(profile="photos")).specs.values()}


@pytest.mark.slow
def test_the_notebook_is_executed_and_kept(roots):
    out = run_notebook("table3", {"profile": "smoke"})
    kinds = ("claims.json", "csv", "ipynb", "pdf", "png", "svg")
    names = sorted(["flops_audit.csv", *(f"{TABLE3.notebook}.{kind}" for kind in kinds)])
    assert sorted(path.name for path in out.parent.iterdir()) == names
    rows = pd.read_csv(out.with_suffix(".csv"))
    assert list(rows["method"]) == list(METHODS) and set(rows["family"]) == {"MobileNetV2"}
    shown = [output for cell in nbformat.read(out, as_version=4).cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("ResNet-50, compound" in output.get("data", {}).get("text/html", "") for output in shown)  # the audit
    assert str(roots) not in str(shown)
