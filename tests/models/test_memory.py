"""The closed form of a training step's memory equals what torch saves and allocates, on tensors without memory.

Fake tensors on a GPU that need not exist take a GPU's path through batch norm and autocast, forward only; the backward
pass needs a real device, so whole steps run on fake tensors of the CPU, which saves the same.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import Architecture, efficientnet
from effnet_lib.models.memory import WORKSPACE, activation_bytes, largest_batch, training_bytes
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training import build_model
from effnet_lib.training import optimizer as optim
from effnet_lib.training.recipes import PAPER, SHORT

B0 = efficientnet.published("b0")
SMALL = efficientnet.scale(Scaling(0.25, 0.5), 96, classes=10)
NETWORKS = {
    "b0": B0,
    "b4": efficientnet.published("b4"),
    "b0 at 64 px": efficientnet.scale(Scaling(), 64, classes=100),
    "b1 at 64 px": efficientnet.scale(Scaling(1.2, 1.1), 64, classes=100),
    "small": SMALL,
    "deep": efficientnet.scale(Scaling(depth=2.5, width=0.5), 32, classes=10),
    "wide": efficientnet.scale(Scaling(width=2), 75, padding="same"),
    "high": efficientnet.scale(Scaling(0.5, 0.5, resolution=2.5), 64),
}
GIB = 2**30


class Live(TorchDispatchMode):
    """Sums the bytes of all storages that are alive, and notes the peak."""

    def __init__(self):
        super().__init__()
        self.alive, self.now, self.peak = {}, 0, 0

    def _end(self, key: int) -> None:
        self.now -= self.alive.pop(key)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor) and (key := tensor.untyped_storage()._cdata) not in self.alive:
                storage = tensor.untyped_storage()
                self.alive[key] = storage.nbytes()
                self.now += storage.nbytes()
                weakref.finalize(storage, self._end, key)
        self.peak = max(self.peak, self.now)
        return output


@contextmanager
def autocast(device: str, precision: str) -> Iterator[None]:
    """torch.autocast, which alone would switch itself off for a GPU that does not exist."""
    torch.set_autocast_dtype(device, torch.bfloat16)
    torch.set_autocast_enabled(device, precision == "bf16")
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, False)


def built(arch: Architecture, device: str, recipe=SHORT) -> nn.Module:
    """Build as the training loop does."""
    with torch.device(device):
        return build_model.build(RunSpec(arch, recipe, "none", 0)).train()


def crops(arch: Architecture, batch: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.empty(batch, 3, arch.px, arch.px, device=device).to(memory_format=torch.channels_last)
    return x, torch.zeros(batch, dtype=torch.long, device=device)


def forward(model: nn.Module, x: torch.Tensor, y: torch.Tensor, precision: str) -> torch.Tensor:
    with autocast(x.device.type, precision):
        return F.cross_entropy(model(x), y, label_smoothing=0.1)


def saved(arch: Architecture, batch: int, precision: str, recipe=SHORT, device: str = "cuda") -> int:
    """Return the bytes of the storages that autograd saves, parameters and buffers left out."""
    kept = {}
    with FakeTensorMode():
        model = built(arch, device, recipe)
        own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}

        def keep(tensor):
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            forward(model, *crops(arch, batch, device), precision)
        return sum(storage.nbytes() for key, storage in kept.items() if key not in own)


def allocated(arch: Architecture, batch: int, precision: str, optimiser: str = "sgd", ema: bool = False) -> int:
    """Return the peak of live bytes in the second of two steps, of two micro-batches each."""
    recipe = SHORT if optimiser == "sgd" else replace(PAPER, dropout=0.0, drop_path=0.0)
    with FakeTensorMode(), Live() as live:
        model = built(arch, "cpu", recipe)
        optimizer = optim.optimiser(recipe, model)
        average = [value.clone() for value in model.state_dict().values()] if ema else []  # fake modules do not copy
        for _ in range(2):
            live.peak = 0
            for _ in range(2):
                source = torch.empty(batch, *[round(1.7 * arch.px)] * 2, 3, dtype=torch.uint8)  # lies beside its crops
                x, y = crops(arch, batch, "cpu")
                forward(model, x, y, precision).backward()
                del source, x, y
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        assert len(average) == ema * len(model.state_dict())
        return live.peak


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_autograd_saves_is_counted(name, precision):
    batch = {"b0": 128, "small": 1, "wide": 5}.get(name, 8)
    counted = activation_bytes(NETWORKS[name], batch, precision)
    assert saved(NETWORKS[name], batch, precision) - counted == 12  # the loss saves two scalars


def test_a_cpu_saves_the_same():
    assert saved(SMALL, 8, "fp32", device="cpu") - activation_bytes(SMALL, 8, "fp32") == 12
    # In half precision it also halves a batch norm's mean and deviation, and saves no cast logits.
    assert saved(SMALL, 8, "bf16", device="cpu") == pytest.approx(activation_bytes(SMALL, 8, "bf16"), rel=0.001)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_masks_are_not_worth_counting(precision):
    assert saved(SMALL, 16, precision, PAPER) == pytest.approx(activation_bytes(SMALL, 16, precision), rel=0.001)


@pytest.mark.parametrize(
    "name, batch, precision, optimiser, ema",
    [
        ("b0", 128, "fp32", "sgd", False),
        ("b0", 128, "bf16", "rmsproptf", True),
        pytest.param("b4", 32, "bf16", "rmsproptf", True, marks=pytest.mark.slow),
        pytest.param("b4", 32, "fp32", "sgd", False, marks=pytest.mark.slow),
        pytest.param("b7", 8, "fp32", "sgd", False, marks=pytest.mark.slow),
        pytest.param("b7", 8, "bf16", "rmsproptf", True, marks=pytest.mark.slow),
    ],
)
def test_the_peak_of_large_steps(name, batch, precision, optimiser, ema):
    arch = efficientnet.published(name)
    peak = allocated(arch, batch, precision, optimiser, ema)
    predicted = training_bytes(arch, batch, precision, optimiser, ema)
    assert peak > 4 * GIB
    assert predicted == pytest.approx(peak, rel=0.07)  # fake tensors need no workspace
    assert predicted - WORKSPACE == pytest.approx(peak, rel=0.002)


@pytest.mark.parametrize("name, precision", [("small", "fp32"), ("small", "bf16"), ("b0 at 64 px", "bf16")])
def test_the_peak_of_small_steps(name, precision):
    arch = NETWORKS[name]
    predicted = training_bytes(arch, 16, precision) - WORKSPACE
    assert predicted == pytest.approx(allocated(arch, 16, precision), rel=0.05)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_allocates_what_is_predicted(precision):
    recipe, arch, batch = replace(SHORT, precision=precision), B0, 128
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    model = built(arch, "cuda", recipe).to(memory_format=torch.channels_last)
    optimizer = optim.optimiser(recipe, model)
    x, y = crops(arch, batch, "cuda")
    for _ in range(2):
        for _ in range(2):
            forward(model, x, y, precision).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    peak = torch.cuda.max_memory_allocated() - before
    assert training_bytes(arch, batch, precision) == pytest.approx(peak, rel=0.2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["b0", "small", "wide"])
def test_layers_alone_give_an_estimate(name, precision):
    arch = NETWORKS[name]
    plain = SimpleNamespace(px=arch.px, classes=arch.classes, layers=arch.layers)  # says nothing of what it saves
    assert activation_bytes(plain, 32, precision) == pytest.approx(activation_bytes(arch, 32, precision), rel=0.12)
    assert training_bytes(plain, 32, precision) == pytest.approx(training_bytes(arch, 32, precision), rel=0.12)


def test_memory_grows_by_copies_of_the_weights_and_by_images():
    sgd, rmsprop = training_bytes(B0, 8), training_bytes(B0, 8, optimiser="rmsproptf")
    averaged = training_bytes(B0, 8, ema=True)
    parameters, normed = 5_288_548, 21_008  # of B0; a batch norm has a running mean and variance a channel
    assert (rmsprop - sgd, averaged - sgd) == (4 * parameters, 4 * (parameters + 2 * normed))
    grown = [training_bytes(B0, batch) for batch in (8, 16, 24)]
    assert grown[2] - grown[1] == grown[1] - grown[0] > 8 * 85e6


def test_the_largest_batch_is_the_first_whole_fraction_that_fits():
    limit = training_bytes(B0, 16, "bf16")
    assert largest_batch(B0, 64, limit, "bf16") == 16
    assert largest_batch(B0, 64, limit - 1, "bf16") == 8
    assert largest_batch(B0, 16, limit, "bf16") == 16
    assert largest_batch(B0, 48, limit, "bf16") == 12
    assert largest_batch(B0, 64, limit, "bf16", "rmsproptf", True) == 8


@pytest.mark.parametrize("batch, left", [(8, 1), (24, 3)])
def test_no_batch_fits(batch, left):
    limit = training_bytes(B0, left) - 1
    with pytest.raises(ParameterError, match=rf"^micro_batch={left} .* GiB") as error:
        largest_batch(B0, batch, limit)
    assert error.value.name == "micro_batch"
    assert ("not halved" in str(error.value)) == (left > 1)


@pytest.mark.parametrize("given", [{"precision": "fp16"}, {"optimiser": "adam"}])
def test_unknown_names_are_refused(given):
    (name,) = given
    with pytest.raises(ParameterError, match=f"^{name}="):
        training_bytes(B0, 8, **given)
