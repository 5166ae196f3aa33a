"""A user's network of thirty lines, as `effnet scale` is given one: residual blocks in three stages."""

import torch
from torch import nn

STAGES = ((16, 2), (32, 2), (64, 2))  # channels, blocks


class Block(nn.Module):
    """A 3 x 3 convolution with its norm and ReLU, and a skip where shapes allow."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outside)
        self.skip = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm(self.conv(x)))
        return x + y if self.skip else y


def make(depth: float, width: float, classes: int) -> nn.Module:
    """Build it deeper and wider."""
    rows, inside = [], 3
    for channels, blocks in STAGES:
        channels, blocks = max(4, round(channels * width / 4) * 4), max(1, round(blocks * depth))
        rows += [Block(inside, channels, 2), *(Block(channels, channels, 1) for _ in range(blocks - 1))]
        inside = channels
    return nn.Sequential(*rows, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, classes))
