"""The README's table of artefacts, between two markers: what is tested, where and when it was measured, verdicts."""

from pathlib import Path

from ...core import paths
from ...core.atomic_write import write_aside
from ...core.errors import StoreError
from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER
from .evidence import Evidence, collect, question
from .provenance import provenance

BEGIN = "<!-- artefacts: written by `effnet gallery --readme` -->"
END = "<!-- /artefacts -->"
WORDS = {
    HOLDS: ("holds", "hold"),
    CONTRADICTED: (CONTRADICTED,) * 2,
    SMALLER: (SMALLER,) * 2,
    NOT_ENOUGH: ("open", "open"),
}


def table() -> str:
    """Return the table in Markdown, made of what ships alone."""
    lines = ["| artefact | what it tests | measured so far |", "|---|---|---|"]
    for artefact, found in collect().items():
        published = [evidence for evidence in found if evidence.published and evidence.measured]
        name = artefact.title.partition(":")[0]
        links = f"[{name}](notebooks/{artefact.notebook}.ipynb), `make {artefact.id}`"
        measured = "<br>".join(map(_measured, published)) or "not yet"
        lines.append(f"| {links} | {_cell(question(artefact))} | {measured} |")
    return "\n".join(lines)


def _measured(evidence: Evidence) -> str:
    """Say of one profile: seeds, date, device and verdicts, with links to picture and table."""
    folder = f"figures/published/{evidence.profile}/{evidence.artefact.notebook}"
    links = [f"[`{evidence.profile}`]({folder}.png)"] if evidence.picture else [f"`{evidence.profile}`"]
    links += [f"[csv]({folder}.csv)"] if evidence.csv else []
    about = provenance(evidence) if "date" not in evidence.about else evidence.about
    seeds = (
        [f"{about['seeds a model']} seed{'' if about['seeds a model'] == '1' else 's'}"]
        if "seeds a model" in about
        else []
    )
    facts = [*seeds, *(about[name] for name in ("date", "device") if name in about)]
    verdicts = [f"{number} {WORDS[word][number > 1]}" for word, number in evidence.tally().items() if number]
    said = f"claims: {', '.join(verdicts) or 'none'}" + (f" ({evidence.interim} interim)" if evidence.interim else "")
    premise = f"; premise of a balanced baseline: {evidence.premise}" if evidence.premise else ""
    return _cell(f"{' '.join(links)}: {', '.join(facts) or 'counted'}; {said}{premise}")


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def renewed(text: str) -> str:
    """Return a README's text with the table renewed.

    Raises:
        StoreError: the markers are not there, once each.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise StoreError(f"README.md needs the lines {BEGIN!r} and {END!r} once each, around its table of artefacts")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def renew(path: Path | None = None) -> bool:
    """Renew the table in README.md; return whether anything changed."""
    path = path or paths.ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = renewed(old)
    if new != old:
        write_aside(path, new.encode())
    return new != old
