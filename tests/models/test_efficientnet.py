"""Architectures as data: Table 1, equality, JSON, and the torch network that is built from it."""

import json
import math
import subprocess
import sys

import pytest
import timm
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from effnet_lib import paper
from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet, from_data, to_data
from effnet_lib.models.scaling import RoundingRule, Scaling, compound

SMALL = efficientnet.scale(Scaling(0.5, 0.25), 32, classes=10)
SCALINGS = st.builds(Scaling, st.floats(0.25, 3), st.floats(0.2, 3), st.floats(1, 4))
ARCHS = st.builds(
    efficientnet.scale,
    SCALINGS,
    st.integers(32, 160),
    st.integers(1, 1000),
    st.sampled_from(["symmetric", "same"]),
)


def test_b0_is_table_1_of_the_paper():
    printed = paper.table(1)
    b0 = efficientnet.published("b0")
    body = printed[printed["operator"] == "MBConv"]
    columns = ["expand_ratio", "kernel_size", "channels", "layers"]
    rows = [[s.expand, s.kernel, s.channels, s.repeats] for s in b0.stages]
    assert rows == body[columns].astype(int).to_numpy().tolist()
    assert (b0.stem, b0.head) == (printed["channels"].iloc[0], printed["channels"].iloc[-1])
    # The printed resolutions are those of a stage's input, up to the head's.
    inputs = [112]
    for stage in b0.stages:
        inputs.append(inputs[-1] // stage.stride)
    assert inputs == printed["resolution"].tolist()[1:] and b0.final_px == 7


def test_equal_networks_are_equal_whatever_coefficients_gave_them():
    b0 = efficientnet.scale(Scaling())
    near = [Scaling(depth=0.9), Scaling(width=1.002), Scaling(resolution=1.001)]
    for scaling in [*near, Scaling(0.5, 0.5, 0.5) * Scaling(2, 2, 2)]:
        assert efficientnet.scale(scaling) == b0
        assert len({b0, efficientnet.scale(scaling)}) == 1
    different = [Scaling(1.1), Scaling(width=1.1), Scaling(resolution=1.01)]
    assert len({b0, *map(efficientnet.scale, different), efficientnet.published("b0")}) == 5


@given(ARCHS)
def test_json_and_back(arch):
    again = from_data(json.loads(json.dumps(to_data(arch))))
    assert again == arch and hash(again) == hash(arch)
    assert to_data(again) == to_data(arch)


def test_reading_data_leaves_it_unchanged():
    data = to_data(SMALL)
    assert data["family"] == "efficientnet" and data["px"] == 32
    from_data(data)
    assert data == to_data(SMALL)


def test_unknown_names_say_what_there_is():
    with pytest.raises(ParameterError, match=r"family='efficentnet' .*did you mean efficientnet"):
        from_data({**to_data(SMALL), "family": "efficentnet"})
    with pytest.raises(ParameterError, match=r"name='b8' .* one of b0, b1, b2, b3, b4, b5, b6, b7"):
        efficientnet.published("b8")


@pytest.mark.parametrize("base_image_size, resolution", [(224, 0.14), (48, 0.5), (31, 1), (224, 1e-6)])
def test_an_input_under_32_px_is_refused_with_its_size(base_image_size, resolution):
    with pytest.raises(ParameterError) as caught:
        efficientnet.scale(Scaling(resolution=resolution), base_image_size)
    assert str(caught.value) == (
        f"resolution={float(resolution)} is not accepted; "
        f"resolution takes a multiplier that gives >= 32 px, not {round(base_image_size * resolution)}"
    )


@pytest.mark.parametrize("divisor", [0, -8, 2, 6])
def test_a_divisor_that_torch_would_not_follow_is_refused(divisor):
    with pytest.raises(ParameterError, match=f"^divisor={divisor} .* multiple of 4$"):
        efficientnet.scale(Scaling(), rule=RoundingRule(divisor=divisor))


def test_published_and_compound_networks_are_both_offered():
    assert efficientnet.published("b2").px == 260
    assert efficientnet.scale(compound(1)).px == 258
    assert efficientnet.published("b2").stages == efficientnet.scale(compound(1)).stages
    b7 = efficientnet.published("b7")
    assert all(efficientnet.scale(compound(phi / 2), padding="same") != b7 for phi in range(17))


@pytest.mark.parametrize("name", ["b0", "b3", "b7"])
def test_weights_of_timm_fit(name):
    with torch.device("meta"):
        ours = efficientnet.published(name).build()
        theirs = timm.create_model(f"tf_efficientnet_{name}")
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    shapes = [{key: value.shape for key, value in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_timms_weights_give_timms_answer():
    arch = efficientnet.scale(Scaling(), 64, classes=10, padding="same")
    theirs = timm.create_model("tf_efficientnet_b0", num_classes=10).eval()
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def answer(model):
        model.load_state_dict(theirs.state_dict())
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3  # TensorFlow's, which is a matter of the recipe
        with torch.no_grad():
            return model.eval()(image)

    with torch.no_grad():
        expected = theirs(image)
    torch.testing.assert_close(answer(arch.build()), expected)
    symmetric = efficientnet.scale(Scaling(), 64, classes=10)
    assert not torch.allclose(answer(symmetric.build()), expected), "the two paddings differ"


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_the_last_feature_map_has_the_promised_size(padding):
    model = efficientnet.scale(Scaling(0.25, 0.25), 32, padding=padding).build().eval()
    for image_size in (32, 33, 63, 64, 65, 97, 127):
        arch = efficientnet.scale(Scaling(0.25, 0.25), image_size, padding=padding)
        with torch.no_grad():
            features = model.forward_features(torch.zeros(1, 3, image_size, image_size))
        assert features.shape == (1, arch.head, arch.final_px, arch.final_px)
        assert arch.final_px == math.ceil(image_size / 32)


# Each example builds a network: few of them, and a failure is shown as found rather than shrunk for minutes.
@settings(max_examples=8, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(SCALINGS)
def test_residual_norms_are_the_last_of_each_block_with_an_identity_skip(scaling):
    arch = efficientnet.scale(scaling)
    with torch.device("meta"):
        model = arch.build()
    expected, in_channels = [], arch.stem
    for stage, blocks in zip(arch.stages, model.blocks, strict=True):
        for i, block in enumerate(blocks):
            if (in_channels, 1) == (stage.channels, 1 if i else stage.stride):
                expected.append([m for m in block.modules() if isinstance(m, nn.BatchNorm2d)][-1])
            in_channels = stage.channels
    assert list(map(id, arch.residual_norms(model))) == list(map(id, expected))


def test_at_gamma_zero_exactly_the_skipped_blocks_are_the_identity():
    # At width 0.25 stem and first stage both have 8 channels: even the block without expansion has a skip.
    model = efficientnet.scale(Scaling(1, 0.25), 32, classes=10).build().eval()
    for norm in efficientnet.EfficientNet.residual_norms(model):
        nn.init.zeros_(norm.weight)
    same = []

    def compare(block, given, output):
        same.append(output.shape == given[0].shape and torch.equal(output, given[0]))

    blocks = [block for stage in model.blocks for block in stage]
    for block in blocks:
        block.register_forward_hook(compare)
    with torch.no_grad():
        model(torch.randn(1, 3, 32, 32))
    assert same == [block.has_skip for block in blocks]
    assert same[0] and 0 < sum(same) < len(same)


def test_stochastic_depth_grows_over_the_blocks():
    model = SMALL.build(dropout=0.3, drop_path=0.2)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for stage in model.blocks for block in stage]
    assert rates == pytest.approx([0.2 * i / len(rates) for i in range(len(rates))])
    assert model.drop_rate == 0.3


def test_plans_and_counts_need_no_torch():
    code = (
        "import sys, effnet_lib.models.scaling, effnet_lib.models.archs, effnet_lib.models.complexity as complexity\n"
        "from effnet_lib.models.archs import efficientnet\n"
        "counts = complexity.count(efficientnet.published('b7'))\n"
        "print(counts.params, 'torch' in sys.modules, 'timm' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["66347960", "False", "False"]
