"""Latency: the statistics, the order of rounds, denormals, equal outputs, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.core.errors import ParameterError, RunFailed
from effnet_lib.measure.latency import calibration, child_process, machine, runtimes
from effnet_lib.measure.latency import task as latency
from effnet_lib.measure.latency.task import SMALL, Entry, Latency, alternate, turn
from effnet_lib.models.archs.amoebanet import AmoebaNet
from effnet_lib.models.zoo import NETWORKS
from effnet_lib.stats.speedup import AtLeast, Ratio, median, ratio
from effnet_lib.stats.verdicts import HOLDS, NOT_ENOUGH, SMALLER

# Statistics ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds, least", [(9, 0.91), (20, 0.92)])
def test_the_interval_covers_the_ratio_as_often_as_it_says(rounds, least):
    """On times that a machine makes: skewed, one round in ten far too long, both networks slow at the same time."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        slow = np.exp(np.cumsum(rng.normal(0, 0.2, rounds)))  # common to both, and cancels
        fast = slow * (1 + 0.03 * rng.exponential(size=rounds) + (rng.random(rounds) < 0.1) * rng.random(rounds))
        slower = 5 * slow * (1 + 0.03 * rng.exponential(size=rounds) + (rng.random(rounds) < 0.1) * rng.random(rounds))
        found = ratio(slower, fast)  # both noises have the same law: the ratio's median is 5
        covered += found.low <= 5 <= found.high
        assert found.low <= found.value <= found.high and found.n == rounds
    assert least <= covered / 400 <= 0.995


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30), st.floats(0.1, 10))
def test_a_ratio_scales_with_the_slower_and_its_interval_lies_within_the_rounds(times, factor):
    found = ratio([factor * t for t in times], times)
    assert found.value == pytest.approx(factor) and found.low == pytest.approx(factor) == pytest.approx(found.high)
    one = median(times)
    assert min(times) <= one.low <= one.value <= one.high <= max(times)
    assert one.width >= 0 and median(times) == one  # the same numbers give the same interval


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, float("nan")], [-1.0]])
def test_what_is_no_time_is_refused(values):
    with pytest.raises(ParameterError, match="positive"):
        median(values)


def test_one_round_has_no_interval_and_lists_of_rounds_are_paired():
    assert ratio([6.0], [2.0]) == Ratio(3.0, n=1) and Ratio(3.0, n=1).width is None
    with pytest.raises(ParameterError, match="2 rounds, as the other"):
        ratio([1.0, 2.0], [1.0])


VERDICTS = [
    (Ratio(6.0, 5.8, 6.2, 20), (), HOLDS),
    (Ratio(6.0, 5.6, 6.2, 20), (), NOT_ENOUGH),
    (Ratio(5.0, 4.8, 5.2, 20), (), SMALLER),
    (Ratio(6.0, 5.8, 6.2, 20), ("others",), NOT_ENOUGH),
    (Ratio(6.0, n=1), (), NOT_ENOUGH),
    (Ratio(), (), NOT_ENOUGH),
]


@pytest.mark.parametrize("found, busy, expected", VERDICTS)
def test_a_verdict_comes_from_the_interval_and_never_from_a_busy_machine(found, busy, expected):
    claim = AtLeast("B1 is at least 5.7x faster", 5.7, found, busy)
    assert claim.verdict == expected and claim.line().startswith(expected)
    assert list(claim.to_json()) == ["claim", "printed", "measured", "interval", "verdict", "n", "protocol"]
    assert claim.to_json()["n"] == found.n and ("busy" in claim.line()) == bool(busy)


# Rounds -------------------------------------------------------------------------------------------------------


def test_rounds_go_forwards_and_backwards_in_turn():
    assert [turn(number, 3) for number in range(3)] == [[0, 1, 2], [2, 1, 0], [0, 1, 2]]
    said, told = [], []
    times = alternate([lambda: said.append("a"), lambda: said.append("b")], 3, [1, 2], told.append)
    assert "".join(said) == "abbbbaabb" and told == [0, 1, 2]
    assert times.orders == [[0, 1], [1, 0], [0, 1]]
    assert [len(one) for one in (*times.cpu, *times.wall)] == [3, 3, 3, 3]


