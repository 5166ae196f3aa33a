"""Kernels against torch's own gradients in double precision: off by no more than single precision's rounding.

Tolerances are shares of the largest value: 2e-6 for what a channel or an image sums, 5e-6 where thousands of products
are added up. torch's own kernels in single precision are off by 1e-7 to 5e-6 here.
"""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

pytest.importorskip("numba", reason="the extra `fast` is not installed")

from effnet_lib.training import augment
from effnet_lib.training.fast import functions
from effnet_lib.training.fast.choice import Choice
from effnet_lib.training.fast.cropping import Cropping
from effnet_lib.training.fast.update import ClippedSgd

SUMMED, PRODUCTS = 2e-6, 5e-6
SHAPES = [(4, 8, 56, 56), (3, 5, 7, 9), (2, 48, 4, 4), (5, 1, 3, 3), (6, 700, 1, 1), (32, 16, 1, 1)]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else values


def near(ours: torch.Tensor, exact: torch.Tensor, share: float) -> None:
    assert ours.shape == exact.shape and ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), exact, atol=share * float(exact.detach().abs().max()), rtol=0)


def both(kernel, exact, inputs: list[torch.Tensor], share: float) -> None:
    """Compare outputs and all gradients of a kernel in single precision with a formula in double precision."""
    single = [value.clone(memory_format=torch.preserve_format).requires_grad_() for value in inputs]
    double = [value.detach().double().requires_grad_() for value in single]
    y, z = kernel(*single), exact(*double)
    near(y, z, share)
    g = drawn(*y.shape, seed=9)
    for mine, known in zip(torch.autograd.grad(y, single, g), torch.autograd.grad(z, double, g.double()), strict=True):
        near(mine, known, share)


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_norm(shape, active):
    channels = shape[1]
    inputs = [3 * drawn(*shape) + 5, 1 + 0.3 * drawn(channels, seed=1), drawn(channels, seed=2)]
    running = torch.zeros(channels), torch.ones(channels)
    known = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)

    def exact(x, weight, bias):
        y = F.batch_norm(x, *known, weight, bias, True, 0.1, 1e-5)
        return F.silu(y) if active else y

    both(lambda *given: functions.NormAct.apply(*given, running, (active, 1e-5, 0.1)), exact, inputs, PRODUCTS)
    for mine, value in zip(running, known, strict=True):
        near(mine, value, SUMMED)


@pytest.mark.parametrize(("shape", "squeezed"), [(shape, size) for shape in SHAPES for size in (1, 4)])
def test_squeeze(shape, squeezed):
    channels = shape[1]
    inputs = [drawn(*shape), 0.1 * drawn(squeezed, channels, 1, 1, seed=1), drawn(squeezed, seed=2)]
    inputs += [drawn(channels, squeezed, 1, 1, seed=3), drawn(channels, seed=4)]

    def exact(x, reduce, reduce_bias, expand, expand_bias):
        inner = F.silu(F.conv2d(x.mean((2, 3), keepdim=True), reduce, reduce_bias))
        return x * F.conv2d(inner, expand, expand_bias).sigmoid()

    both(functions.Squeeze.apply, exact, inputs, PRODUCTS)


@pytest.mark.parametrize("outputs", [1, 8, 33])
@pytest.mark.parametrize("shape", SHAPES)
def test_pointwise(shape, outputs):
    both(functions.Pointwise.apply, F.conv2d, [drawn(*shape), drawn(outputs, shape[1], 1, 1, seed=1)], PRODUCTS)


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from([3, 5]), st.sampled_from([1, 2]), st.integers(1, 13), st.integers(1, 13),
    st.integers(1, 3), st.sampled_from([1, 2, 8, 300]),
)  # fmt: skip
def test_depthwise_gradients(kernel, stride, height, width, images, channels):
    x, weight = drawn(images, channels, height, width), drawn(channels, 1, kernel, kernel, seed=1)
    leaves = [value.double().requires_grad_() for value in (x, weight)]
    y = F.conv2d(leaves[0], leaves[1], None, stride, kernel // 2, 1, channels)
    g = drawn(*y.shape, seed=2)
    dx, dweight = torch.autograd.grad(y, leaves, g.double())
    near(functions.depthwise_input_gradient(g, x, weight, stride), dx, SUMMED)
    near(functions.depthwise_weight_gradient(g, x, kernel, stride), dweight, PRODUCTS)


@pytest.mark.parametrize(("height", "width", "size"), [(54, 54, 32), (20, 31, 40), (5, 5, 33), (1, 1, 32)])
def test_crops_are_grid_samples(height, width, size):
    """A coordinate in single precision is off by 1e-6 of the image, so pixels of noise (0 to 255) by 1e-3 and less."""
    draw = np.random.default_rng(0)
    pixels = torch.from_numpy(draw.integers(0, 256, (8, height, width, 3), np.uint8))
    matrices = augment.crop_matrices(draw, 8, 0.35)
    choice = Choice({("crop", 8, height, width, size): True})
    made = Cropping(choice)(pixels, matrices, size)
    assert made.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(made, augment.standardise(augment.sample(pixels, matrices, size)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("clip", [0.0, 1.0, 1e6])
def test_one_update_is_clipping_and_sgd(clip):
    first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 5, 1)).to(
        memory_format=torch.channels_last
    )
    second = copy.deepcopy(first).double()
    made = []
    for model in (first, second):
        groups = [
            {"params": list(model[0].parameters()), "weight_decay": 0.1},
            {"params": list(model[1:].parameters())},
        ]
        made.append(torch.optim.SGD(groups, lr=0.3, momentum=0.9, nesterov=True))
    update = ClippedSgd.of(made[0], clip)
    for step in range(4):
        for number, pair in enumerate(zip(first.parameters(), second.parameters(), strict=True)):
            for weight in pair:
                weight.grad = torch.empty_like(weight).copy_(drawn(*weight.shape, seed=10 * step + number))
        for optimizer in made:
            optimizer.param_groups[1]["lr"] = 0.1 * step
        if clip:
            nn.utils.clip_grad_norm_(second.parameters(), clip)
        update(), made[1].step()
    for mine, known in zip(first.parameters(), second.parameters(), strict=True):
        near(mine.detach(), known.detach(), SUMMED)
        near(made[0].state[mine]["momentum_buffer"], made[1].state[known]["momentum_buffer"], SUMMED)


def test_other_optimisers_keep_their_own_update():
    weights = [nn.Parameter(torch.ones(3))]
    for other in (torch.optim.SGD(weights, lr=0.1), torch.optim.AdamW(weights)):
        assert ClippedSgd.of(other, 1.0) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_stays_none(bad):
    """A run that diverges must be seen to."""
    x, weight, bias = drawn(2, 8, 4, 4), torch.ones(8), torch.zeros(8)
    x[0, 3, 1, 1] = bad
    y = functions.NormAct.apply(x, weight, bias, (torch.zeros(8), torch.ones(8)), (True, 1e-5, 0.1))
    assert not y[:, 3].isfinite().any() and y[:, :3].isfinite().all()
