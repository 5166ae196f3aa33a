"""`effnet` on a study of two runs that never end: `python -m support.command mapped|streamed COMMAND ...`."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from support.killing import ENDLESS, TESTS, notes, session, until

from effnet_lib.core import paths
from effnet_lib.runs.run_store import RunStore


class Command:
    """`effnet` as a terminal starts it, in a session of its own, on two runs that never end."""

    def __init__(self, folder: Path, images: Path, name: str, *arguments: str, how: str = "mapped"):
        self.store, self.error = RunStore(), folder / "stderr"
        command = [name, "--profile", "smoke", "--dataset", str(images), *arguments]
        environment = os.environ | {"PYTHONPATH": f"{TESTS}:{paths.ROOT}", "OMP_NUM_THREADS": "1"}
        with open(self.error, "w") as error, open(os.devnull, "w") as nothing:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.command", how, *command],
                env=environment, stdout=nothing, stderr=error, start_new_session=True,
            )  # fmt: skip

    def at(self, runs: int, epoch: int = 0) -> list[str]:
        """Wait until so many runs have trained so many epochs; return their keys."""
        until(lambda: len(self.reached(epoch)) == runs or self.process.poll() is not None)
        assert self.process.poll() is None, self.error.read_text()
        return self.reached(epoch)

    def reached(self, epoch: int) -> list[str]:
        return [key for key, note in notes(self.store.root).items() if note["epoch"] >= epoch]

    def stop(self, number: int, group: bool) -> None:
        """Send a signal, to all processes as Ctrl-C does or to one; expect a polite end and nobody left."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        assert self.process.wait(60) == 128 + number, self.error.read_text()
        name = signal.Signals(number).name
        assert self.error.read_text() == f"effnet: stopped by {name}; it goes on from there next time\n"
        until(lambda: not session(self.process.pid), 10)
        assert not notes(self.store.root) and not (self.store.root / "failed").exists()


def main(how: str, *arguments: str) -> int:
    """Be that command; streamed, no data set fits into memory."""
    from effnet_lib.apps import cli
    from effnet_lib.study import profiles
    from effnet_lib.training import input_pipeline

    smoke = profiles.PROFILES["smoke"]
    recipe = replace(smoke.recipe, epochs=ENDLESS)
    small = replace(smoke, recipe=recipe, widths=(1.0, 2.6), depths=(1.0,), resolutions=(1.0,))
    profiles.PROFILES["smoke"] = small
    if how == "streamed":
        input_pipeline.MEMORY_LIMIT = 0
    return cli.main(list(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
