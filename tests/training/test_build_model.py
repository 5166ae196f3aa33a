"""The network at the start: its seed, its norms, residual branches that begin at zero."""

from dataclasses import replace

import pytest
import torch
from support.recipes import TINY_PAPER
from torch import nn

from effnet_lib.models.archs.efficientnet import EfficientNet
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training import build_model
from effnet_lib.training.recipes import Recipe

torch.set_num_threads(1)


def identity_skips(arch: EfficientNet) -> list[bool]:
    """Say for each block, from the architecture's data, whether it adds its input."""
    skips, in_channels = [], arch.stem
    for stage in arch.stages:
        for index in range(stage.repeats):
            stride = stage.stride if index == 0 else 1
            skips.append(stride == 1 and in_channels == stage.channels)
            in_channels = stage.channels
    return skips


@pytest.mark.parametrize("arch", [ProxyBaseline(0.5, 0.5, 64).arch(10), ProxyBaseline(0.25, 1, 64).arch(10), None])
def test_residual_branches_start_at_zero_where_there_is_an_identity_skip_only(arch, tiny_arch):
    arch = arch or tiny_arch
    skips = identity_skips(arch)
    assert True in skips and False in skips
    for zero_gamma in (True, False):
        model = build_model.build(RunSpec(arch, Recipe(epochs=1, lr=0.1, zero_gamma=zero_gamma), "x", 0))
        zeros = {m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and not m.weight.any()}
        blocks = [block for stage in model.blocks for block in stage]
        for block, skip in zip(blocks, skips, strict=True):
            norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
            assert [norm in zeros for norm in norms] == [False] * (len(norms) - 1) + [skip and zero_gamma]
        assert len(zeros) == sum(skips) * zero_gamma


def test_a_seed_is_a_network(tiny_spec):
    first, same, other = (build_model.build(replace(tiny_spec, seed=seed)).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["conv_stem.weight"], other["conv_stem.weight"])


def test_norms_follow_the_recipe(tiny_spec):
    model = build_model.build(replace(tiny_spec, recipe=TINY_PAPER))
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}
