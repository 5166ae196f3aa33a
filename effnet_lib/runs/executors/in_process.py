"""Execute runs one after the other in this process."""

from functools import partial

from ...core import signals
from ...training.monitor import Monitor
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
                look = partial(sweep.look, {spec: fitted}, len(sweep.todo) - number)
                look()  # before the data are read
                monitor = Monitor(sweep.deadline, lambda *_, look=look: look(), lambda *_, look=look: look())
                how = execute(fitted, sweep.dataset_of(spec), sweep.store, sweep.options.execution, monitor)
                sweep.ended(spec, how, fitted)
    finally:
        torch.set_num_threads(threads)
