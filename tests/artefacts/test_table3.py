"""Table 3: proxies of equal cost; plan, table and claims from made-up records; its notebook executed."""

from dataclasses import replace
from functools import partial

import nbformat
import numpy as np
import pandas as pd
import pytest
from support.invented import DECIDED, study_of
from support.table3 import filled, gains

import effnet_lib as eff
from effnet_lib import paper
from effnet_lib.apps.execute_notebook import run_notebook
from effnet_lib.artefacts import artefact, table3
from effnet_lib.data.datasets import declare
from effnet_lib.models import families
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER
from effnet_lib.study import proxy_families
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import FAMILIES, PROFILES, ProxyBaseline

TABLE3 = artefact("table3")
METHODS = ("baseline", "depth", "width", "resolution", "compound")

pytestmark = pytest.mark.usefixtures("decided")


@pytest.fixture
def fill(record_of):
    """Return a function that plans Table 3 and stores made-up records: (family, method) -> percent correct."""
    return partial(filled, record_of)


# Proxies and plan ---------------------------------------------------------------------------------------------


def test_the_plan_is_table_3s_fourteen_rows_with_names_of_their_own():
    plan = eff.plan("table3", profile="photos")
    printed = paper.table(3)
    assert [(m.family, m.method) for m in plan.models] == list(zip(printed["baseline"], printed["method"], strict=True))
    assert len(plan.models) == len({m.name for m in plan.models}) == len({m.arch for m in plan.models}) == 14
    assert [m.name for m in plan.models][:6] == [
        "MobileNetV1 baseline", "MobileNetV1 w=2", "MobileNetV1 r=2", "MobileNetV1 compound",
        "MobileNetV2 baseline", "MobileNetV2 d=4",
    ]  # fmt: skip
    assert len(plan.specs) == len({spec.key for spec in plan.specs.values()}) == 14 * 3
    assert plan.notes == []


def test_every_model_has_the_multipliers_that_are_printed():
    for model in eff.plan("table3", profile="photos").models:
        row = paper.table(3).set_index(["baseline", "method"]).loc[(model.family, model.method)]
        printed = [row["depth"], row["width"], row["resolution"]]
        expected = families.ASSUMED if np.isnan(printed).any() else Scaling(*printed)
        assert model.scaling == expected == proxy_families.printed(model.family)[model.method]
    assert proxy_families.printed("ResNet-50")["compound"] == Scaling(1.4, 1.2, 1.3)


@pytest.mark.parametrize("profile", ["photos", "gpu"])
def test_every_family_costs_what_the_baseline_does(profile):
    """Whichever baseline step 0 chooses; 15 %, since a family as thin as ResNet-50 has few sizes to choose from."""
    for base in PROFILES[profile].candidates:
        study = study_of(base, profile=profile)
        unit = count(study.baseline.arch).madds
        for family in FAMILIES:
            proxy = proxy_families.baseline(study, family)
            # MobileNetV2 at 64 px is smaller at its full width and depth than B0 there: 24.5 M against 32.0 M.
            largest = proxy.arch == families.FAMILIES[family](Scaling(), base.px, 10)
            assert largest or abs(count(proxy.arch).madds / unit - 1) < 0.15, (base, proxy.name)
            assert 0.8 * base.px <= proxy.arch.px <= base.px


def test_proxies_at_the_chosen_baseline_are_these():
    """Keys of stored records depend on them."""
    study = study_of()
    assert {family: proxy_families.proxy(study, family) for family in FAMILIES} == {
        "MobileNetV1": ProxyBaseline(0.25, 1, 80),
        "MobileNetV2": ProxyBaseline(0.25, 1, 96),
        "ResNet-50": ProxyBaseline(0.1, 0.5, 80),
    }
    rows = TABLE3.proxies(study)
    assert rows["over_baseline"].between(0.94, 1.06).all() and set(rows["final_px"]) == {3}


@pytest.mark.parametrize("profile", ["smoke", "cpu"])
def test_a_family_stands_at_the_baselines_stride_and_has_its_own_rate_where_one_is_decided(profile):
    study = Study.of(PROFILES[profile], eff.plan("table3", profile=profile).study.store)
    for family, rows in table3.rows_of(study).items():
        assert rows["baseline"].arch.final_px >= 4 and proxy_families.proxy(study, family).stride == study.base.stride
        rate = PROFILES[profile].family_rates.get(family, study.recipe.lr)
        assert {study.spec(model, 0).recipe.lr for model in rows.values()} == {rate}
    assert all(study.spec(study.baseline, seed).recipe.lr == study.recipe.lr for seed in range(2))


