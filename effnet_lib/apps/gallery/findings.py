"""What was found, in three sentences made of the published claims: what holds, what does not, what is open."""

import re
from itertools import pairwise
from typing import Any

from ...stats.premise import NOT_MET
from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER, VERDICTS
from ...study.registry import Artefact
from .evidence import collect

_BRACKETS = re.compile(r"\s*\((?:[^()]|\([^()]*\))*\)")
# All but the coefficients that a claim is about: (1.2, 1.1, 1.15), (d=2, r=1.3).
_ASIDES = re.compile(r"\s*\((?!(?:[dwr]=)?\d[\d., dwr=]*\))(?:[^()]|\([^()]*\))*\)")
_OBSERVATION = re.compile(r"^Observation \w+: ")
Judged = tuple[Artefact, dict[str, Any]]


def judged() -> list[Judged]:
    """Return each published claim once, with its artefact: of several profiles' the first that is decided.

    Of undecided ones the last that has all its declared seeds, since an interim one says less.
    """
    found: dict[tuple[str, str], Judged] = {}
    for artefact, all_of_it in collect().items():
        for claim in (claim for evidence in all_of_it if evidence.published for claim in evidence.claims):
            key = artefact.id, _BRACKETS.sub("", claim["claim"])
            if claim["verdict"] in VERDICTS and (key not in found or _says_more(claim, found[key][1])):
                found[key] = artefact, claim
    return list(found.values())


def _says_more(claim: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Return whether a profile's claim stands in place of the same claim of an earlier profile."""
    if earlier["verdict"] != NOT_ENOUGH:
        return False
    return claim["verdict"] != NOT_ENOUGH or bool(earlier["interim"]) or not claim["interim"]


def sentences() -> list[str]:
    """Return three sentences in Markdown, links relative to the checkout; intervals are of 95 %."""
    claims = judged()
    if not claims:
        return ["No claim has been judged yet."]
    hold, against, unsure = (
        [one for one in claims if one[1]["verdict"] in words]
        for words in ((HOLDS,), (CONTRADICTED, SMALLER), (NOT_ENOUGH,))
    )
    return [_holding(hold, len(claims)), _refuted(against), _open(unsure)]


def _holding(claims: list[Judged], total: int) -> str:
    """Name what holds of networks that were trained here, and count the rest."""
    trained = [(artefact, _words(claim)) for artefact, claim in claims if artefact.trains]
    rest = len(claims) - len(trained)
    named = _grouped(trained) + [f"{rest} that are counted, timed or evaluated"] * bool(rest)
    return f"**Of {total} claims {len(claims)} {_verb(claims, 'holds', 'hold')}**" + _after(": ", named)


def _refuted(claims: list[Judged]) -> str:
    """Name what does not hold, each with the number that says so."""
    counts = ((word, sum(claim["verdict"] == word for _, claim in claims)) for word in (CONTRADICTED, SMALLER))
    how = ", ".join(f"{count} {word}" for word, count in counts if count)
    numbered = [
        (artefact, f"{_words(claim)} ({'; '.join([_number(claim), *_beside(claim)])})") for artefact, claim in claims
    ]
    return f"**{len(claims)} {_verb(claims, 'does', 'do')} not hold**{how and f' ({how})'}" + _after(
        ": ", _grouped(numbered)
    )


def _beside(claim: dict[str, Any]) -> list[str]:
    """Return what a reader must know beside a number: an unmet premise, networks that were not trained to their end."""
    premise = claim["premise"]
    unmet = isinstance(premise, dict) and premise.get("status") == NOT_MET
    return ["premise not met"] * unmet + [str(claim["note"])] * bool(claim["note"])


def _open(claims: list[Judged]) -> str:
    """Count what is open, and say of the claims on scaling methods against what, and under which premise."""
    methods = [(artefact, claim) for artefact, claim in claims if isinstance(claim["premise"], dict)]
    said = [f"{_words(claim)} ({_against(claim)}; {_link(artefact)})" for artefact, claim in methods]
    return f"**{len(claims)} {_verb(claims, 'is', 'are')} open**" + _after(", among them: ", said)


def _verb(claims: list[Judged], one: str, several: str) -> str:
    return one if len(claims) == 1 else several


def _after(sign: str, parts: list[str]) -> str:
    """End a sentence, with a list behind a sign where there is one."""
    return f"{sign if parts else ''}{'; '.join(parts)}."


def _against(claim: dict[str, Any]) -> str:
    if claim["measured"] is None:
        return "not measured"
    parts = [(str(part["verdict"]), part["with"]) for part in claim["comparisons"] or []]
    said = [f"{'open' if verdict == NOT_ENOUGH else verdict} against {other}" for verdict, other in parts]
    return ", ".join([*said, f"the premise of a balanced baseline is {claim['premise'].get('status', 'unknown')}"])


def _number(claim: dict[str, Any]) -> str:
    """Say what was measured: a value with its interval, or of how many things how many."""
    value, interval = claim["measured"], claim["interval"]
    if value is None:
        return "not measured"
    return f"{value:.3g} [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else f"{value:g} of {claim['n']}"


def _grouped(said: list[tuple[Artefact, str]]) -> list[str]:
    """Join what is said of each artefact, with its link."""
    grouped: dict[str, list[str]] = {}
    for artefact, words in said:
        grouped.setdefault(_link(artefact), []).append(words)
    return [f"{_list(words)} ({link})" for link, words in grouped.items()]


def _link(artefact: Artefact) -> str:
    return f"[{artefact.title.partition(':')[0]}](notebooks/{artefact.notebook}.ipynb)"


def _words(claim: dict[str, Any]) -> str:
    """Return a claim's own words without brackets, as part of a sentence."""
    words = _OBSERVATION.sub("", _ASIDES.sub("", claim["claim"])).partition(": w = ")[0].replace("|", r"\|")
    first, _, rest = words.partition(" ")
    name = (len(first) > 1 and not first[1:].islower()) or rest[:1].isdigit()
    said = words if name else words[0].lower() + words[1:]
    return said + " (interim)" * bool(claim["interim"] and claim["verdict"] != NOT_ENOUGH)


def _list(words: list[str]) -> str:
    """Join claims to a list; of one that begins as the one before it does, up to a comma, only the rest is said."""
    said = words[:1]
    for before, one in pairwise(words):
        head, _, rest = one.partition(", ")
        said.append(rest if rest and before.startswith(f"{head}, ") else one)
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
