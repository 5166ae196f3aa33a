"""How a step is launched changes nothing of what it does: captured, compiled, or operation by operation.

No processor has CUDA graphs. `Recorded` does what one does: what runs in a capture has no effect, and a replay does the
same operations on the same memory, so that a number that should have been read from the device, a gradient that is
added to an old one or an input that is not copied shows.
"""

import gc
import weakref
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from timm.optim import create_optimizer_v2
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training import build_model
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.recipes import PAPER, Recipe

CPU, BATCH, STEPS = torch.device("cpu"), 8, 6
SGD = Recipe(epochs=2, lr=0.2, batch=BATCH, zero_gamma=False)
RECIPES = {
    "sgd": SGD,
    "half precision": replace(SGD, precision="bf16"),
    "noise": replace(SGD, dropout=0.2, drop_path=0.2),
    "rmsproptf": replace(PAPER, epochs=2, batch=BATCH, lr=0.01, warmup=0.5, precision="fp32"),
}


class Recorded(TorchDispatchMode):
    """A capture and its graph at once; `state()` gives the tensors that exist before and after."""

    def __init__(self, state):
        super().__init__()
        self.state, self.operations, self.replays = state, [], 0

    def __enter__(self):
        self.before, self.rng = [(value, value.clone()) for value in self.state()], torch.get_rng_state()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        with torch.no_grad():
            for _, _, _, made in self.operations:  # nobody may read what a capture leaves in new memory
                for value in made:
                    value.fill_(float("nan") if value.is_floating_point() else 0)
            for value, kept in self.before:
                value.copy_(kept)
        torch.set_rng_state(self.rng)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        known = {leaf.untyped_storage().data_ptr() for leaf in tensors((args, kwargs))}
        made = [value for value in tensors(output) if value.untyped_storage().data_ptr() not in known]
        self.operations.append((function, args, kwargs or {}, made))
        return output

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        for function, args, kwargs, made in self.operations:
            again = tensors(function(*args, **kwargs))
            for value, new in zip(made, again if made else [], strict=True):
                value.copy_(new)


def tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


@pytest.fixture
def graphs(monkeypatch):
    """Put `Recorded` in the place of torch's graphs; streams do nothing. `state` gives a network's tensors."""
    stood_in = SimpleNamespace(state=list, made=[])

    def make() -> Recorded:
        stood_in.made.append(Recorded(stood_in.state))
        return stood_in.made[-1]

    monkeypatch.setattr(step, "_side", lambda device: SimpleNamespace(wait_stream=lambda stream: None))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(wait_stream=lambda stream: None))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", make)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream, capture_error_mode: graph)
    return stood_in


def built(spec: RunSpec, fused: bool, device: torch.device = CPU):
    """Return a network in training, its optimiser (torch's fused one, as on a GPU) and the schedule."""
    model, recipe = build_model.build(spec, device).train(), spec.recipe
    optimizer = optim.optimiser(recipe, model)
    if fused:
        decay, momentum = recipe.weight_decay, recipe.momentum
        optimizer = create_optimizer_v2(
            model, opt="sgd", lr=recipe.lr, weight_decay=decay, momentum=momentum, fused=True
        )
    return model, optimizer, optim.schedule(recipe, optimizer, STEPS // 2)


def trained(
    kind, spec: RunSpec, fused: bool = False, graphs: SimpleNamespace | None = None, device: torch.device = CPU
) -> list[torch.Tensor]:
    """Train STEPS steps of random images; return losses, weights, running statistics and momenta."""
    model, optimizer, scheduler = built(spec, fused, device)
    if graphs:
        graphs.state = lambda: [*model.state_dict().values(), *tensors(list(optimizer.state.values()))]
    train_step = kind(spec, model, optimizer, device)
    draw, micro, losses = torch.Generator().manual_seed(0), spec.micro_batch or BATCH, []
    for number in range(STEPS):
        scheduler.step_update(number)
        x = torch.randn(BATCH, 3, 32, 32, generator=draw).contiguous(memory_format=torch.channels_last)
        y = torch.randint(0, 3, (BATCH,), generator=draw)
        torch.manual_seed(number)
        x, y = x.to(device), y.to(device)
        losses.append(train_step(zip(x.split(micro), y.split(micro), strict=True), BATCH))
        assert all(isinstance(group["lr"], float) for group in optimizer.state_dict()["param_groups"])
    assert optimizer.param_groups[0]["lr"] > 0 and len({float(loss) for loss in losses}) == STEPS
    return [*losses, *model.state_dict().values(), *tensors(list(optimizer.state.values()))]


@pytest.mark.parametrize("micro", [0, 4])
@pytest.mark.parametrize("name", RECIPES)
def test_a_captured_step_trains_as_an_eager_one(graphs, tiny_arch, name, micro):
    spec = RunSpec(tiny_arch, RECIPES[name], "x", 0, micro)
    fused = spec.recipe.optimiser == "sgd"
    captured = trained(step.GraphStep, spec, fused, graphs)
    assert [graph.replays for graph in graphs.made] == [STEPS - step.WARM_STEPS]
    torch.testing.assert_close(captured, trained(step.Step, spec, fused), atol=1e-6, rtol=1e-4)


def test_a_rate_that_the_capture_has_kept_would_show(graphs, monkeypatch, tiny_arch):
    monkeypatch.setattr(step.Rates, "lent", lambda self: nullcontext())
    spec = RunSpec(tiny_arch, SGD, "x", 0)
    wrong = trained(step.GraphStep, spec, True, graphs)[STEPS:]
    expected = trained(step.Step, spec, True)[STEPS:]
    assert any(
        not torch.allclose(value, other, atol=1e-6, rtol=1e-4) for value, other in zip(wrong, expected, strict=True)
    )


def test_rates_on_the_device_train_as_numbers_do(tiny_arch):
    class Lent(step.Step):
        def __init__(self, *args):
            super().__init__(*args)
            self.learning_rates = step.Rates(self.optimizer, CPU)

        def _update(self):
            self.learning_rates.send()
            with self.learning_rates.lent():
                assert {group["lr"].dtype for group in self.optimizer.param_groups} == {torch.float32}
                super()._update()

    spec = RunSpec(tiny_arch, SGD, "x", 0)
    expected = trained(step.Step, spec)
    for fused in (False, True):
        torch.testing.assert_close(trained(Lent, spec, fused), expected, atol=1e-6, rtol=1e-4)


def test_numbers_stand_again_after_a_failed_update():
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.ones(1))], "lr": rate} for rate in (0.1, 0.2)])
    rates = step.Rates(optimizer, CPU)
    rates.send()
    with pytest.raises(RuntimeError, match="no"), rates.lent():
        assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.1, 0.2])
        raise RuntimeError("no")
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2]


