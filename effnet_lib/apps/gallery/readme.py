"""What README.md says of the published evidence, between markers: what was found, and a table of artefacts."""

from html import escape
from io import BytesIO
from pathlib import Path

from ...core import atomic_write, paths
from ...core.errors import StoreError
from ...stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH, SMALLER
from ...study.registry import Artefact
from .evidence import Evidence, collect, question
from .findings import sentences

WIDE = "&nbsp;" * 22  # in the head of a column whose pictures would shrink beside long words
BLOCKS = ("findings", "artefacts")
WORDS = {HOLDS: "holds", CONTRADICTED: "contradicted", SMALLER: "smaller than delta", NOT_ENOUGH: "open"}
THUMBNAILS = "docs/thumbnails"
SIZE, SHOWN = (320, 128), 120  # pixels of a thumbnail, and as how many columns it is shown: screens have two to one


def markers(block: str) -> tuple[str, str]:
    """Return the lines before and after a block."""
    return f"<!-- {block}: written by `effnet gallery --readme` -->", f"<!-- /{block} -->"


def table() -> str:
    """Return the table in Markdown, made of what ships alone, and below it a line on what is not measured yet."""
    lines = [f"| {WIDE} | figure or table, and what it tests | claims |", "|---|---|---|"]
    missing = []
    for artefact, found in collect().items():
        published = [evidence for evidence in found if evidence.published and evidence.measured]
        name = f"[{artefact.title.partition(':')[0]}](notebooks/{artefact.notebook}.ipynb)"
        if not published:
            missing.append(f"{name} (`make {artefact.id}`)")
            continue
        claims = "<br>".join(map(_counted, published))
        words = f"{name}, `make {artefact.id}`. {_cell(question(artefact))} | {claims}"
        lines.append(f"| {_thumbnail(artefact, published)} | {words} |")
    return "\n".join(lines + [f"\nNot measured yet: {', '.join(missing)}."] * bool(missing))


def _pictured(published: list[Evidence]) -> Evidence | None:
    return next((evidence for evidence in published if evidence.picture), None)


def _thumbnail(artefact: Artefact, published: list[Evidence]) -> str:
    first = _pictured(published)
    if first is None:
        return ""
    picture = f'<img src="{THUMBNAILS}/{artefact.id}.png" width="{SHOWN}" alt="{escape(artefact.title)}">'
    return f'<a href="figures/published/{first.profile}/{artefact.notebook}.png">{picture}</a>'


def _counted(evidence: Evidence) -> str:
    """Say of one profile how many claims have which verdict, and whether the premise is met."""
    counts = [(number, WORDS[word]) for word, number in evidence.tally().items() if number]
    said = (
        ", ".join(f"{number} {'hold' if word == 'holds' and number > 1 else word}" for number, word in counts) or "none"
    )
    said += f" ({evidence.interim} interim)" if evidence.interim else ""
    said += f"; premise {evidence.premise}" if evidence.premise else ""
    return _cell(f"`{evidence.profile}`: {said}")


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def renewed(text: str) -> str:
    """Return a README's text with what stands between its markers renewed.

    Raises:
        StoreError: the markers are not there, once each.
    """
    made = {"findings": "\n".join(f"- {one}" for one in sentences()), "artefacts": table()}
    for block in BLOCKS:
        begin, end = markers(block)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed) or begin in rest or end in after:
            raise StoreError(f"README.md needs the lines {begin!r} and {end!r} once each, around its {block}")
        text = f"{before}{begin}\n{made[block]}\n{end}{after}"
    return text


def thumbnails() -> dict[str, bytes]:
    """Return a small PNG of the first published picture of each artefact, by the artefact's id."""
    from .notebook_pages import smaller  # with all that an executed notebook's page needs, which the words do without

    found = {
        artefact.id: _pictured([one for one in all_of_it if one.published]) for artefact, all_of_it in collect().items()
    }
    return {name: smaller(_cut(one.picture), SIZE[0]) for name, one in found.items() if one and one.picture}


def _cut(picture: Path) -> bytes:
    """Return a picture's upper part, all of its width, in the shape of a thumbnail; a wider one gets white below."""
    from PIL import Image

    made, out = Image.open(picture).convert("RGB"), BytesIO()
    shape = Image.new("RGB", (made.width, made.width * SIZE[1] // SIZE[0]), "white")
    shape.paste(made)
    shape.save(out, "PNG")
    return out.getvalue()


def renew(path: Path | None = None) -> bool:
    """Renew what README.md says between its markers, and the thumbnails; return whether anything changed."""
    path = path or paths.ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    made = {path: renewed(old).encode()}
    made |= {path.parent / THUMBNAILS / f"{name}.png": data for name, data in thumbnails().items()}
    return bool(atomic_write.renew(made))
