"""Depthwise convolutions with the fast gradient: autograd's to the last digits that the order of a sum leaves."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training import build_model, depthwise
from effnet_lib.training.depthwise import DepthwiseConv2d, use_fast_depthwise, weight_gradient
from effnet_lib.training.recipes import Recipe

torch.set_num_threads(1)


@settings(deadline=None, max_examples=150)
@given(
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    images=st.integers(1, 3),
    channels=st.integers(1, 4),
    channels_last=st.booleans(),
)
def test_depthwise_weight_gradient_is_autograds(kernel, stride, height, width, images, channels, channels_last):
    draw = torch.Generator().manual_seed(kernel + 10 * height + 1000 * width)
    x = torch.randn(images, channels, height, width, generator=draw, dtype=torch.float64)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, kernel, kernel, generator=draw, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(x, weight, None, stride, kernel // 2, 1, channels)
    g = torch.randn(y.shape, generator=draw, dtype=torch.float64)
    (expected,) = torch.autograd.grad(y, weight, g)
    torch.testing.assert_close(weight_gradient(g, x, kernel, stride), expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("image_size", [32, 48])
def test_fast_depthwise_changes_no_name_output_or_gradient(image_size):
    spec = RunSpec(ProxyBaseline(0.25, 0.5, image_size).arch(10), Recipe(epochs=1, lr=0.1), "x", 0)
    plain, fast = (build_model.build(spec).to(memory_format=torch.channels_last) for _ in range(2))
    assert use_fast_depthwise(fast) is fast
    swapped = [m for m in fast.modules() if type(m) is DepthwiseConv2d]
    grouped = [m for m in plain.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert len(swapped) == len(grouped) == 10
    x = torch.randn(4, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    assert list(plain.state_dict()) == list(fast.state_dict())
    outputs = [model(x) for model in (plain, fast)]
    torch.testing.assert_close(*outputs, atol=0, rtol=0)
    for output in outputs:
        output.square().sum().backward()
    for (name, weight), (_, same) in zip(plain.named_parameters(), fast.named_parameters(), strict=True):
        torch.testing.assert_close(same.grad, weight.grad, atol=1e-4 * float(weight.grad.abs().max()) + 1e-7, rtol=0)
        assert weight.grad.shape == same.grad.shape, name
    for model in (plain, fast):
        model.eval()
    with torch.no_grad():
        torch.testing.assert_close(plain(x), fast(x), atol=0, rtol=0)


@pytest.mark.parametrize("size", [4, 16])
def test_in_half_precision_a_gradient_kernel_gets_a_single_type(size, monkeypatch):
    """Processors with matrix units for bfloat16 take mixed types, the others refuse them."""
    native, seen = depthwise._native, []

    def watched(g, x, weight, *rest):
        seen.append({g.dtype, x.dtype, weight.dtype})
        return native(g, x, weight, *rest)

    monkeypatch.setattr(depthwise, "_native", watched)
    plain = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False)
    fast = use_fast_depthwise(copy.deepcopy(plain))
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 8, size, size, generator=draw).requires_grad_()
    gradients = []
    for model in (plain, fast):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(x).float().square().sum()
        gradients.append(torch.autograd.grad(loss, [x, model.weight]))
    assert seen and all(types == {torch.bfloat16} for types in seen)
    for expected, gradient in zip(*gradients, strict=True):
        assert expected.dtype == gradient.dtype == torch.float32
        torch.testing.assert_close(gradient, expected, atol=0.02 * float(expected.abs().max()), rtol=0)


def test_only_symmetric_depthwise_convolutions_are_swapped():
    model = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False),
        nn.Conv2d(4, 8, 3, padding=1, groups=4, bias=False),
        nn.Conv2d(8, 8, 3, padding=0, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=True),
        nn.Conv2d(8, 8, 7, padding=3, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
    )
    assert [type(m) is DepthwiseConv2d for m in use_fast_depthwise(model)] == [False] * 7 + [True]
