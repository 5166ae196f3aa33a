"""AmoebaNet as a torch module, built from the places of `amoebanet.AmoebaNet`."""

import math
from typing import TYPE_CHECKING

import torch
from timm.layers import DropPath, create_conv2d
from torch import nn
from torch.nn import functional

from .amoebanet_cells import OPERATIONS, Step
from .amoebanet_spec import STEM, Place, bottleneck

if TYPE_CHECKING:
    from .amoebanet import AmoebaNet

Pair = int | tuple[int, int]


def conv(in_channels: int, out_channels: int, kernel: Pair = 1, stride: Pair = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that pads as TensorFlow's SAME does."""
    return create_conv2d(in_channels, out_channels, kernel, stride=stride, padding="same", groups=groups)


def norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm with TensorFlow's epsilon and the released decay of 0.9997."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=3e-4)


def act_conv_norm(
    in_channels: int, out_channels: int, kernel: Pair = 1, stride: Pair = 1, own: bool = False
) -> nn.Sequential:
    """Return ReLU, convolution and norm.

    Args:
        own: nothing else reads the input, and the ReLU may overwrite it.
    """
    return nn.Sequential(nn.ReLU(inplace=own), conv(in_channels, out_channels, kernel, stride), norm(out_channels))


class SamePool(nn.Module):
    """Max or average pooling of square maps that pads as SAME does: the smaller half before, and no average counts it.

    Exact for an odd kernel of any stride up to its size, and for a kernel of 2 with stride 2.
    """

    def __init__(self, kind: str, kernel: int, stride: int):
        super().__init__()
        self.kind, self.kernel, self.stride = kind, kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[-1]
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        # An odd total leaves one more row behind than before: the window that torch adds by rounding sizes up.
        padding, wider = total // 2, total % 2 == 1
        if self.kind == "max":
            return functional.max_pool2d(x, self.kernel, self.stride, padding, ceil_mode=wider)
        return functional.avg_pool2d(x, self.kernel, self.stride, padding, wider, count_include_pad=False)


class FactorizedReduction(nn.Module):
    """Halve a map with two 1 x 1 convolutions, the second on the map shifted by a pixel; one norm over both."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.even = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - out_channels // 2, 1, stride=2, bias=False)
        self.norm = norm(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shifted = functional.pad(x, (-1, 1, -1, 1))
        return self.norm(torch.cat((self.even(x), self.odd(shifted)), 1))


def operation(name: str, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return an operation of a cell (a key of `OPERATIONS`) as a module."""
    kind, kernels = OPERATIONS[name]
    parts = []
    if kind == "separable":
        for i, kernel in enumerate(kernels):
            depthwise = conv(in_channels, in_channels, kernel, stride, groups=in_channels)
            parts += [nn.ReLU(inplace=i > 0), depthwise, conv(in_channels, out_channels), norm(out_channels)]
            in_channels, stride = out_channels, 1
    elif kind == "bottleneck":
        mid = bottleneck(out_channels)
        parts += act_conv_norm(in_channels, mid)
        for kernel in kernels:
            strides = (stride if kernel[0] > 1 else 1, stride if kernel[1] > 1 else 1)
            parts += act_conv_norm(mid, mid, kernel, strides, own=True)
        parts += act_conv_norm(mid, out_channels, own=True)
    elif kind == "pointwise" or (kind == "identity" and (stride > 1 or in_channels != out_channels)):
        parts += act_conv_norm(in_channels, out_channels, 1, stride)
    elif kind == "identity":
        return nn.Identity()
    else:
        parts.append(SamePool(kind, kernels[0][0], stride))
        if in_channels != out_channels:
            parts += [conv(in_channels, out_channels), norm(out_channels)]
    return nn.Sequential(*parts)


class CellModule(nn.Module):
    """One cell: reads the outputs of the two cells before it, and forgets each state after its last use."""

    def __init__(self, place: Place, drop_path: float = 0.0):
        super().__init__()
        self.pairs, self.joined = place.cell
        width, previous = place.width, place.previous
        self.input = act_conv_norm(place.current.channels, width)
        self.skip: nn.Module = nn.Identity()
        if previous is not None and previous.size != place.current.size:
            self.skip = nn.Sequential(nn.ReLU(), FactorizedReduction(previous.channels, width))
        elif previous is not None and previous.channels != width:
            self.skip = act_conv_norm(previous.channels, width)
        self.operations = nn.ModuleList(
            nn.ModuleList(self._droppable(step, place, drop_path) for step in pair) for pair in self.pairs
        )
        self.matched = nn.ModuleDict()
        for state in self.joined:
            in_channels, stride = place.reads(state)
            if stride > 1:
                self.matched[str(state)] = FactorizedReduction(in_channels, width)
            elif in_channels != width:
                self.matched[str(state)] = nn.Sequential(conv(in_channels, width), norm(width))
        reads = {step.state: i for i, pair in enumerate(self.pairs) for step in pair}
        self.last_reads = {state: i for state, i in reads.items() if state not in self.joined}

    @staticmethod
    def _droppable(step: Step, place: Place, rate: float) -> nn.Module:
        in_channels, stride = place.reads(step.state)
        module = operation(step.operation, in_channels, place.width, stride)
        return nn.Sequential(module, DropPath(rate)) if rate and not isinstance(module, nn.Identity) else module

    def forward(self, current: torch.Tensor, previous: torch.Tensor | None) -> torch.Tensor:
        states = {0: self.input(current), 1: current if previous is None else self.skip(previous)}
        for i, (pair, both) in enumerate(zip(self.pairs, self.operations, strict=True)):
            assert isinstance(both, nn.ModuleList)
            left, right = both
            states[i + 2] = left(states[pair[0].state]) + right(states[pair[1].state])
            for state, last in self.last_reads.items():
                if last == i:
                    del states[state]
        for key, module in self.matched.items():
            states[int(key)] = module(states[int(key)])
        return torch.cat([states[state] for state in self.joined], 1)


class AmoebaNetModule(nn.Module):
    """The network of an `AmoebaNet`: stem, cells, ReLU, global mean, dropout and a linear layer."""

    def __init__(self, arch: "AmoebaNet", dropout: float = 0.0, drop_path: float = 0.0):
        super().__init__()
        places = arch.places()
        stem = nn.Conv2d(3, STEM, 3, stride=2, bias=False) if arch.stem == "imagenet" else conv(3, STEM, 3)
        self.stem = nn.Sequential(stem, norm(STEM))
        self.cells = nn.ModuleList(CellModule(place, drop_path) for place in places)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(places[-1].output.channels, arch.classes)
        self.apply(_initialise)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last cell's output, batch x channels x height x width."""
        previous, current = None, self.stem(x)
        for cell in self.cells:
            previous, current = current, cell(current, previous)
        return current

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.dropout(self.forward_features(x).relu_().mean((2, 3))))


def _initialise(module: nn.Module) -> None:
    """Scale the variance of weights by what an input value feeds: of a depthwise convolution, its kernel alone."""
    if isinstance(module, nn.Conv2d):
        feeds = module.out_channels // module.groups * math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=math.sqrt(2 / feeds))
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.zeros_(module.bias)
