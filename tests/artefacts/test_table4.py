"""Table 4 from invented measurements: plan, table, claims, other machines, figure; bad input; the notebook."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.measurements import QUIET
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.apps.execute_notebook import run_notebook
from effnet_lib.artefacts import artefact, table4
from effnet_lib.core import hardware, paths
from effnet_lib.core.errors import ParameterError, RunFailed
from effnet_lib.measure.latency import machine, runtimes
from effnet_lib.measure.latency import task as group
from effnet_lib.models.zoo import NETWORKS
from effnet_lib.report.tables import latency
from effnet_lib.report.tables.latency import ELSEWHERE, HERE, SURVEY
from effnet_lib.runs.measurement_store import Measurement, MeasurementStore
from effnet_lib.stats.verdicts import HOLDS, NOT_ENOUGH, SMALLER
from effnet_lib.study.measurement_plan import MeasurementPlan

TABLE4 = artefact("table4")

GAIN = {"eager": 1.0, "channels_last": 1.25, "compile": 1.5, "onnxruntime": 3.0, "openvino": 3.2, "openvino_bf16": 5.0}
SLOW = {"ResNet-152": 5.7, "GPipe": 5.0}  # our ratio to the EfficientNet of the pair
WHERE = {"date": "2020-01-02T03:04:05+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


def planned(**given) -> MeasurementPlan:
    return eff.plan("table4", **{"train": False} | given)


def seconds(network: str) -> float:
    base = {"EfficientNet-B1": 0.05, "EfficientNet-B7": 1.5}
    if network in SLOW:
        return SLOW[network] * base["EfficientNet-B1" if network == "ResNet-152" else "EfficientNet-B7"]
    return base.get(network) or NETWORKS[network].px ** 2 / 1e6 * (1 + len(network) / 10)


def invented(task: group.Latency, busy=(), failed=(), noise=0.01, factor=1.0) -> dict:
    """Return a result as the child writes it."""
    rng = np.random.default_rng(0)
    entries = []
    for number, entry in enumerate(task.entries):
        sound = (entry.network, entry.runtime) not in failed
        base = factor * seconds(entry.network) / GAIN[entry.runtime]
        cpu = list(base * np.exp(rng.normal(0, noise, task.rounds))) if sound else []
        entries.append(
            {
                "network": entry.network,
                "runtime": entry.runtime,
                "px": NETWORKS[entry.network].px,
                "params": 1_000_000 * (number + 1),
                "madds": int(1e9 * seconds(entry.network) * (2 + number % 3)),
                "activations": 10,
                "error": 1e-6 if sound else None,
                "peak_preparing": 2**28 if sound else None,
                "peak_running": 2**27 if sound else None,
                "failed": None if sound else "needs about 7.1 GiB of memory, more than 6.0 GiB",
                "cpu": cpu,
                "wall": [1.01 * one for one in cpu],
            }
        )
    told = {"core": 1, "refusal": None, "weights": "random", "denormals": "flushed to zero"}
    return {"entries": entries, "busy": list(busy), "before": QUIET, "during": [QUIET]} | told


def keep(task: group.Latency, published: bool = False, processor: str | None = None, **how) -> None:
    spec = task.spec() | ({"processor": processor} if processor else {})
    where = WHERE | ({"device": processor, "host": "1" * 12} if processor else {})
    made = Measurement("latency", spec, invented(task, **how), where)
    store = MeasurementStore()
    if published:
        folder = paths.published_root() / "records"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{made.key}.json").write_text(made.to_json())
    else:
        store.put(made)


def filled(runtimes_: str = "eager", **how) -> MeasurementPlan:
    plan = planned(runtimes=runtimes_)
    for task in plan.tasks:
        keep(task, **how)
    return plan


def table(plan: MeasurementPlan) -> pd.DataFrame:
    return plan.table(plan.results())


def claims(plan: MeasurementPlan) -> list:
    return plan.claims(plan.results())


def test_the_plan_has_the_papers_pairs_and_all_of_table_2():
    pairs = [(pair.slower, pair.faster, pair.rounds, pair.printed) for pair in table4.PAIRS]
    assert pairs == [("ResNet-152", "EfficientNet-B1", 20, 5.7), ("GPipe", "EfficientNet-B7", 15, 6.1)]
    small, big, survey = planned().tasks
    assert [small.rounds, big.rounds, survey.rounds] == [20, 15, 3] and not survey.together
    assert {entry.network for entry in survey.entries} == set(NETWORKS) - {"GPipe"}
    assert survey.entries[0].network == table4.YARDSTICK
    assert {task.rounds for task in planned(rounds=30).tasks} == {30}


def test_in_another_runtime_the_faster_network_runs_in_eager_mode_too():
    tasks = planned(runtimes="eager,onnxruntime").tasks
    assert [len(task.entries) for task in tasks[:4]] == [2, 3, 2, 3]
    assert [(e.network, e.runtime) for e in tasks[1].entries] == [
        ("ResNet-152", "onnxruntime"),
        ("EfficientNet-B1", "onnxruntime"),
        ("EfficientNet-B1", "eager"),
    ]
    assert {entry.runtime for entry in tasks[4].entries} == {"eager"}


def test_a_published_latency_is_of_this_machine_where_host_and_processor_agree(monkeypatch):
    task = planned().tasks[0]
    keep(task, published=True, processor="a processor")
    for name, host, here in (("a processor", "1" * 12, 1), ("a processor", "2" * 12, 0), ("another", "1" * 12, 0)):
        monkeypatch.setattr(hardware, "processor_name", lambda name=name: name)
        monkeypatch.setattr(hardware, "host_hash", lambda host=host: host)
        where = table(planned())["where"].dropna()
        assert len(where) and (where == ("measured here" if here else "measured elsewhere")).all()


def test_a_network_of_ones_own_joins_the_second_table():
    survey = planned(models="efficientnet-b2, resnet18").tasks[-1]
    assert [entry.network for entry in survey.entries] == [table4.YARDSTICK, "EfficientNet-B2", "resnet18"]


def test_rows_say_what_the_rounds_say_beside_what_is_printed():
    rows = table(filled("eager,onnxruntime"))
    pairs = rows[rows["group"] != SURVEY].set_index(["model", "runtime"])
    b1, old = pairs.loc[("EfficientNet-B1", "eager")], pairs.loc[("ResNet-152", "eager")]
    assert b1["speedup"] == pytest.approx(5.7, rel=0.02) and b1["printed_speedup"] == 5.7
    assert b1["speedup_low"] < b1["speedup"] < b1["speedup_high"] and b1["speedup_width"] < 0.02
    assert (old["printed_seconds"], b1["printed_seconds"]) == (0.554, 0.098) and np.isnan(old["speedup"])
    assert b1["wall"] == pytest.approx(1.01 * b1["seconds"], rel=0.01) and b1["rounds"] == 20
    for model in ("EfficientNet-B1", "ResNet-152", "GPipe"):  # GPipe's through B7, which runs in both
        assert pairs.loc[(model, "onnxruntime"), "over_eager"] == pytest.approx(3.0, rel=0.03)
    assert len(pairs) == 8 and pairs.index.is_unique  # the yardsticks are no rows
    assert set(rows["where"]) == {HERE} and set(rows["peak_mib"]) == {128}


def test_claims_are_judged_by_the_interval():
    judged = claims(filled())
    assert [claim.verdict for claim in judged] == [HOLDS, NOT_ENOUGH, HOLDS, SMALLER]
    assert [claim.to_json()["printed"] for claim in judged] == [None, 5.7, None, 6.1]
    assert [claim.to_json()["n"] for claim in judged] == [20, 20, 15, 15]
    assert judged[3].claim == "EfficientNet-B7 is at least 6.1x faster than GPipe (PyTorch eager (NCHW), one core)"


def test_a_busy_machine_decides_nothing_and_is_named_in_the_figure():
    plan = filled(busy=["other processes took 20% of the core"])
    rows = table(plan)
    assert {claim.verdict for claim in claims(plan)} == {NOT_ENOUGH}
    assert set(rows["busy"]) == {"other processes took 20% of the core"}
    shown = labels(plan.draw(plan.results(), rows))["figure"]
    assert any("THE MACHINE WAS BUSY" in text for text, _ in shown)


def test_a_runtime_that_could_not_run_a_network_says_why_and_the_rest_stands():
    plan = filled("eager,openvino", failed=[("GPipe", "openvino")])
    rows = table(plan)
    gone = rows[(rows["model"] == "GPipe") & (rows["runtime"] == "openvino")].iloc[0]
    assert gone["failed"].startswith("needs about 7.1 GiB") and np.isnan(gone["seconds"])
    b7 = rows[(rows["model"] == "EfficientNet-B7") & (rows["runtime"] == "openvino")].iloc[0]
    assert b7["over_eager"] == pytest.approx(3.2, rel=0.03) and np.isnan(b7["speedup"])
    everything = labels(plan.draw(plan.results(), rows))
    assert any("GPipe: needs about 7.1 GiB" in text for text, _ in everything["panel 0"])


def test_another_machines_numbers_stand_beside_ones_own():
    plan = filled()
    for task in plan.tasks:
        keep(replace(task, rounds=40), published=True, processor="another processor", factor=2.0)
    rows = table(plan)
    b1 = rows[(rows["group"] == "ResNet-152 / EfficientNet-B1") & (rows["model"] == "EfficientNet-B1")]
    assert list(b1["where"]) == [HERE, ELSEWHERE] and list(b1["rounds"]) == [20, 40]
    assert b1["seconds"].iloc[1] == pytest.approx(2 * b1["seconds"].iloc[0], rel=0.02)
    assert [claim.to_json()["n"] for claim in claims(plan)] == [20, 20, 15, 15]  # one's own are judged
    assert set(TABLE4.against_flops(plan.study, rows)["where"]) == {HERE}
    assert len(table(planned(fresh=True))) == (rows["where"] == HERE).sum()
    figure = plan.draw(plan.results(), rows)
    assert_readable(figure, labels(figure))


@pytest.mark.parametrize("profile", ["photos", "gpu", "imagenet"])
def test_the_other_profiles_measure_nothing_and_draw_what_is_stored(profile):
    plan = planned(profile=profile, train=True)
    assert plan.tasks == () and plan.run() == {} and table(plan).empty
    assert [claim.verdict for claim in claims(plan)] == [NOT_ENOUGH] * 4
    for task in planned().tasks:
        keep(task, published=True, processor="another processor")
    rows = table(plan)
    assert set(rows["where"]) == {ELSEWHERE} and len(TABLE4.against_flops(plan.study, rows)) == len(NETWORKS)
    assert claims(plan)[0].verdict == HOLDS


def test_flops_and_time_are_ranked_and_the_worst_swap_comes_first():
    plan = filled()
    part = TABLE4.against_flops(plan.study, table(plan))
    assert list(part["flops_rank"]) == sorted(part["flops_rank"]) and part["model"].is_unique
    assert part["speed"].to_numpy() == pytest.approx((part["flops"] / part["seconds"] / 1e9).to_numpy())
    assert -1 <= latency.rank_correlation(part) < 1
    swaps = latency.swapped(part)
    assert swaps and all(flops > 1 and time > 1 for _, _, flops, time in swaps)
    same = part.assign(seconds=part["flops"])
    assert latency.rank_correlation(same) == pytest.approx(1) and latency.swapped(same) == []


@pytest.mark.parametrize("names", ["eager", ",".join(runtimes.RUNTIMES)])
def test_the_figure_is_readable(names):
    plan = filled(names)
    figure = plan.draw(plan.results(), table(plan))
    assert_readable(figure, labels(figure))


# Bad input ----------------------------------------------------------------------------------------------------

BAD = {
    "runtimes": ("eager,openvin", r"runtimes='openvin' .*did you mean openvino\?"),
    "models": ("EfficientNet-B9", r"models='EfficientNet-B9' .*did you mean EfficientNet-B"),
    "rounds": (0, "rounds=0 .* from 1 to 100,000"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameters_are_refused_with_what_is_accepted(name):
    value, words = BAD[name]
    with pytest.raises(ParameterError, match=words):
        planned(**{name: value})


def test_nothing_is_measured_without_the_extra_or_the_memory(monkeypatch):
    monkeypatch.setattr(group, "_in_child", lambda *_: pytest.fail("a process was started"))
    with monkeypatch.context() as patched:
        patched.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ParameterError, match=r"runtimes='openvino' .*\.\[latency\]"):
            planned(runtimes="openvino", train=True)
        assert planned(runtimes="openvino").tasks  # what is stored can still be drawn
    monkeypatch.setattr(machine, "free_memory", lambda: 2**31)
    with pytest.raises(RunFailed, match=r"GPipe .* needs about \d\.\d GiB of memory and 2\.0 GiB are free"):
        planned(train=True)
    assert not paths.results_root().exists()


# The notebook -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_notebook_measures_draws_and_saves(roots):
    out = run_notebook("table4", {"profile": "smoke", "rounds": 2})
    rows = pd.read_csv(out.with_suffix(".csv"))
    assert set(rows["model"]) == {group.SMALL.name, "EfficientNet-B0", "EfficientNet-B1", "ResNet-50"}
    judged = json.loads(out.with_suffix(".claims.json").read_text())
    assert {claim["verdict"] for claim in judged} == {NOT_ENOUGH} and {claim["n"] for claim in judged} == {0}
    assert len(list((roots / "results/measurements").iterdir())) == 2
    assert out.with_suffix(".png").is_file()
