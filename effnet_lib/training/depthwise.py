"""Depthwise convolutions whose weight gradient is fast on a CPU.

The library's own weight gradient of a depthwise 5 x 5 takes ten times its forward pass on maps of 3 to 12 px.
The same sum is a depthwise *forward* convolution of the padded input with the output gradient as the kernel, a
channel for every (image, channel) pair, summed over images:

    dw[c, a, b] = sum_n sum_ij x[n, c, s*i + a - p, s*j + b - p] * g[n, c, i, j]

which is exact up to the order of summation, and 2 to 4 times faster where the map is small. On larger maps the
kernel (= the output map) grows and the library's own way wins.
"""

from typing import Any, TypeGuard

import torch
from torch import nn
from torch.nn import functional as F

# Largest output map, in px, on which the transposed form wins (batch 64, one AVX-512 core; see benchmarks).
WINS_UP_TO_PX = {3: 2, 5: 6}


def _native(
    g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, pad: int, mask: list[bool]
) -> tuple[torch.Tensor, ...]:
    return torch.ops.aten.convolution_backward(
        g, x, weight, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], x.shape[1], mask
    )


def convolve(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Convolve each channel of x with its own kernel (C, 1, k, k), padded by k // 2."""
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, x.shape[1])


def input_gradient_by_torch(g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the input's gradient as torch computes it."""
    return _native(g, x, weight, stride, weight.shape[-1] // 2, [True, False, False])[0]


def best_weight_gradient(g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the weight's gradient by the way that wins at this map's size."""
    kernel = weight.shape[-1]
    if max(g.shape[2:]) <= WINS_UP_TO_PX.get(kernel, 0):
        return weight_gradient(g, x, kernel, stride)
    return _native(g, x, weight, stride, kernel // 2, [False, True, False])[1]


def weight_gradient(g: torch.Tensor, x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """Return the weight gradient (C, 1, k, k) of a depthwise convolution padded by k // 2.

    Args:
        g: gradient of the output, (N, C, h, w), channels_last.
        x: input, (N, C, H, W), channels_last.
        kernel: k.
    """
    n, c, height, width = x.shape
    pad = kernel // 2
    rows, cols = g.shape[2:]
    if rows == cols == 1:  # one output pixel: tap (p + i, p + j) met input pixel (i, j) and no other
        met = (x * g).sum(0)[:, : kernel - pad, : kernel - pad]
        return F.pad(met, [pad, kernel - pad - met.shape[2], pad, kernel - pad - met.shape[1]]).unsqueeze(1)
    # Taps that lie further from the centre than the map is wide only ever meet padding: their gradient is zero.
    reach = min(pad, max(height, width) - 1)
    taps = 2 * reach + 1
    x = x.permute(2, 3, 0, 1).reshape(height, width, n * c).permute(2, 0, 1).unsqueeze(0)
    g = g.permute(2, 3, 0, 1).reshape(rows, cols, n * c).permute(2, 0, 1).unsqueeze(1)
    grad = F.conv2d(x, g, padding=reach, dilation=stride, groups=n * c)[:, :, :taps, :taps]
    grad = grad.reshape(n, c, taps, taps).sum(0).unsqueeze(1)
    return F.pad(grad, [pad - reach] * 4) if reach < pad else grad


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return convolve(x, weight, stride)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        x, weight = ctx.saved_tensors
        g = g.contiguous(memory_format=torch.channels_last)
        dx = input_gradient_by_torch(g, x, weight, ctx.stride) if ctx.needs_input_grad[0] else None
        return dx, best_weight_gradient(g, x, weight, ctx.stride), None


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution with the fast weight gradient; same parameters and results as nn.Conv2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled(x.device.type):  # here, where autograd sees it: kernels want one type of all three
            half = torch.get_autocast_dtype(x.device.type)
            x, weight = x.to(half), weight.to(half)
        return _Depthwise.apply(x, weight, self.stride[0])


def use_fast_depthwise(model: nn.Module) -> nn.Module:
    """Let every symmetric-padded depthwise convolution of `model` compute its gradient the fast way.

    Returns:
        The network itself, with other modules around the same weights; of a single convolution, another module.
    """
    if _gains(model):
        return with_weight_of(model, DepthwiseConv2d)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if _gains(child):
                setattr(parent, name, with_weight_of(child, DepthwiseConv2d))
    return model


def _gains(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        type(module) is nn.Conv2d
        and module.groups == module.in_channels == module.out_channels > 1
        and module.bias is None
        and module.kernel_size[0] == module.kernel_size[1] in WINS_UP_TO_PX
        and module.stride[0] == module.stride[1]
        and module.padding == (module.kernel_size[0] // 2,) * 2
        and module.dilation == (1, 1)
    )


def with_weight_of(conv: nn.Conv2d, kind: type[DepthwiseConv2d]) -> DepthwiseConv2d:
    """Return a module of another kind around a depthwise convolution's weight."""
    kernel, stride = conv.kernel_size[0], conv.stride[0]  # square, see `_gains`
    shape = conv.in_channels, conv.out_channels, kernel, stride, kernel // 2
    made = kind(*shape, groups=conv.groups, bias=False, device="meta")  # nothing is drawn for its weights
    made.weight = conv.weight
    return made.train(conv.training)
