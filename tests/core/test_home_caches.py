"""A home folder that nobody can write: every command works as in another, and says nothing of it."""

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from effnet_lib.apps import cli
from effnet_lib.core import home_caches, paths
from effnet_lib.core.errors import DataError
from effnet_lib.core.home_caches import FETCHED, PLACES, redirect
from effnet_lib.models.weight_files import weights_file

NOWHERE = "/dev/null/home"  # where even root can write nothing
VARIABLES = [*PLACES, "HF_HOME"]


@pytest.fixture
def home(monkeypatch):
    """Return a function that moves the home folder; no variable names another place, nor does one afterwards."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return lambda place: monkeypatch.setenv("HOME", str(place))


def said() -> dict[str, str]:
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def test_caches_go_below_ours_where_home_cannot_be_written(home, monkeypatch, capsys):
    home(NOWHERE)
    monkeypatch.setenv("MPLCONFIGDIR", "/chosen")
    assert cli.main(["list", "--ids"]) == 0 and capsys.readouterr().err == ""
    places = {name: str(paths.cache_root() / "home" / folder) for name, folder in PLACES.items()}
    assert said() == places | {"MPLCONFIGDIR": "/chosen", "HF_HOME": str(paths.cache_root() / "home/huggingface")}
    assert not paths.results_root().exists()


def test_a_home_that_can_be_written_keeps_them(home, tmp_path):
    home(tmp_path)
    redirect()
    assert said() == {} and list(tmp_path.iterdir()) == []


def test_weights_that_were_fetched_before_are_found_in_a_home_that_cannot_be_written(home, tmp_path, monkeypatch):
    (tmp_path / FETCHED).mkdir(parents=True)
    home(tmp_path)
    monkeypatch.setattr(home_caches, "_can_be_written", lambda folder: False)
    redirect()
    assert said().keys() == PLACES.keys()


def test_no_home_at_all_is_like_one_that_cannot_be_written(home, monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    redirect()
    assert said().keys() == set(VARIABLES)


def test_weights_that_cannot_be_kept_are_one_line(monkeypatch):
    def fetch(*_):
        raise PermissionError(13, "Permission denied", "/home/x/.cache")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    with pytest.raises(DataError, match=r"^model=b0: .* cannot be kept \(PermissionError.*; HF_HOME takes a folder"):
        weights_file("b0")


@pytest.mark.slow
def test_a_notebook_is_executed_and_drawn_without_a_home(home, roots, tmp_path):
    home(NOWHERE)
    alone = [part for name in ("widths", "depths", "resolutions") for part in ("-y", f"{name}: [1.0]")]
    command = [sys.executable, "-m", "effnet_lib", "run", "fig3", "--profile", "smoke", *alone]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    assert (roots / "figures/smoke/fig3_single_dim.png").is_file()
