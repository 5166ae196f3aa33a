"""AmoebaNet: its cells, published sizes, every listed shape, exact counts on drawn networks, and SAME pooling."""

import json
import math
from itertools import groupby

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.learning import losses
from support.torch_counts import measured
from timm.layers import DropPath
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import from_data, to_data
from effnet_lib.models.archs.amoebanet import AmoebaNet
from effnet_lib.models.archs.amoebanet_cells import NORMAL, OPERATIONS, REDUCTION, cell
from effnet_lib.models.archs.amoebanet_modules import FactorizedReduction, SamePool
from effnet_lib.models.complexity import count

ARCHS = st.builds(
    AmoebaNet, st.sampled_from("ABCD"), st.integers(3, 5), st.integers(16, 70), st.integers(32, 131),
    st.integers(1, 20), st.sampled_from(["imagenet", "cifar"]),
)  # fmt: skip
variant = pytest.mark.parametrize("variant", "ABCD")
# Each example builds a network: few of them, and a failure is shown as found rather than shrunk for minutes.
few = settings(max_examples=12, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})


@pytest.mark.parametrize("table", [NORMAL, REDUCTION])
@variant
def test_a_cell_reads_only_states_that_exist_and_loses_none(table, variant):
    pairs, joined = table[variant]
    assert len(pairs) == 5 and list(joined) == sorted(set(joined))
    for i, pair in enumerate(pairs):
        assert len(pair) == 2 and all(step.operation in OPERATIONS and step.state < 2 + i for step in pair)
    read = {step.state for pair in pairs for step in pair}
    assert read | set(joined) == set(range(7))


@pytest.mark.parametrize(
    "table, expected",
    [
        (NORMAL, {"A": {1}, "B": {0}, "C": {1, 2}, "D": {0}}),
        (REDUCTION, {"A": {2, 4}, "B": set(), "C": {0, 2, 4}, "D": set()}),
    ],
)
def test_some_concatenated_states_are_read_as_well(table, expected):
    # By the paper's text only unread states are concatenated, which misses the published sizes by a tenth and more.
    read = {name: {step.state for pair in cell.pairs for step in pair} for name, cell in table.items()}
    assert {name: read[name] & set(cell.joined) for name, cell in table.items()} == expected


@pytest.mark.parametrize(
    "name, cells, filters, image_size, params, madds, printed",
    [
        # arXiv 1802.01548 and the paper's Table 2: millions of parameters, billions of multiply-adds.
        ("A", 18, 190, 331, 86_718_797, 23_133_663_507, (86.7, 23.1)),
        ("C", 18, 228, 331, 155_272_667, 41_129_488_875, (155.3, 41.1)),
        ("B", 18, 512, 480, 557_277_864, 298_794_036_064, (557, None)),
    ],
)
def test_published_sizes(name, cells, filters, image_size, params, madds, printed):
    arch = AmoebaNet(name, cells, filters, image_size)
    assert count(arch)[:2] == (params, madds)
    assert count(arch) == measured(arch)
    assert params / 1e6 == pytest.approx(printed[0], abs=0.5 if printed[0] == 557 else 0.05)
    assert printed[1] is None or madds / 1e9 == pytest.approx(printed[1], abs=0.05)


@pytest.mark.parametrize(
    "name, cells, filters, params",
    [("A", 18, 190, 86_721_838), ("C", 18, 228, 155_277_228), ("B", 18, 512, 557_286_057)],
)
def test_the_released_code_has_a_1001st_class(name, cells, filters, params):
    assert count(AmoebaNet(name, cells, filters, 331, classes=1001)).params == params


