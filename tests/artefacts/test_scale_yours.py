"""Scale yours from made-up records: its plan, rate, rungs, answer, family, claims and drawing."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import thirty_lines
from support.readable import assert_readable, labels
from support.surface import quadratic

import effnet_lib as eff
from effnet_lib.artefacts import artefact
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.report.tables.scaling_answer import Answer
from effnet_lib.runs.sweep import Report
from effnet_lib.study import scaling_plan, training_plan

SCALE, IMAGES = artefact("scale"), 2000
YOURS = f"{Path(thirty_lines.__file__)}:make"


def invented(record_of, top=lambda scaling: 60.0, rate: float = 0.4):
    """Return a stand-in for `run_all` that stores made-up records and notes what was asked of it."""
    rounds = []

    def run_all(specs, dataset_of, store, options):
        rounds.append(list(specs))
        for spec in specs:
            if spec.data.endswith("/holdout"):
                store.put(record_of(spec, loss=1.0 + abs(np.log2(spec.recipe.lr / rate))))
                continue
            noise = np.random.default_rng((spec.seed, count(spec.arch).madds)).uniform(-0.2, 0.2)
            right = round(IMAGES * (top(spec.arch) + noise) / 100)
            store.put(record_of(spec, np.arange(IMAGES) < right, source_px=163))
        return Report(stored=list(specs))

    return run_all, rounds


@pytest.fixture
def search(monkeypatch, record_of):
    """Return a function that plans a search and runs it on invented records; returns the plan and its rounds."""

    def make(accuracy=None, **given):
        plan = eff.plan("scale", profile="cpu", seeds=given.pop("seeds", 3), **given)
        known = {model.arch: model.scaling for model in plan.models}
        top = (lambda arch: accuracy(known.get(arch, Scaling()))) if accuracy else lambda arch: 60.0
        run_all, rounds = invented(record_of, top)
        monkeypatch.setattr(scaling_plan, "run_all", run_all)
        monkeypatch.setattr(training_plan, "run_all", run_all)
        return plan, rounds

    return make


def test_the_rate_is_bracketed_before_anything_else(search):
    plan, rounds = search(family="MobileNetV3")
    assert not plan.study.ready and plan.results() == {}
    results = plan.run()
    trials = [spec.recipe.lr for specs in rounds[:2] for spec in specs]
    assert trials == [0.1, 0.2, 0.4, 0.8]  # protocol 2: around the recipe's, then beyond the edge where the best lies
    assert {spec.recipe.lr for spec in rounds[2]} == {0.4} and plan.study.bracket.inside
    assert {spec.arch for specs in rounds[:2] for spec in specs} == {plan.study.baseline.arch}
    assert all(len(runs) == 3 for runs in results.values()) and len(results) == len(plan.models)
    again = eff.plan("scale", profile="cpu", seeds=3, family="MobileNetV3")
    assert again.missing() == [] and again.run().keys() == results.keys() and rounds[3:] == [[]]


def test_a_dry_run_lists_the_bill_and_stores_nothing(roots):
    plan = eff.plan("scale", profile="cpu", network=YOURS, dry_run=True, cost="memory")
    words, table, bill = plan.summary(), plan.overview(), plan.bill()
    assert plan.run() == {} and not (roots / "results/records").exists()
    assert bill["trials"] == 4 and bill["runs"] == 3 * len(plan.models) and bill["hours_here"] > 0 < bill["hours_gpu"]
    assert bill["seeds_for_one_point"] is None or bill["seeds_for_one_point"] > 3
    assert "the function's own" in words and "on an H200" in words and "regret interval of +-1 point" in words
    assert list(table.columns) == ["network", "px", "memory", "x baseline", "seconds a run", "stored"]
    others = table[table["network"].str.startswith("(")]["x baseline"][1:]
    assert ((others / 2 - 1).abs() <= 0.0205).all()


def peak(scaling: Scaling) -> float:
    return float(quadratic(scaling.depth, scaling.resolution)) - 10


def test_the_answer_and_its_family(search, tmp_path):
    plan, _ = search(peak, family="MobileNetV3", networks=14, px=64, seeds=5)
    results = plan.run()
    answer = SCALE.answer(plan.study, results)
    body = json.loads(answer.json_text())
    best = min(answer.found, key=lambda one: -peak(one.scaling))
    assert peak(answer.best.scaling) >= peak(best.scaling) - 0.5
    assert body["paper"]["regret"]["points"] >= 0 and body["best"]["top1_points_lost_at_most"] < 2
    assert body["surface"]["maximum"]["depth"] == pytest.approx(1.3, abs=0.15)
    assert len(body["surface"]["ellipse_one_point_lower"]) == 25 and body["learning_rate"]["bracketed"]
    assert set(body["premise"]["slopes"]) == {"depth", "width", "resolution"} and body["seeds"]["seed_sd"] > 0
    text = "\n".join(answer.lines())
    assert "regret" in text and "(1.2, 1.1, 1.15) instead" in text and "a balanced baseline" in text
    assert [row["phi"] for row in body["family"]] == [1, 2, 3, 4]
    assert body["family"][0]["flops"] == count(answer.best.arch).madds
    code: dict = {}
    exec(answer.python(), code)
    assert len(answer.python().splitlines()) == 10
    for row in body["family"]:
        assert sum(p.numel() for p in code["models"][row["phi"]].parameters()) == row["params"]


def test_your_own_family_is_rebuilt_beside_your_file(search, monkeypatch):
    plan, _ = search(network=YOURS, networks=6, px=48, seeds=2)
    answer = SCALE.answer(plan.study, plan.run())
    monkeypatch.syspath_prepend(str(Path(thirty_lines.__file__).parent))
    code: dict = {}
    exec(answer.python(), code)
    family = answer.family()
    assert len(family) == 4 and [px for *_, px in code["FAMILY"].values()] == [row["px"] for row in family]
    for row in family:
        assert sum(p.numel() for p in code["models"][row["phi"]].parameters()) == row["params"]


@pytest.mark.parametrize("given", [{}, {"at": 0.5, "px": 96}, {"cost": "params"}], ids=["grows", "shrinks", "params"])
def test_a_figure_that_can_be_read(search, given):
    plan, _ = search(peak, family="MobileNetV2", networks=8, **given)
    results = plan.run()
    rows = plan.table(results)
    figure = plan.draw(results, rows)
    assert_readable(figure, labels(figure), 0.3)
    said = " ".join(text for text, _ in labels(figure)["figure"])
    assert "response surface:" in said and "single blocks" in said
    others = rows[rows["method"] == "compound"]
    assert ((others["cost_ratio"] / given.get("at", 2.0) - 1).abs()[1:] < 0.021).all()
    assert others["over_paper"].isna().sum() == 1 and rows["gain"].isna().sum() == 1
    claims = plan.claims(results)
    assert len(claims) == len(plan.question.singles) and all("alone" in claim.line() for claim in claims)


def test_where_all_are_alike_no_maximum_is_drawn_or_said(search):
    plan, _ = search(family="MobileNetV3", networks=12, px=64)
    results = plan.run()
    answer = SCALE.answer(plan.study, results)
    assert "no maximum inside" in answer.lines()[2] and answer.to_json()["surface"]["maximum"] is None
    figure = plan.draw(results, plan.table(results))
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "+"]


def test_a_budget_halves_the_networks_and_doubles_the_seeds(search):
    plan, rounds = search(peak, family="MobileNetV3", networks=8, px=48, budget="10h", workers=1, seeds=None)
    assert [(rung.networks, rung.seeds) for rung in plan.rungs] == [(8, 2), (4, 4), (2, 8), (1, 16)]
    results = plan.run()
    seeds = sorted(len(runs) for model, runs in results.items() if model in plan.racing)
    assert seeds == [2, 2, 2, 2, 4, 4, 8, 16] and len(results[plan.question.paper]) == 16
    best = SCALE.answer(plan.study, results).best
    assert len(results[best]) == 16
    assert all(plan.study.store.find(spec) for specs in rounds for spec in specs)


def test_an_own_answer_after_one_seed_says_so(search):
    plan, _ = search(family="ConvNeXt", networks=6, px=64, seeds=1)
    lines = Answer(plan.study, plan.run()).lines()
    assert (
        "no interval: one seed" in lines[0] and lines[4] == "seeds: one a network gives no interval; two are the least"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"network": YOURS, "family": "ResNet"}, "no value where network is given"),
        ({"family": "Resnets"}, "did you mean ResNet"),
        ({"cost": "flop"}, "did you mean flops"),
        ({"at": 1.0}, "that is not 1"),
        ({"at": -2.0}, "above 0"),
        ({"networks": 3}, "from 6 to 100"),
        ({"px": 16}, "from 32 to"),
        ({"budget": "soon"}, "45s, 90m, 2h"),
        ({"budget": "2s", "px": 64}, "at least about"),
        ({"budget": "2h", "seeds": 3}, "no value where budget is given"),
        ({"executor": "slurm"}, "local or ray"),
        ({"network": "nofile.py:make"}, "cannot be read"),
        ({"at": 60.0, "family": "EfficientNet", "px": 6000}, "at=60.0"),
    ],
)
def test_a_bad_parameter_is_one_line(given, words, roots):
    with pytest.raises(ParameterError, match=words) as error:
        eff.plan("scale", profile="cpu", **given)
    assert "\n" not in str(error.value) and not (roots / "results/records").exists()


def test_a_folder_of_one_class_is_one_line(folder, roots):
    for part in ("train", "val"):
        for name in ("blue", "green"):
            for file in (folder / part / name).iterdir():
                file.unlink()
            (folder / part / name).rmdir()
    with pytest.raises(DataError, match="has 1 class folders; at least 2 are needed"):
        eff.plan("scale", profile="smoke", dataset=str(folder))
    assert not (roots / "results/records").exists()
