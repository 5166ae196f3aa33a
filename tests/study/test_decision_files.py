"""Decisions as a file that ships: written from records, read where the tuning's records are not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.decided import parabola, put_candidates, put_trials

from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError
from effnet_lib.data.datasets import declare
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study import decision_files
from effnet_lib.study.decided_study import Study
from effnet_lib.study.decision_files import Decided, collect, path_of, read, words, write
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.queue import stages

PHOTOS = PROFILES["photos"]
WINNER = PHOTOS.candidates[5]


@pytest.fixture
def complete(store, record_of) -> Study:
    """A study all of whose decisions but the families' are taken from records."""
    put_candidates(Study.of(PHOTOS, store), record_of, WINNER)
    return put_trials(Study.of(PHOTOS, store), record_of, parabola(0.4))


def elsewhere(store, tmp_path) -> Study:
    """Open the study on a machine that has the published files alone."""
    return Study.of(PHOTOS, RunStore(root=tmp_path / "elsewhere", published_folder=store.published_folder))


def test_a_file_stands_for_the_records_that_decided(complete, store, tmp_path):
    path = write(collect(complete), PHOTOS, "imagenette-224", store)
    assert path == paths.published_root() / "decisions/photos.json"
    other = elsewhere(store, tmp_path)
    assert other.ready and other.base == WINNER and other.recipe == complete.recipe
    assert other.learning_rates == complete.learning_rates == dict.fromkeys(complete.learning_rates, 0.4)
    assert {stage.number for stage in stages(other)} == {*range(2, 11)}  # what is decided is not asked for again
    assert other.spec(other.baseline, 3).key == complete.spec(complete.baseline, 3).key
    assert collect(other) == collect(complete) and words(other) == words(complete)


def test_every_decision_names_its_records_and_their_newest_date(complete):
    found = collect(complete)
    assert {name: len(keys) for name, keys in found.records.items()} == {
        "baseline": 26, "recipe": len(complete.recipe_search.asked), "learning_rates": 15,
    }  # fmt: skip
    assert all(complete.store.get(key) for keys in found.records.values() for key in keys)
    assert found.date == "2020-01-01" and json.loads(found.to_json("photos", "x"))["protocol"] == 2


def test_a_rate_that_no_list_brackets_is_named(complete, store, record_of):
    assert not [line for line in words(complete) if "not bracketed" in line]
    rising = put_trials(Study.of(PHOTOS, store), record_of, lambda spec: 1.0 - 0.01 * float(np.log2(spec.recipe.lr)))
    said = [line for line in words(rising) if line.startswith("not bracketed: rate ")]
    highest = rising.learning_rates["width"]
    assert any(f"rate {highest:g} of width, the highest of the " in line for line in said)
    assert len(said) == len(rising.recipe_search.batches) + len(rising.five_methods())


def test_a_part_of_the_decisions_is_a_file_too(store, record_of, tmp_path):
    put_candidates(Study.of(PHOTOS, store), record_of, WINNER)
    found = collect(Study.of(PHOTOS, store))
    assert (found.base, found.recipe, found.rates) == (WINNER, None, None) and list(found.records) == ["baseline"]
    write(found, PHOTOS, "imagenette-224", store)
    other = elsewhere(store, tmp_path)
    assert other.base == WINNER and not other.ready and words(other) == [f"baseline: {WINNER}"]
    assert [stage.name for stage in stages(other)] == ["recipe of the baseline"]


def test_records_come_before_a_file(complete, store, record_of):
    stale = replace(collect(complete), base=PHOTOS.candidates[0])
    write(stale, PHOTOS, "imagenette-224", store)
    again = complete.again()
    assert again.base == WINNER and again.recipe == complete.recipe
    store.path(again.candidates()[WINNER][0].key).unlink()
    assert complete.again().base == PHOTOS.candidates[0]


def test_nothing_decided_is_no_file_and_other_data_decide_for_themselves(complete, store, tmp_path):
    assert write(Decided(), PHOTOS, "imagenette-224", store) is None and not path_of(PHOTOS, store).exists()
    write(collect(complete), PHOTOS, "imagenette-224", store)
    assert read(PHOTOS, "fractals-10", store) == Decided()
    assert Study.of(PHOTOS, elsewhere(store, tmp_path).store, declare("fractals-10")).base is None
    unread = RunStore(published=False, root=tmp_path / "elsewhere")
    assert Study.of(PHOTOS, unread).base is None
    assert collect(Study.of(PROFILES["smoke"], store)) == Decided()


@pytest.mark.parametrize(
    "change, said",
    [
        ({"protocol": 1}, "protocol 1"),
        ({"baseline": {"width": 9, "depth": 1, "px": 64, "stride": 32}}, "none of the profile's candidates"),
        ({"baseline": {"width": 0.2}}, "width, depth, px and stride"),
        ({"learning_rates": {"width": -1}}, "width=-1 is not accepted"),
        ({"learning_rates": [0.1]}, "learning_rates"),
        ({"recipe": {"lr": 0.1}}, "recipe lacks"),
        ({"records": {"baseline": "x"}}, "a list of keys"),
        (None, "not JSON"),
    ],
)
def test_a_file_of_no_use_is_passed_over_with_its_reason(complete, store, tmp_path, change, said):
    path = write(collect(complete), PHOTOS, "imagenette-224", store)
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    with pytest.warns(UserWarning, match=said):
        assert elsewhere(store, tmp_path).base is None


def test_decisions_that_cannot_be_read_back_are_not_written(complete, store):
    odd = replace(collect(complete), base=ProxyBaseline(9, 1, 64))
    with pytest.raises(StoreError, match="none of the profile's candidates"):
        write(odd, PHOTOS, "imagenette-224", store)


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if len(profile.candidates) > 1])
def test_what_ships_is_what_the_published_records_decide(name, monkeypatch, tmp_path):
    """Where these are complete; a decision that ships without them names keys, and is the later ones' ground."""
    monkeypatch.setenv("EFFNET_PUBLISHED", str(paths.ROOT / "figures/published"))
    study = Study.of(PROFILES[name], RunStore(root=tmp_path / "empty"))
    shipped = study.published_decisions
    monkeypatch.setattr(decision_files, "read", lambda *_: Decided())
    computed = collect(study.again())
    assert (shipped.base is None) == (shipped == Decided()) and set(computed.records) <= set(shipped.records)
    if computed.base is not None:
        assert (computed.base, computed.records["baseline"]) == (shipped.base, shipped.records["baseline"])
    if computed.recipe is not None:
        assert computed.recipe == shipped.recipe
    if computed.rates is not None:
        assert computed.rates == shipped.rates
    assert all(shipped.family_rates[family] == rates for family, rates in computed.family_rates.items())
