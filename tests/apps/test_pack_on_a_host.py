"""A pack from end to end: made here, started from its own code in an empty folder, its records published at home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from effnet_lib.apps import cli
from effnet_lib.apps.pack.manifest import read
from effnet_lib.apps.publish import check, publish_records
from effnet_lib.core import paths
from effnet_lib.runs.run_store import RunStore

QUEUE = ("-m", "effnet_lib", "queue", "--budget", "300", "--workers", "0", "--pack")


def on_the_host(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python where none of this machine's folders is known, and no installed library is asked for."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EFFNET_")}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_host_without_network_or_data_trains_what_is_pending(images, roots):
    packed, host = roots / "packed", roots / "host"
    command = ["pack", str(packed), "--profile", "smoke", "--dataset", str(images), "--artefact", "fig3"]
    assert cli.main([*command, "--limit", "5MB"]) == 0
    host.mkdir()
    packed.rename(host / "pack")
    subprocess.run(["tar", "-xf", "pack/part-001.tar", "code"], cwd=host, check=True)
    done = on_the_host(host / "code", *QUEUE, "../pack")
    manifest = read(host / "pack")
    assert done.returncode == 0, done.stderr
    assert f"{len(manifest.runs)} runs stored, 0 failed, 0 paused, 0 left" in done.stdout
    records = host / "code/results/records"
    assert {path.stem for path in records.iterdir()} == set(manifest.runs)
    again = on_the_host(host / "code", *QUEUE, "../pack")
    assert "0 runs stored" in again.stdout and "unpacked" not in again.stdout
    assert sorted(publish_records(check(records))) == sorted(manifest.runs)
    assert len(list((paths.published_root() / "records").iterdir())) == len(manifest.runs)
    assert all(RunStore().get(key).published for key in manifest.runs)
