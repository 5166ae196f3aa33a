"""Wilson's interval, and differences paired by image: known values, coverage by simulation, bad input."""

from math import comb

import numpy as np
import pytest

from effnet_lib.core.errors import ParameterError
from effnet_lib.stats.claims import Claim, judge
from effnet_lib.stats.paired_accuracy import OverImages, difference, wilson
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH


def test_wilson_has_its_published_values():
    # Newcombe 1998 (Statistics in Medicine 17:857), Table I, method 3: 81/263, 15/148, 0/20, 1/29.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (correct, images), bounds in published.items():
        assert np.allclose(wilson(correct, images), [100 * bound for bound in bounds], atol=0.006)


def test_wilson_needs_an_image():
    with pytest.raises(ParameterError, match="images=0 is not accepted"):
        wilson(0, 0)


def test_only_images_that_one_alone_got_right_speak():
    one, other = np.array([1, 1, 1, 0, 0, 1], bool), np.array([1, 0, 0, 1, 0, 1], bool)
    found = difference(one, other)
    assert (found.only_one, found.only_other, found.n) == (2, 1, 6)
    assert found.value == pytest.approx(100 / 6) and found.p == 1.0
    turned = difference(other, one)
    assert (turned.value, turned.se) == (-found.value, found.se)


def test_mcnemars_p_is_the_binomial_one():
    one, other = np.repeat([True, False], [55, 35]), np.repeat([False, True], [55, 35])
    tail = sum(comb(90, k) for k in range(55, 91)) / 2**90
    assert difference(one, other).p == pytest.approx(2 * tail, rel=1e-9)


def test_networks_that_agree_everywhere_still_have_an_error():
    same = difference([True] * 50, [True] * 50)
    assert (same.value, same.p) == (0.0, 1.0) and 0 < same.se < 3


def simulated(gain: float, images: int, rng) -> object:
    """Draw two networks that agree on most images, the first `gain` points better."""
    kind = rng.choice(4, images, p=[0.85 - gain / 100, 0.05 + gain / 100, 0.05, 0.05])
    return difference(kind < 2, (kind == 0) | (kind == 2))


@pytest.mark.parametrize("images", [100, 1000])
def test_intervals_cover_what_they_say(images):
    rng = np.random.default_rng(0)
    found = [simulated(2.0, images, rng).estimate.interval95 for _ in range(3_000)]
    assert np.mean([low <= 2.0 <= high for low, high in found]) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("gain", "word"), [(5.0, HOLDS), (-5.0, CONTRADICTED), (0.4, NOT_ENOUGH)])
def test_claims_over_images_say_images(gain, word):
    made = difference(*_bits(gain))
    (judged,) = map(OverImages, judge([Claim("it is better", made.estimate, effect=2.0)]))
    assert judged.verdict == judged.to_json()["verdict"] == word
    assert "1,000 images" in judged.line() and "seed" not in judged.line() and "delta 1," in judged.line()


def _bits(gain: float) -> tuple[np.ndarray, np.ndarray]:
    better, worse = 50 + 5 * gain, 50 - 5 * gain
    kind = np.repeat([0, 1, 2], [900, int(better), int(worse)])
    return kind < 2, kind != 1


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ParameterError, match="other='3 images'"):
        difference([True, False], [True, False, True])
