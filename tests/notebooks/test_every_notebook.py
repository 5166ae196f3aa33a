"""Every notebook that there is, executed by papermill in profile smoke as a user would, from a folder of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from effnet_lib.core import paths

NOTEBOOKS = sorted(paths.notebooks_root().glob("*.ipynb"))
PAPERMILL = Path(sys.executable).with_name("papermill")


def parameters_cells(notebook) -> list:
    return [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]


@pytest.fixture
def kept(request, roots):
    """Copy figures and executed notebook to $EFFNET_KEEP/<notebook>, where that is set, whatever the test says."""
    yield
    if folder := os.environ.get("EFFNET_KEEP"):
        for made in filter(Path.is_dir, (roots / "figures", roots / "elsewhere")):
            shutil.copytree(made, Path(folder) / request.node.callspec.id, dirs_exist_ok=True)


@pytest.mark.slow
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_anywhere_and_leaves_what_it_promises(path, roots, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    sized = bool(parameters_cells(nbformat.read(path, as_version=4)))
    drawn = sized and path.stem != "explore"  # which shows, and leaves no figure
    command = [PAPERMILL, path, "out.ipynb", "--no-progress-bar", *(("-p", "profile", "smoke") if sized else ())]
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=elsewhere, env=threads, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert [made.name for made in elsewhere.iterdir()] == ["out.ipynb"]

    cells = [cell for cell in nbformat.read(elsewhere / "out.ipynb", as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)  # to the last one
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    if drawn:
        figure = roots / "figures/smoke" / path.stem
        assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(figure.with_suffix(".csv"))) > 1
        claims = json.loads(figure.with_suffix(".claims.json").read_text())
        assert claims and all(claim["verdict"] for claim in claims)
