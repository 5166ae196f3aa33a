"""Equation 3, the rounding rules, and what a wrong coefficient says."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from effnet_lib.core.errors import ParameterError
from effnet_lib.models import scaling
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.scaling import PUBLISHED, RoundingRule, Scaling, compound, constraint, round_filters

COEFFICIENTS = st.floats(0.05, 8)
HUNDREDTHS = st.integers(5, 500).map(lambda n: n / 100)
SCALINGS = st.builds(Scaling, COEFFICIENTS, COEFFICIENTS, COEFFICIENTS)
CHANNELS = st.integers(1, 200).map(lambda n: 8 * n)
NAMES = ["depth", "width", "resolution"]


def exact(value: float) -> Fraction:
    """Return the decimal number that was meant, free of binary noise."""
    return Fraction(str(value))


def test_the_papers_coefficients_about_double_the_flops():
    assert constraint() == pytest.approx(1.2 * 1.1**2 * 1.15**2)
    assert constraint() == pytest.approx(2, rel=0.05)
    assert [constraint(2, 1, 1), constraint(1, math.sqrt(2), 1)] == pytest.approx([2, 2])


@given(st.floats(-3, 8), st.floats(-3, 8))
def test_flops_grow_as_the_constraint_to_the_power_phi(phi, other):
    assert compound(phi).flops_factor == pytest.approx(constraint() ** phi)
    product, total = compound(phi) * compound(other), compound(phi + other)
    assert product.flops_factor == pytest.approx(total.flops_factor)
    assert (product.depth, product.width) == pytest.approx((total.depth, total.width))


@given(SCALINGS, SCALINGS)
def test_multiplication_commutes_and_one_changes_nothing(a, b):
    assert a * b == b * a and hash(a * b) == hash(b * a)
    assert a * Scaling() == a
    assert (a * b).flops_factor == pytest.approx(a.flops_factor * b.flops_factor)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf, -math.inf, "2", True, None, [1.0], 1j, 100.1])
def test_a_wrong_multiplier_is_named_in_one_line(name, value):
    with pytest.raises(ParameterError) as caught:
        Scaling(**{name: value})
    assert str(caught.value) == f"{name}={value!r} is not accepted; {name} takes a number above 0 and at most 100"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [10**400, Fraction(1, 10**400)])
def test_a_number_that_no_float_holds_is_no_multiplier(value):
    with pytest.raises(
        ParameterError, match=r"^depth=.* is not accepted; depth takes a number above 0 and at most 100$"
    ):
        Scaling(value)


@pytest.mark.parametrize("value", [2, np.float64(2), np.float32(2), np.int64(2), Fraction(2)])
def test_any_real_number_is_a_multiplier_and_is_kept_as_float(value):
    assert Scaling(value, value, value) == Scaling(2.0, 2.0, 2.0)
    assert all(type(getattr(Scaling(value, value, value), name)) is float for name in NAMES)
    assert compound(value) == compound(2.0)


@pytest.mark.parametrize("phi", [math.nan, math.inf, "1", True, None, 1e4, -1e4, 10**400])
def test_a_wrong_phi_is_named(phi):
    with pytest.raises(ParameterError, match=r"^phi=.* is not accepted; phi takes a number from -100 to 100$"):
        compound(phi)


def test_a_phi_whose_multipliers_are_too_large_says_so():
    assert compound(25).depth == pytest.approx(1.2**25)
    with pytest.raises(ParameterError, match=r"^phi=26 .* multipliers are at most 100, and the largest is 114\.5$"):
        compound(26)
    with pytest.raises(ParameterError, match=r"^phi=100 .* the largest is 1e"):
        compound(100, alpha=100)


@pytest.mark.parametrize(
    "scale",
    [
        lambda: RoundingRule().channels(1280, 60),
        lambda: RoundingRule().end(1280, 60),
        lambda: RoundingRule().repeats(11, 100),
        lambda: RoundingRule().image_size(224, 40),
        lambda: efficientnet.scale(Scaling(width=100)),
        lambda: efficientnet.scale(Scaling(resolution=100)),
    ],
)
def test_no_scaled_network_is_without_end(scale):
    with pytest.raises(ParameterError, match=r"=\d+\.?0? is not accepted; \w+ takes a multiplier that gives at most "):
        scale()


@pytest.mark.parametrize("base", ["224", 224.0, True, None, 0, -1, 8193, 10**400])
def test_a_base_that_is_no_size_is_named(base):
    with pytest.raises(ParameterError, match=r"^base_image_size=.* takes a whole number of pixels from 1 to 8,192$"):
        efficientnet.scale(Scaling(), base)


@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
def test_equation_3_asks_for_at_least_one(name):
    with pytest.raises(ParameterError, match=f"^{name}=0.9 .* at least 1"):
        compound(1, **{name: 0.9})
    with pytest.raises(ParameterError, match=f"^{name}=nan .* above 0"):
        compound(1, **{name: math.nan})


@given(CHANNELS, COEFFICIENTS)
def test_channels_are_multiples_of_8_near_the_exact_value(channels, width):
    rounded = round_filters(channels, width)
    assert rounded % 8 == 0 and rounded >= 8
    assert rounded >= 0.9 * channels * width
    assert rounded == 8 or abs(rounded - channels * width) < 8


@given(CHANNELS, COEFFICIENTS, COEFFICIENTS)
def test_wider_is_never_narrower(channels, width, other):
    assert round_filters(channels, min(width, other)) <= round_filters(channels, max(width, other))


@pytest.mark.parametrize(
    "channels, width, expected",
    # 11.2 would round to 8, which is under 90 % of it; 28 and 44 are halfway and go up.
    [
        (32, 1.1, 32),
        (1280, 1.1, 1408),
        (320, 2, 640),
        (16, 0.7, 16),
        (40, 0.7, 32),
        (40, 1.1, 48),
        (8, 0.1, 8),
    ],
)
def test_channels_of_the_reference_implementation(channels, width, expected):
    assert round_filters(channels, width) == expected


def test_another_divisor():
    assert round_filters(40, 1.1, divisor=4) == 44
    assert round_filters(40, 1.1, divisor=16) == 48


@pytest.mark.parametrize("round_limit", [None, 0])
def test_without_a_limit_the_nearest_multiple_is_taken(round_limit):
    assert round_filters(16, 0.7) == 16 and round_filters(16, 0.7, round_limit=round_limit) == 8


@settings(max_examples=300)
@given(st.sampled_from([16, 24, 32, 40, 80, 112, 192, 320, 1280]), HUNDREDTHS, HUNDREDTHS)
@example(80, 0.35, 3.0)  # 1.0499999999999998 in binary
@example(40, 0.6, 4.5)
def test_coefficients_multiply_then_round_once(n, base, factor):
    # A product that is noisy in the 16th digit must give the network of the number that was meant.
    meant = exact(base) * exact(factor)
    nearest = max(8, int((n * meant + 4) // 8 * 8))
    expected = nearest + 8 if nearest < Fraction(9, 10) * n * meant else nearest
    assert round_filters(n, base * factor) == expected
    assert scaling.round_repeats(n, base * factor) == math.ceil(n * meant)
    assert scaling.round_resolution(n, base * factor) == round(n * meant)


@given(st.integers(1, 8), COEFFICIENTS)
def test_layers_are_rounded_up(repeats, depth):
    rounded = scaling.round_repeats(repeats, depth)
    assert rounded >= 1
    assert repeats * depth - 1e-9 <= rounded < repeats * depth + 1
    assert scaling.round_repeats(repeats, 1.0) == repeats


def test_the_published_table_is_rounded_by_hand_and_both_are_offered():
    by_name = {row.name: row for row in PUBLISHED}
    assert list(by_name) == [f"b{i}" for i in range(8)]
    one = compound(1)
    assert (by_name["b2"].depth, by_name["b2"].width) == pytest.approx((one.depth, one.width))
    assert scaling.round_resolution(224, one.resolution) == 258 != by_name["b2"].px
    # B7's depth, width and resolution each ask for another phi: no single one gives the published network.
    b7 = by_name["b7"]
    ratios = {scaling.ALPHA: b7.depth, scaling.BETA: b7.width, scaling.GAMMA: b7.px / 224}
    phis = [math.log(ratio, base) for base, ratio in ratios.items()]
    assert phis == pytest.approx([6.2, 7.3, 7.0], abs=0.1)
