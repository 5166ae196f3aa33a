"""Replay a search from what is stored: the store is the truth, and a searcher only says what comes next.

A search is its space, its searcher's seed and the scores that it is told, so nothing else need be kept of it: who asks
again from the start and is told the same scores stands where it was stopped, on this machine or another.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .objective import Objective, Score
from .searchers import Searcher
from .space import Candidate

Key = TypeVar("Key", bound=Hashable)  # what says that two candidates are one network
REPEATS = 1000  # candidates in a row that are all known: the space holds no other that this searcher finds


@dataclass
class Progress(Generic[Key]):
    """Say how far a search is.

    Args:
        scores: of every network evaluated, in the order in which they were first asked for.
        found: the candidate of each of these networks.
        pending: the batch of which some score is still missing; none where the search has ended.
    """

    scores: dict[Key, Score] = field(default_factory=dict)
    found: dict[Key, Candidate] = field(default_factory=dict)
    pending: dict[Key, Candidate] = field(default_factory=dict)

    def best(self, objective: Objective) -> Key | None:
        """Return the network of the highest value, the first of equals; None where nothing is evaluated."""
        return max(self.scores, key=lambda key: objective(self.scores[key]), default=None)

    def improvements(self, objective: Objective) -> list[tuple[int, Key, Score]]:
        """Return (evaluations so far, network, score) of each network that was the best when it was evaluated."""
        kept: list[tuple[int, Key, Score]] = []
        for number, (key, score) in enumerate(self.scores.items(), 1):
            if not kept or objective(score) > objective(kept[-1][2]):
                kept.append((number, key, score))
        return kept


def replay(
    searcher: Searcher,
    key_of: Callable[[Candidate], Key],
    known: Callable[[Key, Candidate], Score | None],
    evaluations: int,
    batch: int = 1,
) -> Progress[Key]:
    """Go through a search as far as scores are known.

    Args:
        searcher: at its beginning.
        known: returns a network's score, or None where it is still to be evaluated.
        evaluations: how many different networks are evaluated in all; one that is asked for again costs nothing.
        batch: networks that are evaluated at once. It belongs to the search, however many processes there are: scores
            are told in the order asked.
    """
    done: Progress[Key] = Progress()
    while len(done.scores) < evaluations:
        asked = _ask(searcher, key_of, done, min(batch, evaluations - len(done.scores)))
        new = {key: candidate for candidate, key in reversed(asked)}
        if not new:
            break
        asked_for = {key: known(key, candidate) for key, candidate in new.items()}
        scores = {key: score for key, score in asked_for.items() if score is not None}
        if len(scores) < len(new):
            done.pending = {key: new[key] for _, key in asked}
            break
        for candidate, key in asked:
            done.scores.setdefault(key, scores[key])
            done.found.setdefault(key, candidate)
            searcher.tell(candidate, scores[key])
    return done


def _ask(
    searcher: Searcher, key_of: Callable[[Candidate], Key], done: Progress[Key], wanted: int
) -> list[tuple[Candidate, Key]]:
    """Ask until so many new networks are there, or nothing new comes; what is known already is told at once."""
    asked: list[tuple[Candidate, Key]] = []
    new: set[Key] = set()
    repeats = 0
    while len(new) < wanted and repeats < REPEATS:
        candidate = searcher.ask()
        key = key_of(candidate)
        repeats = repeats + 1 if key in new or key in done.scores else 0
        if key in done.scores:
            searcher.tell(candidate, done.scores[key])
        else:
            asked.append((candidate, key))
            new.add(key)
    return asked
