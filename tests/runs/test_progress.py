"""What people see of a sweep: the words, and each face that shows them."""

import json
import os
import threading
import time
from dataclasses import replace

import pytest
from support.shown import Displayed, Recorded, Terminal

from effnet_lib.core.atomic_write import write_aside
from effnet_lib.runs.progress import here, relay, terminal
from effnet_lib.runs.progress.face import Log, Progress, Several, shown
from effnet_lib.runs.progress.notebook import Notebook
from effnet_lib.runs.progress.standing import Standing, Tally, running_words
from effnet_lib.runs.sweep import Sweep, SweepOptions, run_all
from effnet_lib.runs.sweep_pace import Pace
from effnet_lib.runs.worker import FAILED, STORED

AT = Standing(8, 20, "8 of 20 stored", "2 running, 10 pending", 250.0, news="8, 3")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves: clock(seconds)."""
    now = [1000.0]

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return pass_by


def test_the_words_for_where_a_sweep_stands():
    assert AT.line() == "8 of 20 stored, about 4 min left, 2 running, 10 pending"
    assert replace(AT, left=None, now="").line() == "8 of 20 stored"
    known = [("3f2a91bc", 3, 40), ("77ab01ce", 12, 40)]
    assert running_words(known, 10) == "2 running (3f2a91bc 3/40, 77ab01ce 12/40 epochs), 10 pending"
    assert running_words([("3f2a91bc", None, 40)], 0) == "1 running (3f2a91bc), 0 pending"
    many = [(f"run{number}", number, 40) for number in range(9)]
    assert running_words(many, 0).endswith("run3 3/40 epochs, 5 more), 0 pending")
    assert running_words([], 3) == "0 running, 3 pending"


def test_the_words_for_what_sweeps_came_to():
    first, second = Tally(1, 0, 0, 20.0, "by 2 workers on cpu"), Tally(3, 1, 2, 100.0, "by 2 workers on cpu")
    assert first.line() == "1 run trained and stored, in 20 s by 2 workers on cpu"
    expected = "4 runs trained and stored, 1 failed, 2 not finished, in 2 min by 2 workers on cpu"
    assert (first + second).line() == (Tally() + first + second).line() == expected


def test_a_log_says_what_is_new_and_that_not_too_often(clock):
    said = []
    log = Log(said.append)
    log.show(AT)
    assert said == []  # for ten seconds, whoever started it knows what was started
    for _ in range(100):
        clock(1)
        log.show(AT)
    assert said == [AT.line()]
    clock(30)
    log.show(AT)  # two minutes of silence
    assert len(said) == 2
    log("a run ended")
    for number in range(100):
        clock(0.5)
        log.show(replace(AT, news=f"epoch {number}"))
    assert said[2] == "a run ended" and len(said) == 3 + 5
    clock(60)
    log.show(replace(AT, news="epoch 100", rest=90.0))
    log.show(replace(AT, news=""))
    assert len(said) == 8


def test_each_face_looks_at_its_own_pace(clock):
    looks, slow, quick = [], Progress(), Progress()
    slow.every, quick.every = 10.0, 1.0
    slow.show = lambda standing: looks.append("slow")
    quick.show = lambda standing: looks.append("quick")
    both = Several(slow, quick)
    for _ in range(20):
        both.look(lambda: AT)
        clock(1)
    assert (looks.count("slow"), looks.count("quick")) == (2, 20)
    both.look(lambda: AT, at_once=True)
    assert looks[-2:] == ["slow", "quick"]


def test_a_notebook_keeps_one_output_that_says_what_ran(clock):
    displayed = Displayed()
    shows = Notebook(displayed)
    for number in range(5):
        clock(2)
        shows.show(replace(AT, head=f"{number} of 20 stored"))
        assert '<progress max="1" value="0.400">' in displayed.only["text/html"]
    shows.ended("1 of 2: 3f2a91bc: stored 78.0 %", well=True)
    shows.ended("1 of 2: 77ab01ce: failed (a <bad> seed)", well=False)
    assert displayed.only["text/plain"].startswith("4 of 20 stored, about 4 min left")
    shows.finish(Tally(1, 1, 0, 30.0, "on cpu"))
    shows.finish(Tally(2, 0, 0, 30.0, "on cpu"))
    failed, output = "1 of 2: 77ab01ce: failed (a <bad> seed)", displayed.only
    assert output["text/plain"] == f"3 runs trained and stored, 1 failed, in 60 s on cpu\n{failed}"
    assert "&lt;bad&gt;" in output["text/html"] and "<progress" not in output["text/html"]


def test_a_notebook_is_updated_where_something_changed_and_for_papermill_to_save(clock):
    displayed = Displayed()
    shows = Notebook(displayed)
    for _ in range(60):
        clock(2)
        shows.show(AT)
    assert 4 <= displayed.messages <= 5  # in two minutes


def test_a_terminal_has_one_live_line_at_its_bottom():
    screen = Terminal()
    live = terminal.Live(screen)
    live.show(AT)
    assert len(screen.rows) == 1 and screen.rows[0].startswith("8 of 20 stored |")
    assert "| about 4 min left, 2 running, 10 pending" in screen.rows[0]
    live("9 of 20: a run ended")
    assert screen.rows == ["9 of 20: a run ended", ""]
    live.show(replace(AT, head="9 of 20 stored"))
    live.stream.write("half a ")
    live.show(AT)
    assert screen.rows == ["9 of 20: a run ended", "half a"]  # it waits for the other half
    live.stream.write("line\n")
    live.show(AT)
    assert screen.rows[1] == "half a line" and screen.rows[2].startswith("8 of 20 stored |")
    live.finish(Tally(20))
    assert screen.rows == ["9 of 20: a run ended", "half a line", ""]


def test_where_each_face_is_chosen(monkeypatch, tmp_path):
    assert isinstance(here.here(), Log)
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(here.here(), terminal.Live)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(here.here(), Log)
    monkeypatch.setattr(here, "_in_kernel", lambda: True)
    assert isinstance(here.here(), Notebook)
    monkeypatch.setenv(relay.VARIABLE, str(tmp_path / "progress"))
    assert [type(one) for one in here.here().faces] == [Notebook, relay.Relay]
    said = []
    assert shown(live := terminal.Live(Terminal())) is live and isinstance(shown(said.append), Log)


def test_a_kernel_passes_everything_on(tmp_path, monkeypatch):
    monkeypatch.delenv(relay.VARIABLE, raising=False)
    seen, path = Recorded(), tmp_path / "progress.jsonl"
    with relay.following(path, seen):
        passed = relay.Relay(path)
        passed("decided: w=1")
        passed.show(AT)
        passed.ended("1 of 2: stored", True)
        passed.finish(Tally(2, 1))
        with open(path, "a") as file:
            file.write('["say", "a kernel that dies in the mid')
    assert seen.events == ["decided: w=1", AT, ("1 of 2: stored", True), Tally(2, 1), None]
    assert not followers() and relay.VARIABLE not in os.environ
    relay.Relay(tmp_path / "gone" / "progress.jsonl")("nobody reads this")  # and no run fails of it


def followers() -> list[threading.Thread]:
    """The threads that follow a kernel."""
    return [thread for thread in threading.enumerate() if "(follow)" in thread.name]


def test_what_a_kernel_prints_stands_after_what_it_has_shown_before(tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "GLANCE", 1e9)  # nobody looks by itself
    path, screen = tmp_path / "progress", Terminal()
    with relay.following(path, terminal.Live(screen)) as stream:
        for number in (1, 2):
            relay.Relay(path).show(AT)
            relay.Relay(path).ended(f"{number} of 2: stored", True)
            stream.write(f"{number} records\n")
    assert screen.rows == ["1 of 2: stored", "1 records", "2 of 2: stored", "2 records", ""] and not followers()


def test_whoever_looks_on_is_let_go_where_the_kernel_dies(tmp_path):
    screen = Terminal()
    with pytest.raises(RuntimeError, match="died"), relay.following(tmp_path / "progress", terminal.Live(screen)):
        relay.Relay(tmp_path / "progress").show(AT)
        raise RuntimeError("died")
    assert screen.rows == [""] and not followers()


def test_a_sweep_shows_its_runs_epochs_and_the_time_left(store, tiny_data, tiny_spec, record_of):
    specs = [replace(tiny_spec, seed=seed) for seed in range(4)]
    pace = Pace(specs, store, lambda spec: 30.0)
    for spec, body in zip(specs[1:], ({"epoch": 1, "seconds": 20.0}, {"epoch": "?", "seconds": 0.0}), strict=False):
        write_aside(store.root / "running" / f"{spec.key}.json", json.dumps(body | {"epochs": 3}).encode())
    pace.ended(specs[0], record_of(specs[0], train_seconds=60.0))
    at = pace.standing({spec: spec for spec in specs[1:3]}, 1, (1, 0), 2)
    names = [spec.key[:8] for spec in specs]
    assert at.line().endswith(f"2 running ({names[1]} 1/3, {names[2]} epochs), 1 pending") and at.done == 1 + 1 / 3
    # Twice as slow as estimated: 20 s more of one and 30 s each of two others, doubled, by two.
    assert at.left == pytest.approx(2 * (20 + 30 + 30) / 2) and at.head == "1 of 4 stored"
    assert pace.standing({specs[3]: specs[3]}, 0, (3, 0), 2).left >= 60.0
    assert Pace(specs, store, lambda spec: 0.0).standing({}, 4, (0, 0), 2).left is None


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sweep_shows_what_runs_and_what_it_came_to(store, tiny_data, tiny_spec, workers):
    seen = Recorded()
    broken = replace(tiny_spec, recipe=replace(tiny_spec.recipe, lr=1e30, clip=0.0))
    run_all([tiny_spec, broken], lambda spec: tiny_data, store, SweepOptions(workers, say=seen))
    ended = {line.split(": ")[1][:8]: well for line, well in (event for event in seen.events if type(event) is tuple)}
    assert ended == {tiny_spec.key[:8]: True, broken.key[:8]: False}
    shown_ = [event for event in seen.events if isinstance(event, Standing)]
    # Which of two workers ends first, and whether before the first look, is the machine's matter.
    assert shown_ and all(" of 2 stored" in one.head for one in shown_)
    if not workers:
        assert shown_[0].head == "0 of 2 stored" and tiny_spec.key[:8] in shown_[0].now + shown_[1].now
    tally = seen.events[-1]
    assert (tally.stored, tally.failed, tally.unfinished) == (1, 1, 0)
    assert tally.who == ("by 2 workers on cpu" if workers else "on cpu")


def test_runs_that_are_refused_before_anything_is_read_are_counted(store, tiny_data, tiny_spec):
    seen = Recorded()
    sweep = Sweep([tiny_spec, replace(tiny_spec, seed=1)], lambda spec: tiny_data, store, SweepOptions(1, say=seen))
    sweep.ended(tiny_spec, FAILED)
    sweep.todo = sweep.todo[1:]
    sweep.finish()
    assert seen.events[-1].line().startswith("0 runs trained and stored, 1 failed, 1 not finished")
    assert STORED not in seen.events[0][0]


@pytest.mark.parametrize("workers", [0, 1])
def test_no_run_fails_because_nobody_looks_on(store, tiny_data, tiny_spec, workers):
    class Gone(Recorded):
        def show(self, standing):
            raise BrokenPipeError(32, "Broken pipe")

    report = run_all([tiny_spec], lambda spec: tiny_data, store, SweepOptions(workers, say=Gone()))
    assert report.stored == [tiny_spec] and store.failure(tiny_spec.key) is None