def test_a_repeated_call_counts_once_a_call():
    clock = iter(range(1000))
    times = alternate([lambda: None], 2, [4], cpu=lambda: next(clock), wall=lambda: 0.0)
    assert times.cpu == [[0.25, 0.25]]


@pytest.mark.parametrize("rounds", [0, -1])
def test_fewer_than_one_round_is_refused(rounds):
    with pytest.raises(ParameterError, match=f"rounds={rounds} .* at least 1"):
        alternate([lambda: None], rounds)


# Weights ------------------------------------------------------------------------------------------------------


def network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return {"AmoebaNet-B": SMALL, "EfficientNet-B0": NETWORKS["EfficientNet-B0"]}[name].build()


@pytest.mark.parametrize("name", ["AmoebaNet-B", "EfficientNet-B0"])
def test_no_activation_is_denormal_and_none_explodes(name):
    model, x = network(name), calibration.image(96)
    calibration.calibrate(model, 96)
    assert not model.training and all(module.momentum != 1.0 for module in norms(model))
    assert calibration.denormal_share(model, x) < 1e-3  # a SiLU of -90 here and there
    if torch.set_flush_denormal(True):
        assert calibration.denormal_share(model, x) == 0
        torch.set_flush_denormal(False)
    with torch.inference_mode():
        logits = model(x)
    assert logits.isfinite().all() and 1e-3 < float(logits.abs().max()) < 1e3


def norms(model: torch.nn.Module) -> list:
    return [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_denormal_activations_are_seen_and_flushed_where_the_processor_can():
    class Shrinks(torch.nn.Module):
        def forward(self, x):
            return x * 1e-30 * 1e-10

    before = torch.ones(4)
    assert calibration.denormal_share(torch.nn.Sequential(Shrinks()), before) == 1
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush denormals")
    try:
        assert calibration.denormal_share(torch.nn.Sequential(Shrinks()), before) == 0
    finally:
        torch.set_flush_denormal(False)


# Runtimes -----------------------------------------------------------------------------------------------------

TINY = AmoebaNet("B", 3, 16, 64)


def installed(name: str) -> bool:
    try:
        runtimes.check(name)
    except ParameterError:
        return False
    return True


def tried() -> list:
    quick = ("eager", "channels_last")  # an exporter's imports alone take seconds
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in runtimes.RUNTIMES]


@pytest.mark.parametrize("name", tried())
def test_every_runtime_gives_eagers_outputs(name):
    if not installed(name):
        pytest.skip(f"{name} cannot run here")
    torch.manual_seed(0)
    model, x = TINY.build().eval(), calibration.image(64)
    calibration.calibrate(model, 64)
    with torch.inference_mode():
        reference = model(x).numpy()
    call, error = runtimes.ready(name, model, x, reference)
    assert error <= runtimes.RUNTIMES[name].tolerance
    assert runtimes.error_of(call(), reference) == error  # again the same


def test_other_outputs_are_refused(monkeypatch):
    model = torch.nn.Flatten()
    x = torch.ones(1, 3, 2, 2)
    with pytest.raises(RunFailed, match=r"other outputs: relative error 0\.5, at most 0\.001"):
        runtimes.ready("eager", model, x, 2 * np.ones((1, 12), np.float32))
    with pytest.raises(RunFailed, match="cannot run it: RuntimeError"):
        runtimes.ready("eager", torch.nn.Linear(2, 2), torch.ones(1, 3), np.ones((1, 2)))
    assert runtimes.error_of(np.ones(3), np.ones(4)) == runtimes.error_of(np.array([np.nan]), np.ones(1)) == np.inf


