"""Execute an artefact's notebook with papermill and keep what it made under figures/<profile>/."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..artefacts import artefact, resolve
from ..core import paths
from ..core.atomic_write import write_aside
from ..core.errors import (
    DataError,
    Diverged,
    EffnetError,
    ParameterError,
    RunFailed,
    StoreError,
    debugging,
    one_line,
)
from ..core.home_caches import prepare
from ..core.last_resort import Unexpected, unexpected
from ..core.signals import Stopped
from ..core.user_paths import current_folder
from ..measure.maps.cam import MapError
from ..runs.progress.here import here as face
from ..runs.progress.relay import following

OURS = {  # need no kind before them
    kind.__name__ for kind in (EffnetError, ParameterError, DataError, StoreError, RunFailed, Diverged, MapError)
}
# jsonschema's check of international addresses, which no notebook has: it builds a parser of their grammar, 0.8 s.
GRAMMAR = "rfc3987_syntax"
STOPS = (KeyboardInterrupt.__name__, Stopped.__name__)


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
        RunFailed, Unexpected: with the notebook's own last line (EFFNET_DEBUG=1 prints its traceback before); the
            failed notebook is kept under results/failed/, and nothing is left in the figures' folder.
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
    here = current_folder()
    with _without(GRAMMAR):
        import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    prepare()
    try:
        with following(aside.with_name("progress.jsonl"), face()) as stream:
            papermill.execute_notebook(
                str(paths.notebooks_root() / aside.name),
                str(aside),
                parameters=dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                stdout_file=stream,
                cwd=str(here),
                extra_arguments=["--log-level=CRITICAL"],  # the kernel's own warnings would stand beside our one line
            )
    except PapermillExecutionError as error:
        if debugging():
            print("\n".join(error.traceback), file=sys.stderr)
        raise _of_a_cell(error.ename, error.evalue, _keep(aside)) from None
    except DeadKernelError:
        raise RunFailed(f"the kernel of {aside.name} died, perhaps for lack of memory{_keep(aside)}") from None
    except (OSError, RuntimeError, ValueError, KeyError) as error:  # before the first cell: its kernelspec, its start
        raise RunFailed(f"the kernel of {aside.name} could not be started: {one_line(error)}") from None


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Have what is imported meanwhile do without a module that it can do without, unless that is imported already."""
    if module in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules[module] = None  # Python's own word for a module that cannot be imported
    try:
        yield
    finally:
        del sys.modules[module]


def _of_a_cell(name: str, words: str, kept: str) -> EffnetError:
    """Return the error of a notebook that a cell ended, by the name and the words of the cell's own."""
    if name in OURS:
        return RunFailed(words + kept)
    if name in STOPS:
        return RunFailed(f"{name}: {words}{kept}")
    if name == Unexpected.__name__:
        return Unexpected(words + kept)
    return Unexpected(unexpected(f"{name}: {words}") + kept)


def _keep(failed: Path) -> str:
    """Keep a failed notebook under results/failed/ and say so; nothing where it cannot be kept."""
    kept = paths.results_root() / "failed" / failed.name
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(failed, kept)
    except OSError:  # that the results cannot be written may be the very reason
        return ""
    return f" (notebook kept as {kept})"
