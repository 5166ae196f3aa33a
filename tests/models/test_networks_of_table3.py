"""MobileNetV1, MobileNetV2 and ResNet: timm's own networks at width 1, exact counts at any other, small proxies."""

import json
import math

import pytest
import timm
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.learning import losses
from support.torch_counts import measured
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import FAMILIES, from_data, mobilenet_v1, mobilenet_v2, resnet, to_data
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import RoundingRule, Scaling

MODULES = {"mobilenet_v1": mobilenet_v1, "mobilenet_v2": mobilenet_v2, "resnet": resnet}
TIMM = {"mobilenet_v1": "mobilenetv1_100", "mobilenet_v2": "mobilenetv2_100", "resnet": "resnet50"}
RULES = st.builds(
    RoundingRule,
    st.sampled_from(["ceil", "round"]),
    st.sampled_from([4, 8, 16]),
    st.sampled_from([0.9, 0, None]),
    st.booleans(),
    st.sampled_from(["round", "floor", 8, 16]),
)
DEPTHS, WIDTHS = st.floats(0.25, 2), st.floats(0.1, 2)
family = pytest.mark.parametrize("family", MODULES)


def proxy(family: str, image_size: int = 64, depth: float = 0.5, width: float = 0.25):
    return MODULES[family].scale(Scaling(depth, width), image_size, classes=10)


def blocks_of(model: nn.Module) -> list[nn.Module]:
    stages = model.blocks if hasattr(model, "blocks") else (model.layer1, model.layer2, model.layer3, model.layer4)
    return [block for stage in stages for block in stage]


# What torch counts of timm's networks; 4.23, 3.50 and 25.557 million parameters are the families' published sizes.
@pytest.mark.parametrize(
    "family, params, madds",
    [
        ("mobilenet_v1", 4_231_976, 568_740_352),
        ("mobilenet_v2", 3_504_872, 300_774_272),
        ("resnet", 25_557_032, 4_089_184_256),
    ],
)
def test_unscaled_networks_have_their_published_size(family, params, madds):
    counts = count(MODULES[family].scale(Scaling()))
    assert (counts.params, counts.madds) == (params, madds)


@pytest.mark.parametrize(
    "family, scaling, billions",
    [
        ("mobilenet_v1", Scaling(width=2), 2.216),
        ("mobilenet_v1", Scaling(resolution=2), 2.272),
        ("mobilenet_v2", Scaling(depth=4), 1.220),
        ("mobilenet_v2", Scaling(width=2), 1.137),
        ("mobilenet_v2", Scaling(resolution=2), 1.199),
        ("resnet", Scaling(depth=4), 14.571),
        ("resnet", Scaling(width=2), 16.117),
        ("resnet", Scaling(resolution=2), 16.351),
    ],
)
def test_table_3_counted(family, scaling, billions):
    assert count(MODULES[family].scale(scaling)).madds / 1e9 == pytest.approx(billions, abs=0.0005)


def test_a_wide_resnet_with_a_stem_of_64_is_a_little_cheaper():
    arch = resnet.scale(Scaling(width=2), rule=RoundingRule(fix_stem=True))
    assert count(arch).madds / 1e9 == pytest.approx(15.870, abs=0.0005)
    assert (arch.stem, arch.stages[0].channels) == (64, 128)


@pytest.mark.parametrize(
    "arch, name",
    [*((MODULES[family].scale(Scaling()), name) for family, name in TIMM.items()),
     (resnet.scale(Scaling(), name="resnet152"), "resnet152")],
)  # fmt: skip
def test_weights_of_timm_fit(arch, name):
    with torch.device("meta"):
        ours, theirs = arch.build(), timm.create_model(name)
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert count(arch).params == sum(p.numel() for p in theirs.parameters())


@family
def test_timms_weights_give_timms_answer(family):
    theirs = timm.create_model(TIMM[family], num_classes=10).eval()
    ours = MODULES[family].scale(Scaling(), 64, classes=10).build().eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image))


