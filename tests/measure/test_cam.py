"""Class activation maps: their definition, where their cells lie, and what is refused."""

import gc

import numpy as np
import pytest
import torch
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.measure.maps import cam
from effnet_lib.measure.maps.geometry import Cells, cells, dilate, squares, stride_for
from effnet_lib.models.archs.efficientnet import EfficientNet, Stage


def wide() -> EfficientNet:
    """A small network with all of B0's five strides."""
    stages = tuple(Stage(e, k, s, c, 1) for e, k, s, c in [(1, 3, 1, 8), (6, 3, 2, 8), (6, 5, 2, 16), (6, 3, 2, 16)])
    return EfficientNet(px=96, classes=5, stem=8, stages=(*stages, Stage(6, 5, 2, 24, 2)), head=32)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """The network with weights and statistics that let evidence of both signs through."""
    torch.manual_seed(0)
    model = wide().build().train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(16, 3, 96, 96))
    return model.eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(5, 3, 96, 96, generator=torch.Generator().manual_seed(1))


def test_the_mean_of_a_map_and_the_bias_are_the_logit(network, images):
    classes = torch.tensor([0, 1, 2, 3, 4])
    grids, logits = cam.class_maps(network, images, classes, batch=2)
    assert grids.shape == (5, 3, 3) and grids.dtype == np.float32
    with torch.inference_mode():
        assert np.allclose(logits, network(images).numpy(), atol=1e-5)
    bias = network.classifier.bias.detach().numpy()
    assert np.allclose(grids.mean(axis=(1, 2)) + bias, logits[np.arange(5), classes], atol=1e-4)
    predicted = cam.class_maps(network, images).grids
    assert np.allclose(predicted, cam.class_maps(network, images, torch.from_numpy(logits.argmax(1))).grids, atol=1e-5)


def scaled(maps: np.ndarray) -> np.ndarray:
    """As the package scales: no negative values, 0 to 1 in each image."""
    maps = np.maximum(maps, 0)
    maps = maps - maps.min(axis=(1, 2), keepdims=True)
    return maps / (maps.max(axis=(1, 2), keepdims=True) + 1e-7)


def test_cam_is_the_packages_gradcam_up_to_scale(network, images):
    """Its weight of a channel is the mean gradient of the logit: the classifier's row over the number of cells."""
    classes = torch.tensor([4, 3, 2, 1, 0])
    ours = scaled(cam.class_maps(network, images, classes).grids)
    theirs = cam.class_maps(network, images, classes, "gradcam").grids
    assert theirs.shape == ours.shape and np.abs(ours - theirs).max() < 1e-4
    again = cam.class_maps(network, images, classes, "hirescam").grids  # equal for a pooled linear head
    assert np.abs(ours - again).max() < 1e-4


@pytest.mark.parametrize("method", [name for name in cam.METHODS if name not in ("cam", "gradcam", "hirescam")])
def test_the_packages_other_methods_give_maps_in_cells(network, images, method, capsys):
    grids, logits = cam.class_maps(network, images[:2], torch.tensor([1, 2]), method)
    assert grids.shape == (2, 3, 3) and np.isfinite(grids).all() and logits.shape == (2, 5)
    assert grids.min() >= 0 and grids.max() <= 1
    assert all(value.grad is None for value in network.parameters())
    assert capsys.readouterr().err == ""  # no progress bars


def test_the_packages_tool_is_gone_at_once_with_its_graph(network, images):
    """A cycle would keep hundreds of megabytes until the garbage collector comes round."""
    from pytorch_grad_cam.base_cam import BaseCAM

    gc.collect()
    gc.disable()
    try:
        cam.class_maps(network, images[:1], torch.tensor([1]), "gradcam")
        assert not [one for one in gc.get_objects() if isinstance(one, BaseCAM)]
    finally:
        gc.enable()


def test_an_inner_layer_is_for_methods_that_are_defined_there(network, images):
    grids = cam.class_maps(network, images[:1], torch.tensor([1]), "layercam", "blocks.2").grids
    assert grids.shape == (1, 12, 12)
    with pytest.raises(ParameterError, match=r"layer='blocks.2' is not accepted.*pools"):
        cam.class_maps(network, images[:1], torch.tensor([1]), layer="blocks.2")


class Convolutional(nn.Module):
    """Ends in a convolution instead of a pooled linear layer."""

    def forward(self, x):
        return x.mean((2, 3))


REFUSED = {
    "method": (lambda model: {"method": "gradcm"}, r"method='gradcm'.*did you mean gradcam\?"),
    "layer": (lambda model: {"layer": "block.1"}, "layer='block.1' is not accepted; .*blocks.1 .the nearest"),
}


@pytest.mark.parametrize("change, words", REFUSED.values(), ids=REFUSED)
def test_what_does_not_exist_is_refused_in_one_line(network, images, change, words):
    with pytest.raises(ParameterError, match=words) as refused:
        cam.class_maps(network, images, **change(network))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_network_without_a_pooled_linear_head_is_refused(images):
    with pytest.raises(
        ParameterError, match=r"model='Convolutional' is not accepted.*global mean and one linear layer"
    ):
        cam.class_maps(Convolutional(), images)
    flat = wide().build()
    flat.reset_classifier(5, "max")
    with pytest.raises(ParameterError, match="global mean"):
        cam.class_maps(flat, images)


def test_a_map_that_says_nothing_is_an_error_and_never_drawn():
    good, constant, against = np.arange(9.0).reshape(3, 3) - 4, np.ones((3, 3)), -np.arange(1.0, 10).reshape(3, 3)
    bad = {"constant": constant, "against": against, "empty": np.zeros((3, 3)), "nan": good * np.nan}
    assert list(cam.says_something(np.stack([good, *bad.values()]))) == [True, False, False, False, False]
    for name, one in bad.items():
        with pytest.raises(cam.MapError, match=f"image {name} is constant or empty"):
            cam.relevance(np.stack([good, one]), ["good", name])
    shown = cam.relevance(good[None])[0]
    assert shown.min() == 0 and shown.max() == 1 and shown[2, 2] == 1


