"""The grid search: grid and rounding, its statistics on invented data, its queue, drawing and parameters."""

from dataclasses import replace
from itertools import pairwise
from math import inf, log

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_t
from support.readable import assert_readable, labels, overlap
from support.torch_counts import measured as counted_by_torch

from effnet_lib.apps.notebooks import run_notebook
from effnet_lib.artefacts import artefact, grid_search
from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.store import RunStore
from effnet_lib.runs.sweep import Report
from effnet_lib.stats.claims import DOES_NOT_HOLD, HOLDS, NOT_ENOUGH
from effnet_lib.stats.intervals import PairedOutcomes
from effnet_lib.stats.regret import dunnett, regret
from effnet_lib.stats.response_surface import fit
from effnet_lib.study import training_plan as work_module
from effnet_lib.study.coefficient_grid import PAPER, add_blocks, candidate, fine, points, spread
from effnet_lib.study.parameters import resolve
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.study import Study
from effnet_lib.study.training_plan import TrainingPlan

GRID_SEARCH = artefact("grid_search")

IMAGES = 2000
BASES = [base for profile in PROFILES.values() for base in profile.candidates]
FIXED = replace(PROFILES["photos"], candidates=(ProxyBaseline(0.25, 0.5, 96),), learning_rates=())
FULL = replace(FIXED, candidates=(ProxyBaseline(0.25, 0.5, 96), ProxyBaseline(0.5, 0.5, 64)))


@pytest.fixture(autouse=True)
def decided(monkeypatch):
    """Fix the baseline and the rate of `photos`, which step 0 and the tuning would choose."""
    monkeypatch.setitem(PROFILES, "photos", FIXED)


def study_of(profile=FIXED) -> Study:
    """Open a study whose baseline is decided; `FULL` is a profile that follows the protocol."""
    study = Study.of(profile, RunStore())
    study.__dict__["base"] = profile.candidates[0]
    return study


# Rounding -----------------------------------------------------------------------------------------------------

STAGES = st.lists(st.integers(1, 6), min_size=1, max_size=8).map(tuple)
AT_LEAST_1 = st.floats(1, 3)


@given(repeats=STAGES, depth=AT_LEAST_1)
def test_blocks_sum_to_the_rounded_total_and_stay_within_one_of_their_share(repeats, depth):
    blocks = add_blocks(repeats, depth)
    total = round(round(sum(repeats) * depth, 9))
    assert sum(blocks) == total and all(new >= old for new, old in zip(blocks, repeats, strict=True))
    shares = [total * n / sum(repeats) for n in repeats]
    assert all(abs(have - share) < 1.5 for have, share in zip(blocks, shares, strict=True))


@given(repeats=STAGES, depths=st.tuples(AT_LEAST_1, AT_LEAST_1))
def test_no_stage_loses_a_block_where_depth_grows(repeats, depths):
    fewer, more = (add_blocks(repeats, depth) for depth in sorted(depths))
    assert all(a <= b for a, b in zip(fewer, more, strict=True))


def test_blocks_go_where_most_is_missing():
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 1.0) == (1, 1, 1, 2, 2, 2, 1)
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 1.2) == (1, 1, 1, 3, 3, 2, 1)  # 12 of 10: shares 1.2 and 2.4
    assert add_blocks((1, 1, 1, 2, 2, 2, 1), 2.0) == (2, 2, 2, 4, 4, 4, 2)
    # Remainders of the last total alone would take the first stage's second block away again.
    assert add_blocks((1, 2, 2, 3, 3, 4, 1), 1.49)[0] <= add_blocks((1, 2, 2, 3, 3, 4, 1), 1.5)[0]


