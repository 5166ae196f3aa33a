"""A page an artefact and a page an executed notebook, from what ships, with the gallery's own sections."""

import re
from pathlib import Path
from typing import Any

import nbformat
from prose_pages import linked

from effnet_lib.apps.gallery import archive, notebook_pages
from effnet_lib.apps.gallery.evidence import Evidence, collect
from effnet_lib.apps.gallery.pages import Pages, board, card

TEMPLATES = Path(__file__).parent / "templates"
CAPTION = re.compile(r"^# .*$", re.MULTILINE)


class SitePages(Pages):
    """The gallery's sections, whose executed notebooks stay notebooks for myst-nb."""

    def notebook(self, evidence: Evidence, marks: list[str]) -> str | None:
        """Copy an executed notebook, cleaned, with links that lead to pages; return its name."""
        if evidence.notebook is None:
            return None
        made = notebook_pages.read(evidence.notebook)
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        for cell in made.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, "notebooks", "artefacts")
        first = made.cells[0]
        first.source = CAPTION.sub(lambda found: f"{found[0]} (executed, profile {evidence.profile})", first.source, 1)
        name = f"{evidence.slug}-notebook.ipynb"
        nbformat.write(made, self.folder / name)
        return name


def write(folder: Path) -> None:
    """Write the pages of all artefacts, the claims across profiles and what earlier protocols published."""
    folder.mkdir(parents=True)
    pages = SitePages(folder, TEMPLATES)
    shown: dict[Any, list[dict[str, Any]]] = {}
    for artefact, found in collect().items():
        shown[artefact] = [pages.section(evidence) for evidence in found if evidence.published]
        pages.page(f"{artefact.id}.md", "artefact.md", artefact=card(artefact, shown[artefact]))
    cards = [card(artefact, sections) for artefact, sections in shown.items()]
    earlier = archive.write(folder)
    pages.page("earlier.md", "earlier.md", pictures=earlier)
    pages.page("index.md", "artefacts.md", cards=cards, board=board(shown))
