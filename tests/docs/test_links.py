"""Every link among the Markdown files and the notebooks leads to a file, and to a heading where it names one."""

import json
import re
from pathlib import Path

import pytest

from effnet_lib.core import paths

ROOT = paths.ROOT
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", ".github/*.md", "figures/published/*/README.md", "notebooks/*.ipynb")
    for path in ROOT.glob(pattern)
)
LINK, HTML = re.compile(r"\]\(([^)\s]+)\)"), re.compile(r'(?:src|href)="([^"]+)"')
CODE, HEADING = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE), re.compile(r"^#+ (.*)$", re.MULTILINE)


def text_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return text


def links(text: str) -> list[str]:
    plain = CODE.sub("", text)
    return [
        one for one in LINK.findall(plain) + HTML.findall(plain) if "://" not in one and not one.startswith("mailto:")
    ]


def anchors(path: Path) -> set[str]:
    """The places that GitHub and the site give a page's headings."""
    fenceless = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(fenceless)}


def broken(path: Path) -> list[str]:
    found = []
    for link in links(text_of(path)):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path):
    assert not broken(path)


def test_links_are_seen_and_broken_ones_are_named(tmp_path):
    page = tmp_path / "a.md"
    page.write_text('# A b: c\n\n[x](a.md#a-b-c) [y](b.md) <img src="c.png"> [z](a.md#d) `[q](r)` [s](https://t.org)')
    assert broken(page) == ["b.md", "a.md#d", "c.png"]
    assert sum(len(links(text_of(path))) for path in PAGES) > 60
