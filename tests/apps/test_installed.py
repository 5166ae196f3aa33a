"""The wheel alone, outside any checkout: commands, a figure, networks in timm; nothing is written to it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from effnet_lib.core import paths

PARTS = ("effnet_lib", "notebooks", "figures/published", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return the programs' folder of an environment that holds the wheel, and the libraries of this one."""
    source, out, place = (tmp_path_factory.mktemp(name) for name in ("source", "out", "environment"))
    for part in PARTS:
        if (whole := paths.ROOT / part).is_dir():
            shutil.copytree(whole, source / part, ignore=shutil.ignore_patterns("__pycache__", "protocol[0-9]"))
        else:
            shutil.copy(whole, source / part)
    pip = [sys.executable, "-m", "pip", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", out, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    # The libraries are this environment's; its own .pth files, and so the checkout, stay unread there.
    (site,) = place.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = out.glob("*.whl")
    subprocess.run([*pip, "--python", place / "bin/python", "install", "--no-deps", "--no-index", wheel], check=True)
    return place / "bin"


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a program of the environment in a folder, without this process's settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("EFFNET_", "PYTHON"))}
    return subprocess.run([installed / command[0], *command[1:]], cwd=folder, env=ours, capture_output=True, text=True)


@pytest.mark.slow
def test_a_figure_is_made_in_the_current_folder(installed, tmp_path):
    made = run(installed, tmp_path, "effnet", "run", "fig3", "--profile", "smoke")
    assert made.returncode == 0, made.stderr
    kept = {path.suffix for path in (tmp_path / "figures/smoke").glob("fig3_single_dim*")}
    assert {".png", ".svg", ".pdf", ".csv", ".json", ".ipynb"} <= kept
    assert any((tmp_path / "results/records").glob("*.json"))
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "results"}


@pytest.mark.slow
def test_published_evidence_comes_along_and_is_never_written_to(installed, tmp_path):
    listed = run(installed, tmp_path, "effnet", "list")
    assert listed.returncode == 0 and "fig3" in listed.stdout and "published" in listed.stdout
    drawn = run(installed, tmp_path, "effnet", "run", "table6", "--profile", "cpu")
    assert drawn.returncode == 0, drawn.stderr
    (packed,) = installed.parent.glob("lib/python*/site-packages/effnet_lib/packed/published")
    before = sorted(path.name for path in packed.rglob("*"))
    refused = run(installed, tmp_path, "effnet", "publish", "--profile", "cpu", "--artefact", "table6")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "EFFNET_PUBLISHED" in refused.stderr
    assert before == sorted(path.name for path in packed.rglob("*")) and "decisions" in before


@pytest.mark.slow
def test_its_notebooks_can_be_copied_and_its_schemas_read(installed, tmp_path):
    copied = run(installed, tmp_path, "effnet", "notebooks", "--to", "mine")
    assert copied.returncode == 0, copied.stderr
    names = {path.name for path in (paths.ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (tmp_path / "mine").iterdir()} == names
    code = (
        "from effnet_lib.apps.evidence import croissant, schemas;"
        "print(*(schemas.published(name)['$id'] for name in schemas.SCHEMAS), len(list(croissant.FOLDER.iterdir())))"
    )
    said = run(installed, tmp_path, "python", "-c", code)
    assert said.stdout.split() == ["urn:effnet-lib:schema:record:1", "urn:effnet-lib:schema:claims:2", "5"], said.stderr


@pytest.mark.slow
def test_networks_are_in_timm_and_no_checkout_is_imported(installed, tmp_path):
    code = (
        "import effnet_lib.models.timm_model, timm; print(effnet_lib.__file__);"
        "print(sum(p.numel() for p in timm.create_model('effnet_scaled').parameters()))"
    )
    said = run(installed, tmp_path, "python", "-c", code)
    assert said.returncode == 0, said.stderr
    place, params = said.stdout.split()
    assert Path(place).is_relative_to(installed.parent) and int(params) == 5_288_548
    assert Path(place).with_name("py.typed").is_file()
