"""The site's prose: the pages of docs/, some of the repository's own, and the front page with the list of all."""

import os
import re
from functools import cache
from pathlib import Path

from effnet_lib.apps.gallery.findings import sentences
from effnet_lib.artefacts import all_artefacts
from effnet_lib.core import paths
from effnet_lib.study.profiles import PROFILES

DOCS = paths.ROOT / "docs"
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
# The list of pages; what lies in docs/ and is not named here comes last.
SECTIONS = {
    "Start": ["start", "try", "reading", "profiles", "using", "faq", "limits"],
    "Evidence": ["artefacts/index", "explore", "protocol", "machines"],
    "In depth": ["running", "data", "scale", "performance", "fuzzing"],
    "Build on it": ["adding", "api/index", "coverage", "contributing", "security", "changelog"],
}
FINDINGS = "<!-- findings -->"  # where index.md has them
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def write(folder: Path) -> None:
    """Write every page of prose, its links leading to the site's own pages, and index.md with the list of all pages."""
    for path in sorted(DOCS.glob("*.md")):
        (folder / path.name).write_text(linked(path.read_text(encoding="utf-8"), "docs"), encoding="utf-8")
    for name, page in PAGES.items():
        (folder / page).write_text(linked((paths.ROOT / name).read_text(encoding="utf-8"), "."), encoding="utf-8")
    for picture in DOCS.glob("*.svg"):
        (folder / picture.name).write_bytes(picture.read_bytes())
    index = folder / "index.md"
    found = "\n".join(f"- {linked(one, '.')}" for one in sentences())
    text = index.read_text(encoding="utf-8").replace(FINDINGS, found)
    index.write_text(text + _lists(folder), encoding="utf-8")


def _lists(folder: Path) -> str:
    """Return the lists of pages in MyST, those that do not exist left out."""
    there = {path.stem for path in folder.glob("*.md")} - {"index"} | {"explore", "artefacts/index", "api/index"}
    named = {name for names in SECTIONS.values() for name in names}
    listed = SECTIONS | {"More": sorted(there - named)}
    trees = []
    for caption, names in listed.items():
        lines = "\n".join(name for name in names if name in there)
        trees.append(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n" if lines else "")
    return "".join(trees)


def linked(text: str, place: str, to: str = ".") -> str:
    """Return Markdown of the repository's folder `place` for the site's folder `to`: its links lead to pages.

    A file that no page shows is named in code, instead of linked.
    """
    return LINK.sub(lambda found: _link(found, place, to), text)


def _link(found: re.Match[str], place: str, to: str) -> str:
    sign, words, target, anchor = found.groups()
    path = Path(os.path.normpath(paths.ROOT / place / target))
    if not path.is_relative_to(paths.ROOT) or not path.exists():  # code that looks like a link
        return found[0]
    page = _page(path.relative_to(paths.ROOT).as_posix())
    if page:
        return f"{sign}[{words}]({os.path.relpath(page, to)}{anchor or ''})"
    name = path.relative_to(paths.ROOT).as_posix()
    return words if name in words else f"{words} (`{name}`)"


@cache
def _page(path: str) -> str | None:
    """Return the page of the site that shows a file of the repository."""
    notebooks = {f"notebooks/{one.notebook}.ipynb": f"artefacts/{one.id}.md" for one in all_artefacts().values()}
    others = {"notebooks/explore.ipynb": "explore.ipynb", "README.md": "index.md", "docs": "index.md"}
    others |= {"figures/published/protocol1": "artefacts/earlier.md", "notebooks": "artefacts/index.md"}
    others |= {"figures/published": "artefacts/index.md"}
    pictures = {
        f"figures/published/{profile}/{one.notebook}.png": f"artefacts/{one.id}-{profile}.png"
        for one in all_artefacts().values()
        for profile in PROFILES
    }
    shown = PAGES | notebooks | others | pictures
    return (
        path.removeprefix("docs/") if path.endswith((".md", ".svg")) and path.startswith("docs/") else shown.get(path)
    )
