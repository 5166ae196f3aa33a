"""Counts by building a network: the independent check of every closed form."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from effnet_lib.models.complexity import Counts


def measured(arch, batch: int = 1) -> Counts:
    """Count by building the network without memory and running it, with torch's own counter."""
    elements = []
    with torch.device("meta"):
        model = arch.build().eval()
        images = torch.empty(batch, 3, arch.px, arch.px)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(lambda module, given, output: elements.append(output.numel()))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images)
    flops = counter.get_total_flops()
    assert flops % 2 == 0  # torch counts a multiplication and an addition each
    return Counts(sum(p.numel() for p in model.parameters()), flops // 2, sum(elements))
