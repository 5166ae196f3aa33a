"""Values of any kind: what fits nowhere, what nearly fits, and the ends of every range."""

import math

from hypothesis import strategies as st

ODD = [
    10**400, -(10**400), 2**63, -1, 0, 1e308, 5e-324, math.nan, math.inf, -math.inf, -0.0, True, False, None,
    "", " ", "None", "x" * 10_000, "a\nb", "\ud800", "\0", "~nosuchuser/x", "../..", "/", ".", "a" * 300, "1e400", "٣",
    "[1.0]", "{}", b"x", [], {}, (), [[]], [None], {"a": 1}, {3}, [1.0] * 101, object(), len,
]  # fmt: skip
HUGE = st.builds(pow, st.just(10), st.just(5000))  # Python writes out no number of so many digits
SCALARS = st.one_of(
    HUGE,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.complex_numbers(),
    st.sampled_from(ODD),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.text(max_size=20) | st.sampled_from([odd for odd in ODD if isinstance(odd, str)])


def numbers(least: float, most: float, whole: bool) -> st.SearchStrategy:
    """Numbers of a range, its ends, and what lies just beyond."""
    ends = st.sampled_from([least, most, least - 1, most + 1, 10 * most])
    near = min(most, least + (20 if whole else 4))
    some = st.integers(math.ceil(least), int(near)) if whole else st.floats(least, near)
    every = st.integers(math.ceil(least), int(most)) if whole else st.floats(least, most)
    return some | some | every | ends
