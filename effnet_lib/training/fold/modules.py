"""The operations of a folded network that are no wider copies of the usual ones.

Channels of member m are those from m * C up to (m + 1) * C, in every map (n, S * C, h, w).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Noise:
    """The members' own random numbers, each from a generator that is seeded at every step."""

    def __init__(self, members: int, device: torch.device):
        self.generators = [torch.Generator(device) for _ in range(members)]

    def __deepcopy__(self, memo: Any) -> "Noise":
        return self  # of an average of weights, which is only evaluated

    def seed(self, seeds: list[int]) -> None:
        """Seed each member's generator."""
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)

    def kept(self, like: Tensor, shape: tuple[int, ...], drop: float) -> Tensor:
        """Draw what is kept at a rate of 1 - `drop`, over that rate: (members, *shape), 0 or 1 / (1 - drop)."""
        drawn = [like.new_empty(shape).bernoulli_(1 - drop, generator=generator) for generator in self.generators]
        return torch.stack(drawn).div_(1 - drop)


class FoldedPointwise(nn.Conv2d):
    """The members' 1 x 1 convolutions of stride 1: a grouped one, or (`batched`) a product of a batch of matrices.

    On a CPU the first is nearer to single convolutions' speed (docs/performance.md, "Tried and lost"). The second is
    meant for a GPU, not measured yet: no algorithm to find for few channels, and a weight's gradient is a product an
    image.
    """

    batched = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.batched:
            return super().forward(x)
        n, _, height, width = x.shape
        weight = self.weight.view(self.groups, -1, self.in_channels // self.groups)
        y = torch.matmul(weight, x.reshape(n, self.groups, -1, height * width)).view(n, -1, height, width)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class FoldedLinear(nn.Module):
    """The members' linear layers: (n, S * features) to (n, S * classes), after a dropout where one is asked for."""

    def __init__(self, layer: nn.Linear, members: int, dropout: nn.Module):
        super().__init__()
        self.members, self.dropout = members, dropout
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(x).unflatten(1, (self.members, -1)).transpose(0, 1)
        y = torch.bmm(x, self.weight.unflatten(0, (self.members, -1)).transpose(1, 2)).transpose(0, 1).flatten(1)
        return y if self.bias is None else y + self.bias


class _Dropping(nn.Module):
    """What drops some of its input in training, each member's by its own noise, and nothing else."""

    def __init__(self, rate: float, noise: Noise):
        super().__init__()
        self.rate, self.noise = rate, noise

    def forward(self, x: Tensor) -> Tensor:
        return self._dropped(x) if self.training else x

    def _dropped(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class FoldedDropout(_Dropping):
    """Dropout of vectors (n, S * features)."""

    def _dropped(self, x: Tensor) -> Tensor:
        members = len(self.noise.generators)
        kept = self.noise.kept(x, (len(x), x.shape[1] // members), self.rate)
        return x * kept.transpose(0, 1).flatten(1)


class FoldedDropPath(_Dropping):
    """timm's drop path of maps (n, S * C, h, w): which images lose the branch is each member's own."""

    def _dropped(self, x: Tensor) -> Tensor:
        kept = self.noise.kept(x, (len(x), 1, 1, 1), self.rate)[..., 0, 0, 0].t()
        wide = kept[:, :, None].expand(-1, -1, x.shape[1] // kept.shape[1]).reshape(len(x), -1, 1, 1)
        return x * wide


def criterion(model: nn.Module, x: Tensor, y: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross entropy of each member, (S,); y (n, S)."""
    losses = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), label_smoothing=smoothing, reduction="none")
    return losses.view(y.shape).mean(0)
