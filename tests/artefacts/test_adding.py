"""Adding an artefact costs one class and one notebook: docs/adding.md is followed on a copy of the library."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from effnet_lib.core import paths

PAGE = (paths.ROOT / "docs/adding.md").read_text()
MODULE, RUN, DRAW = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A copy of the library with the module and the notebook; no other file is touched."""
    root = tmp_path_factory.mktemp("adding") / "library"
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("effnet_lib", "notebooks"):
        shutil.copytree(paths.ROOT / name, root / name, ignore=skipped)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(paths.ROOT / name, root / name)
    (root / "effnet_lib/artefacts/table99.py").write_text(MODULE)
    notebook = nbformat.read(root / "notebooks/fig3_single_dim.ipynb", as_version=4)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    code = [nbformat.v4.new_code_cell(text.strip()) for text in (RUN, DRAW)]
    notebook.cells = [nbformat.v4.new_markdown_cell("# Table 99"), parameters, *code]
    nbformat.write(notebook, root / "notebooks/table99_added.ipynb")
    return root


def run(library: Path, *command: str) -> str:
    """Run a command on the copy, whatever is installed; return its output."""
    environment = os.environ | {"PYTHONPATH": str(library), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=library, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_takes_thirty_lines():
    assert "`effnet_lib/artefacts/table99.py`" in PAGE and "`notebooks/table99_added.ipynb`" in PAGE
    assert sum(1 for line in MODULE.splitlines() if line.strip()) <= 30


SEEN = """
from effnet_lib.apps import cli
from effnet_lib.core import paths
from effnet_lib.study import queue
from effnet_lib.study.profiles import PROFILES
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study

print(paths.ROOT)
assert cli.main(["list"]) == cli.main(["list", "--ids"]) == cli.main(["status", "--profile", "smoke"]) == 0
for stage in queue.stages(Study.of(PROFILES["smoke"], RunStore()), ["table99"]):
    print("stage", stage.name, len(stage.specs))
"""


def test_it_is_listed_and_queued(library):
    lines = run(library, sys.executable, "-c", SEEN).splitlines()
    assert lines[0] == str(library.resolve()) and "stage Table 99 2" in lines
    assert "table99        Table 99: an added artefact (notebooks/table99_added.ipynb)" in lines and "table99" in lines
    assert any(line.startswith("2  Table 99") or "Table 99 " in line for line in lines if "stage" not in line)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_has_a_rule_for_it(library):
    (library / ".venv").mkdir(exist_ok=True)
    (library / ".venv/.ready").touch()  # set up already
    said = run(library, "make", "--no-print-directory", "-n", "table99", "PROFILE=smoke")
    assert said.splitlines()[-1].strip() == ".venv/bin/effnet run table99 --profile smoke"
    assert "table99_added" in run(library, "make", "--no-print-directory", "help")


@pytest.mark.slow
def test_it_is_run(library, roots):
    said = run(library, sys.executable, "-m", "effnet_lib", "run", "table99", "--profile", "smoke")
    assert said.splitlines()[-1].startswith("table99: ")
    made = sorted(path.name for path in (roots / "figures/smoke").iterdir())
    assert made == [f"table99_added.{kind}" for kind in ("claims.json", "csv", "ipynb", "pdf", "png", "svg")]
    assert len(list((roots / "results/records").iterdir())) == 2
