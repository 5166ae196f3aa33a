"""No number without a least and a most, and no value of any type that is not refused in one line."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from effnet_lib.artefacts import all_artefacts, plan, resolve
from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.study.parameters import CHECKS
from effnet_lib.study.ranges import (
    MOST_MEASUREMENTS,
    MOST_RUNS,
    OPTIONS,
    RANGES,
    Range,
    check_measurements,
    check_options,
    check_runs,
)

PARAMETERS = [(id_, name) for id_, artefact in all_artefacts().items() for name in [*CHECKS, *artefact.parameters]]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(),
    st.sampled_from([10**400, -(10**400), "x" * 10_000, "a\nb", object(), len, {"a"}]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)
)


@settings(deadline=None)  # the first device imports torch
@given(st.sampled_from(PARAMETERS), ANYTHING)
@example(("table5", "models"), [["lite0"]])
@example(("table4", "models"), [["lite0"]])
@example(("fig7", "method"), ["cam"])
@example(("fig3", "widths"), [10**400])
@example(("fig3", "tolerance"), 10**400)
@example(("fig3", "device"), "cuda:" + "9" * 5000)
def test_anything_is_taken_or_refused_in_one_line(where, value):
    id_, name = where
    try:
        assert resolve({name: value}, id_) is not None
    except ParameterError as error:
        assert "\n" not in str(error) and str(error).startswith(f"{name}=")


@pytest.mark.parametrize("name", CHECKS)
def test_a_number_that_python_does_not_write_out_is_refused(name):
    with pytest.raises(ParameterError, match=f"^{name}=a value of type int too long to show is not accepted"):
        resolve({name: 10**5000} if not name.endswith("s") or name in ("seeds", "workers") else {name: [10**5000]})


@given(ANYTHING.filter(lambda name: getattr(name, "__hash__", None) is not None and not isinstance(name, tuple)))
@example(7)
@example(("seeds", 1))
@example("x" * 10_000)
def test_a_name_of_any_type_is_no_parameter(name):
    if name not in CHECKS:
        with pytest.raises(ParameterError, match="there is no such parameter") as caught:
            resolve({name: 1})
        assert "\n" not in str(caught.value)


def test_a_value_is_cut_in_a_message():
    message = str(ParameterError("name", "x" * 500, "less"))
    assert message == f"name='{'x' * 76}... is not accepted; name takes less"
    assert str(ParameterError("n", "x\n y", "z")) == "n='x\\n y' is not accepted; n takes z"
    assert "too long to show" in str(ParameterError("n", 10**5000, "z"))


@pytest.mark.parametrize("name, limits", [*RANGES.items(), *OPTIONS.items()])
def test_both_ends_of_a_range_are_taken_and_nothing_beyond(name, limits):
    assert limits.most in limits and limits.most + 1 not in limits and limits.least - 1 not in limits
    assert (limits.least in limits) is not limits.above
    assert not any(value in limits for value in (None, True, "1", float("nan"), 10**400, [1]))
    assert limits(name, None) is None and limits(name, limits.most) == limits.most


def test_a_range_says_what_it_takes():
    assert str(Range(1, 1000)) == "a whole number from 1 to 1,000" and 2.0 not in Range(1, 1000)
    assert str(Range(0, 9, "seconds", whole=False, above=True)) == "seconds above 0 and at most 9"
    with pytest.raises(ParameterError, match=r"^every=-1 .* every takes seconds .* from 0 to 1,000,000,000$"):
        check_options({"epochs": None, "every": -1})


def test_every_number_of_an_artefact_has_its_range():
    own = {name: check for one in all_artefacts().values() for name, (_, check) in one.parameters.items()}
    assert {name for name, check in own.items() if isinstance(check, Range)} == RANGES.keys() - CHECKS.keys()
    assert all(check is RANGES[name] for name, check in own.items() if isinstance(check, Range))


def test_the_page_names_every_range():
    page = (paths.ROOT / "docs/running.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", page, re.MULTILINE))
    said = {name: words for names, words in rows.items() for name in re.findall(r"`([\w-]+)`", names)}
    for name, limits in RANGES.items():
        assert said[name] == str(limits)
    for name, limits in OPTIONS.items():
        assert said["--" + name.replace("_", "-")] == str(limits)


def test_a_plan_of_too_many_runs_is_refused_with_its_count():
    check_runs(MOST_RUNS, 1)
    with pytest.raises(
        ParameterError, match=r"^seeds=1000 .* 101 networks x 1,000 seeds are 101,000 runs, .* 100,000$"
    ):
        check_runs(101, 1000)
    many = [1 + i / 2 for i in range(100)]
    with pytest.raises(ParameterError, match=r"^seeds=1000 .* runs, and a plan has at most 100,000"):
        plan("fig3", profile="smoke", seeds=1000, widths=many, depths=many, resolutions=many)
    with pytest.raises(ParameterError, match=r"^alphas=.* the grid has 1,000,000 triples"):
        plan("grid_search", profile="smoke", alphas=many, betas=many, gammas=many)
    with pytest.raises(ParameterError, match=r"^widths=.* takes a list of at most 100 values, not 101"):
        resolve({"widths": [*many, 3.3]})


def test_a_plan_of_too_many_measurements_is_refused_with_its_count():
    check_measurements(MOST_MEASUREMENTS, 1)
    with pytest.raises(ParameterError, match=r"^seeds=7 .* 10,001 measurements, and a plan has at most 10,000"):
        check_measurements(MOST_MEASUREMENTS + 1, 7)
    every = {"models": "lite0,lite1,lite2,b0", "methods": "probe,finetune,scratch"}
    with pytest.raises(ParameterError, match=r"^seeds=1000 is not accepted; seeds takes fewer: they make 12,000 meas"):
        plan("table5", profile="smoke", seeds=1000, **every)