@given(base=st.sampled_from(BASES), less=st.tuples(*[AT_LEAST_1] * 3), more=st.tuples(*[AT_LEAST_1] * 3))
def test_fine_rounding_is_near_in_steps_and_monotone(base, less, more):
    start = base.arch(10)
    small, large = Scaling(*map(min, less, more)), Scaling(*map(max, less, more))
    one, other = fine(start, small), fine(start, large)
    assert one.px % 4 == other.px % 4 == 0 and abs(one.px - start.px * small.resolution) <= 2
    assert start.px <= one.px <= other.px and start.head <= one.head <= other.head
    for origin, a, b in zip(start.stages, one.stages, other.stages, strict=True):
        assert a.channels % 4 == b.channels % 4 == 0 and abs(a.channels - origin.channels * small.width) <= 2
        assert origin.channels <= a.channels <= b.channels and origin.repeats <= a.repeats <= b.repeats
    assert count(start).madds <= count(one).madds <= count(other).madds


@pytest.mark.parametrize("base", BASES, ids=str)
def test_fine_rounding_starts_at_the_baseline(base):
    assert fine(base.arch(10), Scaling()) == base.arch(10)


@settings(max_examples=10, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
@given(base=st.sampled_from(BASES[:-1]), scaling=st.builds(Scaling, *[st.floats(1, 2)] * 3))
def test_finely_rounded_networks_count_as_torch_counts_them(base, scaling):
    arch = fine(base.arch(10), scaling)
    assert count(arch) == counted_by_torch(arch)


def test_every_network_that_photos_trains_counts_as_torch_counts_it():
    for network in grid_search.candidates(study_of()):
        assert count(network.arch) == counted_by_torch(network.arch)


# Grid ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", ["fine", "paper"])
@pytest.mark.parametrize("base", BASES, ids=str)
def test_points_are_distinct_networks_within_the_tolerance_and_the_papers_triple(base, rounding):
    study = study_of(replace(FIXED, candidates=(base,), rounding=rounding))
    found = points(study)
    assert found[0].candidate.triple == PAPER and PAPER in found[0].triples
    assert (
        len({point.candidate.arch for point in found}) == len({point.candidate.name for point in found}) == len(found)
    )
    unit = count(study.baseline.arch).madds
    for point in found:
        assert point.ratio == count(point.candidate.arch).madds / unit
        assert {candidate(study, triple).arch for triple in point.triples} == {point.candidate.arch}
    assert all(1.9 <= point.ratio <= 2.1 for point in found[1:])
    merged = [triple for point in found for triple in point.triples]
    assert len(merged) == len(set(merged))


def test_the_papers_rule_merges_where_fine_rounding_does_not():
    study = {
        name: study_of(replace(FIXED, candidates=(ProxyBaseline(0.5, 0.5, 64),), rounding=name))
        for name in ("fine", "paper")
    }
    # At depth 0.5 every alpha from 1.05 to 1.30 is one network under ceil.
    alphas = [1.05, 1.1, 1.15, 1.2, 1.25, 1.3]
    distinct = {name: len({candidate(s, Scaling(depth=a)).arch for a in alphas}) for name, s in study.items()}
    assert distinct == {"paper": 1, "fine": 4}  # 10 (as 10.5 goes to even), 11, three times 12, and 13 blocks
    assert len(points(study["fine"])) > 3 * len(points(study["paper"]))


def test_paper_rounding_is_that_of_the_compound_series():
    study = study_of(replace(FIXED, rounding="paper"))
    assert candidate(study, PAPER, 2.0).arch == study.model("compound", 2.0).arch
    assert candidate(study, PAPER).scaling == study.model("compound", 1.0).scaling


def test_the_nearest_point_is_named_where_none_meets_the_constraint():
    with pytest.raises(ParameterError) as error:
        points(study_of(replace(FIXED, alphas=(1.1,), betas=(1.0, 1.05), gammas=(1.0,))))
    said = str(error.value)
    assert said.startswith("tolerance=0.05 is not accepted; tolerance takes a share that a network of the grid meets")
    assert "the nearest, (1.1, 1.05, 1), costs 1." in said and "\n" not in said


def test_the_chosen_networks_cover_the_surface():
    listed = points(study_of())
    chosen = spread(listed, 12)
    assert len(chosen) == len(set(chosen)) == 12 and chosen[0].candidate.triple == PAPER
    assert spread(listed, 5) == chosen[:5] and len(spread(listed, 10**6)) == len(listed)
    for name, least in (("depth", 1.9), ("width", 1.35), ("resolution", 1.3)):
        assert max(getattr(point.candidate.triple, name) for point in chosen) >= least


@pytest.mark.parametrize("name", ["smoke", "cpu", "photos", "gpu"])
def test_profiles_train_as_many_networks_as_they_say(name):
    base = PROFILES[name].candidates[0]
    study = study_of(replace(PROFILES[name], candidates=(base,), learning_rates=()))
    models = GRID_SEARCH.plan(study)
    assert models[0].name == "baseline" and models[1].name == "(1.2, 1.1, 1.15)"
    assert len({model.arch for model in models}) == study.profile.networks + 1


# Statistics ---------------------------------------------------------------------------------------------------


def invented(means: dict, seeds: int, sd: float, rng) -> PairedOutcomes:
    """Return bits of seeds whose accuracies scatter by `sd` points; the same pictures are right first everywhere."""
    level = rng.normal(0, 1, seeds)  # a seed's own level, which every network shares
    right = {
        n: [round(IMAGES * (m + level[s] + rng.normal(0, sd)) / 100) for s in range(seeds)] for n, m in means.items()
    }
    return PairedOutcomes({n: {s: np.arange(IMAGES) < k for s, k in enumerate(row)} for n, row in right.items()})


@pytest.mark.parametrize(
    "two_sided, table",
    [(True, (2.09, 2.38, 2.54, 2.65, 2.73)), (False, (1.72, 2.03, 2.19, 2.30, 2.39))],
)
def test_dunnetts_printed_quantiles_at_20_degrees_of_freedom(two_sided, table):
    found = [dunnett(k, 20, two_sided=two_sided) for k in range(1, 6)]
    assert found == pytest.approx(table, abs=0.006)


@pytest.mark.parametrize("others, dof", [(3, 4), (5, 11)])
def test_dunnetts_quantile_is_the_multivariate_t(others, dof):
    shape = np.full((others, others), 0.5) + 0.5 * np.eye(others)
    bound = np.full(others, dunnett(others, dof))
    t = multivariate_t(shape=shape, df=dof, seed=1)
    assert t.cdf(bound, lower_limit=-bound, random_state=1) == pytest.approx(0.95, abs=2e-3)


def test_regret_of_the_best_is_nothing_and_of_another_its_distance():
    outcomes = invented({"a": 70, "b": 75, "c": 60}, 4, 0.2, np.random.default_rng(0))
    best, second = regret(outcomes, "b"), regret(outcomes, "a")
    assert (best.value, best.best, best.interval[0]) == (0, "b", 0) and best.interval[1] == 0  # nothing comes near
    assert second.best == "b" and second.value == pytest.approx(5, abs=0.5)
    assert second.interval[0] < second.value < second.interval[1]
    low, high = second.differences["b"][1:]
    assert second.interval == (low, high) and second.differences["c"][0] == pytest.approx(-10, abs=0.5)


def test_one_seed_has_a_regret_without_interval_and_one_network_none():
    outcomes = invented({"a": 70, "b": 75}, 1, 0.0, np.random.default_rng(0))
    found = regret(outcomes, "a")
    assert found.value == pytest.approx(5) and found.interval is None and found.differences["b"][1:] == (None, None)
    assert regret(PairedOutcomes({"a": outcomes.bits["a"]}), "a") is None


@pytest.mark.parametrize(
    "means, true",
    [
        (dict.fromkeys("abcdefghijkl", 70.0), 0.0),
        ({"a": 69.0, "b": 70.0, "c": 70.0} | dict.fromkeys("defghijkl", 67), 1.0),
    ],
    ids=["all equal", "two better by a point"],
)
def test_the_regrets_interval_covers_it(means, true):
    """At 95 %: of 100 simulated searches of 12 networks x 3 seeds at most 5 % and noise (11) may miss."""
    rng, missed = np.random.default_rng(3), 0
    for _ in range(100):
        found = regret(invented(means, 3, 0.65, rng), "a")
        missed += not found.interval[0] - 0.05 <= true <= found.interval[1] + 0.05  # accuracies are whole pictures
    assert missed <= 11


def quadratic(alpha, gamma, top=(1.3, 1.12)):
    x, z = np.log(alpha) - log(top[0]), np.log(gamma) - log(top[1])
    return 75 - 20 * x**2 - 60 * z**2 - 10 * x * z


@pytest.fixture
def places():
    """Return alpha and gamma of the twelve networks of `photos`."""
    triples = [network.triple for network in grid_search.candidates(study_of())]
    return np.array([t.depth for t in triples]), np.array([t.resolution for t in triples])


def test_the_surface_recovers_a_known_maximum_and_its_ellipse(places):
    surface = fit(*places, quadratic(*places), np.full(12, 3))
    alpha, beta, gamma = surface.maximum
    assert (alpha, gamma) == pytest.approx((1.3, 1.12)) and alpha * beta**2 * gamma**2 == pytest.approx(2)
    outline = surface.ellipse(1.0)
    assert quadratic(*outline.T) == pytest.approx(74)
    assert surface.at(np.log(1.5), np.log(1.05)) == pytest.approx(quadratic(1.5, 1.05))


def test_the_room_for_the_maximum_covers_it(places):
    """At 95 %: of 400 simulated surfaces 20 miss on average, 33 with three standard deviations."""
    rng, missed = np.random.default_rng(5), 0
    for _ in range(400):
        surface = fit(*places, quadratic(*places) + rng.normal(0, 0.4, 12), np.ones(12))
        missed += not surface.may_be_maximum(np.array([log(1.3)]), np.array([log(1.12)]))[0]
    assert 7 <= missed <= 33


@pytest.mark.parametrize(
    "accuracy",
    [lambda a, g: -quadratic(a, g), lambda a, g: 70 + np.log(a) ** 2 - np.log(g) ** 2,
     lambda a, g: quadratic(a, g, (1.3, 0.9)), lambda a, g: quadratic(a, g, (1.8, 1.2)), lambda a, g: 0 * a + 70],
    ids=["bowl", "saddle", "gamma below 1", "beta below 1", "flat"],
)  # fmt: skip
def test_no_maximum_inside(places, accuracy):
    surface = fit(*places, accuracy(*places), np.ones(12))
    assert surface.maximum is None and surface.ellipse() is None


def test_too_few_networks_are_no_surface(places):
    alpha, gamma = places
    assert fit(alpha[:5], gamma[:5], quadratic(alpha[:5], gamma[:5]), np.ones(5)) is None
    assert fit(np.ones(12), gamma, gamma, np.ones(12)) is None  # all on one line
    six = fit(alpha[:6], gamma[:6], quadratic(alpha[:6], gamma[:6]), np.ones(6))
    assert six is None or six.covariance is None
    assert fit(*np.empty((4, 0))) is None
    with pytest.raises(ParameterError, match=r"alpha=0\.9"):
        fit(np.array([0.9, 1.2]), np.ones(2), np.ones(2), np.ones(2))


# Queue --------------------------------------------------------------------------------------------------------


def top_of(triple: Scaling) -> float:
    return float(quadratic(triple.depth, triple.resolution)) - 10


@pytest.fixture
def put(record_of):
    """Return a function that stores a made-up record: percent right, scattered by up to 0.2 points over the seeds."""

    def store(study: Study, model, seed: int, accuracy: float) -> None:
        jitter = np.random.default_rng((seed, count(model.arch).madds)).uniform(-0.2, 0.2)
        right = round(IMAGES * (accuracy + jitter) / 100)
        study.store.put(record_of(study.spec(model, seed), np.arange(IMAGES) < right, source_px=163))

    return store


def search_of(study: Study, put, seeds=3, accuracy=top_of) -> None:
    for network in grid_search.candidates(study):
        for seed in range(seeds):
            put(study, network, seed, accuracy(network.triple))


def test_the_queue_asks_for_what_the_records_decide(put):
    study = study_of(FULL)
    first, rest, *later = GRID_SEARCH.stages(study)
    assert (first.number, first.rank, len(first.specs)) == (1, 14, 12) and {spec.seed for spec in first.specs} == {0}
    assert (rest.number, rest.rank) == (2, 60) and [s.seed for s in rest.specs] == [1] * 12 + [2] * 12
    assert [stage.specs for stage in later] == [()] * 3  # nothing is decided yet
    assert grid_search.rival(study) is None and GRID_SEARCH.later(study) == []

    search_of(study, put)
    final = grid_search.finalists(study)
    ranked = sorted(grid_search.candidates(study), key=lambda network: -top_of(network.triple))
    assert len(final) == 4 and final[0].triple == PAPER and set(final[1:]) <= set(ranked[:5])
    _, _, best, fresh, step_2 = GRID_SEARCH.stages(study)
    assert (best.number, best.rank, len(best.specs)) == (2, 61, 12) and {s.seed for s in best.specs} == {3, 4, 5}
    assert {spec.arch for spec in best.specs} == {network.arch for network in final}
    assert fresh.specs == step_2.specs == ()

    for network in final:
        for seed in (3, 4, 5):
            put(study, network, seed, 90.0 if network == final[3] else 60.0)  # the last of them wins
    assert grid_search.rival(study) == final[3]
    *_, fresh, step_2 = GRID_SEARCH.stages(study)
    assert [spec.seed for spec in fresh.specs] == [s for s in range(100, 105) for _ in range(2)]
    assert {spec.arch for spec in fresh.specs} == {final[3].arch, final[0].arch}
    assert step_2.rank == 63 and {spec.arch for spec in step_2.specs} == {
        candidate(study, triple, 2.0).arch for triple in (final[3].triple, PAPER)
    }
    everything = [spec for stage in GRID_SEARCH.stages(study) for spec in stage.specs]
    assert len({spec.key for spec in everything}) == len(everything) == 12 * 3 + 4 * 3 + 2 * 5 + 2 * 5


def test_a_network_that_diverged_is_out_of_the_race(put):
    study = study_of()
    networks = grid_search.candidates(study)
    for network in networks[:-1]:
        for seed in range(3):
            put(study, network, seed, top_of(network.triple))
    assert grid_search.rival(study) is None
    study.store.fail(study.spec(networks[-1], 0).key, "Diverged: loss is nan")
    assert study.store.diverged(study.spec(networks[-1], 0).key)
    assert grid_search.rival(study) is not None


def test_a_notebook_trains_what_its_records_ask_for(monkeypatch, record_of):
    rounds = []

    def run_all(specs, dataset_of, store, *_, **__):
        rounds.append([spec.seed for spec in specs])
        for spec in specs:
            store.put(record_of(spec, np.arange(100) < 50 + count(spec.arch).madds % 7, source_px=50))
        return Report(stored=list(specs))

    monkeypatch.setattr(work_module, "run_all", run_all)
    plan = eff.plan("grid_search", profile="cpu", seeds=2)
    records = plan.run()
    assert [sorted(set(seeds)) for seeds in rounds] == [[0, 1], [100, 101]]
    assert len(rounds[0]) == 16 and len(rounds[1]) == 8 and len(records) == 8
    assert eff.plan("grid_search", profile="cpu", seeds=2).run() == records and rounds[2:] == [[]]


# Claims and drawing -------------------------------------------------------------------------------------------


@pytest.fixture
def judged(put):
    """Return a function that fills a search and its fresh seeds, and returns the plan."""

    def make(lost: float, seeds: int = 3, fresh: bool = True, accuracy=top_of, **given) -> TrainingPlan:
        plan = eff.plan("grid_search", profile="photos", seeds=seeds, **given)
        for seed in range(seeds):
            put(plan.study, plan.study.baseline, seed, 60.0)
        search_of(plan.study, put, seeds, accuracy)
        for pair in grid_search.duels(plan.study).values() if fresh else ():
            for network in pair:
                for seed in range(100, 105):
                    put(plan.study, network, seed, 70.0 - lost * (network.triple == PAPER))
        return plan

    return make


@pytest.mark.parametrize("lost, verdict", [(-2.0, HOLDS), (0.0, HOLDS), (3.0, DOES_NOT_HOLD)])
def test_fresh_seeds_decide(judged, lost, verdict):
    plan = judged(lost)
    found = plan.claims(plan.results())
    assert [claim.verdict for claim in found] == [verdict] * 2
    assert all(claim.estimate.value == pytest.approx(1 - lost, abs=0.3) and claim.estimate.n == 5 for claim in found)
    assert "(1.2, 1.1, 1.15)" in found[0].line() and "which it meets at 1.88x" in found[0].line()


def test_without_fresh_seeds_there_is_no_verdict(judged):
    plan = judged(0.0, fresh=False)
    assert {c.verdict for c in plan.claims(plan.results())} == {NOT_ENOUGH}
    assert "not measured" in GRID_SEARCH.claims(plan.study, {})[0].line()


def drawn(plan: TrainingPlan):
    records = plan.results()
    rows = GRID_SEARCH.table(plan.study, records)
    return GRID_SEARCH.draw(plan.study, records, rows), rows


def linear(triple: Scaling) -> float:
    return 60 + 8 * log(triple.depth) + 3 * log(triple.resolution) ** 2


@pytest.mark.parametrize(
    "given, said",
    [
        ({}, "response surface: maximum (+) at (1.29, 1.11, 1.12)"),
        ({"fresh": False}, "response surface: maximum"),
        ({"seeds": 1}, "crosses: one seed, no interval"),
        ({"accuracy": linear}, "response surface: no maximum inside"),
        ({"rounding": "paper"}, "rounding paper: blocks up, 8 channels, 1 px"),
        ({"alphas": (1.0, 1.2, 1.4), "betas": (1.0, 1.1), "gammas": (1.15, 1.2)}, "too few networks"),
    ],
    ids=["all", "no fresh seeds", "one seed", "no maximum", "paper rounding", "few networks"],
)
def test_a_image_whose_labels_can_be_read(judged, given, said):
    figure, rows = drawn(judged(0.5, **given))
    everything = labels(figure)
    assert_readable(figure, everything, 0.3)
    assert said in " ".join(text for text, _ in everything["figure"])
    assert "the paper's triple costs" in everything["figure"][-1][0]
    names = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    boxes = [text.get_window_extent() for text in figure.axes[1].get_yticklabels()]
    assert all(overlap(a, b) == 0 for a, b in pairwise(boxes))
    assert sum(name.startswith("(") for name in names) == len(rows) - 2  # but the baseline and the paper's own
    assert "best other, fresh seeds, φ = 2" in names
    shown = [text.get_text() for text in figure.axes[1].texts]
    assert ("not measured" in shown) == ("fresh" in given)


def test_the_table_has_triples_and_simultaneous_intervals(judged):
    rows = drawn(judged(0.5))[1].set_index("model")
    paper = rows.loc["(1.2, 1.1, 1.15)"]
    assert (paper["alpha"], paper["beta"], paper["gamma"]) == (1.2, 1.1, 1.15) and np.isnan(paper["over_paper"])
    assert np.isnan(rows.loc["baseline", "alpha"]) and rows.loc["baseline", "triples"] == 0
    others = rows.drop(["baseline", "(1.2, 1.1, 1.15)"])
    assert len(others) == 11 and (others["triples"] >= 1).all()
    assert np.allclose(others["over_paper"], others["top1"] - paper["top1"])
    assert (
        (others["over_paper_low"] < others["over_paper"]) & (others["over_paper"] < others["over_paper_high"])
    ).all()
    plan = eff.plan("grid_search", profile="photos")
    assert GRID_SEARCH.table(plan.study, {}).empty
    # B0 itself at 224 px under the paper's triple: B1 to B2's size.
    full = efficientnet.scale(PAPER)
    assert paper["full_flops"] == count(full).madds


# Parameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, words",
    [
        ({"alphas": [0.9, 1.2]}, "alphas=0.9 is not accepted; alphas takes coefficients of at least 1"),
        ({"gammas": [0]}, "gammas=0 is not accepted"),
        ({"betas": "1.1"}, "papermill takes as -y 'betas: [1.0, 1.4]'"),
        ({"tolerance": 0}, "tolerance=0 is not accepted; tolerance takes a share above 0"),
        ({"tolerance": -0.05}, "tolerance=-0.05 is not accepted"),
        ({"tolerance": inf}, "tolerance=inf is not accepted"),
        ({"tolerance": "5 %"}, "tolerance='5 %' is not accepted"),
        ({"rounding": "fin"}, "(did you mean fine?)"),
        ({"rounding": None}, "one of fine, paper"),
    ],
)
def test_a_bad_parameter_is_one_line(given, words):
    with pytest.raises(ParameterError) as error:
        resolve(given)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_lists_are_kept_as_given_and_reach_the_grid():
    params = resolve(
        {"profile": "photos", "alphas": [1.4, 1.2], "gammas": [1.1, 1.2], "rounding": "paper", "tolerance": 0.1}
    )
    assert params.alphas == (1.2, 1.4)
    profile = eff.plan("grid_search", params).study.profile
    assert (profile.alphas, profile.betas, profile.gammas) == ((1.2, 1.4), FIXED.betas, (1.1, 1.2))
    assert (profile.rounding, profile.tolerance) == ("paper", 0.1)


