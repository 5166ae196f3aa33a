"""Tables 6 and 8: sizes against the official splits and what is at hand; what Table 8's differences say."""

import numpy as np
import pandas as pd
import pytest
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.artefacts import artefact
from effnet_lib.core import paths
from effnet_lib.report.tables import val_vs_test
from effnet_lib.stats.two_sets import correlation, sampling_error, within
from effnet_lib.stats.verdicts import HOLDS

TABLE6 = artefact("table6")


def planned(**given):
    return eff.plan("table6", **given)


def test_the_sizes_are_the_official_ones_but_for_one():
    rows = planned().table({})
    assert list(rows["dataset"][rows["difference"] != "none"]) == ["Oxford-IIIT Pets"]
    sizes = planned().claims({})[-1]
    assert sizes.verdict != HOLDS and (sizes.measured, sizes.n) == (15, 16)


def test_what_is_at_hand_is_counted(images, tmp_path):
    assert (TABLE6.at_hand()["train"] == 0).all() and not (TABLE6.at_hand()["state"] == "here").any()
    (paths.data_root()).mkdir()
    (paths.data_root() / "pets").symlink_to(images)
    found = TABLE6.at_hand().set_index("id").loc["pets"]
    assert found.to_list() == ["Oxford-IIIT Pets", 36, 18, 3, "here"]
    (paths.data_root() / "cifar10/train/cat").mkdir(parents=True)
    assert TABLE6.at_hand().set_index("id").loc["cifar10", "state"].startswith("damaged: ")


def test_the_pairs_are_within_what_sampling_explains():
    rows = TABLE6.val_vs_test()
    assert len(rows) == 16 and rows["difference"].abs().max() == 0.13
    assert [claim.verdict for claim in planned().claims({})[:3]] == [HOLDS] * 3
    top1 = rows[rows["metric"] == "top1"][["val", "test"]].T.to_numpy()
    assert TABLE6.correlations()["top1"].value == pytest.approx(np.corrcoef(*top1)[0, 1])


def test_the_sampling_error_is_that_of_simulated_sets():
    rng = np.random.default_rng(0)
    one, other = (100 * rng.binomial(n, 0.77, 20_000) / n for n in (5_000, 10_000))
    margins = np.full(20_000, sampling_error(77.0, 5_000, 10_000))
    assert within(one - other, margins) / 20_000 == pytest.approx(0.95, abs=0.005)


def test_fishers_interval_covers():
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], (2_000, 8))
    found = [correlation(*pairs.T) for pairs in drawn]
    assert np.mean([low <= 0.8 <= high for _, low, high, _, _ in found]) == pytest.approx(0.95, abs=0.02)


def test_the_figure_is_readable_and_the_second_table_lies_beside_it():
    plan = planned(profile="smoke")
    rows = plan.table(plan.run())
    figure = plan.draw({}, rows)
    assert_readable(figure, labels(figure))
    folder = plan.save(figure, rows, plan.claims({}))
    pd.testing.assert_frame_equal(pd.read_csv(folder / val_vs_test.FILE), val_vs_test.table())
