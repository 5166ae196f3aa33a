"""The documentation site: built without a warning, it loads nothing from elsewhere, and its links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.html_pages import broken, elsewhere, page

import effnet_lib as eff
from effnet_lib.artefacts import all_artefacts
from effnet_lib.core import paths

pytestmark = pytest.mark.slow
CSS = re.compile(r"@import[^;]*|url\([^)]*\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, elsewhere."""
    pytest.importorskip("furo", reason="needs the extra docs")
    to = tmp_path_factory.mktemp("docs")
    own = {name: value for name, value in os.environ.items() if not name.startswith("EFFNET_")}
    own["PYTHONPATH"] = os.pathsep.join([str(paths.ROOT), os.environ.get("PYTHONPATH", "")])
    made = subprocess.run(
        [sys.executable, "docs/site", str(to)], cwd=paths.ROOT, env=own, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr[-3000:]
    return to / "html"


def html(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_every_page_of_prose_is_there(site):
    prose = {path.stem for path in (paths.ROOT / "docs").glob("*.md")} | {"changelog", "contributing", "explore"}
    assert {path.stem for path in site.glob("*.html")} >= prose


def test_nothing_is_loaded_from_elsewhere(site):
    assert len(html(site)) > 40
    assert not [(path.name, url) for path in html(site) for url in page(path).fetched if elsewhere(url)]
    styles = [(path, found) for path in site.rglob("*.css") for found in CSS.findall(path.read_text(encoding="utf-8"))]
    assert not [(path.name, found) for path, found in styles if "//" in found and "data:" not in found]


def test_every_internal_link_leads_somewhere(site):
    found = [one for path in html(site) for one in broken(path, site)]
    assert not found, "\n".join(found)


def test_every_artefact_has_its_page_and_every_published_notebook(site):
    for name, artefact in all_artefacts().items():
        text = (site / f"artefacts/{name}.html").read_text(encoding="utf-8")
        published = sorted((paths.ROOT / "figures/published").glob(f"*/{artefact.notebook}.ipynb"))
        assert ("Not measured yet" in text) == (not published)
        for notebook in published:
            made = site / f"artefacts/{name}-{notebook.parent.name}-notebook.html"
            assert made.name in text and "cell_output" in made.read_text(encoding="utf-8")


def test_the_reference_has_every_public_name(site):
    text = (site / "api/index.html").read_text(encoding="utf-8")
    for name in (name for name in eff.__all__ if not name.startswith("_")):
        assert re.search(
            rf'<a class="reference internal" href="[^"]+" title="[^"]+"><code[^>]*>.*?eff\.{name}\b', text
        ), name


def test_explore_shows_a_picture_and_formulas_without_a_kernel(site):
    text = (site / "explore.html").read_text(encoding="utf-8")
    assert "stands at" in text and "<math" in text and "what ends it" in text
    assert any(url.endswith(".png") for url in page(site / "explore.html").fetched)
