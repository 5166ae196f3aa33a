"""The list of artefacts for `notebooks/index.ipynb`: links to the notebooks, and what is measured."""

from typing import TYPE_CHECKING

from ...stats.verdicts import NOT_ENOUGH
from .evidence import Evidence, collect, question

if TYPE_CHECKING:
    from IPython.display import Markdown


def listing() -> "Markdown":
    """Return a table in Markdown: a row an artefact, with the profiles that have a picture and their verdicts."""
    from IPython.display import Markdown

    lines = ["| notebook | what it tests | measured |", "|---|---|---|"]
    for artefact, found in collect().items():
        measured = "; ".join(map(_words, (one for one in found if one.measured))) or "not run yet"
        lines.append(f"| [{artefact.title}]({artefact.notebook}.ipynb) | {question(artefact)} | {measured} |")
    return Markdown("\n".join(lines))


def _words(evidence: Evidence) -> str:
    tally = evidence.tally()
    decided = sum(tally.values()) - tally[NOT_ENOUGH]
    verdicts = f", {decided} of {len(evidence.claims)} claims decided" if evidence.claims else ""
    return f"{evidence.label}{verdicts}"
