"""The kernels as functions of tensors, for autograd. Inputs are float32 and channels_last."""

from typing import Any

import torch
from torch import Tensor

from .compiled import kernels

ROW = 512  # floats of a row that a norm takes at once: several pixels where channels are few
BLOCK = 256  # floats that a tap of a depthwise gradient adds up at once

Pair = tuple[Tensor, Tensor]


def empty_as(x: Tensor) -> Tensor:
    """Return an uninitialised tensor of the shape and strides of x, which is channels_last."""
    return torch.empty_like(x)  # preserves strides


def dense(x: Tensor) -> Tensor:
    """Return a tensor in channels_last, itself where it is."""
    return x.contiguous(memory_format=torch.channels_last)


def _addresses(*tensors: Tensor) -> tuple[int, ...]:
    return tuple([tensor.data_ptr() for tensor in tensors])


def _rows(pixels: int, channels: int) -> tuple[int, int, int]:
    """Return how many rows of how many floats hold so many pixels."""
    together = 1
    while pixels % (2 * together) == 0 and 2 * together * channels <= ROW:
        together *= 2
    return pixels // together, together * channels, channels


def _norm_rows(x: Tensor) -> tuple[int, int, int]:
    images, channels, height, width = x.shape
    return _rows(images * height * width, channels)


class NormAct(torch.autograd.Function):
    """Batch norm in training, followed by SiLU where `how` (active, eps, momentum) says so; moves `running`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, running: Pair, how: tuple[bool, float, float]
    ) -> Tensor:
        active, *reals = how
        y, mean, inverse = empty_as(x), torch.empty_like(bias), torch.empty_like(bias)
        tensors = _addresses(x, y, weight, bias, mean, inverse, *running)
        kernels().norm.forward(tensors, (*_norm_rows(x), int(active)), tuple(reals))
        ctx.save_for_backward(x, weight, bias, mean, inverse)
        ctx.active = active
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, inverse = ctx.saved_tensors
        g = dense(g)
        dx, dweight, dbias = empty_as(x), torch.empty_like(weight), torch.empty_like(bias)
        tensors = _addresses(x, g, dx, weight, bias, mean, inverse, dweight, dbias)
        kernels().norm.backward(tensors, (*_norm_rows(x), int(ctx.active)))
        return dx, dweight, dbias, None, None


class Squeeze(torch.autograd.Function):
    """Squeeze-and-excitation: x * sigmoid(expand(silu(reduce(mean of x over its pixels))))."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
    ) -> Tensor:
        images, channels, height, width = x.shape
        squeezed = len(reduce_bias)
        y, mean, gate = empty_as(x), x.new_empty((images, channels)), x.new_empty((images, channels))
        hidden = x.new_empty((images, squeezed))
        tensors = _addresses(x, y, reduce, reduce_bias, expand, expand_bias, mean, hidden, gate)
        kernels().squeeze.forward(tensors, (images, *_rows(height * width, channels), squeezed))
        ctx.save_for_backward(x, reduce, expand, mean, hidden, gate)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, reduce, expand, mean, hidden, gate = ctx.saved_tensors
        images, channels, height, width = x.shape
        squeezed, g = hidden.shape[1], dense(g)
        dx, scratch = empty_as(x), torch.empty_like(mean)
        dreduce, dexpand = torch.empty_like(reduce), torch.empty_like(expand)
        dreduce_bias, dexpand_bias = x.new_empty(squeezed), x.new_empty(channels)
        tensors = _addresses(x, g, dx, reduce, expand, mean, hidden, gate)
        tensors += _addresses(dreduce, dreduce_bias, dexpand, dexpand_bias, scratch)
        kernels().squeeze.backward(tensors, (images, *_rows(height * width, channels), squeezed))
        return dx, dreduce, dreduce_bias, dexpand, dexpand_bias


class Pointwise(torch.autograd.Function):
    """A 1 x 1 convolution without a bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        images, inputs, height, width = x.shape
        y = torch.empty((images, len(weight), height, width), memory_format=torch.channels_last)
        ctx.sizes = images * height * width, inputs, len(weight)
        kernels().pointwise.forward(_addresses(x, weight, y), ctx.sizes)
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        g, dx, dweight = dense(g), empty_as(x), torch.empty_like(weight)
        kernels().pointwise.backward(_addresses(x, g, weight, dx, dweight), ctx.sizes)
        return dx, dweight


def _depthwise_sizes(x: Tensor, kernel: int, stride: int) -> tuple[int, ...]:
    images, channels, height, width = x.shape
    return images, height, width, channels, kernel, stride, max(1, BLOCK // channels)


def depthwise_weight_gradient(g: Tensor, x: Tensor, kernel: int, stride: int) -> Tensor:
    """Return the weight gradient (channels, 1, kernel, kernel) of a depthwise convolution padded by kernel // 2."""
    channels, width, block = x.shape[1], x.shape[3], max(1, BLOCK // x.shape[1])
    run = (width + kernel // 2 * 2 + stride - 1) // stride * channels
    ring, sums = x.new_zeros(kernel * stride * run), x.new_zeros(kernel * kernel * block * channels)
    dweight = x.new_empty((channels, 1, kernel, kernel))
    kernels().depthwise.weight_gradient(_addresses(x, g, dweight, ring, sums), _depthwise_sizes(x, kernel, stride))
    return dweight


def depthwise_input_gradient(g: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Return the gradient of a depthwise convolution's input x; the convolution is padded by kernel // 2."""
    channels, kernel, block = x.shape[1], weight.shape[-1], max(1, BLOCK // x.shape[1])
    ring = x.new_zeros(kernel * (g.shape[3] + kernel // 2 * 2) * channels)
    dx, tile = empty_as(x), x.new_empty(kernel * kernel * block * channels)
    sums = x.new_empty(block * channels)
    tensors = _addresses(g, weight, dx, ring, tile, sums)
    kernels().depthwise.input_gradient(tensors, _depthwise_sizes(x, kernel, stride))
    return dx


def crop(pixels: Tensor, matrices: Tensor, size: int, shift: Tensor, scale: Tensor) -> Tensor:
    """Return crops (n, 3, size, size), of (n, h, w, 3) uint8 images, times scale (3,) plus shift (3,)."""
    images, height, width, _ = pixels.shape
    out = torch.empty((images, 3, size, size), memory_format=torch.channels_last)
    kernels().crop.crop(_addresses(pixels, matrices, out, shift, scale), (images, height, width, size))
    return out
