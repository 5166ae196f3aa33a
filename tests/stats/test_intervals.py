"""Intervals of differences: Welch's over seeds, paired over images."""

from math import hypot, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri, stdtrit
from scipy.stats import norm, ttest_ind

from effnet_lib.core.errors import ParameterError
from effnet_lib.stats import intervals
from effnet_lib.stats.intervals import Estimate, PairedOutcomes, contrast, image_bootstrap, pooled_sd, seed_correlation
from effnet_lib.stats.paired_outcomes import SCALES


def networks(rng, models=4, seeds=3, images=500, luck=0.0, run=0.03):
    """Draw bits from a latent score: image + the model's taste + seed block + run + luck of one run."""
    skill = np.linspace(0.6, 0.8, models)
    score = (
        skill[:, None, None]
        + rng.standard_normal(images)
        + 0.2 * rng.standard_normal((models, 1, images))
        + 0.03 * rng.standard_normal((1, seeds, 1))
        + run * rng.standard_normal((models, seeds, 1))
        + luck * rng.standard_normal((models, seeds, images))
    )
    truth = 100 * norm.cdf(skill / sqrt(1 + 0.2**2 + 0.03**2 + run**2 + luck**2))
    return {f"m{i}": dict(enumerate(bits)) for i, bits in enumerate(score > 0)}, truth


def test_pooled_sd_of_an_incomplete_table_is_that_of_least_squares():
    ols = pytest.importorskip("statsmodels.formula.api").ols
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(75, 1, (6, 5)), index=list("abcdef"))
    table[rng.random(table.shape) < 0.3] = np.nan
    table.loc["f"] = np.nan
    runs = table.stack().dropna().rename("top1").rename_axis(["model", "seed"]).reset_index()
    reference = ols("top1 ~ C(model)", runs).fit()
    sd, dof = pooled_sd(table)
    assert dof == reference.df_resid
    assert sd == pytest.approx(sqrt(reference.mse_resid))


def test_pooled_sd_without_repeats_is_unknown():
    sd, dof = pooled_sd(pd.DataFrame({0: [70.0, 71.0, 75.0]}))
    assert np.isnan(sd) and dof == 0
    assert pooled_sd(PairedOutcomes({"a": {}}).accuracy)[1] == 0


@pytest.mark.parametrize("luck, low, high", [(0.0, 0.94, 0.985), (0.4, 0.95, 1.0)])
def test_interval_covers_new_seeds_and_new_images(luck, low, high):
    # The luck of one run with one image counts in both parts, so there the interval errs on the wide side.
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(1000):
        outcomes, truth = networks(rng, luck=luck)
        lower, upper = contrast(outcomes, {"m0": -1, "m3": 1}).interval95
        hits += lower < truth[3] - truth[0] < upper
    assert low <= hits / 1000 <= high


def test_paired_variance_in_points_is_the_bootstraps():
    outcomes, _ = networks(np.random.default_rng(4), images=2000)
    weights = {"m0": -1, "m2": 0.5, "m3": 0.5}
    drawn = image_bootstrap(outcomes, weights, resamples=20000)
    found = contrast(outcomes, weights)
    # The standard error of a standard deviation over 20,000 draws is 0.5 %.
    assert drawn.std() == pytest.approx(found.se_image, rel=0.02)
    assert drawn.mean() == pytest.approx(found.value, abs=4 * found.se_image / sqrt(20000))


def test_a_contrast_takes_every_seed_of_its_own_models_and_no_other_model():
    outcomes, _ = networks(np.random.default_rng(5), seeds=6)
    del outcomes["m0"][2], outcomes["m3"][5]
    found = contrast(outcomes, {"m0": -1, "m3": 1, "m1": 0})
    runs = {model: PairedOutcomes(outcomes).accuracy.loc[model].dropna() for model in ("m0", "m3")}
    reference = ttest_ind(runs["m3"], runs["m0"], equal_var=False)
    assert found.n == 5 and found.dof == pytest.approx(reference.df)
    assert found.value == pytest.approx(runs["m3"].mean() - runs["m0"].mean())
    assert found.value / found.se_seed == pytest.approx(reference.statistic)
    del outcomes["m1"], outcomes["m2"]
    assert contrast(outcomes, {"m0": -1, "m3": 1}) == found
    assert found.half(0.05) == pytest.approx(
        hypot(stdtrit(found.dof, 0.05) * found.se_seed, ndtri(0.05) * found.se_image)
    )