def test_another_shape_than_the_captured_is_refused(graphs, tiny_arch):
    spec = RunSpec(tiny_arch, SGD, "x", 0)
    model, optimizer, _ = built(spec, True)
    graphs.state = lambda: list(model.state_dict().values())
    train_step, x, y = step.GraphStep(spec, model, optimizer, CPU), torch.randn(8, 3, 32, 32), torch.zeros(8).long()
    for _ in range(step.WARM_STEPS + 1):
        train_step([(x, y)], 8)
    with pytest.raises(ValueError, match=r"a micro-batch of \(4, 3, 32, 32\); captured was one of \(8, 3, 32, 32\)"):
        train_step([(x[:4], y[:4])], 4)
    with pytest.raises(ValueError, match="zip"):
        train_step([(x, y), (x, y)], 16)


@pytest.mark.parametrize("name", ["sgd", "rmsproptf"])
def test_a_checkpoint_of_another_device_changes_no_launch(tiny_arch, name):
    """Flags travel with an optimiser's state: a rate on the device is for the fused update only."""
    spec = RunSpec(tiny_arch, RECIPES[name], "x", 0)
    optimizer = built(spec, False)[1]
    state, flags = optimizer.state_dict(), ("foreach", "fused")
    before = [{flag: group.get(flag) for flag in flags} for group in optimizer.param_groups]
    for group in state["param_groups"]:
        group |= {"foreach": None, "fused": True, "lr": 0.125}
    optimizer.load_state_dict(state)
    after = [{flag: group[flag] for flag in flags if flag in optimizer.defaults} for group in optimizer.param_groups]
    assert after == [{flag: flags[flag] for flag in flags if flag in optimizer.defaults} for flags in before]
    assert {group["lr"] for group in optimizer.param_groups} == {0.125}
    assert state["param_groups"][0]["fused"] is True  # what was given is left as it was


def test_a_step_leaves_no_cycle(tiny_arch, graphs):
    """Else a network's memory on the GPU would wait for the garbage collector, which knows nothing of it."""
    spec = RunSpec(tiny_arch, SGD, "x", 0)
    gc.disable()
    try:
        for kind in step.KINDS.values():
            model, optimizer, _ = built(spec, True)
            train_step = kind(spec, model, optimizer, CPU)
            alive = [weakref.ref(train_step), weakref.ref(model)]
            del model, optimizer, train_step, _
            assert [ref() for ref in alive] == [None, None], kind
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_compiled_step_trains_as_an_eager_one(monkeypatch, tiny_arch):
    """Traced and not translated: what a compiler makes of it is torch's own to test."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    for name in ("sgd", "half precision"):
        spec = RunSpec(tiny_arch, RECIPES[name], "x", 0)
        tolerance = 1e-4 if name == "sgd" else 2e-2
        compiled, eager = trained(step.CompiledStep, spec), trained(step.Step, spec)
        torch.testing.assert_close(compiled[:STEPS], eager[:STEPS], atol=tolerance, rtol=tolerance)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("kind", ["graph", "compile"])
@pytest.mark.parametrize("micro", [0, 4])
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_trains_the_same_however_it_is_launched(tiny_arch, name, micro, kind):
    if kind == "compile" and name in ("noise", "rmsproptf"):
        pytest.skip("a compiler draws other numbers")
    spec, device = RunSpec(tiny_arch, RECIPES[name], "x", 0, micro), torch.device("cuda")
    launched, expected = (trained(step.KINDS[name], spec, device=device)[:STEPS] for name in (kind, "eager"))
    torch.testing.assert_close(launched, expected, atol=2e-2, rtol=2e-2)  # a GPU adds in any order
