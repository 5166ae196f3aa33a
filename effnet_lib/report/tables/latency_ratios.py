"""Latencies of networks over a baseline's on this machine, measured once and kept: a plan must stay the same plan."""

import hashlib
import json

from ...core import paths
from ...core.atomic_write import write_aside
from ...core.errors import known as exactly
from ...core.hardware import processor_name
from ...measure.latency.relative import relative
from ...models.archs import Architecture, to_data

FILE = "latency_ratios.json"  # below the cache: deleted, it is measured again


class Ratios:
    """A function of a network that returns its latency over a baseline's; nothing is kept of a busy machine."""

    def __init__(self, base: Architecture):
        self.base, self.path = base, paths.cache_root() / FILE

    def __call__(self, arch: Architecture) -> float:
        """Return the ratio, measured now unless it is known.

        Raises:
            RunFailed: the machine is busy.
        """
        if arch == self.base:
            return 1.0
        stored, key = self._known(), self._key(arch)
        if key not in stored:
            found, _ = relative(self.base, arch)
            stored[key] = exactly(found.value)
            write_aside(self.path, json.dumps(stored, indent=1, sort_keys=True).encode())
        return stored[key]

    def _key(self, arch: Architecture) -> str:
        parts = [processor_name(), to_data(self.base), to_data(arch)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _known(self) -> dict[str, float]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {key: value for key, value in known.items() if isinstance(value, float) and value > 0}