def test_a_runtime_that_cannot_run_says_what_it_lacks(monkeypatch):
    with pytest.raises(ParameterError, match=r"did you mean openvino\?"):
        runtimes.check("openvin")
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"onnxruntime, onnxscript is not.*pip install -e '\.\[latency\]'"):
        runtimes.check("onnxruntime")
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: None)
    with pytest.raises(ParameterError, match=r"needs a C\+\+ compiler"):
        runtimes.check("compile")


# A group ------------------------------------------------------------------------------------------------------

GROUP = Latency("a pair", (Entry(SMALL.name), Entry("EfficientNet-B0")), 2)


def test_the_key_knows_the_processor_the_networks_and_the_rounds():
    spec = GROUP.spec()
    assert spec["processor"] and spec["rounds"] == 2 and spec["together"]
    assert [e["network"] for e in spec["entries"]] == [SMALL.name, "EfficientNet-B0"]
    assert [e["px"] for e in spec["entries"]] == [96, 224] and "seconds" not in GROUP.content()


@pytest.mark.parametrize("runtime", runtimes.RUNTIMES)
def test_gpipe_is_predicted_to_fit_beside_b7_into_the_profiles_memory(runtime):
    pair = Latency("big", (Entry("GPipe", runtime), Entry("EfficientNet-B7", runtime), Entry("EfficientNet-B7")), 1)
    assert 2.2 * 2**30 < pair.needs() <= latency.LIMIT


def test_too_little_memory_is_refused_with_both_numbers_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda: 3 * 2**28)
    monkeypatch.setattr(latency, "_in_child", lambda *_: pytest.fail("a process was started"))
    big = Latency("GPipe and B7", (Entry("GPipe"), Entry("EfficientNet-B7")), 9)
    with pytest.raises(RunFailed, match=r"GPipe and B7 needs about [34]\.\d GiB of memory and 0\.8 GiB are free"):
        big.measure()


def test_a_network_that_needs_more_than_the_limit_is_named_and_the_others_are_measured():
    made = child_process.prepare(Entry("GPipe"), 2**30)
    assert made.call is None and made.facts["failed"].startswith("needs about 3.")
    assert made.record()["cpu"] == [] and made.facts["params"] == 557_277_864


def test_a_group_is_measured_in_a_process_of_its_own(capsys):
    found = GROUP.measure()
    assert [e["network"] for e in found["entries"]] == [SMALL.name, "EfficientNet-B0"]
    for entry in found["entries"]:
        assert len(entry["cpu"]) == len(entry["wall"]) == 2 and min(entry["cpu"]) > 0 and entry["failed"] is None
        if entry["peak_running"] is not None:
            # What is predicted for a network is an upper bound, and no wild one.
            bound = latency.needed(Entry(entry["network"]))[0]
            assert 4 * entry["params"] < entry["peak_running"] < 2 * bound
    assert isinstance(found["busy"], list) and found["provenance"]["threads"] == 1
    assert found["denormals"] == "flushed to zero" and "random" in found["weights"]
    assert "ms of CPU time" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in runtimes.RUNTIMES.items() if one.packages])
def test_a_group_in_another_runtime_exports_aside_and_has_a_yardstick(name):
    """In the real child, whose thread waits for input while exporters fork."""
    if not installed(name):
        pytest.skip(f"{name} cannot run here")
    group = (Entry(SMALL.name, name), Entry("EfficientNet-B0", name), Entry("EfficientNet-B0"))
    found = Latency("a pair", group, 2).measure()["entries"]
    assert [(e["network"], e["runtime"]) for e in found] == [(e.network, e.runtime) for e in group]
    assert all(len(e["cpu"]) == 2 and e["failed"] is None for e in found)
    assert 0 < found[1]["error"] <= runtimes.RUNTIMES[name].tolerance and found[2]["error"] == 0


def test_a_child_that_dies_leaves_one_line():
    with pytest.raises(RunFailed, match="the process that measured it left no result: KeyError: 'entries'"):
        latency._in_child({"rounds": 1}, "it")