@pytest.mark.parametrize(
    "name, cells, filters, image_size, classes, millions, billions",
    [
        ("A", 18, 448, 299, 1001, 468.158353, 103.888),
        ("A", 18, 448, 331, 1000, 468.151184, 126.521),
        ("A", 12, 50, 224, 1001, 5.088, 0.555),
        ("B", 9, 62, 224, 1001, 5.260, 0.555),
        ("C", 12, 44, 224, 1001, 5.058, 0.535),
        ("C", 12, 50, 224, 1001, 6.355, 0.677),
        ("B", 18, 190, 331, 1001, 79.012, 20.934),
        ("B", 18, 196, 331, 1001, 83.964, 22.273),
        ("D", 18, 208, 224, 1001, 81.1, None),
        ("D", 18, 416, 224, 1001, 317.5, None),
        ("D", 18, 544, 224, 1001, 540.2, None),
        ("D", 36, 544, 224, 1001, 1053, None),
        ("D", 72, 512, 224, 1001, 1843, None),
    ],
)
def test_other_sizes(name, cells, filters, image_size, classes, millions, billions):
    counts = count(AmoebaNet(name, cells, filters, image_size, classes))
    digits = len(str(millions).partition(".")[2]) * (not isinstance(millions, int))
    assert round(counts.params / 1e6, digits) == millions
    assert billions is None or round(counts.madds / 1e9, 3) == billions


@pytest.mark.parametrize("filters, millions", [(32, 2.55), (36, 3.20)])
def test_sizes_on_cifar(filters, millions):
    arch = AmoebaNet("A", 18, filters, 32, 10, "cifar")
    assert round(count(arch).params / 1e6, 2) == millions
    assert count(arch) == measured(arch) and arch.final_px == 8


# Channels x size after the stem and after each cell.
SHAPES = {
    AmoebaNet("B", 18, 512, 480): [
        (32, 239), (256, 120), (512, 60), *[(2048, 60)] * 6, (2048, 30), *[(4096, 30)] * 6,
        (4096, 15), *[(8192, 15)] * 6,
    ],
    AmoebaNet("A", 18, 190, 331): [
        (32, 165), (235, 83), (475, 42), *[(760, 42)] * 6, (1900, 21), *[(1520, 21)] * 6,
        (3800, 11), *[(3040, 11)] * 6,
    ],
    AmoebaNet("C", 18, 228, 331): [
        (32, 165), (342, 83), (684, 42), *[(1140, 42)] * 6, (2736, 21), *[(2280, 21)] * 6,
        (5472, 11), *[(4560, 11)] * 6,
    ],
}  # fmt: skip


@pytest.mark.parametrize("arch", SHAPES, ids=lambda arch: arch.variant)
def test_shapes(arch):
    with torch.device("meta"):
        model, image = arch.build().eval(), torch.empty(1, 3, arch.px, arch.px)
    seen = []
    for module in (model.stem, *model.cells):
        module.register_forward_hook(lambda module, given, output: seen.append(tuple(output.shape[1:])))
    with torch.no_grad():
        assert model(image).shape == (1, 1000)
    assert seen == [(channels, size, size) for channels, size in SHAPES[arch]]
    assert len(model.cells) == 22 and arch.final_px == SHAPES[arch][-1][1]
    assert [place.output for place in arch.places()] == SHAPES[arch][1:]
    strides = [(stride, len(list(row))) for stride, row in groupby(place.stride for place in arch.places())]
    assert strides == [(2, 2), (1, 6), (2, 1), (1, 6), (2, 1), (1, 6)]


@few
@given(ARCHS)
def test_any_network_is_counted_as_torch_counts_it(arch):
    assert count(arch) == measured(arch)


@variant
@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_odd_widths_of_every_variant(variant, stem):
    arch = AmoebaNet(variant, 3, 46, 65, 7, stem)  # 11 and 23 in the cells of the stem
    assert count(arch) == measured(arch)
    with torch.device("meta"):
        model, images = arch.build().eval(), torch.empty(2, 3, 65, 65)
    assert model.forward_features(images).shape[1:] == (arch.places()[-1].output.channels, *[arch.final_px] * 2)


@given(ARCHS)
def test_json_and_back(arch):
    data = to_data(arch)
    again = from_data(json.loads(json.dumps(data)))
    assert again == arch and hash(again) == hash(arch) and to_data(again) == data


@variant
def test_a_small_network_learns(variant):
    torch.manual_seed(0)
    model = AmoebaNet(variant, 3, 16, 64, 4).build()
    history = losses(model, 64, images=8, classes=4, steps=6)
    assert history[-1] < history[0]


