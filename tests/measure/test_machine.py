"""What a machine does beside a measurement: one pinned core, others on it, the idlest core; and without /proc."""

import os
from pathlib import Path

import pytest

from effnet_lib.measure.latency import machine
from effnet_lib.measure.latency.task import alternate

PINS = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
LINUX = pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="reads Linux's /proc")


@PINS
def test_a_core_is_pinned_and_given_back_even_after_an_error():
    before = os.sched_getaffinity(0)
    core = max(before)
    with pytest.raises(ZeroDivisionError), machine.pinned(core) as place:
        assert os.sched_getaffinity(0) == {core} and place.core == core and place.refusal is None
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == before


@PINS
def test_a_refused_affinity_call_is_reported_and_the_measurement_goes_on(monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with machine.pinned(0) as place:
        assert place.core is None and place.refusal == "pinning to core 0 was refused: Operation not permitted"
        assert len(alternate([lambda: None], 2).cpu[0]) == 2


QUIET = {"others_on_core": 0.0, "steal": 0.0, "neighbours": 0.02, "wall_over_cpu": 1.001, "mhz": [2900.0, 3000.0]}
BUSY = {
    "others_on_core": (0.2, "other processes took 20% of the core"),
    "steal": (0.1, "the host took 10% of the core"),
    "neighbours": (0.9, "the other cores were 90% busy"),
    "wall_over_cpu": (1.5, "wall time was 1.50 times CPU time"),
    "mhz": ([1200.0, 3000.0], "the core ran at 1200 to 3000 MHz"),
}


@pytest.mark.parametrize("name", BUSY)
def test_a_busy_machine_is_marked_with_the_reason(name):
    value, words = BUSY[name]
    assert machine.busy(QUIET) == [] and machine.busy(dict.fromkeys(QUIET)) == []
    assert machine.busy(QUIET | {name: value}) == [words]


def test_a_measurement_in_parts_is_as_busy_as_its_worst_part():
    parts = [QUIET, QUIET | {"steal": 0.1}, QUIET | {"mhz": None, "wall_over_cpu": None}]
    assert machine.busy(machine.worst(parts)) == ["the host took 10% of the core"]
    assert machine.busy(machine.worst([])) == []


def stat(tmp_path: Path, **cores: tuple[int, int]) -> None:
    """Write a /proc/stat in which each core was busy and stolen for so many ticks."""
    lines = [f"{name} {busy} 0 0 0 0 0 0 {stolen} 0 0" for name, (busy, stolen) in cores.items()]
    (tmp_path / "stat").write_text("\n".join(["cpu 1 2 3 4 5 6 7 8 9 10", *lines, "intr 5"]))


@LINUX
def test_what_others_take_is_the_cores_time_less_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "PROC", tmp_path)
    tick, clock = os.sysconf("SC_CLK_TCK"), iter([100.0, 110.0])
    ours = iter([1.0, 7.0])  # 6 s of 10
    monkeypatch.setattr(machine.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(machine.time, "process_time", lambda: next(ours))
    stat(tmp_path, cpu0=(0, 0), cpu1=(0, 0))
    monitor = machine.Monitor(1)
    monitor.start()
    stat(tmp_path, cpu0=(5 * tick, 0), cpu1=(8 * tick, tick))
    report = monitor.report()
    assert report["others_on_core"] == pytest.approx(0.2, abs=0.006)
    assert report["steal"] == pytest.approx(0.1, abs=0.006) and report["neighbours"] == pytest.approx(0.5, abs=0.006)
    assert report["wall_over_cpu"] == pytest.approx(10 / 6, abs=0.001)
    assert len(machine.busy(report)) == 4


def test_a_system_without_proc_gives_no_readings_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(machine, "SYS", tmp_path)
    monitor = machine.Monitor(0)
    monitor.start()
    report = monitor.report()
    assert report["others_on_core"] is None and report["mhz"] is None
    assert machine.free_memory() is machine.resident() is machine.peak() is None and not machine.core_times()


@LINUX
def test_the_idlest_core_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "PROC", tmp_path)
    stat(tmp_path, cpu0=(0, 0), cpu1=(0, 0), cpu2=(0, 0))
    monkeypatch.setattr(machine.time, "sleep", lambda _: stat(tmp_path, cpu0=(9, 0), cpu1=(1, 0), cpu2=(5, 0)))
    assert machine.idlest({0, 1, 2}) == 1 and machine.idlest({0, 2}) == 2
