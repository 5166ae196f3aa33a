"""`make setup`: a line a phase, and what goes wrong is seen."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from effnet_lib.core import paths

INSTALLING = ["Installing what requirements.lock lists, with ", "Installing this project into .venv."]


@pytest.fixture
def make(tmp_path):
    """Run `make setup` in a checkout whose installer only notes what it is told, and fails where it is told to."""
    checkout, tools = tmp_path / "checkout", tmp_path / "tools"
    for folder in (checkout / ".venv/bin", tools):
        folder.mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(paths.ROOT / name, checkout)
    noting = f'#!/bin/sh\necho "$@" >> {tmp_path}/told\ncase "$*" in *$FAILS*) echo no room left >&2; exit 1;; esac\n'

    def run(installer: str, fails: str = "nothing") -> subprocess.CompletedProcess[str]:
        for path in [checkout / ".venv/bin/python", *([tools / "uv"] if installer == "uv" else [])]:
            path.write_text(noting)
            path.chmod(0o755)
        environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path), "FAILS": fails}
        command = ["make", "-C", str(checkout), "--no-print-directory", "setup"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    if not shutil.which("make") or shutil.which("uv", path="/usr/bin:/bin") or not shutil.which("python3"):
        pytest.skip("needs make, and no other uv than the test's own")
    return run


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_it_says_a_line_a_phase(make, installer, tmp_path):
    ended = make(installer)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == 2 and all(map(str.startswith, lines, INSTALLING)) and installer in lines[0]
    told = [line for line in Path(tmp_path / "told").read_text().splitlines() if "install" in line or "sync" in line]
    assert len(told) == 2 and all(" -q " in line for line in told) and "--require-hashes" in told[0]
    assert (tmp_path / "checkout/.venv/.ready").is_file()


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_it_says_why_it_failed_and_is_taken_up_again(make, installer, tmp_path):
    ended = make(installer, fails="--require-hashes")
    assert ended.returncode and ended.stderr.startswith("no room left\n")
    assert not (tmp_path / "checkout/.venv/.ready").exists()
    assert make(installer).returncode == 0 and os.path.exists(tmp_path / "checkout/.venv/.ready")