def test_all_but_identities_are_dropped_in_training_only():
    torch.manual_seed(0)
    model = AmoebaNet("A", 3, 16, 32, 4).build(dropout=0.5, drop_path=0.3)
    image = torch.randn(2, 3, 32, 32)
    rates = [module.drop_prob for module in model.modules() if isinstance(module, DropPath)]
    assert rates == [0.3] * (4 * 10 + 3 * 8) and model.dropout.p == 0.5
    assert not torch.equal(model(image), model(image))
    model.eval()
    assert torch.equal(model(image), model(image))


@variant
def test_a_deep_network_of_random_weights_gives_finite_answers(variant):
    torch.manual_seed(0)
    model = AmoebaNet(variant, 18, 16, 64).build().eval()
    with torch.inference_mode():
        answer = model(torch.randn(1, 3, 64, 64))
    assert answer.isfinite().all() and answer.std() > 0


def test_a_cell_forgets_each_state_after_its_last_use():
    with torch.device("meta"):
        model = AmoebaNet("B", 3, 16, 64).build()
    reduction, normal = model.cells[0], model.cells[2]
    assert reduction.last_reads == {0: 0, 2: 2, 1: 3, 3: 4, 4: 4}
    assert normal.last_reads == {2: 3, 1: 4, 5: 4}


def test_norms_are_tensorflows():
    with torch.device("meta"):
        model = AmoebaNet("A", 3, 16, 64).build()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 3e-4)}
    assert all(module.bias is None for module in model.modules() if isinstance(module, nn.Conv2d))


def test_weights_are_scaled_by_what_an_input_feeds():
    torch.manual_seed(0)
    model = AmoebaNet("A", 3, 64, 64).build()
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 2000:
            feeds = module.out_channels // module.groups * math.prod(module.kernel_size)
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / feeds), rel=0.15)


def brute_force(x: torch.Tensor, kind: str, kernel: int, stride: int) -> torch.Tensor:
    """Pool one map window by window, each clipped to the map, which starts where SAME padding puts it."""
    size = x.shape[-1]
    size_out = math.ceil(size / stride)
    before = max((size_out - 1) * stride + kernel - size, 0) // 2
    pooled = torch.empty(size_out, size_out)
    for i in range(size_out):
        for j in range(size_out):
            top, left = i * stride - before, j * stride - before
            window = x[max(top, 0) : top + kernel, max(left, 0) : left + kernel]
            pooled[i, j] = window.max() if kind == "max" else window.mean()
    return pooled


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 2), (3, 1)])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 10])
def test_pooling_pads_as_same_does(kind, kernel, stride, size):
    # All values are negative, so that a padded zero would show as a maximum.
    x = torch.rand(size, size, generator=torch.Generator().manual_seed(size)) - 2
    torch.testing.assert_close(
        SamePool(kind, kernel, stride)(x[None, None])[0, 0], brute_force(x, kind, kernel, stride)
    )


@pytest.mark.parametrize("size", [1, 6, 7])
def test_a_factorized_reduction_reads_even_and_odd_pixels(size):
    module = FactorizedReduction(2, 5).eval()
    x = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(0))
    padded = nn.functional.pad(x, (0, 1, 0, 1))
    even = nn.functional.conv2d(x[..., ::2, ::2], module.even.weight)
    odd = nn.functional.conv2d(padded[..., 1::2, 1::2], module.odd.weight)
    assert (even.shape[1], odd.shape[1], even.shape[2]) == (2, 3, math.ceil(size / 2))
    with torch.no_grad():
        torch.testing.assert_close(module(x), torch.cat((even, odd), 1) / math.sqrt(1 + 1e-3))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"variant": "E"}, r"^variant='E' .*one of A, B, C, D"),
        ({"stem": "imagnet"}, r"^stem='imagnet' .*did you mean imagenet"),
        ({"cells": 2}, r"^cells=2 .*at least 3$"),
        ({"filters": 15}, r"^filters=15 .*at least 16$"),
        ({"px": 31}, r"^px=31 .*at least 32$"),
        ({"classes": 0}, r"^classes=0 .*at least 1$"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        AmoebaNet(**{"variant": "A", "cells": 3, "filters": 16, "px": 32, **change})
    with pytest.raises(ParameterError, match=r"^variant='Z'"):
        cell("Z", reduces=True)
