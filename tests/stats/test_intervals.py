"""Intervals that cover, pooled over an incomplete table of runs and paired over images."""

from math import hypot, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm

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


@pytest.mark.parametrize("seeds, printed", [(3, 1.08), (5, 0.82), (10, 0.57)])
def test_half_widths_that_the_protocol_prints(seeds, printed):
    # 17 models, residuals scaled so that their pooled sd is 0.65 points whatever the model and seed levels.
    rng = np.random.default_rng(seeds)
    noise = rng.standard_normal((17, seeds))
    noise -= noise.mean(0) + noise.mean(1, keepdims=True) - noise.mean()
    dof = 16 * (seeds - 1)
    noise *= 0.65 * sqrt(dof) / np.linalg.norm(noise)
    table = pd.DataFrame(75 + noise + rng.normal(0, 3, (17, 1)) + rng.normal(0, 1, (1, seeds)))
    sd, found = pooled_sd(table)
    assert (sd, found) == (pytest.approx(0.65), dof)
    difference = Estimate(0.0, sd * sqrt(2 / seeds), 0.0, found, seeds)
    assert difference.half(0.025) == pytest.approx(printed, abs=0.005)


def test_pooled_sd_of_an_incomplete_table_is_that_of_least_squares():
    ols = pytest.importorskip("statsmodels.formula.api").ols
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(75, 1, (6, 5)), index=list("abcdef"))
    table[rng.random(table.shape) < 0.3] = np.nan
    table.loc["f"] = np.nan
    runs = table.stack().dropna().rename("top1").rename_axis(["model", "seed"]).reset_index()
    reference = ols("top1 ~ C(model) + C(seed)", runs).fit()
    sd, dof = pooled_sd(table)
    assert dof == reference.df_resid
    assert sd == pytest.approx(sqrt(reference.mse_resid))


def test_pooled_sd_without_repeats_is_unknown():
    sd, dof = pooled_sd(pd.DataFrame({0: [70.0, 71.0, 75.0]}))
    assert np.isnan(sd) and dof == 0
    assert pooled_sd(PairedOutcomes({"a": {}}).accuracy)[1] == 0


def test_seed_part_covers_at_three_seeds():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(2000):
        runs = rng.normal(0, 0.65, (5, 3)) + rng.normal(0, 1, (1, 3))
        sd, dof = pooled_sd(pd.DataFrame(runs))
        found = Estimate(runs[1].mean() - runs[0].mean(), sd * sqrt(2 / 3), 0.0, dof, 3)
        hits += found.interval95[0] < 0 < found.interval95[1]
    assert 0.93 < hits / 2000 < 0.97


@pytest.mark.parametrize("luck, low, high", [(0.0, 0.93, 0.97), (0.4, 0.95, 1.0)])
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


def test_contrast_pools_all_models_and_uses_the_common_seeds():
    outcomes, _ = networks(np.random.default_rng(5), seeds=6)
    del outcomes["m0"][2], outcomes["m3"][5]
    found = contrast(outcomes, {"m0": -1, "m3": 1, "m1": 0})
    table = PairedOutcomes(outcomes).accuracy
    sd, dof = pooled_sd(table)
    assert (found.n, found.dof) == (4, dof) == (4, 22 - 9)
    assert found.value == pytest.approx((table.loc["m3"] - table.loc["m0"]).mean())
    assert found.se_seed == pytest.approx(sd * sqrt(2 / 4))
    assert found.half(0.05) == pytest.approx(hypot(Estimate(0, found.se_seed, 0, dof, 4).half(0.05),
                                                   ndtri(0.05) * found.se_image))  # fmt: skip


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


def test_one_common_seed_has_a_value_but_no_interval():
    outcomes, _ = networks(np.random.default_rng(9))
    for seed in (1, 2):
        del outcomes["m3"][seed]
    found = contrast(outcomes, {"m0": -1, "m3": 1})  # the others know the spread, m3 ran once
    assert found.n == 1 and found.value is not None and found.dof > 0
    assert found.interval95 is None and found.interval90 is None and found.se is None


def test_more_seeds_shrink_the_seed_part_only():
    now = Estimate(1.0, 0.6, 0.2, dof=8, n=3, models=5)
    # 9 further seeds of 5 models: 45 runs, 9 block levels to fit.
    assert now.at(12) == Estimate(1.0, pytest.approx(0.3), 0.2, dof=8 + 45 - 9, n=12, models=5)
    assert now.at(3) == now


def test_missing_models_are_an_estimate_without_data():
    outcomes, _ = networks(np.random.default_rng(11))
    assert contrast(outcomes, {"m0": -1, "elsewhere": 1}) == Estimate()
    assert contrast({"a": {0: [True]}, "b": {1: [True]}}, {"a": 1, "b": -1}) == Estimate()
