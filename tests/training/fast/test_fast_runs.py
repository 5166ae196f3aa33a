"""Whole runs on the kernels: torch's results to rounding, and to the bit the same after a stop, whoever is faster."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from support.recipes import PAST, RECIPES

from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.worker import PAUSED, STORED, execute
from effnet_lib.training import build_model, execution
from effnet_lib.training.execution import Execution
from effnet_lib.training.fast import choice
from effnet_lib.training.fast.choice import Choice
from effnet_lib.training.monitor import Monitor

torch.set_num_threads(1)
CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """Stand in for the clock: every second shape is left to torch. Call it to forget all, and have it the other way."""
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    state = {"turn": 0}

    def faster(kernel, torch) -> bool:
        state["turn"] += 1
        return bool(state["turn"] % 2)

    def turned() -> None:
        state["turn"] += 1
        choice._measured.clear()
        (choice.cache_root() / "kernel-choices.json").unlink(missing_ok=True)

    monkeypatch.setattr(choice, "_measured", {})
    monkeypatch.setattr(choice, "kept_in", lambda: None)
    monkeypatch.setattr(choice, "faster", faster)
    return turned


def outcome(store: RunStore, key: str) -> tuple[dict, bytes]:
    result = {name: value for name, value in store.get(key).result.items() if "second" not in name}
    return result, store.weights(key).read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_a_stopped_run_goes_on_with_its_choices_to_the_same_bit(
    clock, tiny_arch, tiny_data, tmp_path, monkeypatch, name
):
    recipe = replace(RECIPES[name], precision="fp32")  # in half precision there are no kernels
    spec = RunSpec(tiny_arch, recipe, tiny_data.id, seed=3)
    fast = Execution(step="fast")
    whole = RunStore()
    assert execute(spec, tiny_data, whole, fast) == STORED
    expected, left = outcome(whole, spec.key), whole.get(spec.key).provenance["kernels"]["left_to_torch"]
    assert left
    monkeypatch.setenv("EFFNET_RESULTS", str(tmp_path / "stopped"))
    store = RunStore()
    for _ in range(4):
        assert execute(spec, tiny_data, store, fast, monitor=Monitor(PAST)) == PAUSED
        clock()
    assert execute(spec, tiny_data, store, fast) == STORED
    assert outcome(store, spec.key) == expected
    assert store.get(spec.key).provenance["kernels"]["left_to_torch"] == left


def test_with_and_without_kernels_train_the_same_network(clock, tiny_arch, tiny_data, tmp_path, monkeypatch):
    spec, losses, weights = RunSpec(tiny_arch, RECIPES["short"], tiny_data.id, seed=3), [], []
    for step in ("fast", "eager"):
        monkeypatch.setenv("EFFNET_RESULTS", str(tmp_path / step))
        store = RunStore()
        assert execute(spec, tiny_data, store, Execution(step=step)) == STORED
        record = store.get(spec.key)
        assert ("kernels" in record.provenance) == (step == "fast")
        losses.append(torch.tensor(record.result["history"]))
        weights.append(load_file(store.weights(spec.key)))
    torch.testing.assert_close(*losses, atol=1e-3, rtol=0)
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], atol=2e-3 * float(weights[1][name].abs().max() + 1), rtol=0)


@pytest.mark.parametrize("began", ["fast", "eager"])
def test_a_run_that_changes_machines_goes_on_as_it_can(clock, tiny_arch, tiny_data, monkeypatch, began):
    spec, store = RunSpec(tiny_arch, RECIPES["short"], tiny_data.id, seed=3), RunStore()
    assert execute(spec, tiny_data, store, Execution(step=began), monitor=Monitor(PAST)) == PAUSED
    if began == "fast":  # to where numba is missing
        monkeypatch.setattr(execution, "numba_version", lambda: None)
        with pytest.warns(UserWarning, match="began with compiled kernels goes on without"):
            assert execute(spec, tiny_data, store) == STORED
    else:  # to where it is
        assert execute(spec, tiny_data, store) == STORED
    assert "kernels" not in store.get(spec.key).provenance


def test_a_network_keeps_its_names_weights_and_evaluation(clock, tiny_arch):
    spec = RunSpec(tiny_arch, RECIPES["short"], "x", 0)
    plain, fast = (build_model.build(spec, CPU, chosen) for chosen in (None, Choice()))
    assert list(plain.state_dict()) == list(fast.state_dict())
    kinds = {type(module).__name__ for module in fast.modules()}
    assert kinds >= {"FastNorm", "FastSqueeze", "FastDepthwise", "FastPointwise"}
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )
    for model in (plain.eval(), fast.eval()):
        model.requires_grad_(False)
    torch.testing.assert_close(fast(x), plain(x), atol=0, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert fast.train()(x).dtype == torch.bfloat16
