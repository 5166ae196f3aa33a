"""What was found, in three sentences made of the published claims: what holds, what does not, what is open."""

import re
from typing import Any

from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER, VERDICTS
from ...study.registry import Artefact
from .evidence import collect

_BRACKETS, _OBSERVATION = re.compile(r"\s*\((?:[^()]|\([^()]*\))*\)"), re.compile(r"^Observation \w+: ")
Judged = tuple[Artefact, dict[str, Any]]


def judged() -> list[Judged]:
    """Return each published claim once, with its artefact: of several profiles' the first that is decided."""
    found: dict[tuple[str, str], Judged] = {}
    for artefact, all_of_it in collect().items():
        for claim in (claim for evidence in all_of_it if evidence.published for claim in evidence.claims):
            key = artefact.id, _BRACKETS.sub("", claim["claim"])
            if (
                claim["verdict"] in VERDICTS
                and found.get(key, (None, {"verdict": NOT_ENOUGH}))[1]["verdict"] == NOT_ENOUGH
            ):
                found[key] = artefact, claim
    return list(found.values())


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
    trained = [one for one in claims if one[0].trains]
    rest = len(claims) - len(trained)
    words_of = [(artefact, _words(claim)) for artefact, claim in trained]
    named = [f"{_list(words)} ({link})" for link, words in _by_artefact(words_of).items()]
    named += [f"{rest} that are counted, timed or evaluated"] if rest else []
    return f"**Of {total} claims {len(claims)} {_hold(claims)}**" + (f": {'; '.join(named)}." if named else ".")


def _refuted(claims: list[Judged]) -> str:
    """Name what does not hold, each with the number that says so."""
    if not claims:
        return "**None is contradicted here.**"
    numbered = [(artefact, f"{_words(claim)} ({_number(claim)})") for artefact, claim in claims]
    said = [f"{_list(words)} ({link})" for link, words in _by_artefact(numbered).items()]
    counts = ((word, sum(claim["verdict"] == word for _, claim in claims)) for word in (CONTRADICTED, SMALLER))
    how = ", ".join(f"{count} {word}" for word, count in counts if count)
    return f"**{len(claims)} {'does' if len(claims) == 1 else 'do'} not hold** ({how}): {'; '.join(said)}."


def _open(claims: list[Judged]) -> str:
    """Count what is open, and say of the claims on scaling methods against what, and under which premise."""
    if not claims:
        return "**None is open.**"
    methods = [one for one in claims if isinstance(one[1]["premise"], dict)]
    said = [f"{_words(claim)} ({_against(claim)}; {_link(artefact)})" for artefact, claim in methods]
    verb = "is" if len(claims) == 1 else "are"
    return f"**{len(claims)} {verb} open**" + (f", among them: {'; '.join(said)}." if said else ".")


def _against(claim: dict[str, Any]) -> str:
    parts = [f"{_short(part['verdict'])} against {part['with']}" for part in claim["comparisons"] or []]
    return ", ".join([*parts, f"the premise of a balanced baseline is {claim['premise'].get('status', 'unknown')}"])


def _short(verdict: str) -> str:
    return "open" if verdict == NOT_ENOUGH else verdict


def _number(claim: dict[str, Any]) -> str:
    """Say what was measured: a count of how many, or a value with its interval."""
    value, interval = claim["measured"], claim["interval"]
    if interval:
        return f"{value:.3g} [{interval[0]:.3g}, {interval[1]:.3g}]"
    return f"{value:g} of {claim['n']}"


def _by_artefact(said: list[tuple[Artefact, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for artefact, words in said:
        grouped.setdefault(_link(artefact), []).append(words)
    return grouped


def _link(artefact: Artefact) -> str:
    return f"[{artefact.title.partition(':')[0]}](notebooks/{artefact.notebook}.ipynb)"


def _words(claim: dict[str, Any]) -> str:
    """Return a claim's own words without brackets, as part of a sentence."""
    words = _OBSERVATION.sub("", _BRACKETS.sub("", claim["claim"])).partition(": w = ")[0].replace("|", r"\|")
    first, _, rest = words.partition(" ")
    name = (len(first) > 1 and not first[1:].islower()) or rest[:1].isdigit()
    said = words if name else words[0].lower() + words[1:]
    return said + " (interim)" * bool(claim["interim"] and claim["verdict"] != NOT_ENOUGH)


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _hold(claims: list[Judged]) -> str:
    return "holds" if len(claims) == 1 else "hold"
