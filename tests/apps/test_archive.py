"""The page of what earlier protocols published: every picture with its verdicts, and nothing that cannot be shown."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effnet_lib.apps.gallery import archive
from effnet_lib.apps.gallery.evidence import collect
from effnet_lib.apps.gallery.site import build
from effnet_lib.artefacts import artefact
from effnet_lib.core import paths

STEM = artefact("fig8").notebook


@pytest.fixture
def old(roots) -> Path:
    """A picture of Figure 8 by protocol 1, with table and claims."""
    folder = roots / "published/protocol1/photos"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((30, 60, 3), np.uint8)).save(folder / f"{STEM}.png")
    (folder / f"{STEM}.csv").write_text("model,gain\nbaseline,0\n")
    claims = [{"claim": "a", "verdict": word} for word in ("does not hold", "holds", "does not hold")]
    (folder / f"{STEM}.claims.json").write_text(json.dumps(claims))
    return folder


def test_the_gallery_shows_them_on_a_page_of_their_own(old, roots):
    folder = build(roots / "site").parent
    page = (folder / "earlier.html").read_text()
    assert f'src="protocol1-photos-{STEM}.png"' in page and "claims: 2 does not hold, 1 holds" in page
    assert "protocol 1, profile photos" in page and (folder / f"protocol1-photos-{STEM}.csv").read_text().startswith(
        "model"
    )
    assert 'href="earlier.html"' in (folder / "index.html").read_text()
    assert not any(collect().values())  # none of it counts as this protocol's evidence


def test_without_any_there_is_no_page(roots):
    folder = build(roots / "site").parent
    assert not (folder / "earlier.html").exists() and "earlier.html" not in (folder / "index.html").read_text()


def test_damaged_files_are_passed_over(old, roots):
    (old / f"{STEM}.claims.json").write_text("{")
    (old / f"{STEM}.csv").unlink()
    (shown,) = archive.archived()
    assert shown.verdicts == "" and shown.table is None
    (old / f"{STEM}.png").write_bytes(b"no picture")
    assert archive.write(roots) == []


def test_every_picture_that_ships_is_listed_beside_them(monkeypatch):
    root = paths.ROOT / "figures/published"
    monkeypatch.setenv("EFFNET_PUBLISHED", str(root))
    listed = archive.archived()
    assert {one.picture for one in listed} == set(root.glob("protocol1/*/*.png")) and len(listed) == 16
    page = (root / "protocol1/README.md").read_text()
    for one in listed:
        stem = f"{one.profile}/{one.picture.stem}"
        assert all(f"({stem}.{kind})" in page for kind in ("png", "pdf", "csv", "claims.json", "ipynb"))
        assert one.verdicts in page and all(
            one.picture.with_suffix(end).is_file() for end in (".pdf", ".csv", ".ipynb")
        )
