"""The notebooks: thin, clean, and with parameters that papermill sees; one is executed."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from papermill.inspection import inspect_notebook

from effnet_lib.apps.execute_notebook import run_notebook
from effnet_lib.apps.explore import parameters as explored
from effnet_lib.artefacts import all_artefacts
from effnet_lib.core import paths
from effnet_lib.study.parameters import Parameters

EVERY = sorted(paths.notebooks_root().glob("*.ipynb"))
OTHERS = ("explore", "index")  # no artefacts: they leave no figure
NOTEBOOKS = [path for path in EVERY if path.stem not in OTHERS]
WITH_PARAMETERS = [path for path in EVERY if path.stem != "index"]
BIN = Path(sys.executable).parent  # papermill and effnet lie beside the interpreter


def read(path):
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    return made


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    """Every artefact's notebook, read and validated."""
    return read(request.param)


@pytest.fixture(params=EVERY, ids=lambda path: path.stem)
def any_notebook(request):
    """Every notebook, read and validated."""
    return read(request.param)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters_cell(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    return tagged[0]


def test_every_artefact_has_its_notebook():
    assert {artefact.notebook for artefact in all_artefacts().values()} == {path.stem for path in NOTEBOOKS}


def test_a_notebook_is_committed_without_outputs(any_notebook):
    for cell in code(any_notebook):
        assert cell.outputs == [] and cell.execution_count is None
    for cell in any_notebook.cells:
        assert set(cell.metadata) <= {"tags"}
    metadata = any_notebook.metadata
    assert set(metadata) == {"kernelspec", "language_info"} and metadata.kernelspec.name == "python3"


def test_a_notebook_is_thin_and_begins_with_prose(any_notebook):
    assert any_notebook.cells[0].cell_type == "markdown" and any_notebook.cells[0].source.startswith("# ")
    assert 1 <= len(code(any_notebook)) <= 12
    assert not any(cell.source.strip() == "" for cell in any_notebook.cells)


def test_links_between_notebooks_lead_somewhere(any_notebook):
    for cell in any_notebook.cells:
        for name in re.findall(r"\]\(([^):]+\.ipynb)\)", cell.source) if cell.cell_type == "markdown" else ():
            assert (paths.notebooks_root() / name).is_file(), name


def declared_in(name: str) -> dict[str, object]:
    """Check how a notebook's parameters are written, and return them with their defaults."""
    notebook = nbformat.read(paths.notebooks_root() / f"{name}.ipynb", as_version=4)
    cell = parameters_cell(notebook)
    assert cell is code(notebook)[0]
    assert cell.source.startswith("# Parameters\n")  # how `resolve` finds it in a kernel's history
    body = [node for node in ast.parse(cell.source).body if not isinstance(node, ast.ImportFrom)]
    assert body and all(isinstance(node, ast.AnnAssign) for node in body)
    for node in body:
        assert len(cell.source.splitlines()[node.lineno - 1].partition("  # ")[2]) > 10
    return {node.target.id: ast.literal_eval(node.value) for node in body}


@pytest.mark.parametrize("artefact", all_artefacts().values(), ids=lambda artefact: artefact.id)
def test_parameters_are_commented_and_have_the_defaults_of_the_library(artefact):
    declared = declared_in(artefact.notebook)
    own = {name: default for name, (default, _) in artefact.parameters.items()}
    assert declared == {name: (asdict(Parameters()) | own)[name] for name in declared} and set(own) <= set(declared)
    common = list(asdict(Parameters()))[:8]  # in every notebook that trains
    assert (
        {"profile", "train", "fresh", "dry_run"} <= set(declared) if artefact.measures else common == list(declared)[:8]
    )


def test_explores_parameters_are_its_own_and_spelt_as_those_of_scale():
    declared = declared_in("explore")
    assert declared == {name: default for name, (default, _) in explored.PARAMETERS.items()}
    scale, ours = (
        inspect_notebook(str(paths.notebooks_root() / f"{name}.ipynb")) for name in ("scale_yours", "explore")
    )
    for name in ("network", "family", "px"):
        assert ours[name]["inferred_type_name"] == scale[name]["inferred_type_name"]
    notebook = nbformat.read(paths.notebooks_root() / "explore.ipynb", as_version=4)
    assert "params = explore.resolve(globals())" in code(notebook)[1].source


@pytest.mark.parametrize("artefact", all_artefacts().values(), ids=lambda artefact: artefact.id)
def test_parameters_are_checked_by_the_next_cell(artefact):
    notebook = nbformat.read(paths.notebooks_root() / f"{artefact.notebook}.ipynb", as_version=4)
    assert f'params = eff.resolve(globals(), "{artefact.id}")' in code(notebook)[1].source


def test_an_artefacts_notebook_needs_the_public_api_alone(notebook):
    imports = [line for cell in code(notebook) for line in cell.source.splitlines() if "effnet_lib" in line]
    assert imports == ["import effnet_lib as eff"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_notebooks_import_one_module_of_apps(name):
    notebook = nbformat.read(paths.notebooks_root() / f"{name}.ipynb", as_version=4)
    imports = [line for cell in code(notebook) for line in cell.source.splitlines() if "effnet_lib" in line]
    assert len(imports) == 1 and imports[0].startswith("from effnet_lib.apps")


@pytest.mark.parametrize("path", WITH_PARAMETERS, ids=lambda path: path.stem)
def test_help_lists_every_parameter(path):
    """`papermill --help-notebook` silently drops parameters whose annotation or default it cannot read."""
    cell = parameters_cell(nbformat.read(path, as_version=4))
    names = [node.target.id for node in ast.parse(cell.source).body if isinstance(node, ast.AnnAssign)]
    listed = inspect_notebook(str(path))
    assert list(listed) == names
    assert all(entry["help"] and entry["inferred_type_name"] != "None" for entry in listed.values())


# Executed -----------------------------------------------------------------------------------------------------

KINDS = ["claims.json", "csv", "pdf", "png", "svg"]
# A third of the profile's models: enough for every cell to have something to do.
SMALL = {"profile": "smoke", "widths": [1.0, 2.6], "depths": [1.0], "resolutions": [1.0]}


def made(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def test_figure_3_is_executed_and_kept(roots, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    out = run_notebook("fig3", SMALL)
    assert out == roots / "figures/smoke/fig3_single_dim.ipynb"
    assert list(made(out.parent)) == [f"fig3_single_dim.{kind}" for kind in sorted([*KINDS, "ipynb"])]
    rows = pd.read_csv(out.with_suffix(".csv"))
    assert list(rows["model"]) == ["baseline", "w=2.6"] and list(rows["seeds"]) == [1, 1]
    claims = json.loads(out.with_suffix(".claims.json").read_text())
    assert {claim["verdict"] for claim in claims} == {"not enough evidence"}
    cells = nbformat.read(out, as_version=4).cells
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    assert len(list((roots / "results/records").iterdir())) == 2
    assert not list(elsewhere.iterdir()) and not (roots / "published").exists()


def shell(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([BIN / command[0], *command[1:]], cwd=cwd, env=threads, capture_output=True, text=True)


def last_line(text: str) -> str:
    return [line for line in text.splitlines() if line.strip()][-1]


@pytest.mark.slow
def test_papermill_from_another_folder(roots, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    notebook, figures = str(NOTEBOOKS[0].with_name("fig3_single_dim.ipynb")), roots / "figures/smoke"

    refused = shell("papermill", notebook, "out.ipynb", "-p", "profile", "smok", cwd=elsewhere)
    assert refused.returncode != 0
    assert "ParameterError: profile='smok' is not accepted; profile takes one of" in last_line(refused.stderr)
    assert last_line(refused.stderr).endswith("(did you mean smoke?)")
    assert not (roots / "results").exists() and not (roots / "figures").exists()

    first = shell("papermill", notebook, "out.ipynb", "-p", "profile", "smoke", cwd=elsewhere)
    assert first.returncode == 0, first.stderr
    assert list(made(figures)) == [f"fig3_single_dim.{kind}" for kind in KINDS]
    assert [path.name for path in elsewhere.iterdir()] == ["out.ipynb"]
    records, images = made(roots / "results/records"), made(figures)
    assert len(records) == 7

    again = shell("papermill", notebook, "out.ipynb", "-p", "profile", "smoke", cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert made(roots / "results/records") == records  # read back, not trained again
    assert made(figures) == images  # the same records are the same files


@pytest.mark.slow
def test_effnet_run_from_another_folder(roots, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fewer = ("-p", "seeds", "1", "-y", "depths: [1.0]", "-y", "resolutions: [1.0, 1.7]", "-y", "widths: [1.0]")
    done = shell("effnet", "run", "fig3", "--profile", "smoke", *fewer, cwd=elsewhere)
    assert done.returncode == 0 and done.stderr == ""
    assert len(made(roots / "results/records")) == 2
    assert last_line(done.stdout) == f"fig3: {roots}/figures/smoke/fig3_single_dim.*"
    assert list(made(roots / "figures/smoke")) == [f"fig3_single_dim.{kind}" for kind in sorted([*KINDS, "ipynb"])]
    assert not list(elsewhere.iterdir())

    refused = shell("effnet", "run", "fig3", "--profile", "smok", cwd=elsewhere)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1


@pytest.mark.slow
def test_an_error_in_the_notebook_is_one_line(roots, tmp_path):
    """The data set is only looked for once the kernel is there: its error comes out of the notebook."""
    command = ("effnet", "run", "fig3", "--profile", "smoke", "-p", "dataset", "fractal-10")
    refused = shell(*command, cwd=tmp_path)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "dataset='fractal-10' is not accepted" in refused.stderr and "fractals-10" in refused.stderr
    assert (roots / "results/failed/fig3_single_dim.ipynb").is_file() and not (roots / "figures").exists()
