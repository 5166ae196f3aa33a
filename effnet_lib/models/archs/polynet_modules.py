"""PolyNet as a torch module, from the tables of `polynet_spec`; the stem is the one that timm has for Inception-v4."""

from typing import TYPE_CHECKING, Any

import torch
from timm.layers import ConvNormAct, DropPath
from timm.models.inception_v4 import Mixed3a, Mixed4a, Mixed5a
from torch import nn

from .polynet_spec import BLOCKS, CHANNELS, FIRST_SCALE, LAST_SCALE, REDUCTIONS, Path, is_poly

if TYPE_CHECKING:
    from .polynet import PolyNet


Pair = int | tuple[int, int]


def _conv(in_channels: int, out_channels: int, kernel: tuple[int, int], stride: int = 1) -> nn.Conv2d:
    padding = (kernel[0] // 2, kernel[1] // 2) if stride == 1 else 0
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False)


class SharedConv(nn.Module):
    """A convolution and ReLU whose batch norm is another one in each order of a polynomial."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int], stride: int, orders: int):
        super().__init__()
        self.conv = _conv(in_channels, out_channels, kernel, stride)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(orders))

    def forward(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        return self.norms[order](self.conv(x)).relu_()


class Paths(nn.Module):
    """Parallel rows of convolutions, concatenated; `pool` adds a max-pooling of stride 2 beside them."""

    def __init__(self, in_channels: int, paths: tuple[Path, ...], orders: int = 1, pool: bool = False):
        super().__init__()
        self.rows = nn.ModuleList()
        for path in paths:
            inputs = (in_channels, *(conv.out_channels for conv in path))
            convs = (SharedConv(before, *conv, orders) for before, conv in zip(inputs, path, strict=False))
            self.rows.append(nn.ModuleList(convs))
        self.pool = nn.MaxPool2d(3, 2) if pool else None

    def forward(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        outputs = []
        for row in self.rows:
            assert isinstance(row, nn.ModuleList)
            y = x
            for conv in row:
                y = conv(y, order)
            outputs.append(y)
        if self.pool is not None:
            outputs.append(self.pool(x))
        return torch.cat(outputs, 1)


class Residual(nn.Module):
    """What the modules have in common: x + scale * (the terms), then ReLU."""

    def __init__(self, channels: int, paths: tuple[Path, ...], terms: int, scale: float, drop_path: float):
        super().__init__()
        self.scale = scale
        joined = sum(path[-1].out_channels for path in paths)
        closing = (ConvNormAct(joined, channels, apply_act=False) for _ in range(terms))
        self.closing = nn.ModuleList(closing)
        self.drop_path = DropPath(drop_path)

    def closing_norms(self) -> list[nn.Module]:
        """Return the norm of each term's closing convolution."""
        return [conv.get_submodule("bn") for conv in self.closing]


class TwoWay(Residual):
    """F(x) + G(x), two blocks of their own."""

    def __init__(self, channels: int, paths: tuple[Path, ...], scale: float, drop_path: float):
        super().__init__(channels, paths, 2, scale, drop_path)
        self.blocks = nn.ModuleList(Paths(channels, paths) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        terms = sum(closing(block(x)) for block, closing in zip(self.blocks, self.closing, strict=True))
        return (x + self.drop_path(self.scale * terms)).relu_()


class Poly(Residual):
    """F(x) + F(F(x)) + F(F(F(x))), with a ReLU between the orders."""

    def __init__(self, channels: int, paths: tuple[Path, ...], scale: float, drop_path: float):
        super().__init__(channels, paths, 3, scale, drop_path)
        self.block = Paths(channels, paths, orders=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        terms, power = 0, x
        for order, closing in enumerate(self.closing):
            term = closing(self.block(power, order))
            terms = terms + term
            power = term.relu()
        return (x + self.drop_path(self.scale * terms)).relu_()


class PolyNetModule(nn.Module):
    """The network of a `PolyNet`: Inception's stem, three stages, global mean, dropout and a linear layer."""

    def __init__(self, arch: "PolyNet", dropout: float = 0.0, drop_path: float = 0.0):
        super().__init__()
        self.stem = nn.Sequential(
            ConvNormAct(3, 32, 3, stride=2, padding=0),
            ConvNormAct(32, 32, 3, padding=0),
            ConvNormAct(32, 64, 3, padding=1),
            Mixed3a(_unpadded),  # type: ignore[arg-type]  # timm calls it, and asks for no class
            Mixed4a(_unpadded),  # type: ignore[arg-type]
            Mixed5a(_unpadded),  # type: ignore[arg-type]
        )
        total, done = sum(arch.modules), 0
        self.stages = nn.ModuleList()
        for stage, (channels, paths) in enumerate(zip(CHANNELS, BLOCKS, strict=True)):
            row = nn.Sequential()
            for module in range(arch.modules[stage]):
                kind = Poly if is_poly(stage, module) else TwoWay
                scale = FIRST_SCALE + (LAST_SCALE - FIRST_SCALE) * done / max(1, total - 1)
                row.append(kind(channels, paths, scale, drop_path * done / total))
                done += 1
            if stage < len(REDUCTIONS):
                row.append(Paths(channels, REDUCTIONS[stage], pool=True))
            self.stages.append(row)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(CHANNELS[-1], arch.classes)

    def residuals(self) -> list[Residual]:
        """Return the residual modules in the order of the forward pass."""
        return [module for stage in self.stages for module in stage.children() if isinstance(module, Residual)]

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last feature maps, batch x 2048 x height x width."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.dropout(self.forward_features(x).mean((2, 3))))


def _unpadded(in_channels: int, out_channels: int, kernel_size: Pair, padding: Pair = 0, **kwargs: Any) -> ConvNormAct:
    """Return a convolution with norm and ReLU, not padded unless told: Inception's default, which timm's is not."""
    # timm hands the size on to nn.Conv2d, which takes pairs, too.
    return ConvNormAct(in_channels, out_channels, kernel_size, padding=padding, **kwargs)  # type: ignore[arg-type]
