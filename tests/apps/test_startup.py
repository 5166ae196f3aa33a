"""What a command imports, and how artefacts are listed without importing them: held by names, not by a clock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from effnet_lib.apps import described, execute_notebook
from effnet_lib.apps.described import WORDS, descriptions
from effnet_lib.artefacts import all_artefacts
from effnet_lib.study.registry import Needs

HEAVY = ["torch", "timm", "matplotlib", "seaborn", "scipy.stats", "scipy.optimize", "papermill", "nbformat", "sklearn"]
LOADED = """
import contextlib, io, json, sys
from effnet_lib.apps import cli
with contextlib.redirect_stdout(io.StringIO()):
    assert cli.main(sys.argv[1:]) == 0
print(json.dumps(sorted(sys.modules)))
"""


def loaded(*command: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    done = subprocess.run([sys.executable, "-c", LOADED, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("command", [["list"], ["list", "--ids"]])
def test_a_listing_imports_nothing_that_draws_trains_or_tabulates(command):
    there = loaded(*command)
    assert not there & {*HEAVY, "pandas", "effnet_lib.artefacts"} and "effnet_lib.apps.described" in there


@pytest.mark.parametrize("profile", ["photos", "cpu"])
def test_a_status_imports_nothing_that_draws_or_trains(profile):
    there = loaded("status", "--profile", profile)
    assert not there & set(HEAVY) and "effnet_lib.study.queue" in there


def test_what_is_read_is_what_the_classes_say():
    read, artefacts = descriptions(), all_artefacts()
    assert list(read) == list(artefacts) and len(read) >= 13
    for name, artefact in artefacts.items():
        assert [getattr(read[name], word) for word in WORDS] == [getattr(artefact, word) for word in WORDS]


PLAIN = """
class Plain(Artefact):
    id, notebook, title = "plain", "plain_one", "Plain"
    needs = Needs(time="1 min")
"""
COMPUTED = """
class Two(Artefact):
    id = "two"
    notebook = id + "_one"
    title: str = "Two"
    covers = ("Table 2",)

class Heir(Two):
    id = "heir"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """A package of artefacts; `made(name, text)` adds a module to it."""
    folder = tmp_path / "made_up_artefacts"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(described, "PACKAGE", folder.name)

    def made(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(f"from effnet_lib.study.registry import Artefact, Needs\n{text}")

    made("__init__", "")
    yield made
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_a_class_of_constants_is_read_and_any_other_is_asked(package):
    package("one", PLAIN)
    package("two", COMPUTED)
    package("words", 'class Helper:\n    """No artefact."""\n\n    note = "none"\n')
    read = descriptions()
    assert list(read) == ["plain", "two", "heir"] and "made_up_artefacts.one" not in sys.modules
    assert read["plain"].needs == Needs(time="1 min") and read["plain"].covers == ()
    assert read["two"].notebook == "two_one" and read["heir"].covers == ("Table 2",)


def test_an_import_does_without_a_module_and_leaves_no_trace(tmp_path, monkeypatch):
    (tmp_path / "slow_grammar.py").write_text("LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with execute_notebook._without("slow_grammar"), pytest.raises(ImportError):
        import slow_grammar
    import slow_grammar

    assert slow_grammar.LOADED
    with execute_notebook._without("slow_grammar"):
        assert sys.modules["slow_grammar"] is slow_grammar
    assert sys.modules.pop("slow_grammar") is slow_grammar
