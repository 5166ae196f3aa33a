"""Execute runs one after the other in this process."""

from ...core import signals
from ...training.monitor import Monitor
from ..run_spec import RunSpec
from ..sweep_state import Sweep
from ..worker import execute


def run(sweep: Sweep) -> None:
    """Execute a sweep's runs here, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for number, spec in enumerate(sweep.todo, 1):
            if sweep.fits(spec) and not signals.asked():
                fitted = sweep.fitted(spec)
                monitor = _monitor(sweep, {spec: fitted}, len(sweep.todo) - number)
                how = execute(fitted, sweep.dataset_of(spec), sweep.store, sweep.options.execution, monitor)
                sweep.ended(spec, how, fitted)
    finally:
        torch.set_num_threads(threads)


def _monitor(sweep: Sweep, running: dict[RunSpec, RunSpec], pending: int) -> Monitor:
    def look(*_: object) -> None:
        sweep.look(running, pending)

    return Monitor(sweep.deadline, look, look)
