"""What to run: RunSpec, and the key that its result is stored under.

A run's key is the SHA-256 of canonical JSON of what defines its result: architecture, recipe, declared data set,
seed, micro-batch and the integer SEMANTICS. Device, versions, date and the data's content fingerprint are
provenance: stored and shown, but not part of the key, so records redraw on another machine and without the data.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from ..models.archs import Architecture, to_data
from ..training.recipes import Recipe

SEMANTICS = 1  # raise by hand when code changes what a run means


@dataclass(frozen=True)
class RunSpec:
    """Describe one network to train once.

    Args:
        data: The data set's declared id.
        micro_batch: Images a forward pass; 0 is the recipe's batch.
    """

    arch: Architecture
    recipe: Recipe
    data: str
    seed: int
    micro_batch: int = 0

    def payload(self) -> dict[str, Any]:
        """Return the JSON-ready data that the key is made of."""
        return {"arch": to_data(self.arch), **self._besides()}

    def _besides(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_data(),
            "data": self.data,
            "seed": self.seed,
            "micro_batch": self.micro_batch or self.recipe.batch,
            "semantics": SEMANTICS,
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 of the payload's canonical JSON, 64 hex digits."""
        return self.split_keys[0]

    def splits(self) -> "Iterator[RunSpec]":
        """Yield the run itself, then the same one in smaller micro-batches that divide its own, the largest first.

        Where a batch does not fit a device, or several processes share it, it is split; the gradients are the same,
        batch-norm statistics are those of the smaller batch, hence another key.
        """
        yield self
        yield from (replace(self, micro_batch=part) for part in self._smaller())

    def _smaller(self) -> list[int]:
        micro = self.micro_batch or self.recipe.batch
        return [part for part in range(micro // 2, 0, -1) if micro % part == 0]

    @cached_property
    def split_keys(self) -> tuple[str, ...]:
        """The keys of `splits`, in that order: plans look for those of up to 100,000 runs."""
        texts = {name: _canonical(value) for name, value in self._besides().items()} | {
            "arch": _network(_Same(self.arch))
        }
        names = sorted(texts)
        place = names.index("micro_batch")
        fields = [f'"{name}":{texts[name]}' for name in names]
        before = "{" + "".join(f"{field}," for field in fields[:place])
        after = "".join(f",{field}" for field in fields[place + 1 :]) + "}"
        micro_batches = (self.micro_batch or self.recipe.batch, *self._smaller())
        return tuple(_sha256(f'{before}"micro_batch":{_canonical(micro)}{after}') for micro in micro_batches)


@dataclass(frozen=True, eq=False)
class _Same:
    """Stand for one object and no equal one: 1 and 1.0 are equal, and other texts."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=4096)  # it keeps the object, so that no other gets its id
def _network(same: _Same) -> str:
    return _canonical(to_data(same.value))


def payload_key(payload: dict[str, Any]) -> str:
    """Return the key of a payload as `RunSpec.payload` gives it."""
    return _sha256(_canonical(payload))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
