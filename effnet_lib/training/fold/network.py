"""Fold built networks of one architecture into one whose channels are theirs side by side."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ParameterError
from . import known
from .modules import FoldedDropout, FoldedDropPath, FoldedLinear, FoldedPointwise, Noise

CHANNELS = 3  # of an image


class FoldedNetwork(nn.Module):
    """S networks as one: images (n, S * 3, h, w), or (n, 3, h, w) that all are shown, to logits (n, S, classes).

    The names of parameters and buffers are the single network's, below `network`, and each holds those of the first
    member, then those of the second, ... along its first dimension; of a number, (S,).
    """

    def __init__(self, network: nn.Module, members: int, noise: Noise):
        super().__init__()
        self.network, self.members, self.noise = network, members, noise
        self.memory_format = torch.channels_last

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] == CHANNELS:
            x = x.repeat(1, self.members, 1, 1)
        return self.network(x.contiguous(memory_format=self.memory_format)).unflatten(1, (self.members, -1))

    def suit(self, device: torch.device) -> None:
        """Compute 1 x 1 convolutions as a kind of device does them fast, and have maps lie in memory for that."""
        if device.type != "cpu":
            self.as_batches()

    def as_batches(self) -> None:
        """Compute 1 x 1 convolutions as products of a batch of matrices, one an image and member."""
        self.memory_format = torch.contiguous_format
        for module in self.modules():
            if isinstance(module, FoldedPointwise):
                module.batched = True


def check_foldable(model: nn.Module, members: int) -> None:
    """Refuse a network with a module whose folded form is not known.

    Raises:
        ParameterError: in a line that names the module.
    """
    if odd := known.unknown(model):
        raise ParameterError("fold", members, f"1 for a network of which {odd}, whose folded form is not known")


def fold(models: list[nn.Module], device: torch.device) -> FoldedNetwork:
    """Fold networks that differ in their values alone.

    Args:
        device: on which the members' noise is drawn; the network itself stays where they are.

    Raises:
        ParameterError: one of their modules cannot be folded (named fold).
    """
    check_foldable(models[0], len(models))
    noise = Noise(len(models), device)
    network: Any = copy.deepcopy(models[0])
    for name, module in list(network.named_modules()):
        _join(module, [model.get_submodule(name) for model in models])
        made = _folded(module, len(models), noise)
        if made is not module:
            network.set_submodule(name, made)
    head = next((name for kind, name in known.HEADS.items() if isinstance(network, kind)), None)
    if head and network.drop_rate:
        network.get_submodule(head).dropout = FoldedDropout(float(network.drop_rate), noise)
        network.drop_rate = 0.0
    return FoldedNetwork(network.train(models[0].training), len(models), noise)


def _join(module: nn.Module, members: list[nn.Module]) -> None:
    """Give a module the parameters and buffers of all its members."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        joined = torch.cat([member.get_parameter(name).detach() for member in members])
        setattr(module, name, nn.Parameter(joined, parameter.requires_grad))
    for name, _ in list(module.named_buffers(recurse=False)):
        values = [member.get_buffer(name) for member in members]
        setattr(module, name, torch.cat(values) if values[0].dim() else torch.stack(values))


def _folded(module: Any, members: int, noise: Noise) -> nn.Module:
    kind = type(module)
    if kind in known.NORMS:
        module.num_features *= members
    elif kind in known.CONVOLUTIONS:
        return _convolution(module, members)
    elif kind in known.LINEAR:
        return FoldedLinear(module, members, nn.Identity())
    elif kind is nn.Dropout:
        return FoldedDropout(module.p, noise) if module.p else module
    elif kind is known.DropPath:
        return FoldedDropPath(module.drop_prob, noise) if module.drop_prob else module
    return module


def _convolution(conv: nn.Conv2d, members: int) -> nn.Conv2d:
    pointwise = conv.kernel_size == conv.stride == (1, 1) and conv.groups == 1 and not any(conv.padding)
    conv.in_channels, conv.out_channels, conv.groups = (
        members * count for count in (conv.in_channels, conv.out_channels, conv.groups)
    )
    if not pointwise:
        return conv
    made = FoldedPointwise(conv.in_channels, conv.out_channels, 1, groups=members, bias=False, device="meta")
    made.weight, made.bias = conv.weight, conv.bias
    return made
