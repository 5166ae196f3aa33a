"""A network's norms, squeeze-excitations and depthwise convolutions on the kernels, where those win.

The same weights and names, and the same results to rounding. In evaluation, in half precision and where torch is
faster, torch's own operations compute.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from timm.layers import BatchNormAct2d
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import Tensor, nn
from torch.nn import functional as F

from .. import depthwise
from .choice import Choice
from .functions import (
    NormAct,
    Pair,
    Pointwise,
    Squeeze,
    dense,
    depthwise_input_gradient,
    depthwise_weight_gradient,
)

Taken = dict[torch.Size, bool]
Way = Callable[[Tensor], Tensor]


def _suits(module: nn.Module, x: Tensor) -> bool:
    """Return whether a kernel may take an input: in training, in single precision, on a CPU."""
    single = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return module.training and single and torch.is_grad_enabled() and x.device.type == "cpu" and x.numel() > 0


def _backwards(output: Tensor, leaves: list[Tensor]) -> None:
    torch.autograd.grad(output, leaves, output.detach())


def _taken(module: "FastNorm | FastSqueeze | FastPointwise", x: Tensor) -> bool:
    """Return what a module's choice for this shape is, which it has looked up once."""
    taken = module.taken.get(x.shape)
    if taken is None:
        taken = module.taken[x.shape] = module.wins(x)
    return taken


class FastNorm(nn.BatchNorm2d):
    """A batch norm and its activation, if it has one."""

    def __init__(self, norm: nn.BatchNorm2d, choice: Choice):
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias, self.choice = norm.weight, norm.bias, choice
        for name, buffer in norm.named_buffers():
            setattr(self, name, buffer)
        self.act = norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity()
        self.active = type(self.act) is nn.SiLU
        self.taken: Taken = {}
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(self, x) or not _taken(self, x):
            return self.act(super().forward(x))
        cast(Tensor, self.num_batches_tracked).add_(1)
        y = self._normalised(x, self._running())
        return y if self.active else self.act(y)

    def _running(self) -> Pair:
        return cast(Tensor, self.running_mean), cast(Tensor, self.running_var)

    def _normalised(self, x: Tensor, running: Pair) -> Tensor:
        return NormAct.apply(dense(x), self.weight, self.bias, running, (self.active, self.eps, self.momentum))

    def _by_torch(self, x: Tensor, running: Pair) -> Tensor:
        y = F.batch_norm(x, *running, self.weight, self.bias, True, self.momentum or 0.0, self.eps)
        return F.silu(y) if self.active else y

    def wins(self, x: Tensor) -> bool:
        """Return whether the kernel computes an input of this shape."""

        def timed(way: Callable[[Tensor, Pair], Tensor]) -> None:
            mean, variance = (value.clone() for value in self._running())
            given = x.detach().requires_grad_()
            _backwards(way(given, (mean, variance)), [given, self.weight, self.bias])

        key = ("norm", "silu" if self.active else "plain", *x.shape)
        return self.choice.kernel(key, lambda: timed(self._normalised), lambda: timed(self._by_torch))


