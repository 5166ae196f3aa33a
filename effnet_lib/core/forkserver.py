"""Processes that a server starts, which has imported what they need."""

import multiprocessing
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext

from .signals import held


def server(*preload: str) -> ForkServerContext | SpawnContext:
    """Return a context whose processes a server starts that has imported the modules named in `preload`.

    The server outlives signals to a whole process group and ends with the process that asked for it; what it starts
    has signals blocked until it listens. Where there are no such servers, processes start from nothing.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    resource_tracker.ensure_running()  # first: its start unblocks the signals
    with held():
        forkserver.ensure_running()
    return context
