"""MobileNetV3, RegNet, ConvNeXt and a scaled Lite: timm's own networks at width 1, exact counts at any other."""

import json

import pytest
import timm
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.learning import losses
from support.torch_counts import measured
from torch import nn

from effnet_lib.models.archs import convnext, efficientnet_lite, from_data, mobilenet_v3, regnet, to_data
from effnet_lib.models.complexity import count
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import RoundingRule, Scaling
from effnet_lib.runs.record_checks import network
from effnet_lib.study.fine_rounding import fine

MODULES = {"mobilenet_v3": mobilenet_v3, "regnet": regnet, "convnext": convnext}
TIMM = {"mobilenet_v3": "mobilenetv3_large_100", "regnet": "regnetx_002", "convnext": "convnext_atto"}
# Norms whose branch has an identity beside it: every block but the first of a stage, with ConvNeXt's layer scales none.
SKIPS = {"mobilenet_v3": 10, "regnet": 9, "convnext": 0}
family = pytest.mark.parametrize("family", MODULES)
every = pytest.mark.parametrize("name", SCALABLE)


@family
def test_timms_own_network_at_one(family):
    arch = MODULES[family].scale(Scaling())
    with torch.device("meta"):
        ours, theirs = arch.build(), timm.create_model(TIMM[family])
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert count(arch).params == sum(p.numel() for p in theirs.parameters())


@family
def test_timms_weights_give_timms_answer(family):
    theirs = timm.create_model(TIMM[family], num_classes=10).eval()
    ours = MODULES[family].scale(Scaling(), 64, classes=10).build().eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


@every
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(depth=st.floats(0.25, 2), width=st.floats(0.1, 2), px=st.integers(8, 40))
def test_counts_are_torchs_at_any_scale(name, depth, width, px):
    arch = SCALABLE[name](Scaling(depth, width), 4 * px, 10)
    assert count(arch) == measured(arch)


@every
def test_a_network_survives_json_and_the_checks_of_a_record(name):
    arch = SCALABLE[name](Scaling(1.7, 0.35), 64, 10)
    data = json.loads(json.dumps(to_data(arch)))
    assert from_data(data) == arch and network(data) == arch


@every
def test_fine_rounding_counts_exactly_both_ways(name):
    base = SCALABLE[name](Scaling(), 96, 10)
    for scaling in (Scaling(1.4, 1.07, 1.2), Scaling(0.6, 0.8, 0.7)):
        arch = fine(base, scaling)
        assert count(arch) == measured(arch) and (count(arch).madds > count(base).madds) == (scaling.depth > 1)
    assert fine(base, Scaling()) == base


@family
def test_it_learns_and_its_norms_are_known(family):
    arch = MODULES[family].scale(Scaling(), 64, classes=4)
    model = arch.build()
    norms = arch.residual_norms(model)
    assert len(norms) == SKIPS[family] and all(isinstance(norm, nn.BatchNorm2d) for norm in norms)
    history = losses(MODULES[family].scale(Scaling(0.5, 0.25), 64, classes=4).build(), 64, 8, 4, 6)
    assert history[-1] < history[0]
    assert training_bytes(arch, 8) > training_bytes(arch, 4)


def test_lites_ends_do_not_deepen():
    deep = efficientnet_lite.scale(Scaling(depth=3))
    assert [stage.repeats for stage in deep.stages] == [1, 6, 6, 9, 9, 12, 1]
    assert efficientnet_lite.scale(Scaling()) == efficientnet_lite.published("lite0")
    fixed = efficientnet_lite.scale(Scaling(1.2, 1.1), 260, rule=RoundingRule(fix_stem=True))
    assert fixed == efficientnet_lite.published("lite2")
