"""Runs on a disk of 3 MB that is full, read-only or gone: `unshare -rm python -m support.full_disk FOLDER WORKERS`.

The last line on stdout is JSON, by what was the matter with the disk; stderr has a line `-- WHAT` before each.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from support import killing

from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore

SMALL, OTHER = killing.specs("short", 0, 1)
LARGE = replace(SMALL, arch=replace(killing.ARCH, head=30_000))  # a checkpoint of 4 MB


class Disk:
    """The disk, a store on it, and what became of the sweeps."""

    def __init__(self, folder: Path, workers: int):
        self.root, self.workers, self.told = folder / "disk", workers, {}
        self.store, self.filler = RunStore(published=False, root=self.root), self.root / "filler"
        self.root.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")

    def mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self.root)], check=True)

    def sweep(self, name: str, *runs: RunSpec) -> None:
        print(f"-- {name}", file=sys.stderr, flush=True)
        report = killing.sweep(list(runs), self.root, self.workers)
        self.told[name] = {how: len(getattr(report, how)) for how in ("stored", "failed", "left")}
        self.told[name]["reasons"] = [self.store.failure(spec.key) for spec in report.failed]

    def fill(self) -> None:
        with open(self.filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def lose(self) -> None:
        """Between two steps of a run, all that is under the disk's path turns read-only."""
        from effnet_lib.training import trainer

        step = trainer.Run._step

        def lost(run, batches) -> None:
            step(run, batches)
            trainer.Run._step = step
            self.mount("-t", "tmpfs", "-o", "ro", "tmpfs")

        trainer.Run._step = lost
        self.sweep("lost", OTHER, replace(OTHER, seed=5))
        subprocess.run(["umount", str(self.root)], check=True)

    def command(self) -> None:
        """Ask the command for runs while nothing can be written."""
        from effnet_lib.apps import cli

        before, os.environ["EFFNET_RESULTS"] = os.environ["EFFNET_RESULTS"], str(self.root)
        print("-- read-only", file=sys.stderr, flush=True)
        queue = ["queue", "--profile", "smoke", "--budget", "9", "--workers", str(self.workers)]
        self.told["read-only"] = cli.main(queue)
        os.environ["EFFNET_RESULTS"] = before


def main(folder: Path, workers: int) -> None:
    """Go through all that may be the matter, and through the same runs when it is over."""
    disk, whole = Disk(folder, workers), RunStore(published=False, root=folder / "whole")
    killing.sweep([SMALL], whole.root, 0)  # what it should be; and the images' cache is warm
    disk.sweep("no room for one checkpoint", LARGE, SMALL)
    if workers == 0:
        disk.lose()
    for spec in (LARGE, OTHER):
        (disk.root / "failed" / f"{spec.key}.txt").unlink(missing_ok=True)
    disk.fill()
    disk.sweep("no room at all", LARGE, OTHER)
    disk.mount("-o", "remount,ro")
    disk.command()
    disk.mount("-o", "remount,rw")
    disk.filler.unlink()
    disk.sweep("room again", SMALL, OTHER)
    left = killing.leftovers(disk.store, [SMALL, OTHER])
    disk.told["identical"] = killing.outcome(disk.store, SMALL) == killing.outcome(whole, SMALL)
    disk.told["leftovers"] = [path for path in left if LARGE.key not in path]
    print(json.dumps(disk.told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