def test_logit_contrast_agrees_with_points_for_small_effects_and_stays_finite_at_the_ends():
    outcomes, _ = networks(np.random.default_rng(6), images=2000)
    weights = {"m0": -1, "m1": 1}
    points, logits = contrast(outcomes, weights), contrast(outcomes, weights, scale="logit")
    middle = PairedOutcomes(outcomes).accuracy.loc[["m0", "m1"]].to_numpy().mean()
    unit = intervals.points_to_logits(1.0, middle)
    assert unit == pytest.approx(0.01 / (middle / 100 * (1 - middle / 100)))
    assert logits.value / unit == pytest.approx(points.value, rel=0.02)
    assert logits.se_seed / unit == pytest.approx(points.se_seed, rel=0.1)
    assert logits.se_image / unit == pytest.approx(points.se_image, rel=0.06)
    all_correct, none_correct = np.ones(100, bool), np.zeros(100, bool)
    ends = contrast({"a": {0: all_correct}, "b": {0: none_correct}}, {"a": 1, "b": -1}, scale="logit")
    assert ends.value == pytest.approx(2 * np.log(199))  # half an image of 100 from either end
    with pytest.raises(ParameterError, match="accuracy"):
        intervals.points_to_logits(1.0, 100.0)


@pytest.mark.parametrize("scale", SCALES)
def test_image_order_never_matters(scale):
    rng = np.random.default_rng(7)
    outcomes, _ = networks(rng, images=300, luck=0.3)
    order = rng.permutation(300)
    shuffled = {model: {s: bits[order] for s, bits in runs.items()} for model, runs in outcomes.items()}
    first, second = (contrast(o, {"m0": -1, "m3": 1}, scale=scale) for o in (outcomes, shuffled))
    assert second.interval95 == pytest.approx(first.interval95, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    raw=st.lists(st.floats(-4, 4, allow_subnormal=False), min_size=3, max_size=3),
    scale=st.sampled_from(SCALES),
)
def test_turning_the_weights_turns_the_contrast(seed, raw, scale):
    outcomes, _ = networks(np.random.default_rng(seed), images=40, luck=0.5)
    weights = dict(zip(["m0", "m1", "m2", "m3"], [1.0, *raw], strict=True))
    weights["m3"] -= sum(weights.values())
    one = contrast(outcomes, weights, scale=scale)
    turned = contrast(outcomes, {model: -w for model, w in weights.items()}, scale=scale)
    assert turned.value == pytest.approx(-one.value, abs=1e-9)
    assert turned.interval95 == pytest.approx((-one.interval95[1], -one.interval95[0]), abs=1e-9)


def test_rho_is_what_common_seeds_buy():
    rng = np.random.default_rng(8)
    # Block sd 0.8, run sd 0.6: rho = 0.64 / (0.64 + 0.36).
    table = pd.DataFrame(0.8 * rng.standard_normal((1, 4000)) + 0.6 * rng.standard_normal((3, 4000)))
    assert seed_correlation(table) == pytest.approx(0.64, abs=0.03)
    assert seed_correlation(table.iloc[:, :1]) is None
    assert seed_correlation(table.iloc[:1]) is None


@pytest.mark.parametrize("bad", [np.ones((2, 2)), np.array([]), np.array([0, 2]), np.array([0.5, 1])])
def test_outcomes_refuse_what_is_not_bits(bad):
    with pytest.raises(ParameterError, match=r"a\[0\]"):
        PairedOutcomes({"a": {0: bad}})


def test_bad_input_is_named():
    bits = np.array([True, False])
    with pytest.raises(ParameterError, match="3 images"):
        PairedOutcomes({"a": {0: bits}, "b": {0: np.ones(3, bool)}})
    outcomes = {"a": {0: bits}, "b": {0: ~bits}}
    for weights in ({"a": 1}, {"a": 1, "b": 1}, {"a": np.nan, "b": 1}, {}, {"a": 0}):
        with pytest.raises(ParameterError, match="weights"):
            contrast(outcomes, weights)
    with pytest.raises(ParameterError, match="scale"):
        contrast(outcomes, {"a": 1, "b": -1}, scale="odds")


def test_a_model_that_ran_once_has_a_value_but_no_interval():
    outcomes, _ = networks(np.random.default_rng(9))
    for seed in (1, 2):
        del outcomes["m3"][seed]
    found = contrast(outcomes, {"m0": -1, "m3": 1})
    assert found.n == 1 and found.value is not None and found.se_image > 0
    assert found.interval95 is None and found.interval90 is None and found.se is None


def test_missing_models_are_an_estimate_without_data():
    outcomes, _ = networks(np.random.default_rng(11))
    assert contrast(outcomes, {"m0": -1, "elsewhere": 1}) == Estimate()
    assert contrast({"a": {0: [True]}, "b": {}}, {"a": 1, "b": -1}) == Estimate()
