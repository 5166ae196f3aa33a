"""Training whose result does not depend on the order of threads."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """Have torch refuse operations whose result depends on the order of threads, on a CPU where none is needed."""
    memory: Any = torch.utils.deterministic  # a module that torch makes as it is imported
    before, filled = torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    if on:
        memory.fill_uninitialized_memory = False  # it would write every new tensor twice
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        memory.fill_uninitialized_memory = filled
