"""What a notebook is given: good values, bad values in one line, and cells that run twice."""

import pytest

from effnet_lib.core.errors import ParameterError
from effnet_lib.study.parameters import CHECKS, Parameters, resolve

OWN = (
    "# Parameters\nfrom typing import Optional\n\nprofile: str = 'cpu'  # str: a size\nwidths: Optional[list] = None\n"
)


def refusal(**given) -> str:
    with pytest.raises(ParameterError) as error:
        resolve(given)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "name, value, accepted",
    [
        ("profile", "smok", "(did you mean smoke?)"),
        ("profile", None, "smoke, cpu, photos, gpu, imagenet"),
        ("profile", ["smoke"], "smoke, cpu, photos, gpu, imagenet"),
        ("profile", 3, "smoke, cpu"),
        ("dataset", "", "a name, a path or None"),
        ("dataset", 5, "a name, a path or None"),
        ("seeds", 0, "a whole number from 1 to 1,000, or None"),
        ("seeds", -2, "a whole number from 1 to 1,000, or None"),
        ("seeds", 1.5, "a whole number from 1 to 1,000, or None"),
        ("seeds", 2.0, "a whole number from 1 to 1,000, or None"),
        ("seeds", True, "a whole number from 1 to 1,000, or None"),
        ("seeds", "2", "a whole number from 1 to 1,000, or None"),
        ("seeds", float("nan"), "a whole number from 1 to 1,000, or None"),
        ("seeds", 10_000_000, "a whole number from 1 to 1,000, or None"),
        ("seeds", 10**400, "a whole number from 1 to 1,000, or None"),
        ("workers", -1, "a whole number from 0 to 1,024, or None"),
        ("workers", False, "a whole number from 0 to 1,024, or None"),
        ("device", "gpu", "one of auto, cpu, cuda, mps"),
        ("device", "cud", "(did you mean cuda?)"),
        ("device", "cuda:first", "one of auto, cpu, cuda, mps"),
        ("device", "cpu:0", "one of auto, cpu, cuda, mps"),
        ("device", "auto:1", "one of auto, cpu, cuda, mps"),
        ("device", "", "one of auto, cpu, cuda, mps"),
        ("device", None, "one of auto, cpu, cuda, mps"),
        ("train", "maybe", "auto, True or False"),
        ("train", 1, "auto, True or False"),
        ("train", None, "auto, True or False"),
        ("fresh", "yes", "True or False"),
        ("fresh", None, "True or False"),
        ("dry_run", 0, "True or False"),
        ("widths", "[1.0, 1.4]", "papermill takes as -y 'widths: [1.0, 1.4]'"),
        ("depths", 2.0, "papermill takes as -y 'depths: [1.0, 1.4]'"),
        ("resolutions", [], "papermill takes as -y 'resolutions: [1.0, 1.4]'"),
        ("resolutions", {"r": 1.0}, "papermill takes as -y"),
    ],
)
def test_a_bad_value_is_one_line_with_name_value_and_what_is_accepted(name, value, accepted):
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
    assert refusal(**{name: value}).startswith(f"{name}={shown} is not accepted; {name} takes ")
    assert accepted in refusal(**{name: value})


@pytest.mark.parametrize("bad", [0, -1.4, float("nan"), float("inf"), "1.4", True, None, [1.4], 1e308, 10**400])
@pytest.mark.parametrize("name", ["widths", "depths", "resolutions"])
def test_a_bad_coefficient_is_shown_by_itself(name, bad):
    shown = repr(bad) if len(repr(bad)) <= 80 else repr(bad)[:77] + "..."
    assert refusal(**{name: [1.0, bad]}) == (
        f"{name}={shown} is not accepted; {name} takes coefficients above 0 and at most 100"
    )


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_a_device_that_is_not_there_names_those_that_are(device, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert refusal(device=device) == f"device={device!r} is not accepted; device takes a device of this machine: cpu"
    assert resolve({"device": "auto"}).device == "cpu"


def test_devices_that_are_there_are_taken(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert [resolve({"device": name}).device for name in ("auto", "cuda", "cuda:1", "cpu")] == [
        "cuda", "cuda", "cuda:1", "cpu",
    ]  # fmt: skip
    assert "a device of this machine: cpu, cuda" in refusal(device="cuda:2")


@pytest.mark.parametrize(
    "wrong, right", [("seed", "seeds"), ("width", "widths"), ("dryrun", "dry_run"), ("Profile", "profile")]
)
def test_an_unknown_name_is_told_the_nearest_one(wrong, right):
    message = refusal(**{wrong: 1})
    assert message.startswith(f"{wrong}=1 is not accepted") and f"(did you mean {right}?)" in message


def test_nothing_given_is_the_defaults_and_every_field_has_a_check():
    assert resolve({}) == Parameters()
    assert [*CHECKS, "own"] == list(Parameters.__dataclass_fields__)


def test_what_papermill_makes_of_a_command_line_is_understood():
    given = {"profile": "smoke", "seeds": 2, "workers": 0, "train": "true", "fresh": "True", "dry_run": "false"}
    made = resolve(given | {"widths": [2, 1.4, 2.0], "dataset": None})
    assert (made.train, made.fresh, made.dry_run, made.workers, made.dataset) == (True, True, False, 0, None)
    assert made.widths == (1.0, 1.4, 2.0)  # sorted, once each, with the baseline that everything is compared with
    assert resolve({"train": False}).train is False and resolve({"train": "auto"}).train == "auto"


def executed(*cells: str) -> dict:
    """Return the namespace that a kernel has after these cells; a cell that cannot run only leaves its text."""
    space = {"In": [""]}
    for cell in cells:
        space["In"].append(cell)
        try:
            exec(cell, space)
        except SyntaxError:
            continue
    return space


def test_values_that_papermill_injects_win():
    space = executed(OWN, "# Parameters\nprofile = 'smoke'\nseeds = 2\n")
    assert resolve(space) == Parameters(profile="smoke", seeds=2)


def test_a_second_execution_meets_the_notebooks_own_variables():
    cells = [OWN, "work = seeds = 7; records = {}; device = object()"]
    assert resolve(executed(*cells, *cells)) == Parameters()


@pytest.mark.parametrize(
    "before",
    [
        "# Parameters\nprofile: str = 'cpu'\nwidth = [1.4]\n",  # a name that no parameter has
        "# Parameters\nprofile: str = 'cpu'\nwidths = [1.4\n",  # a bracket left open
        "# Parameters\nprofile: str = 'smok'\n",
    ],
)
def test_a_mistake_that_was_mended_in_the_cell_is_forgotten(before):
    assert resolve(executed(before, OWN)) == Parameters()


def test_an_unknown_name_in_either_cell_is_refused():
    for cells in ([OWN + "seed: int = 3\n"], [OWN, "# Parameters\nseed = 3\n"]):
        with pytest.raises(ParameterError, match="seed=3 is not accepted"):
            resolve(executed(*cells))