# Where cells lie ----------------------------------------------------------------------------------------------


def impulse(model: nn.Module, image_size: int, row: int, column: int) -> np.ndarray:
    """Return the middle (y, x) of the pixels that can change one cell, measured by their gradients."""
    for part in model.modules():
        if hasattr(part, "se"):
            part.se = nn.Identity()  # squeeze-excitation lets every cell see everything
    kept = []
    handle = model.bn2.register_forward_hook(lambda module, given, out: kept.append(out))
    x = torch.randn(1, 3, image_size, image_size, requires_grad=True)
    model(x)
    handle.remove()
    kept[0][0, :, row, column].sum().backward()
    seen = (x.grad[0].abs().sum(0) > 0).numpy()
    return np.array([np.flatnonzero(seen.any(axis)).mean() for axis in (1, 0)])


@pytest.mark.parametrize("image_size, padding", [(224, "symmetric"), (225, "symmetric"), (224, "same"), (225, "same")])
def test_cells_lie_where_their_receptive_fields_do(image_size, padding):
    stages = tuple(Stage(e, k, s, c, 1) for e, k, s, c in [(1, 3, 1, 8), (6, 5, 2, 8), (6, 3, 2, 8)])
    model = EfficientNet(image_size, 3, 8, stages, 8, padding).build().eval()
    where = cells(model, image_size)
    assert where.count == 28 + (image_size == 225) and where.step == 8
    row, column = 12, 15  # far from every border
    assert np.allclose(impulse(model, image_size, row, column), where.offset + 8 * np.array([row, column]), atol=0.01)


def test_a_dilated_network_keeps_its_cells_where_they_were_and_finds_new_ones_between(network):
    model = wide().build().eval()
    model.load_state_dict(network.state_dict())
    for part in [*network.modules(), *model.modules()]:
        part.se = nn.Identity() if hasattr(part, "se") else None
    x = torch.randn(1, 3, 97, 97)
    coarse, fine = network.forward_features(x), dilate(model, 8).forward_features(x)
    assert coarse.shape[-1] == 4 and fine.shape[-1] == 13
    assert torch.allclose(fine[..., ::4, ::4], coarse, atol=1e-4)
    assert cells(model, 97) == Cells(13, 8, 0.0, 97) and cells(network, 97) == Cells(4, 32, 0.0, 97)
    assert torch.equal(dilate(wide().build(), 32).conv_stem.weight.new_ones(1), torch.ones(1))
    with pytest.raises(ParameterError, match="output_stride=12 is not accepted"):
        dilate(model, 12)


def test_strides_are_chosen_so_that_no_map_is_coarser_than_4_x_4():
    assert [stride_for(size) for size in (224, 97, 96, 64, 49, 48, 32, 25)] == [32, 32, 16, 16, 16, 8, 8, 8]
    with pytest.raises(ParameterError, match="at least 25 px"):
        stride_for(24)


def test_a_network_can_be_built_without_its_last_strides():
    arch = wide()
    assert arch.at_stride(32) == arch
    assert [arch.at_stride(stride).final_px for stride in (32, 16, 8)] == [3, 6, 12]
    built = arch.at_stride(16).build().eval()
    assert built.forward_features(torch.zeros(1, 3, 96, 96)).shape[-1] == 6 and cells(built, 96).step == 16
    with pytest.raises(ParameterError, match="stride=4"):
        arch.at_stride(4)


@pytest.mark.parametrize("where", [Cells(4, 16, 0.0, 49), Cells(7, 32, 31.0, 224), squares(4, 96)], ids=str)
def test_a_peak_comes_back_on_its_own_pixel(where):
    for row, column in [(0, 0), (1, 2), (where.count - 1, 1)]:
        grid = np.zeros((1, where.count, where.count), np.float32)
        grid[0, row, column] = 1
        pixels = cam.to_pixels(grid, where)[0]
        weight = pixels / pixels.sum()
        peak = np.argwhere(pixels > pixels.max() - 1e-6)  # beyond the outermost centres a map is constant
        peak = peak[np.abs(peak - where.offset - where.step * np.array([row, column])).sum(1).argmin()]
        assert np.abs(peak - where.offset - where.step * np.array([row, column])).max() <= 0.5
        if 0 < row < where.count - 1:  # inside, the middle of what is lit is the cell's centre too
            assert abs((weight.sum(1) * np.arange(where.px)).sum() - where.offset - where.step * row) < 0.01
    assert np.allclose(where.weights(where.px).sum(1), 1)


def test_a_frame_of_other_pixels_shows_the_same_map():
    where, grid = Cells(4, 16, 0.0, 49), np.random.default_rng(0).normal(size=(2, 4, 4))
    small, large = cam.to_pixels(grid, where), cam.to_pixels(grid, where, 3 * 49)
    assert np.abs(large[:, 1::3, 1::3] - small).max() < 1e-5  # the middle one of three pixels lies on the one


def test_pooling_makes_all_maps_equally_coarse():
    flat = cam.pooled(np.ones((1, 49, 49), np.float32), 4)
    assert np.allclose(flat, 1)
    fine = np.random.default_rng(1).random((3, 96, 96)).astype(np.float32)
    coarse = cam.pooled(fine, 4)
    assert np.allclose(coarse[:, 12::24, 12::24].mean(), fine.mean(), atol=0.02)
    assert coarse.std() < fine.std() / 3
