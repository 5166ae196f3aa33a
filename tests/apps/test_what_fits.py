"""What fits a budget: the answer does and the next larger does not, of any family and a user's network, at any cost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import thirty_lines

from effnet_lib.apps.explore import budgets, stopwatch
from effnet_lib.apps.explore.fits import LAST, MOST_MEASURED, NOTHING, Budget, Fit, fits
from effnet_lib.apps.explore.interpolation import Latencies
from effnet_lib.apps.explore.line import METHODS, PHI_STEP, STEP, Line, largest
from effnet_lib.apps.explore.networks import FAMILIES, full_size, numbers
from effnet_lib.apps.explore.panel import Explorer
from effnet_lib.apps.explore.parameters import resolve
from effnet_lib.core.errors import ParameterError, RunFailed
from effnet_lib.measure.latency import machine
from effnet_lib.models.archs import Architecture
from effnet_lib.models.complexity import count
from effnet_lib.models.costs import BATCH
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import ALPHA, BETA, GAMMA, Scaling, compound
from effnet_lib.report.tables import latency_ratios
from effnet_lib.stats.speedup import Ratio
from effnet_lib.study.scalable import Chosen, Scalable

PAPER = (ALPHA, BETA, GAMMA)
SOURCE = Path(thirty_lines.__file__).read_text()
YOURS = full_size(Chosen(f"{thirty_lines.__file__}:make", px=64), 10)
TRIPLES = st.tuples(*[st.floats(1, 1.6)] * 3)


def within(budget: Budget, arch: Architecture) -> bool:
    """Say whether a network's counts are inside a budget, by the library's own counts."""
    counts = count(arch)
    costs = {"flops": counts.madds / 1e9, "megabytes": 4 * counts.params / 1e6}
    costs["memory"] = training_bytes(arch, BATCH) / 2**30
    limits = {name: getattr(budget, name) for name in costs}
    return all(limit is None or costs[name] <= limit for name, limit in limits.items())


def the_next(network: Scalable, fit: Fit, triple: tuple[float, float, float]) -> Architecture:
    if fit.method == "compound":
        return network.scaled(compound((round(fit.coefficient / PHI_STEP) + 1) * PHI_STEP, *triple))
    return network.scaled(Scaling(**{fit.method: getattr(fit.scaling, fit.method) * STEP}))


def solved(network: Scalable, budget: Budget, triple=PAPER, latency=None) -> Iterator[tuple[Fit, Architecture]]:
    """Yield the solutions that there are with their networks, once what is true of every solution is checked."""
    found = fits(network, budget, triple, latency)
    assert [fit.method for fit in found] == list(METHODS)
    for fit in found:
        if fit.counted is None:
            assert fit.scaling is fit.latency is None and fit.ends
            continue
        arch = network.scaled(fit.scaling)
        assert numbers(arch) == fit.counted and within(budget, arch) and fit.ends
        changed = {name for name in ("depth", "width", "resolution") if getattr(fit.scaling, name) != 1}
        assert fit.method == "compound" or changed <= {fit.method}
        yield fit, arch


# Counted ------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    flops=st.floats(1e-3, 100) | st.none(),
    megabytes=st.floats(0.5, 1000) | st.none(),
    memory=st.floats(0.3, 100) | st.none(),
    triple=TRIPLES,
)
def test_what_fits_fits_and_the_next_does_not(family, flops, megabytes, memory, triple):
    assume(any((flops, megabytes, memory)))
    network, budget = full_size(Chosen(family=family)), Budget(flops, megabytes, memory)
    for fit, _ in solved(network, budget, triple):
        if fit.ends != LAST and not fit.ends.startswith("cannot be made"):
            assert not within(budget, the_next(network, fit, triple))


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(flops=st.floats(1e-4, 0.3), megabytes=st.floats(0.05, 10), memory=st.floats(0.26, 1))
def test_what_fits_of_a_users_network(flops, megabytes, memory):
    budget = Budget(flops, megabytes, memory)
    for fit, _ in solved(YOURS, budget):
        assert fit.ends != LAST and not within(budget, the_next(YOURS, fit, PAPER))


def test_the_last_column_says_what_the_next_exceeds():
    network = full_size(Chosen(family="MobileNetV3"))
    for name, words in (("flops", "FLOPS"), ("megabytes", "weights"), ("memory", "memory")):
        limit = {"flops": 0.3, "megabytes": 25.0, "memory": 2.5}[name]
        assert {fit.ends for fit, _ in solved(network, Budget(**{name: limit}))} <= {words, LAST}
    (compound_fit, _), *_ = solved(network, Budget(1e4, 1e5, 1e4))
    assert compound_fit.ends == LAST
    assert {fit.ends for fit in fits(network, Budget(megabytes=0.01), PAPER)} == {NOTHING}


def test_a_function_that_fails_ends_a_line_on_either_side(tmp_path):
    file = tmp_path / "mynet.py"
    bounds = "    assert 0.7 < width < 1.5, 'no such width'\n    rows, inside"
    file.write_text(SOURCE.replace("    rows, inside", bounds))
    with pytest.raises(ParameterError, match="no such width"):  # refused at once: twice the width is tried first
        full_size(Chosen(f"{file}:make", px=64), 10)
    file.write_text(SOURCE.replace("    rows, inside", bounds.replace("1.5", "2.5")))
    network = full_size(Chosen(f"{file}:make", px=64), 10)
    wide = {fit.method: fit for fit, _ in solved(network, Budget(flops=1.0))}["width"]
    assert wide.coefficient == pytest.approx(2.498, abs=0.001) and "no such width (mynet.py, line 25)" in wide.ends
    line, base = Line(network, "width", PAPER), count(network.scaled(Scaling())).madds
    low, high = largest(line, lambda arch: count(arch).madds < 0.8 * base)
    assert low is not None and low + 1 == high <= 0 and STEP**low > 0.7
    assert largest(line, lambda arch: False) == (None, -35)  # 1.01^-35 = 0.706: the smallest that can be made


@pytest.mark.parametrize("name", ["flops", "megabytes", "memory", "latency"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_a_budget_is_above_0(name, value):
    with pytest.raises(ParameterError, match=f"^{name}=.* is not accepted; {name} takes a number above 0"):
        Budget(**{name: value})


def test_a_budget_limits_something():
    with pytest.raises(ParameterError, match=r"^flops=None .* as long as megabytes, memory, latency limit nothing"):
        Budget()


# With latency -------------------------------------------------------------------------------------------------


def clock(power: float, noise: float = 0.0):
    """Return a machine whose latency is a power of multiply-adds, and a list of what it has measured."""
    measured: list[Architecture] = []

    def latency(arch: Architecture) -> float:
        measured.append(arch)
        return 1e-9 * count(arch).madds ** power * (1 + noise * (count(arch).madds % 101 / 50 - 1))

    return latency, measured


@settings(max_examples=25, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    times=st.floats(0.05, 10),
    power=st.floats(0.7, 1.2),
    flops=st.floats(0.05, 20) | st.none(),
)
def test_the_measured_latency_fits_and_that_of_the_next_does_not(family, times, power, flops):
    network, (latency, measured) = full_size(Chosen(family=family)), clock(power)
    limit = 1e3 * times * latency(network.scaled(Scaling()))
    budget = Budget(flops, latency=limit)
    for fit, arch in solved(network, budget, latency=latency):
        assert arch in measured and fit.latency == latency(arch) <= limit / 1e3
        if "latency" in fit.ends:
            assert latency(the_next(network, fit, PAPER)) > limit / 1e3
        elif fit.ends != LAST and not fit.ends.startswith(("not known", "cannot be made")):
            assert not within(budget, the_next(network, fit, PAPER))


@settings(max_examples=25, deadline=None)
@given(family=st.sampled_from(FAMILIES), times=st.floats(0.2, 10), noise=st.floats(0, 0.03))
def test_a_noisy_clock_is_measured_few_times_and_never_above_the_budget(family, times, noise):
    network, (latency, measured) = full_size(Chosen(family=family)), clock(0.9, noise)
    limit = 1e3 * times * latency(network.scaled(Scaling()))
    measured.clear()
    found = list(solved(network, Budget(latency=limit), latency=latency))
    assert len(measured) <= len(METHODS) * (1 + MOST_MEASURED)
    assert all(arch in measured and fit.latency <= limit / 1e3 for fit, arch in found)


def test_a_users_network_is_solved_for_latency():
    latency, _ = clock(1.0)
    limit = 2e3 * latency(YOURS.scaled(Scaling()))
    found = {fit.method: fit for fit, _ in solved(YOURS, Budget(latency=limit), latency=latency)}
    assert found["width"].coefficient > 1.2 and found["compound"].coefficient > 0.5
    assert all("latency" in fit.ends for fit in found.values())


def test_between_two_is_interpolated_and_beyond_them_extrapolated():
    arch = {width: YOURS.scaled(Scaling(width=width)) for width in (1.0, 2.0, 3.0, 4.0)}
    times = Latencies({arch[1.0]: 1.0, arch[3.0]: 4.0})
    assert [times.how(arch[width]) for width in arch] == ["measured", "interpolated", "measured", "extrapolated"]
    assert 1 < times.seconds(arch[2.0]) < 4 < times.seconds(arch[4.0])
    alone = Latencies({arch[1.0]: 1.0})  # nothing known of a slope: in proportion to FLOPS
    assert alone.seconds(arch[2.0]) == pytest.approx(count(arch[2.0]).madds / count(arch[1.0]).madds)


# On this machine ----------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(roots, monkeypatch):
    """A machine whose latency is in proportion to multiply-adds; what was measured, (baseline, network) each."""
    pairs = []

    def relative(base, arch):
        pairs.append((base, arch))
        return Ratio(count(arch).madds / count(base).madds, 0, 9, 31), 1e-10 * count(base).madds

    monkeypatch.setattr(stopwatch, "relative", relative)
    monkeypatch.setattr(latency_ratios, "relative", relative)
    return pairs


def test_the_button_measures_and_a_movement_asks_for_it_again(quiet):
    explorer = Explorer(resolve({"family": "RegNet", "flops": None, "megabytes": None, "memory": 3.0}))
    assert "latency" not in explorer.fits.table and quiet == []
    explorer.fits.boxes["latency"].value = 30.0
    explorer.fits.button.click()
    base = full_size(Chosen(family="RegNet")).scaled(Scaling())
    assert quiet[0] == (base, base) and {one for one, _ in quiet} == {base} and len(quiet) == len(set(quiet))
    assert "alternated with the baseline (19.9 ms)" in explorer.fits.answer.value and not explorer.fits.button.disabled
    for row in explorer.fits.table.itertuples():
        assert float(row.latency.removesuffix(" ms")) <= 30
    before = len(quiet)
    explorer.fits.button.click()
    assert len(quiet) == before  # known
    explorer.triple["gamma"].value = 1.3
    assert "latency" not in explorer.fits.table and budgets.UNMEASURED in explorer.fits.answer.value


def test_a_latency_among_the_parameters_is_measured_at_once(quiet):
    explorer = Explorer(resolve({"family": "RegNet", "latency": 10.0}))
    assert "latency" in explorer.fits.table and len(quiet) > 4


@pytest.mark.slow
def test_a_busy_machine_is_one_line(roots, monkeypatch):
    monkeypatch.setattr(machine, "busy", lambda report: ["the other cores were 98% busy"])
    given = {"network": f"{thirty_lines.__file__}:make", "px": 32, "classes": 10}
    with pytest.raises(RunFailed, match=r"the machine is busy.*98%.*nothing was stored") as refused:
        Explorer(resolve(given | {"latency": 5.0}))
    assert "\n" not in str(refused.value) and not list(roots.rglob("latency_ratios.json"))
    explorer = Explorer(resolve(given))
    counted = explorer.fits.table
    explorer.fits.button.click()
    assert "the machine is busy" in explorer.fits.answer.value and not explorer.fits.button.disabled
    assert explorer.fits.table.equals(counted)  # what is counted stands all the same


def test_a_network_that_memory_does_not_hold_is_not_built(quiet, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda: 10**7)
    with pytest.raises(RunFailed, match=r"needs up to .* GiB of memory and 0\.0 GiB are free; nothing was built"):
        Explorer(resolve({"latency": 10.0}))
    assert quiet == []
