"""Latencies of networks that were measured, and what they say of others of the same line."""

from collections.abc import Mapping
from math import exp, log

import numpy as np

from ...models.archs import Architecture
from ...models.complexity import count

APART = 0.1  # in log multiply-adds: of networks nearer to each other a slope would be noise
SLOPES = (0.25, 2.0)  # of log latency over log multiply-adds, beyond which no extrapolation goes
PROPORTIONAL = 1.0


class Latencies:
    """Measured latencies in seconds; of other networks by multiply-adds, both as logarithms."""

    def __init__(self, measured: Mapping[Architecture, float]):
        self._seconds: dict[Architecture, float] = {}
        self._points: list[tuple[float, float]] = []
        for arch, seconds in measured.items():
            self.add(arch, seconds)

    def add(self, arch: Architecture, seconds: float) -> None:
        """Take a measurement over."""
        self._seconds[arch] = seconds
        self._points = sorted([*self._points, (log(count(arch).madds), log(seconds))])

    def measured(self, arch: Architecture) -> bool:
        """Say whether this very network was measured."""
        return arch in self._seconds

    def how(self, arch: Architecture) -> str:
        """Say where a network's latency comes from: measured, interpolated or extrapolated."""
        if self.measured(arch):
            return "measured"
        inside = self._points[0][0] <= log(count(arch).madds) <= self._points[-1][0]
        return "interpolated" if inside else "extrapolated"

    def seconds(self, arch: Architecture) -> float:
        """Return a network's latency, measured or from those of others."""
        if self.measured(arch):
            return self._seconds[arch]
        at, (places, values) = log(count(arch).madds), zip(*self._points, strict=True)
        inside = min(max(at, places[0]), places[-1])
        return exp(float(np.interp(inside, places, values)) + self._slope() * (at - inside))

    def _slope(self) -> float:
        (first, lowest), (last, highest) = self._points[0], self._points[-1]
        if last - first < APART:
            return PROPORTIONAL
        return min(max((highest - lowest) / (last - first), SLOPES[0]), SLOPES[1])
