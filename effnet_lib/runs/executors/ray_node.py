"""What one node of a cluster does: train a run in a scratch folder of its own and hand back what came out."""

import os
import platform
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...core import paths, signals
from ...core.errors import EffnetError, StoreError, one_line
from ...data.datasets import DataSet
from ...training.execution import Execution
from ...training.monitor import Monitor
from ..run_spec import RunSpec
from ..run_store import RunStore
from ..sweep_state import USABLE, Sweep, SweepOptions
from ..worker import BUSY, FAILED, STORED, execute
from .processes import GLANCE, GRACE

WEIGHTS = 300_000_000  # bytes of weights that travel to the driver; B7 has 266 MB


@dataclass(frozen=True)
class Outcome:
    """Tell how a run ended on a node.

    Args:
        key: Of the run as it was executed, perhaps in smaller micro-batches.
        record: Its JSON text.
        weights: As safetensors; empty where they are too large to travel.
        reason: Why it failed.
        said: Lines of progress.
        asked: The process was asked to stop, by the driver or by whoever runs the node.
    """

    how: str
    key: str
    record: str = ""
    weights: bytes = b""
    reason: str = ""
    said: tuple[str, ...] = ()
    asked: bool = False


def train(spec: RunSpec, dataset: DataSet, execution: Execution, seconds: float) -> Outcome:
    """Train one run here, from the checkpoint that an earlier try left in the scratch.

    Args:
        dataset: A relative folder lies below this node's EFFNET_DATA.
        seconds: After so many the run pauses.
    """
    deadline = time.monotonic() + seconds
    said: list[str] = []
    with signals.listening(patient=True):  # ray.cancel and a node's SIGTERM both pause the run
        try:
            scratch = _scratch()
            os.environ["EFFNET_RESULTS"] = str(scratch.root)  # decoded images are the node's own as well
            if dataset.folder:
                dataset = replace(dataset, folder=paths.data_root() / dataset.folder)
            options = SweepOptions(workers=1, execution=execution, say=said.append)
            fitted = Sweep([spec], lambda _: dataset, scratch, options).fitted(spec, _gpu_bytes(execution))
            how, patience = execute(fitted, dataset, scratch, execution, Monitor(deadline)), time.monotonic() + GRACE
            while how == BUSY and time.monotonic() < patience and not signals.asked():
                time.sleep(GLANCE)  # the worker that had it before is about to die
                how = execute(fitted, dataset, scratch, execution, Monitor(deadline))
            if how == STORED:
                record, weights = _taken(scratch, fitted.key, said.append)
                return Outcome(how, fitted.key, record, weights, said=tuple(said))
            why = (scratch.failure(fitted.key) or "").partition(" ")[2] if how == FAILED else ""  # without its date
            return Outcome(how, fitted.key, reason=why, said=tuple(said), asked=signals.asked())
        except (EffnetError, OSError, MemoryError, RuntimeError, ValueError) as error:
            return Outcome(FAILED, spec.key, reason=one_line(error), said=tuple(said))


def _scratch() -> RunStore:
    root = paths.scratch_root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():  # temporary folders are everybody's
        raise StoreError(f"scratch folder {str(root)!r} is not yours; EFFNET_SCRATCH takes one that is")
    store = RunStore(published=False, root=root)
    store.check_writable()
    return store


def _gpu_bytes(execution: Execution) -> int | None:
    if execution.kind != "cuda":
        return None
    import torch

    torch.cuda.set_per_process_memory_fraction(execution.gpu_share)  # who needs more than its share fails alone
    return int(USABLE * execution.gpu_share * torch.cuda.mem_get_info()[1])


def _taken(scratch: RunStore, key: str, say: Callable[[str], None]) -> tuple[str, bytes]:
    """Take a finished run's record and weights out of the scratch store."""
    path, weights = scratch.path(key), scratch.weights(key)
    record, size = path.read_text(encoding="utf-8"), weights.stat().st_size
    content = weights.read_bytes() if size <= WEIGHTS else b""
    path.unlink()  # first: a record whose weights are gone could never be taken
    if content:
        weights.unlink()
    else:
        say(f"{key[:8]}: its weights, {size / 1e6:.0f} MB, stay on {platform.node()} as {weights}")
    return record, content
