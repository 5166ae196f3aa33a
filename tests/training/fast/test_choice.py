"""Who computes what is measured once, kept, and never guessed from a file that says nothing."""

import json

import pytest

from effnet_lib.core.paths import cache_root
from effnet_lib.training.fast import choice, compiled
from effnet_lib.training.fast.choice import Choice

KEY = ("norm", "silu", 2, 8, 4, 4)


@pytest.fixture
def timed(monkeypatch) -> list[bool]:
    """Stand in for the clock: the kernel wins; every measurement is noted."""
    seen: list[bool] = []
    monkeypatch.setattr(choice, "_measured", {})
    monkeypatch.setattr(choice, "kept_in", lambda: None)
    monkeypatch.setattr(choice, "faster", lambda kernel, torch: seen.append(True) or True)
    return seen


def nothing() -> None:
    raise AssertionError("only the clock calls it")


def test_a_shape_is_measured_once_in_a_process_and_once_in_a_folder(timed, monkeypatch):
    first = Choice()
    assert first.kernel(KEY, nothing, nothing) and first.kernel(KEY, nothing, nothing)
    assert Choice().kernel(KEY, nothing, nothing) and len(timed) == 1
    first.keep()
    monkeypatch.setattr(choice, "_measured", {})  # another process
    monkeypatch.setattr(choice, "faster", lambda kernel, torch: False)
    assert Choice().kernel(KEY, nothing, nothing)
    assert not Choice().kernel((*KEY[:-1], 5), nothing, nothing)


def test_a_checkpoints_choice_stands_whatever_was_measured_since(timed):
    assert Choice().kernel(KEY, nothing, nothing)
    resumed = Choice({KEY: False})
    assert not resumed.kernel(KEY, nothing, nothing)
    assert resumed.left_to_torch() == ["norm silu 2 8 4 4"] and Choice({KEY: True}).left_to_torch() == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"for": 1}', '{"for": "another processor", "chosen": [[["a"], true]]}', "null"]
)
def test_a_file_of_choices_that_says_nothing_is_measured_anew(timed, body):
    cache_root().mkdir(parents=True)
    path = cache_root() / "kernel-choices.json"
    path.write_text(body, encoding="utf-8")
    made = Choice()
    assert made.kernel(KEY, nothing, nothing) and len(timed) == 1
    made.keep()
    assert json.loads(path.read_text(encoding="utf-8")) == {"for": compiled.kept_for(), "chosen": [[list(KEY), True]]}


def test_a_folder_that_takes_nothing_stops_no_run(timed):
    cache_root().parent.mkdir(parents=True, exist_ok=True)
    cache_root().write_text("no folder")
    made = Choice()
    made.kernel(KEY, nothing, nothing)
    made.keep()
    assert made.chosen == {KEY: True}


@pytest.mark.parametrize(("kernel", "torch", "wins"), [(1.0, 1.0, True), (1.04, 1.0, True), (1.06, 1.0, False)])
def test_what_is_equal_is_left_to_the_kernel(monkeypatch, kernel, torch, wins):
    now = 0.0

    def way(seconds: float):
        def run() -> None:
            nonlocal now
            now += seconds

        return run

    monkeypatch.setattr(choice.time, "thread_time", lambda: now)
    assert choice.faster(way(kernel), way(torch)) is wins
