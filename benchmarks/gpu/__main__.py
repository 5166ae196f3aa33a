"""Measure training on a GPU and print one table: python -m benchmarks.gpu (or python benchmarks/gpu)

    python -m benchmarks.gpu --out gpu.json                    everything, within 9 minutes
    python -m benchmarks.gpu --only figure --whole --budget 900 --workers 2
                                                               really runs Figure 3's 17 runs, two at once
    python -m benchmarks.gpu --device cpu --small              whether it works, on any machine

Bars: a step of B0 at 224 px as fast as the best of timm's, a whole run at 64 px four times as fast as in the way of
timm's train.py, Figure 3 at one seed in 8 minutes, memory predicted within 20 %. Parts run in order of value, each in a
process of its own; what fails or does not fit says so in its rows. Exit code 1 if anything failed. Nothing is written
but the file given, and a temporary folder.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

if __package__ in (None, ""):  # started as a folder: its modules are found from the repository
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.gpu import table
from benchmarks.gpu.plan import PARTS


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ... or cpu (default: cuda)")
    parser.add_argument("--small", action="store_true", help="tiny networks and counts, one round: a test")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds for everything (default: 540)")
    parser.add_argument("--batch", type=int, default=256, help="images a step of B0 at 224 px (default: 256)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that alternate what is compared (default: 5)")
    parser.add_argument("--only", default=",".join(names), help=f"parts, of {', '.join(names)}")
    parser.add_argument("--whole", action="store_true", help="run Figure 3's 17 runs instead of extrapolating them")
    parser.add_argument("--workers", type=int, help="of --whole: runs at once (default: one, in the process)")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    given = parser.parse_args()
    given.only = given.only.split(",")
    if unknown := set(given.only) - set(names):
        parser.error(f"--only takes {', '.join(names)}, not {', '.join(sorted(unknown))}")
    return given


def main() -> int:
    """Measure, print, and return the exit code."""
    given = arguments()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        # No part reads or writes the results of this repository, or what a compiler made in an earlier run.
        os.environ["EFFNET_RESULTS"] = str(Path(scratch) / "results")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(scratch) / "inductor")
        from benchmarks.gpu import runner
        from benchmarks.gpu.kit import Settings
        from effnet_lib.core.atomic_write import write_aside

        rounds = 1 if given.small else given.rounds
        settings = Settings(given.device, given.small, given.batch, rounds, given.whole, given.workers, Path(scratch))

        def changed(rows: runner.Rows, about: dict) -> None:
            if given.out:
                write_aside(given.out, table.as_json(rows.values(), about).encode())

        started = time.monotonic()
        rows, about = runner.measure(settings, given.budget, given.only, changed)
    about |= {"seconds": round(time.monotonic() - started), "budget": given.budget}
    changed(rows, about)
    print(table.as_text(rows.values(), about))
    return int(any(row.state == table.FAILED for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
