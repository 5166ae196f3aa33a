"""DenseNet, PolyNet, ResNeXt and SENet: timm's own parts, exact counts, sizes of the feature maps, training."""

import json

import pytest
import timm
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.learning import losses
from support.torch_counts import measured
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import FAMILIES, densenet, from_data, polynet, to_data
from effnet_lib.models.archs.densenet import DenseNet
from effnet_lib.models.archs.polynet import PolyNet
from effnet_lib.models.archs.polynet_modules import Poly, SharedConv, TwoWay
from effnet_lib.models.archs.resnext import RESNEXT101, SENET154, ResNeXt, SENet
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import training_bytes

DENSE = st.builds(
    DenseNet, st.integers(32, 130), st.integers(1, 20), st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple),
    st.integers(1, 12),
)  # fmt: skip
BLOCKS = st.tuples(*[st.integers(1, 3)] * 4)
GROUPED = st.one_of(
    st.builds(ResNeXt, st.integers(32, 130), st.integers(1, 20), BLOCKS, st.integers(1, 16), st.integers(1, 9)),
    st.builds(SENet, st.integers(32, 130), st.integers(1, 20), BLOCKS, st.sampled_from([1, 2, 64]), st.integers(4, 20)),
)
MODULES = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3))
POLY = st.builds(PolyNet, st.integers(polynet.MIN_PX, 160), st.integers(1, 20), MODULES)
# Each example builds a network: few of them, and a failure is shown as found rather than shrunk for minutes.
few = settings(max_examples=8, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})


@pytest.mark.parametrize(
    "arch, params, madds",
    [
        (densenet.published("densenet169"), 14_149_480, 3_359_843_328),
        (densenet.published("densenet264"), 33_337_704, 5_751_653_376),
        (PolyNet(), 95_366_600, 34_699_493_472),
        (RESNEXT101, 83_455_272, 31_549_440_000),
        (SENET154, 115_088_984, 42_212_171_776),
    ],
    ids=["densenet169", "densenet264", "polynet", "resnext101", "senet154"],
)
def test_published_networks(arch, params, madds):
    assert count(arch)[:2] == (params, madds)
    assert count(arch) == measured(arch)


def test_polynet_at_299_px():
    assert round(count(PolyNet(299)).madds / 1e9, 2) == 27.79


@pytest.mark.parametrize(
    "arch, name",
    [
        (densenet.published("densenet169"), "densenet169"),
        (RESNEXT101, "resnext101_64x4d"),
        (SENET154, "legacy_senet154"),
    ],
)
def test_weights_of_timm_fit(arch, name):
    with torch.device("meta"):
        ours, theirs = arch.build(), timm.create_model(name)
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]


@few
@given(DENSE)
def test_any_densenet_is_counted_as_torch_counts_it(arch):
    assert count(arch) == measured(arch)


@few
@given(GROUPED)
def test_any_grouped_network_is_counted_as_torch_counts_it(arch):
    assert count(arch) == measured(arch)


@few
@given(POLY)
def test_any_polynet_is_counted_as_torch_counts_it(arch):
    assert count(arch) == measured(arch)


@given(st.one_of(DENSE, POLY, GROUPED))
def test_json_and_back(arch):
    data = to_data(arch)
    again = from_data(json.loads(json.dumps(data)))
    assert again == arch and hash(again) == hash(arch) and data["family"] in FAMILIES
    assert to_data(again) == data


@pytest.mark.parametrize("image_size", [75, 90, 107, 139, 331])
def test_the_last_feature_map_has_the_promised_size(image_size):
    small = (PolyNet(image_size, 10, (1, 1, 1)), DenseNet(image_size, 10, (1, 1, 1, 1), 4))
    for arch in (*small, ResNeXt(image_size, 10, (1, 1, 1, 1), 2), SENet(image_size, 10, (1, 1, 1, 1), 2)):
        with torch.device("meta"):
            features = arch.build().eval().forward_features(torch.empty(1, 3, image_size, image_size))
        assert features.shape[2:] == (arch.final_px,) * 2
    assert PolyNet().final_px == 9


def test_polynet_has_its_modules_and_scales():
    with torch.device("meta"):
        model = PolyNet().build()
    kinds = [type(module) for module in model.residuals()]
    assert kinds == [TwoWay] * 10 + [Poly, TwoWay] * 15
    assert [module.scale for module in model.residuals()] == pytest.approx([1 - 0.3 * i / 39 for i in range(40)])


def test_orders_share_convolutions_but_not_norms():
    torch.manual_seed(0)
    poly = PolyNet(75, 2, (0, 1, 0)).build().residuals()[0]
    shared = [module for module in poly.modules() if isinstance(module, SharedConv)]
    assert len(shared) == 4 and all(len(module.norms) == 3 for module in shared)
    with torch.no_grad():
        for norm in poly.closing_norms():
            norm.weight.uniform_(0.5, 1.5)
        x = torch.rand(2, 1152, 3, 3)
        first, second, third = poly.eval().closing
        one = first(poly.block(x, 0))
        two = second(poly.block(one.relu(), 1))
        three = third(poly.block(two.relu(), 2))
        torch.testing.assert_close(poly(x), (x + poly.scale * (one + two + three)).relu())


def test_at_gamma_zero_every_module_of_polynet_is_the_identity():
    arch = PolyNet(75, 2, (1, 2, 1))
    model = arch.build().eval()
    norms = arch.residual_norms(model)
    assert len(norms) == 2 + (3 + 2) + 3
    for norm in norms:
        nn.init.zeros_(norm.weight)
    with torch.no_grad():
        for module in model.residuals():
            x = torch.rand(1, module.closing[0].out_channels, 3, 3)
            torch.testing.assert_close(module(x), x)


@pytest.mark.parametrize(
    "arch",
    [PolyNet(75, 3, (1, 1, 1)), DenseNet(64, 3, (2, 2, 2), 8), ResNeXt(64, 3, (1, 2, 1, 1), 4)],
    ids=["polynet", "densenet", "resnext"],
)
def test_a_small_network_learns(arch):
    torch.manual_seed(0)
    model = arch.build(dropout=0.1)
    history = losses(model, arch.px, images=6, classes=3, steps=4)
    assert history[-1] < history[0]
    assert training_bytes(arch, 2) < training_bytes(arch, 4)


def test_stochastic_depth_grows_over_the_modules():
    with torch.device("meta"):
        model = PolyNet(75, 3, (2, 2, 1)).build(dropout=0.2, drop_path=0.5)
        assert model.dropout.p == 0.2
    assert [module.drop_path.drop_prob for module in model.residuals()] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match=r"^px=74 .*>= 75 px$"):
        PolyNet(74)
    with pytest.raises(ParameterError, match=r"^px=31 .*>= 32 px$"):
        densenet.published("densenet169", 31)
    with pytest.raises(ParameterError, match=r"^name='densenet263' .*did you mean densenet264"):
        densenet.published("densenet263")
    with pytest.raises(ParameterError, match=r"^drop_path=0.1 .* 0 for a DenseNet"):
        densenet.published("densenet169").build(drop_path=0.1)
    with pytest.raises(ParameterError, match=r"^drop_path=0.1 .* 0 for a SENet"):
        SENET154.build(drop_path=0.1)
