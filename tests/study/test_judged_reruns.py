"""What reruns say: the same to the bit, inside or outside the interval of one more seed, and all of them together."""

from dataclasses import replace

import pytest
from support.republished import bits, publish_smoke

from effnet_lib.artefacts import artefact
from effnet_lib.runs.packing import pack_bits
from effnet_lib.runs.run_store import RunRecord
from effnet_lib.stats.reproduction import seed_interval
from effnet_lib.study.judged_reruns import judge
from effnet_lib.study.published_runs import PublishedRun, PublishedRuns, published_runs


@pytest.fixture
def published(monkeypatch, record_of) -> PublishedRuns:
    publish_smoke(monkeypatch, record_of)
    return published_runs(artefact("fig3"), "smoke")


def first(published: PublishedRuns, name: str) -> PublishedRun:
    return next(run for run in published.runs if run.name == name and run.spec.seed == 0)


def again(run: PublishedRun, percent: float | None = None) -> tuple[PublishedRun, RunRecord]:
    """Return a run with a record of it made elsewhere: another time, and another accuracy if one is given."""
    result = run.record.result | {"train_seconds": 99.0, "pictures_per_second": 3.0}
    if percent is not None:
        result |= {"correct": pack_bits(bits(percent)), "top1": percent}
    return run, replace(run.record, result=result)


def test_the_same_bits_and_losses_are_the_same_however_long_they_took(published):
    found = judge(published, [again(run) for run in published.runs])
    assert all(one.same and one.inside for one in found.reruns) and found.reproduced
    assert found.chance is None and found.shift is None


@pytest.mark.parametrize("change", [{"loss": 1.1}, {"history": [1.0, 1.1]}, {"correct": pack_bits(bits(60)[::-1])}])
def test_another_loss_or_image_is_not_the_same(published, change):
    run, record = again(first(published, "baseline"))
    found = judge(published, [(run, replace(record, result=record.result | change))])
    assert not found.reruns[0].same and found.reruns[0].inside and found.reproduced


def test_one_run_far_outside_is_found_and_counted(published):
    names = ("baseline", "w=2.6", "r=2.2")
    found = judge(published, [again(first(published, n), p) for n, p in zip(names, (61, 40, 75), strict=True)])
    assert [one.inside for one in found.reruns] == [True, False, True]
    assert found.chance.outside == 1 and found.chance.expected == pytest.approx(0.15)
    own = seed_interval([70.0, 71.0, 73.5], (0.0, 0))
    assert found.reruns[1].interval == own and not own.spread.pooled and own.low > 40


def test_all_runs_a_little_lower_are_outside_together(published):
    names = ("baseline", "w=2.6", "r=2.2")
    found = judge(published, [again(first(published, n), p) for n, p in zip(names, (55, 65, 70), strict=True)])
    assert all(one.inside for one in found.reruns) and found.chance.tail == 1.0
    assert found.shift.high < 0 and not found.reproduced


def test_runs_that_are_the_same_are_no_evidence_of_a_shift(published):
    results = [again(first(published, "baseline"), 20.0), *map(again, published.runs[-3:])]
    found = judge(published, results)
    assert found.chance.outside == 1 and found.chance.expected == pytest.approx(0.05)
    assert found.shift.value == pytest.approx(20 - 61.5) and not found.reproduced


def test_a_network_with_two_seeds_has_the_pooled_spread(monkeypatch, record_of):
    publish_smoke(monkeypatch, record_of, {"baseline": (60.0, 61.5, 63.0), "w=2.6": (70.0, 71.0)})
    published = published_runs(artefact("fig3"), "smoke")
    found = judge(published, [again(first(published, "w=2.6"), 72.0)])
    assert (
        found.reruns[0].interval.spread == (*published.pooled(found.reruns[0].run.network), True)
        and found.reruns[0].interval.seeds == 2
    )


def test_spreads_are_pooled_over_what_was_trained_as_long_where_it_can_be(published):
    short = published.runs[0].network
    long = replace(short, recipe=replace(short.recipe, epochs=99))
    assert published.pooled(short) == published.pooled(long)  # of all: nothing was trained that long
    moved = [replace(run, spec=replace(run.spec, recipe=long.recipe)) for run in published.runs if run.name == "w=2.6"]
    mixed = replace(published, runs=(*moved, *(run for run in published.runs if run.name != "w=2.6")))
    assert mixed.pooled(moved[0].network) == (pytest.approx(1.8028, abs=1e-4), 2)
    assert mixed.pooled(short) == (pytest.approx(1.5138, abs=1e-4), 4)
