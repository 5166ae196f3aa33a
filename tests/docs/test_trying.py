"""What services read that run a notebook in one click: parsed here, held to the project's versions, tried nowhere."""

import ast
import os
import re
import subprocess
import tomllib

import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from effnet_lib.apps import cli
from effnet_lib.core import paths

BINDER = paths.ROOT / ".binder"
PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA = {"torch": "pytorch-cpu"}  # where conda-forge has another name


def split(requirement: str) -> tuple[str, str]:
    name, ranges = re.fullmatch(r"([\w-]+) *(.*)", requirement).groups()
    return CONDA.get(name, name), ranges


def test_binder_installs_what_the_project_asks_for():
    listed = yaml.safe_load((BINDER / "environment.yml").read_text())
    assert listed["channels"] == ["conda-forge", "nodefaults"]
    given = dict(map(split, listed["dependencies"]))
    wanted = dict(map(split, [*PROJECT["dependencies"], *EXTRAS["smoke"]]))
    assert wanted.items() <= given.items()
    assert given.keys() - wanted.keys() == {"python", "pip", "hatchling", "jupyterlab"}
    assert given["python"].startswith(PROJECT["requires-python"])
    assert f"jupyterlab{given['jupyterlab']}" in EXTRAS["notebooks"]


def test_binder_can_run_what_it_runs_last():
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    (line,) = [line for line in script.read_text().splitlines() if line.startswith("effnet ")]
    assert cli.parser().parse_args(line.split()[1:]).command == "list"


def test_the_extra_smoke_is_a_part_of_the_others():
    others = {one for name, extra in EXTRAS.items() if name != "smoke" for one in extra}
    assert set(EXTRAS["smoke"]) < others and len(EXTRAS["smoke"]) < len(EXTRAS["notebooks"]) / 2


@pytest.fixture
def cell() -> str:
    (found,) = re.findall(r"```ipython3\n(.*?)```", (paths.ROOT / "docs/try.md").read_text(), re.DOTALL)
    return found


def test_the_first_cell_of_colab_is_one_that_ipython_takes(cell):
    code = TransformerManager().transform_cell(cell)
    called = [ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert any("run_line_magic('pip'" in one for one in called) and any(".system(" in one for one in called)
    (extra,) = re.findall(r"effnet-lib\[(\w+)\] @ git\+\{REPOSITORY\}", cell)
    assert extra in EXTRAS
    (command,) = re.findall(r"^!effnet (.*)$", cell, re.MULTILINE)
    assert cli.parser().parse_args(command.split()).command == "notebooks"


def test_what_follows_the_installation_runs(cell, tmp_path, monkeypatch):
    from effnet_lib.study.training_plan import TrainingPlan

    code = cell.partition("import effnet_lib")[2]
    monkeypatch.setattr(TrainingPlan, "run", TrainingPlan.results)  # what is stored, and no training
    drawn: list[object] = []
    monkeypatch.setattr(TrainingPlan, "draw", lambda self, results, rows: drawn.append((len(results), rows)))
    monkeypatch.chdir(tmp_path)
    exec(compile("import effnet_lib" + code, "the first cell", "exec"), {})
    assert len(drawn) == 1
