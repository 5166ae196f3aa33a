"""Half a minute of what `make fuzz` does for ten; a fault that it finds becomes a test beside what it is a fault of."""

import os
import random

import pytest
from support.fuzzing.campaign import KINDS, Tried, fuzz
from support.fuzzing.guard import Hangs, checked, ends, kept
from support.fuzzing.world import ODD, world

from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError

SECONDS = 7.5  # of each kind
LEAST = 50  # inputs of each kind, however slow the machine


@pytest.fixture
def folders(roots):
    """The world that inputs are tried in, and its data sets."""
    with world(roots.resolve()) as found:
        assert len(found) == 1 + len(ODD)
        yield found


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_of_every_kind_ends_without_a_fault(folders, kind):
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(2**31))
    tried = fuzz(kind, folders, seed, SECONDS)  # hypothesis says the smallest input that is a fault
    assert tried.inputs >= LEAST and tried.ended["taken"] and tried.ended["refused"], f"{tried}, seed {seed}"


def test_inputs_are_counted_and_ended(folders):
    tried = fuzz("records", folders, 0, 60.0, most=120)
    assert tried.inputs == 120 and tried.line().startswith("| records | 120 | ")
    assert Tried("none").inputs == 0


def test_a_fault_is_seen(folders):
    def store() -> None:
        paths.results_root().mkdir()
        (paths.results_root() / "left").write_text("", encoding="utf-8")
        raise ParameterError("name", 1, "2")

    with pytest.raises(AssertionError, match="stored for a refused input"):
        checked(store)
    with pytest.raises(ZeroDivisionError):
        checked(lambda: 1 / 0)
    with pytest.raises(AssertionError, match="not one line"):
        checked(lambda: (_ for _ in ()).throw(ParameterError("name", 1, "x" * 1000)))
    assert len(kept()) == 1


def test_what_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr("support.fuzzing.guard.COMPUTES", 0.01)
    with pytest.raises(Hangs), ends():
        while True:
            pass
