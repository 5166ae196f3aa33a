"""`effnet_scaled` in timm's registry: the library's own network, and all that timm promises of a model."""

import subprocess
import sys

import pytest
import timm
import torch

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.models.timm_model import create_model


@pytest.mark.parametrize("factors", [{}, {"d": 1.2, "w": 1.1, "r": 1.15}, {"d": 0.5, "w": 0.25, "r": 96 / 224}])
def test_counts_equal_the_closed_form(factors):
    model = create_model(**factors)
    arch = efficientnet.scale(Scaling(factors.get("d", 1), factors.get("w", 1), factors.get("r", 1)))
    assert sum(value.numel() for value in model.parameters()) == count(arch).params
    assert (
        model.default_cfg["input_size"]
        == (3, arch.px, arch.px)
        == timm.data.resolve_model_data_config(model)["input_size"]
    )
    assert model.default_cfg["pool_size"] == (arch.final_px, arch.final_px)


def test_it_is_the_network_that_the_library_builds():
    arch = efficientnet.scale(Scaling(0.5, 0.25), 64, 10, "same")
    ours = arch.build().eval()
    theirs = timm.create_model(
        "effnet_scaled", d=0.5, w=0.25, base_image_size=64, num_classes=10, padding="same"
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_what_timm_promises_of_a_model():
    model = timm.create_model(
        "effnet_scaled", d=0.5, w=0.25, num_classes=7, in_chans=1, drop_path_rate=0.1, bn_eps=1e-3
    ).eval()
    images = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert model(images).shape == (1, 7)
        features = model.forward_features(images)
        assert features.shape == (1, model.num_features, 2, 2) and model.forward_head(features).shape == (1, 7)
    assert model.bn1.eps == 1e-3 and model.get_classifier().out_features == 7
    model.reset_classifier(3)
    assert model(images).shape == (1, 3)
    model.reset_classifier(0)
    assert model(images).shape == (1, model.num_features)


def test_features_only():
    model = timm.create_model("effnet_scaled", d=0.5, w=0.25, features_only=True, out_indices=(1, 4))
    maps = model(torch.rand(1, 3, 64, 64))
    assert [list(features.shape[1:]) for features in maps] == [
        [channels, 64 // by, 64 // by] for channels, by in zip(model.feature_info.channels(), (4, 32), strict=True)
    ]


@pytest.mark.parametrize(
    "given, words",
    [
        ({"pretrained": True}, "pretrained=True is not accepted"),
        ({"d": 0}, "depth=0 is not accepted"),
        ({"w": "wide"}, "width='wide' is not accepted"),
        ({"r": 0.1}, "resolution=0.1 is not accepted"),
        ({"pretrained_cfg": {"mean": (0.5, 0.5, 0.5)}}, "takes None: it follows from d, w, r"),
        ({"base_image_size": "224"}, "base_image_size='224' is not accepted; base_image_size takes a whole number"),
        ({"base_px": 224}, "base_px=224 is not accepted; base_px takes no value: neither timm nor effnet_scaled"),
        ({"w": 60}, "width=60.0 is not accepted; width takes a multiplier that gives at most 65,536 channels"),
        ({"padding": "valid"}, "padding='valid' is not accepted; padding takes symmetric or same"),
    ],
)
def test_it_refuses_in_one_line(given, words):
    with pytest.raises(ParameterError, match="is not accepted") as refused:
        timm.create_model("effnet_scaled", **given)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_entries_of_its_configuration_are_changed_by_timms_overlay():
    model = create_model(d=0.5, w=0.25, r=0.5, pretrained_cfg_overlay={"mean": (0.5, 0.5, 0.5)})
    assert model.default_cfg["mean"] == (0.5, 0.5, 0.5) and model.default_cfg["input_size"] == (3, 112, 112)


def output(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_module_registers_it():
    asked = "print(timm.is_model('effnet_scaled'), len(timm.list_models('effnet*')))"
    assert output(f"import timm, effnet_lib; {asked}") == "False 0"
    assert output(f"import timm, effnet_lib.models.timm_model; {asked}") == "True 1"


def test_the_command_line_imports_neither_timm_nor_torch():
    assert output("import sys, effnet_lib.apps.cli; print(*{'timm', 'torch'} & set(sys.modules))") == ""
