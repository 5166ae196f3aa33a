"""Execute runs one after the other in this process."""

from functools import partial

from ...core import signals
from ...training.monitor import Monitor
from ..folded_worker import execute_together, outcome
from ..sweep_state import Sweep


def run(sweep: Sweep) -> None:
    """Execute a sweep's runs here, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pending = list(sweep.todo)
        while not signals.asked() and (group := sweep.take_together(pending)):
            look = partial(sweep.look, group, len(pending))
            look()  # before the data are read
            monitor = Monitor(sweep.deadline, lambda *_, look=look: look(), lambda *_, look=look: look())
            data, execution = sweep.dataset_of(next(iter(group))), sweep.options.execution
            how = execute_together(list(group.values()), data, sweep.store, execution, monitor)
            for spec, fitted in group.items():
                sweep.ended(spec, outcome(how, fitted.key, sweep.store), fitted)
    finally:
        torch.set_num_threads(threads)