def test_ratios_stay_nearer_to_the_full_size_than_with_the_nearest_cost_alone():
    study = study_of()
    full, proxy = proxy_families.full_ratios("MobileNetV1"), proxy_families.baseline(study, "MobileNetV1")
    assert (round(full["compound"], 1), round(full["width"], 1)) == (4.3, 3.9)
    nearest = {
        method: count(families.FAMILIES["MobileNetV1"](Scaling(0.5, 0.5) * scaling, 64, 10)).madds
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


def test_the_smallest_profile_has_one_family():
    models = TABLE3.plan(study_of(PROFILES["smoke"].candidates[0], profile="smoke"))
    assert [model.method for model in models] == list(METHODS) and {model.family for model in models} == {"MobileNetV2"}


def test_other_models_keep_their_names_and_their_keys():
    study = study_of()
    assert study.baseline.family == "" and study.baseline.name == "baseline"
    model = proxy_families.model(study, "ResNet-50", "width")
    assert study.spec(model, 0).key == RunSpec(model.arch, DECIDED.recipe, study.dataset.id, 0).key


def test_the_queue_gets_rates_first_and_the_cheapest_family_first():
    rates, rows = TABLE3.stages(study_of())
    assert (rates.number, rates.rank, rates.specs) == (8, 40, ())  # the rate is given here
    assert (rows.number, rows.rank) == (8, 50) and [s.seed for s in rows.specs] == [0] * 14 + [1] * 14 + [2] * 14
    first = rows.specs[:14]
    order = list(dict.fromkeys(spec.arch.family for spec in first))
    total = {f: sum(count(spec.arch).madds for spec in first if spec.arch.family == f) for f in order}
    assert list(total.values()) == sorted(total.values()) and len(order) == 3
    assert len(list(TABLE3.stages(study_of(quintet=True)))[1].specs) == 14 * 5


def test_figure_3_is_none_the_wiser():
    """Families have baselines of their own, so that no other artefact's plan meets them."""
    mine = {spec.key for spec in eff.plan("table3", profile="photos").specs.values()}
    assert not mine & {spec.key for spec in eff.plan("fig3", profile="photos").specs.values()}


# Table --------------------------------------------------------------------------------------------------------


def test_the_table_puts_our_counts_beside_the_printed_ones(fill):
    plan = fill(gains(8), seeds=2)
    rows = plan.table(plan.results()).set_index("model")
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


def test_no_record_is_an_empty_table_and_an_unmeasured_claim():
    study = study_of()
    assert TABLE3.table(study, {}).empty
    (judged,) = TABLE3.claims(study, {})
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["measured"] is None


# Claims -------------------------------------------------------------------------------------------------------


def test_printed_margins_are_those_over_the_best_single_dimension():
    assert table3.printed_margins() == {"MobileNetV1": 1.4, "MobileNetV2": 0.6, "ResNet-50": 0.7}


@pytest.mark.parametrize("compound, verdict", [(9, HOLDS), (6, SMALLER), (3, CONTRADICTED)])
def test_the_verdict_is_one_for_all_families(fill, compound, verdict):
    plan = fill(gains(compound))
    (judged,) = plan.claims(plan.results())
    assert judged.verdict == verdict
    assert judged.estimate.value == pytest.approx(compound - 6, abs=0.1)


def test_a_mean_takes_each_family_alike_and_depth_those_two_that_print_it(fill):
    margin = {"MobileNetV1": 9.0, "MobileNetV2": 6.0, "ResNet-50": 3.0}
    plan = fill(lambda family, method: 50 + 6 * (method != "baseline") + margin[family] * (method == "compound"))
    found = table3.margins(plan.study, plan.results())
    assert {family: round(parts["width"].value) for family, parts in found.items()} == margin | {table3.MEAN: 6}
    assert "depth" not in found["MobileNetV1"] and round(found[table3.MEAN]["depth"].value, 1) == 4.5
    # The mean over three families is known better than any one of them: 1 / sqrt(3).
    alone, mean = found["MobileNetV1"]["width"], found[table3.MEAN]["width"]
    every = [found[family]["width"].se_seed for family in margin]
    assert mean.se_seed == pytest.approx(np.linalg.norm(every) / 3) and mean.se_seed < alone.se_seed


def test_one_dimension_that_wins_refutes_it_whatever_the_others_say(fill):
    gain = {"baseline": 0, "depth": 2, "width": 2, "resolution": 14, "compound": 9}
    plan = fill(lambda family, method: 50 + gain[method])
    (judged,) = plan.claims(plan.results())
    assert judged.verdict == CONTRADICTED and judged.estimate.value == pytest.approx(-5, abs=0.1)


def test_one_seed_is_never_a_verdict(fill):
    plan = fill(gains(20), seeds=1)
    (judged,) = plan.claims(plan.results())
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["n"] == 1 and judged.to_json()["interval"] is None


def test_a_family_without_records_leaves_the_mean_unmeasured_and_the_others_estimated(fill):
    plan = fill(lambda family, method: None if family == "ResNet-50" else gains(8)(family, method))
    (judged,) = plan.claims(plan.results())
    assert judged.verdict == NOT_ENOUGH and judged.to_json()["measured"] is None
    found = table3.margins(plan.study, plan.results())
    assert found["MobileNetV1"]["width"].value == pytest.approx(2, abs=0.1) and found["ResNet-50"]["width"].n == 0


# Notebook -----------------------------------------------------------------------------------------------------


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
