"""What a trainer is given: a network with its recipe, data and seed, wherever that comes from."""

from typing import Protocol

from ..models.archs import Architecture
from .recipes import Recipe


class TrainingJob(Protocol):
    """What is trained: a RunSpec, for example; read, and never changed."""

    @property
    def arch(self) -> Architecture: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def data(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def micro_batch(self) -> int: ...

    @property
    def key(self) -> str: ...
