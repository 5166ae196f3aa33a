"""Which face of progress the output of this process can show."""

import os
import sys
from pathlib import Path

from .face import Log, Progress, Several
from .notebook import Notebook
from .relay import VARIABLE, Relay


def _in_kernel() -> bool:
    """Say whether a notebook's kernel runs this; nothing is imported that such a kernel has not imported already."""
    shell = sys.modules.get("ipykernel.zmqshell")
    return bool(shell and shell.ZMQInteractiveShell.initialized())


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(f"{line}\n", end="", flush=True)  # in one piece, between what another thread may print


def here() -> Progress:
    """Return what shows progress here: an updating output, a live line, or lines where neither can be.

    A kernel that `effnet run` has started passes it on to that terminal as well.
    """
    if _in_kernel():
        path = os.environ.get(VARIABLE)
        return Several(Notebook(), Relay(Path(path))) if path else Notebook()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        try:
            from .terminal import Live
        except ModuleNotFoundError:  # tqdm comes with the extra `notebooks`
            return Log(say)
        return Live(sys.stdout)
    return Log(say)
