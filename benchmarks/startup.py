"""Print what is around the training step: python benchmarks/startup.py

The bars, on an idle machine: `effnet list` 0.5 s, `effnet status` 1 s, `make fig3` with every run stored 8 s, a plan of
100,000 runs made and summed up 10 s. Each command runs in a process of its own, the second call counts; processor time
stands beside wall time, since a busy machine makes only the latter longer. Expected on one core of a 2024 EPYC: 0.3,
0.7, 6.3 and 5.5 s of processor time; a minute altogether.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from effnet_lib.core import paths

PLAN = """
import effnet_lib as eff

lists = {"widths": [1.0, 1.8], "depths": [1.0, 4.0], "resolutions": [round(1 + 0.025 * i, 3) for i in range(97)]}
plan = eff.plan("fig3", profile="cpu", seeds=1000, train=False, **lists)
print(plan.summary())
plan.overview(), plan.run()
"""
STORE = """
import shutil, sys
import effnet_lib as eff
from effnet_lib.core import paths

for spec in eff.plan("fig3", profile="cpu").specs.values():
    shutil.copy(paths.published_root() / "records" / f"{spec.key}.json", sys.argv[1])
"""
CASES = {
    "effnet list": (0.5, ["-m", "effnet_lib", "list"]),
    "effnet status": (1.0, ["-m", "effnet_lib", "status"]),
    "make fig3, stored": (8.0, ["-m", "effnet_lib", "run", "fig3"]),
    "a plan of 100,000 runs": (10.0, ["-c", PLAN]),
}


def seconds(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Return a command's wall and processor seconds, and its last line."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent, done.stdout.strip().splitlines()[-1]


def main() -> None:
    """Time every case twice in folders of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {f"EFFNET_{name}": str(Path(scratch) / name.lower()) for name in ("RESULTS", "FIGURES")}
        environment = os.environ | folders | {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}
        records = Path(folders["EFFNET_RESULTS"]) / "records"
        records.mkdir(parents=True)
        subprocess.run([sys.executable, "-c", STORE, str(records)], env=environment, check=True)
        for name, (bar, arguments) in CASES.items():
            seconds(arguments, environment)
            wall, spent, line = seconds(arguments, environment)
            print(
                f"{name:24} {wall:5.2f} s wall, {spent:5.2f} s of processor time (bar {bar:g} s)  {line[:70]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