# Each example builds a network: few of them, and a failure is shown as found rather than shrunk for minutes.
@family
@settings(max_examples=6, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(DEPTHS, WIDTHS, st.integers(32, 160), st.integers(1, 1000), RULES)
def test_any_network_is_counted_as_torch_counts_it(family, depth, width, image_size, classes, rule):
    arch = MODULES[family].scale(Scaling(depth, width), image_size, classes, rule)
    assert count(arch) == measured(arch)


def test_a_first_block_that_keeps_the_stems_channels_has_a_skip():
    arch = resnet.scale(Scaling(width=0.25), 64, rule=RoundingRule(fix_stem=True))
    assert arch.stem == 4 * arch.stages[0].channels == 64
    assert count(arch) == measured(arch)
    with torch.device("meta"):
        model = arch.build()
    assert arch.residual_norms(model)[0] is model.layer1[0].bn3


@family
@given(depth=DEPTHS, width=WIDTHS, resolution=st.floats(1, 3), rule=RULES)
def test_json_and_back(family, depth, width, resolution, rule):
    arch = MODULES[family].scale(Scaling(depth, width, resolution), 64, 10, rule)
    data = to_data(arch)
    again = from_data(json.loads(json.dumps(data)))
    assert again == arch and hash(again) == hash(arch) and data["family"] == family in FAMILIES
    assert to_data(again) == data
    assert all(stage.repeats >= 1 for stage in arch.stages)


@family
def test_coefficients_multiply_then_round_once(family):
    base, factor = Scaling(0.5, 0.25), Scaling(1.4, 1.2, 1.3)
    arch = MODULES[family].scale(base * factor, 64)
    assert arch == MODULES[family].scale(Scaling(0.7, 0.3, 1.3), 64)
    assert arch.px == 83 and count(arch).madds > 2 * count(proxy(family)).madds


@family
def test_the_last_feature_map_has_the_promised_size(family):
    model = proxy(family).build().eval()
    for image_size in (32, 33, 65, 97):
        with torch.no_grad():
            features = model.forward_features(torch.zeros(1, 3, image_size, image_size))
        assert features.shape[2:] == (math.ceil(image_size / 32),) * 2 == (proxy(family, image_size).final_px,) * 2


@family
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_the_last_strides_can_be_left_out(family, stride):
    arch = proxy(family).at_stride(stride)
    model = arch.build().eval()
    with torch.no_grad():
        features = model.forward_features(torch.zeros(1, 3, 64, 64))
    assert features.shape[2:] == (64 // stride,) * 2 == (arch.final_px,) * 2
    assert count(arch) == measured(arch) and from_data(json.loads(json.dumps(to_data(arch)))) == arch
    assert len(arch.residual_norms(model)) == len(arch.residual_norms(proxy(family).build()))


def test_a_network_with_its_own_strides_is_stored_as_before_they_could_be_left_out():
    assert "strides" not in to_data(proxy("resnet")) and proxy("resnet").at_stride(32) == proxy("resnet")
    assert to_data(proxy("resnet").at_stride(16))["strides"] == (1, 2, 2, 1)
    with pytest.raises(ParameterError, match="stride=4 is not accepted; stride takes 32, 16 or 8"):
        proxy("resnet").at_stride(4)


@family
def test_a_proxy_learns(family):
    torch.manual_seed(0)
    model = proxy(family).build(dropout=0.1, drop_path=0.1)
    for norm in proxy(family).residual_norms(model):
        nn.init.zeros_(norm.weight)
    history = losses(model, 64, images=8, classes=8, steps=4)
    assert history[-1] < history[0]


@family
def test_memory_is_predicted_without_the_familys_own_account(family):
    small, large = (training_bytes(proxy(family, image_size), batch=64) for image_size in (64, 96))
    assert small < large < 2**31


@pytest.mark.parametrize("family, skips", [("mobilenet_v1", 0), ("mobilenet_v2", 5), ("resnet", 5)])
def test_at_gamma_zero_exactly_the_skipped_blocks_are_the_identity(family, skips):
    arch = proxy(family)
    model = arch.build().eval()
    norms = arch.residual_norms(model)
    for norm in norms:
        assert (norm.weight == 1).all(), "starting at zero is the recipe's decision"
        nn.init.zeros_(norm.weight)
    same = []

    def keep(block, given):
        block.given = given[0].clone()  # timm adds the skip in place

    def compare(block, given, output):
        same.append(output.shape == block.given.shape and torch.equal(output, block.given))

    for block in blocks_of(model):
        block.register_forward_pre_hook(keep)
        block.register_forward_hook(compare)
    with torch.no_grad():
        model(torch.randn(1, 3, 64, 64))
    assert sum(same) == len(norms) == skips < len(same)


@pytest.mark.parametrize("family, last", [("mobilenet_v2", 0), ("resnet", 1)])
def test_stochastic_depth_grows_over_the_blocks(family, last):
    model = proxy(family).build(dropout=0.3, drop_path=0.2)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks_of(model)]
    assert rates == pytest.approx([0.2 * i / (len(rates) - last) for i in range(len(rates))])
    assert model.drop_rate == 0.3


@family
def test_what_cannot_be_is_refused(family):
    with pytest.raises(ParameterError, match=r"^resolution=0.5 .* >= 32 px, not 24$"):
        MODULES[family].scale(Scaling(resolution=0.5), 48)
    with pytest.raises(ParameterError, match=r"^name='resnet51' .*did you mean resnet50"):
        resnet.scale(Scaling(), name="resnet51")