class FastSqueeze(nn.Module):
    """timm's squeeze-and-excitation."""

    def __init__(self, squeeze: SqueezeExcite, choice: Choice):
        super().__init__()
        self.conv_reduce, self.act1 = squeeze.conv_reduce, squeeze.act1
        self.conv_expand, self.gate = squeeze.conv_expand, squeeze.gate
        self.choice = choice
        self.taken: Taken = {}
        self.train(squeeze.training)

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(self, x) or not _taken(self, x):
            return self._by_torch(x)
        return self._squeezed(x)

    def _by_torch(self, x: Tensor) -> Tensor:
        inner = self.act1(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * self.gate(self.conv_expand(inner))

    def _squeezed(self, x: Tensor) -> Tensor:
        reduce, expand = self.conv_reduce, self.conv_expand
        return Squeeze.apply(dense(x), reduce.weight, reduce.bias, expand.weight, expand.bias)

    def wins(self, x: Tensor) -> bool:
        """Return whether the kernel computes an input of this shape."""

        def timed(way: Way) -> None:
            given = x.detach().requires_grad_()
            _backwards(way(given), [given, *self.parameters()])

        key = ("squeeze", *x.shape, self.conv_reduce.out_channels)
        return self.choice.kernel(key, lambda: timed(self._squeezed), lambda: timed(self._by_torch))


class FastPointwise(nn.Conv2d):
    """A 1 x 1 convolution without a bias."""

    def __init__(self, conv: nn.Conv2d, choice: Choice):
        super().__init__(conv.in_channels, conv.out_channels, 1, bias=False, device="meta")
        self.weight, self.choice = conv.weight, choice
        self.taken: Taken = {}
        self.train(conv.training)

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(self, x) or not _taken(self, x):
            return super().forward(x)
        return Pointwise.apply(dense(x), self.weight)

    def wins(self, x: Tensor) -> bool:
        """Return whether the kernel computes an input of this shape."""

        def timed(way: Callable[[Tensor, Tensor], Tensor]) -> None:
            given = x.detach().requires_grad_()
            _backwards(way(given, self.weight), [given, self.weight])

        return self.choice.kernel(
            ("pointwise", *x.shape, self.out_channels), lambda: timed(Pointwise.apply), lambda: timed(F.conv2d)
        )


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, choice: Choice) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.choice = stride, choice
        return depthwise.convolve(x, weight, stride)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        kernel, stride, choice, g = weight.shape[-1], ctx.stride, ctx.choice, dense(g)
        shape, dx = (*x.shape, kernel, stride), None
        if ctx.needs_input_grad[0]:
            ways = (
                lambda: depthwise_input_gradient(g, x, weight, stride),
                lambda: depthwise.input_gradient_by_torch(g, x, weight, stride),
            )
            dx = ways[0 if choice.kernel(("depthwise input", *shape), *ways) else 1]()
        ways = (
            lambda: depthwise_weight_gradient(g, x, kernel, stride),
            lambda: depthwise.best_weight_gradient(g, x, weight, stride),
        )
        return dx, ways[0 if choice.kernel(("depthwise weight", *shape), *ways) else 1](), None, None


class FastDepthwise(depthwise.DepthwiseConv2d):
    """A depthwise convolution whose two gradients are chosen apart."""

    choice: Choice

    def forward(self, x: Tensor) -> Tensor:
        if not _suits(self, x):
            return super().forward(x)
        return _Depthwise.apply(dense(x), self.weight, self.stride[0], self.choice)


def use_kernels(model: nn.Module, choice: Choice) -> nn.Module:
    """Let a network's operations that have a kernel ask which way is faster.

    Returns:
        The network itself, with other modules around the same weights.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if (made := _swapped(child, choice)) is not None:
                setattr(parent, name, made)
    return model


def _swapped(module: nn.Module, choice: Choice) -> nn.Module | None:
    if isinstance(module, nn.BatchNorm2d) and _is_usual(module):
        return FastNorm(module, choice)
    if type(module) is SqueezeExcite and _is_usual_squeeze(module):
        return FastSqueeze(module, choice)
    if type(module) is nn.Conv2d and _is_pointwise(module):
        return FastPointwise(module, choice)
    if type(module) is depthwise.DepthwiseConv2d and module.stride[0] in (1, 2):
        made: Any = depthwise.with_weight_of(module, FastDepthwise)
        made.choice = choice
        return made
    return None


def _is_usual_squeeze(squeeze: SqueezeExcite) -> bool:
    dense = type(squeeze.conv_reduce) is type(squeeze.conv_expand) is nn.Conv2d and squeeze.conv_reduce.groups == 1
    return dense and type(squeeze.act1) is nn.SiLU and type(squeeze.gate) is nn.Sigmoid


def _is_pointwise(conv: nn.Conv2d) -> bool:
    alone = conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0)
    return alone and conv.groups == 1 and conv.bias is None


def _is_usual(norm: nn.BatchNorm2d) -> bool:
    if type(norm) not in (nn.BatchNorm2d, BatchNormAct2d):
        return False
    learnt = norm.affine and norm.track_running_stats and norm.momentum is not None
    return learnt and type(getattr(norm, "drop", nn.Identity())) is nn.Identity
