"""Searches of a table of networks: a search a seed, its improvements in order, accuracies and FLOPS that can be."""

from typing import Any

from ...core.errors import StoreError
from ..value_checks import listed, lists, mapping, number, string, text, whole


def table_search(spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Check the searches of one searcher: one for each seed, none with more evaluations than asked for."""
    text("table", listed(spec, "table"))
    text("name", listed(mapping("searcher", listed(spec, "searcher")), "name"))
    number("w", listed(spec, "w"), -100, 100)
    whole("algorithm", listed(spec, "algorithm"), 0)
    asked = whole("evaluations", listed(spec, "evaluations"))
    seeds = [whole("seed", seed, 0) for seed in lists("seeds", listed(spec, "seeds"), least=1)]
    searches = lists("searches", listed(result, "searches"), len(seeds))
    for seed, search in zip(seeds, searches, strict=True):
        if whole("seed", listed(mapping("search", search), "seed"), 0) != seed:
            raise StoreError(f"the search of seed {seed} is that of {search['seed']}")
        done = whole("evaluations", listed(search, "evaluations"), 1, asked)
        numbers = [_improvement(one, done) for one in lists("best", listed(search, "best"), least=1)]
        if numbers != sorted(set(numbers)):
            raise StoreError("improvements are not in the order of evaluations")
        _front(listed(search, "front"))
    whole("networks", listed(result, "networks"))
    lists("best", listed(result, "best"), least=1)
    _front(listed(result, "front"))
    string("library", listed(result, "library"))


def _improvement(value: Any, most: int) -> int:
    number_of, key, accuracy, flops = lists("improvement", value, 4)
    text("key", key)
    _score([accuracy, flops])
    return whole("evaluation", number_of, 0, most)


def _score(value: Any) -> None:
    accuracy, flops = lists("score", value, 2)
    number("accuracy", accuracy, 0, 100)
    number("flops", flops)


def _front(value: Any) -> None:
    for score in lists("front", value, least=1):
        _score(score)
