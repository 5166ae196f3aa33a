"""Execute an artefact's notebook with papermill and keep what it made under figures/<profile>/."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artefacts import artefact, resolve
from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import DataError, Diverged, ParameterError, RunFailed, StoreError, one_line

OURS = {
    kind.__name__ for kind in (ParameterError, DataError, StoreError, RunFailed, Diverged)
}  # need no kind before them


def value_of(text: str) -> Any:
    """Read a -p value as papermill does: True, False, None, a whole or floating number, otherwise a string."""
    named = {"True": True, "False": False, "None": None}
    if text in named:
        return named[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def run_notebook(name: str, parameters: Mapping[str, Any], figures: Path | None = None) -> Path | None:
    """Execute an artefact's notebook; return figures/<profile>/<notebook>.ipynb, or None for a dry run.

    Parameters are checked before a kernel starts.

    Raises:
        ParameterError: a parameter is not accepted.
        RunFailed: with the notebook's own last line; the failed notebook is kept under results/failed/, and nothing is
            left in the figures' folder.
    """
    chosen, checked = artefact(name), resolve(parameters, name)
    folder = (figures or paths.figures_root()) / checked.profile
    out = folder / f"{chosen.notebook}.ipynb"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            aside = Path(scratch) / out.name
            _execute(aside, parameters)
            if checked.dry_run:
                return None
            write_aside(out, aside.read_bytes())
    except OSError as error:
        raise RunFailed(f"{out.name} could not be executed or kept: {one_line(error)}") from None
    return out


def _execute(aside: Path, parameters: Mapping[str, Any]) -> None:
    """Execute a notebook into a file aside, in the caller's folder. Raises RunFailed for whatever ends it."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            str(paths.notebooks_root() / aside.name),
            str(aside),
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            stdout_file=sys.stdout,
            cwd=os.getcwd(),
            extra_arguments=["--log-level=CRITICAL"],  # the kernel's own warnings would stand beside our one line
        )
    except PapermillExecutionError as error:
        named = "" if error.ename in OURS else f"{error.ename}: "
        raise RunFailed(f"{named}{error.evalue}{_keep(aside)}") from None
    except DeadKernelError:
        raise RunFailed(f"the kernel of {aside.name} died, perhaps for lack of memory{_keep(aside)}") from None
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # before the first cell: its kernelspec, its start
        raise RunFailed(f"the kernel of {aside.name} could not be started: {one_line(error)}") from None


def _keep(failed: Path) -> str:
    """Keep a failed notebook under results/failed/ and say so; nothing where it cannot be kept."""
    kept = paths.results_root() / "failed" / failed.name
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(failed, kept)
    except OSError:  # that the results cannot be written may be the very reason
        return ""
    return f" (notebook kept as {kept})"
