"""Execute runs one after the other in this process."""

from ...core import signals
from ..sweep_state import Sweep
from ..worker import execute


def run(sweep: Sweep) -> None:
    """Execute a sweep's runs here, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for spec in sweep.todo:
            if sweep.fits(spec) and not signals.asked():
                fitted = sweep.fitted(spec)
                how = execute(fitted, sweep.dataset_of(spec), sweep.store, sweep.options.execution, sweep.deadline)
                sweep.ended(spec, how, fitted)
    finally:
        torch.set_num_threads(threads)
