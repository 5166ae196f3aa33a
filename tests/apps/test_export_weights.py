"""Exported networks: the same numbers outside of the library, with their record; refused in one line."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from effnet_lib.apps import cli, export_weights
from effnet_lib.apps.publish import check
from effnet_lib.models.archs import mobilenet_v1
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec


@pytest.fixture
def record(store, tiny_spec, record_of):
    """A stored run with weights that are not those of any initialisation."""
    return keep(store, record_of(tiny_spec))


def keep(store, record):
    torch.manual_seed(1)
    model = record.arch.build()
    model(torch.rand(8, 3, record.arch.px, record.arch.px))  # moves the running statistics
    store.put(record)
    store.keep_weights(record.key, model.state_dict())
    return record


@pytest.fixture
def refused(capsys):
    """Return a function that runs an export which must be refused in one line."""

    def run(*argv: str) -> str:
        assert cli.main(["export", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("effnet: ") and len(err.splitlines()) == 1
        return err

    return run


def test_safetensors_come_with_their_record(store, record, tmp_path, capsys):
    assert cli.main(["export", record.key[:8], str(tmp_path / "out"), "--format", "safetensors"]) == 0
    assert record.key[:12] in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{record.key}.json",
        f"{record.key}.md",
        f"{record.key}.safetensors",
    ]
    model = record.arch.build().eval()
    model.load_state_dict(load_file(tmp_path / f"out/{record.key}.safetensors"))
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model(images), export_weights.network(store, record)(images))
    (read,) = check(tmp_path / "out")  # what `effnet publish --from` reads
    assert read == record
    about = json.loads((tmp_path / f"out/{record.key}.json").read_text())["export"]
    assert about["input"]["shape"] == ["batch", 3, 32, 32] and about["classes"] == 3


def test_weights_go_into_timm(store, record_of, tiny_spec, tiny_arch, tmp_path):

    import effnet_lib.models.timm_model  # noqa: F401 (registers it)
    from effnet_lib.models.archs import efficientnet
    from effnet_lib.models.timm_model import create_model

    arch = efficientnet.scale(Scaling(0.25, 0.25), 32, 3)
    run = keep(store, record_of(RunSpec(arch, tiny_spec.recipe, tiny_spec.data, 0)))
    export_weights.export(store, run, tmp_path / "out", ["safetensors"])
    path = tmp_path / f"out/{run.key}.safetensors"
    model = create_model(d=0.25, w=0.25, num_classes=3, checkpoint_path=str(path)).eval()
    with torch.inference_mode():
        assert torch.equal(
            model(torch.ones(1, 3, 32, 32)), export_weights.network(store, run)(torch.ones(1, 3, 32, 32))
        )


@pytest.mark.slow
@pytest.mark.parametrize("family", ["efficientnet", "mobilenet_v1"])
def test_onnx_computes_the_same(family, store, record_of, tiny_spec, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    arch = tiny_spec.arch if family == "efficientnet" else mobilenet_v1.scale(Scaling(0.25, 0.25), 32, 3)
    run = keep(store, record_of(RunSpec(arch, tiny_spec.recipe, tiny_spec.data, 0)))
    about = export_weights.export(store, run, tmp_path / "out", ["onnx"])
    assert 0 <= about["onnx"]["max_relative_error"] < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / f"out/{run.key}.onnx"))
    images = torch.rand(5, 3, 32, 32)
    with torch.inference_mode():
        expected = export_weights.network(store, run)(images).numpy()
    (got,) = session.run(None, {"pictures": images.numpy()})
    assert abs(got - expected).max() < 1e-4 * abs(expected).max()


@pytest.mark.parametrize(
    "fault, words",
    [
        ("another run's", "the file holds those of run"),
        ("of nobody", "the file holds those of run None"),
        ("not finite", "no finite numbers"),
        ("of another network", "cannot be used"),
    ],
)
def test_weights_that_are_not_this_runs_are_never_certified(store, record, refused, tmp_path, fault, words):
    state = load_file(store.weights(record.key))
    key = {"another run's": "0" * 64, "of nobody": None}.get(fault, record.key)
    if fault == "not finite":
        state["conv_stem.weight"][0] = torch.nan
    if fault == "of another network":
        state.pop("conv_stem.weight")
    save_file(state, store.weights(record.key), {"key": key} if key else {})
    assert words in refused(record.key, str(tmp_path / "out"), "--format", "safetensors")
    assert not (tmp_path / "out").exists()


def test_an_error_that_says_nothing_is_no_small_error():
    ones, zeros = np.ones((2, 3)), np.zeros((2, 3))
    assert export_weights.relative_error(ones * 1.5, ones) == 0.5
    for got, expected in ((ones * np.nan, ones), (ones, ones * np.nan), (zeros, zeros), (ones[:1], ones)):
        assert not export_weights.relative_error(got, expected) <= export_weights.TOLERANCE


def test_all_means_every_run_with_weights(store, record, record_of, tiny_spec, tmp_path):
    store.put(record_of(RunSpec(tiny_spec.arch, tiny_spec.recipe, tiny_spec.data, seed=1)))
    assert [run.key for run in export_weights.stored(store, "all")] == [record.key]


def test_a_beginning_must_be_unique(store, record, record_of, tiny_spec, refused, tmp_path):
    others = [record_of(RunSpec(tiny_spec.arch, tiny_spec.recipe, tiny_spec.data, seed)) for seed in range(1, 40)]
    for other in others:
        store.put(other)
    same = next(other.key for other in others if other.key[0] == record.key[0])
    assert export_weights.stored(store, record.key) == [record] and same != record.key
    assert "a longer beginning" in refused(record.key[0], str(tmp_path / "out"))


def test_what_cannot_be_exported_is_refused(store, record, record_of, tiny_spec, refused, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    assert f"with weights here: {record.key[:12]}" in refused("xyz", out)
    assert "key='' is not accepted" in refused("", out)
    assert "format='onx' is not accepted" in refused(record.key, out, "--format", "onx")
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in refused(record.key, str(tmp_path / "file"), "--format", "safetensors")
    bare = record_of(RunSpec(tiny_spec.arch, tiny_spec.recipe, tiny_spec.data, seed=1))
    store.put(bare)
    assert "the weights of run" in refused(bare.key, out)
    monkeypatch.setattr(export_weights, "find_spec", lambda name: None)
    assert "effnet-lib[latency]" in refused(record.key, out)
    store.weights(record.key).write_bytes(b"cut short")
    assert "cannot be used" in refused(record.key, out, "--format", "safetensors")
    assert not (tmp_path / "out").exists()


def test_all_of_nothing(refused, tmp_path):
    assert "no run with weights is stored here" in refused("all", str(tmp_path / "out"), "--format", "safetensors")
