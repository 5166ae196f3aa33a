"""A latency over another one: refused on a busy machine, and the process is left as it was found."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from effnet_lib.core.errors import RunFailed
from effnet_lib.measure.latency import machine, relative
from effnet_lib.models.archs.efficientnet import EfficientNet, Stage


def network(px: int) -> EfficientNet:
    return EfficientNet(px=px, classes=3, stem=8, stages=(Stage(1, 3, 1, 8, 1), Stage(6, 3, 2, 8, 2)), head=16)


@pytest.fixture
def busy(monkeypatch) -> list[str]:
    """What the machine is busy with, whatever it really is."""
    with_what: list[str] = []
    monkeypatch.setattr(machine, "busy", lambda report: list(with_what))
    return with_what


def test_the_ratio_is_of_the_second_over_the_first(busy, monkeypatch):
    def alternated(calls, rounds, repeats, after):
        assert [call() for call in calls] == [32, 64] and repeats == [3, 3]
        after(0)
        return SimpleNamespace(cpu=[np.full(rounds, 0.5), np.full(rounds, 1.0)])

    monkeypatch.setattr(relative, "_call", lambda arch: lambda: arch.px)
    monkeypatch.setattr(relative, "warm", lambda call: 3)
    monkeypatch.setattr(relative, "alternate", alternated)
    found, seconds = relative.relative(network(32), network(64), rounds=9)
    assert (found.value, found.low, found.high, found.n, seconds) == (2.0, 2.0, 2.0, 9, 0.5)


def test_a_network_is_called_as_it_is_timed():
    assert relative._call(network(32))().shape == (1, 3)


def test_a_busy_machine_is_refused_with_what_it_is_busy_with(busy, monkeypatch):
    busy.append("another process took 40 % of the core")
    before = torch.get_num_threads()
    with pytest.raises(RunFailed, match=r"busy.*40 % of the core; nothing was stored"):
        relative.relative(network(32), network(32), rounds=3)
    assert torch.get_num_threads() == before
