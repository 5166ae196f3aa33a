"""Searchers on known tables: what they find, in which order they ask, what costs nothing, bad settings."""

import sys
from random import Random

import pytest

from effnet_lib.core.errors import ParameterError
from effnet_lib.search import nas_bench_macro
from effnet_lib.search.evolution import RegularizedEvolution
from effnet_lib.search.objective import Objective, Score
from effnet_lib.search.replay import replay
from effnet_lib.search.searchers import SEARCHERS, SearcherSetting
from effnet_lib.search.space import Space

TABLE = nas_bench_macro.synthetic()
SPACE = Space(((0, 1, 2),) * 6)


def search(name: str, seed: int, evaluations: int = 100, batch: int = 1, **given):
    searcher = SearcherSetting(name, **given).start(TABLE.space, Objective(0.0), seed)
    return replay(searcher, nas_bench_macro.key, TABLE.score, evaluations, batch)


def ones(candidate) -> Score:
    return Score(10.0 * sum(candidate), 1)


def test_evolution_finds_more_than_random_search_with_as_many_evaluations():
    behind = {
        name: [TABLE.best - max(score.accuracy for score in search(name, seed).scores.values()) for seed in range(10)]
        for name in ("evolution", "random")
    }
    assert sum(one < other for one, other in zip(*behind.values(), strict=True)) >= 8
    assert sum(behind["evolution"]) < sum(behind["random"]) / 2


@pytest.mark.parametrize("name", ["evolution", "random"])
def test_a_seed_is_a_search(name):
    once, again, other = search(name, 3), search(name, 3), search(name, 4)
    assert list(once.scores) == list(again.scores) != list(other.scores)


def test_optuna_searches_both_goals():
    pytest.importorskip("optuna", reason="optuna is not installed; the extra `search` brings it")
    once, again = search("optuna", 3, 60), search("optuna", 3, 60)
    assert list(once.scores) == list(again.scores) and len(once.scores) == 60
    assert once.scores.keys() == once.found.keys() and not once.pending


def test_without_optuna_the_refusal_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ParameterError, match=r"searcher='optuna' .* pip install 'effnet-lib\[search\]'"):
        search("optuna", 0)


def test_the_oldest_dies_and_the_best_of_the_tournament_is_the_parent():
    evolution = RegularizedEvolution(SPACE, Objective(0.0), 0, population=3, tournament=50)
    first = [evolution.ask() for _ in range(3)]
    for candidate, value in zip(first, (90.0, 50.0, 60.0), strict=True):
        evolution.tell(candidate, Score(value, 1))
    child = evolution.ask()
    assert sum(a != b for a, b in zip(child, first[0], strict=True)) == 1  # 50 draws of 3 miss none
    evolution.tell(child, Score(10.0, 1))  # the first, though the best, is now the oldest of four
    assert sum(a != b for a, b in zip(evolution.ask(), first[2], strict=True)) == 1


def test_the_exponent_decides_who_is_the_parent():
    scores = {(0,) * 6: Score(80.0, 10**6), (2,) * 6: Score(82.0, 10**8)}
    for w, parent in ((0.0, (2,) * 6), (-0.07, (0,) * 6)):
        evolution = RegularizedEvolution(SPACE, Objective(w), 0, population=2, tournament=30)
        for candidate, score in scores.items():
            evolution.ask()
            evolution.tell(candidate, score)
        assert sum(a != b for a, b in zip(evolution.ask(), parent, strict=True)) == 1


def test_a_network_that_is_asked_for_again_costs_nothing_and_is_told_again():
    told = []

    class Stuck:
        def __init__(self):
            self.draw = Random(0)

        def ask(self):
            return SPACE.mutated((0,) * 6, self.draw)

        def tell(self, candidate, score):
            told.append(candidate)

    done = replay(Stuck(), lambda one: one, lambda key, one: ones(one), 100)
    assert len(done.scores) == 12 and not done.pending  # all that it ever asks for; then it ends
    assert len(told) > 1000 and set(told) == set(done.scores)


def test_a_replay_stops_at_what_is_not_stored_and_goes_on_from_there():
    whole, store = search("evolution", 1, 40, batch=4), {}
    asked = []
    while True:
        searcher = SearcherSetting("evolution").start(TABLE.space, Objective(0.0), 1)
        done = replay(searcher, nas_bench_macro.key, lambda key, one: store.get(key), 40, 4)
        if not done.pending:
            break
        assert len(done.pending) <= 4 and not done.pending.keys() & done.scores.keys()
        first = next(key for key in done.pending if key not in store)  # one of a batch, then the search is stopped
        asked.append(first)
        store[first] = TABLE.score(first)
    assert list(done.scores.items()) == list(whole.scores.items()) and len(asked) == len(set(asked)) == 40


def test_improvements_and_the_best_go_by_the_objective():
    done = search("random", 0, 30)
    for w in (0.0, -0.15):
        steps = done.improvements(Objective(w))
        values = [Objective(w)(score) for _, _, score in steps]
        assert values == sorted(values) and steps[0][0] == 1 and steps[-1][1] == done.best(Objective(w))


@pytest.mark.parametrize(
    "given, words",
    [
        (
            {"name": "evolutoin"},
            "searcher='evolutoin' is not accepted; searcher takes one of evolution, optuna, random",
        ),
        ({"population": 4}, "population=4 is not accepted; population takes a whole number of at least the tourna"),
        ({"tournament": 0}, "tournament=0 is not accepted"),
    ],
)
def test_a_bad_setting_is_one_line(given, words):
    with pytest.raises(ParameterError) as error:
        SearcherSetting(**given)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert set(SEARCHERS) == {"evolution", "optuna", "random"}