def test_the_library_refuses_them_too():
    with pytest.raises(ParameterError, match=r"rounding='finest'.*did you mean fine"):
        candidate(study_of(replace(FIXED, rounding="finest")), PAPER)
    with pytest.raises(ParameterError, match="tolerance=0"):
        points(study_of(replace(FIXED, tolerance=0)))
    with pytest.raises(ParameterError, match=r"alpha=0\.9"):
        candidate(study_of(), Scaling(0.9))
    with pytest.raises(ParameterError, match=r"tolerance=0\.05 .* the nearest"):
        eff.plan("grid_search", profile="photos", alphas=(1.0,), betas=(1.0,), gammas=(1.05,))


# Notebook -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_notebook_trains_the_search_and_its_fresh_seeds(roots):
    given = {"profile": "smoke", "alphas": [1.0, 2.0], "betas": [1.0, 1.05, 1.4], "gammas": [1.0]}
    out = run_notebook("grid_search", given)
    assert out == roots / "figures/smoke/grid_search.ipynb" and out.with_suffix(".png").is_file()
    assert list(pd.read_csv(out.with_suffix(".csv"))["model"]) == [
        "baseline", "(1.2, 1.1, 1.15)", "(2, 1.05, 1)", "(1, 1.4, 1)",  # farthest from the paper's first
    ]  # fmt: skip
    assert len(list((roots / "results/records").iterdir())) == 4 + 2 + 2
