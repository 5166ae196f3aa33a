"""A disk that is full, read-only or gone fails the runs that it must, each with a reason, and no more."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from support.killing import TESTS

from effnet_lib.core import paths


def can_mount() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_fails_what_it_must_with_a_reason_and_no_more(tmp_path, workers):
    if not can_mount():
        pytest.skip("this system lets nobody mount a small disk (unshare -rm mount)")
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{paths.ROOT}", "EFFNET_RESULTS": str(tmp_path / "cache")}
    command = ["unshare", "-rm", sys.executable, "-m", "support.full_disk", str(tmp_path), str(workers)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    told, (_, *parts) = json.loads(done.stdout.splitlines()[-1]), done.stderr.split("-- ")
    errors = {name: lines for name, *lines in (part.splitlines() for part in parts)}
    full = "OSError: [Errno 28] No space left on device"

    one = told["no room for one checkpoint"]
    assert (one["stored"], one["failed"]) == (1, 1) and full in one["reasons"][0]
    assert errors["no room for one checkpoint"] == []

    none = told["no room at all"]
    assert (none["stored"], none["failed"], none["reasons"]) == (0, 2, [None, None])
    lines = errors["no room at all"]
    assert len(lines) == 2 and all(f"{full}" in line and "(not noted: No space left" in line for line in lines)

    assert told["read-only"] == 2
    (line,) = errors["read-only"]
    assert line.startswith("effnet: results folder ") and "cannot be written (Read-only file system)" in line

    if workers == 0:
        assert told["lost"]["failed"] == 2 and len(errors["lost"]) == 2
        assert all("Read-only file system" in line for line in errors["lost"])
    assert told["room again"] == {"stored": 1, "failed": 0, "left": 0, "reasons": []}
    assert told["identical"] and told["leftovers"] == []
