"""Paths that a person types, and a current folder that was deleted: right, or one line."""

import os
from pathlib import Path

import papermill
import pytest

import effnet_lib as eff
from effnet_lib.apps import cli
from effnet_lib.core.errors import EffnetError, ParameterError
from effnet_lib.core.user_paths import current_folder, short, user_path


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Work in a folder that was deleted."""
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    yield
    os.chdir(tmp_path)  # what the next fixture leaves from


def test_a_path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert user_path("to", "a/../b") == tmp_path / "b" and user_path("to", "~") == Path.home()
    assert current_folder() == tmp_path
    assert short(tmp_path / "b/c") == "b/c" and short(Path("/elsewhere")) == "/elsewhere"


@pytest.mark.parametrize("value", ["~nosuchuser/x", "a" * 300, "a\0b"])
def test_a_path_that_cannot_be_is_refused(value):
    with pytest.raises(ParameterError, match=r"^to=.* is not accepted; to takes a path that can be"):
        user_path("to", value)


def test_without_a_current_folder_only_relative_paths_are_refused(nowhere):
    with pytest.raises(ParameterError, match="to takes an absolute path, since the current folder was deleted"):
        user_path("to", "here")
    assert user_path("to", "/there") == Path("/there") and short(Path("/there")) == "/there"
    with pytest.raises(EffnetError, match="the current folder was deleted; change to one that is there"):
        current_folder()


REFUSED = {
    "run": (["run", "fig3", "--profile", "smoke"], "the current folder was deleted; change to one that is there"),
    "gallery": (["gallery", "--to", "g"], "to='g' is not accepted; to takes an absolute path"),
    "publish": (["publish", "--from", "x"], "from='x' is not accepted; from takes an absolute path"),
    "export": (["export", "all", "x"], "folder='x' is not accepted; folder takes an absolute path"),
    "train": (["train", "--profile", "smoke", "--dataset", "x/y"], "dataset='x/y' is not accepted"),
}


@pytest.mark.parametrize("argv, words", REFUSED.values(), ids=REFUSED)
def test_a_command_that_needs_a_current_folder_says_that_it_was_deleted(nowhere, monkeypatch, capsys, argv, words):
    monkeypatch.setattr(papermill, "execute_notebook", lambda *_, **__: pytest.fail("started a kernel"))
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and words in err and "deleted" in err


@pytest.mark.parametrize("argv", [["list"], ["status", "--profile", "smoke"]])
def test_a_command_that_needs_none_works(nowhere, capsys, argv):
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert out and err == ""


def test_a_notebook_plans_without_a_current_folder(nowhere):
    assert "7 models" in eff.plan("fig3", eff.resolve({"profile": "smoke"}, "fig3")).summary()
    with pytest.raises(ParameterError, match=r"^dataset=.* since the current folder was deleted"):
        eff.plan("fig3", profile="smoke", dataset="x/y")


def test_results_do_not_go_where_the_published_evidence_is(tmp_path, monkeypatch, capsys):
    (tmp_path / "published/records").mkdir(parents=True)
    (tmp_path / "published/records/x.json").write_text('{"kind": "latency"}')  # a store of runs would set it aside
    monkeypatch.setenv("EFFNET_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("EFFNET_RESULTS", f"{tmp_path}/elsewhere/../published")
    assert cli.main(["status", "--profile", "smoke"]) == 2
    words = "is not accepted; EFFNET_RESULTS takes any folder but that of the published evidence"
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*.*")] == ["x.json"]
