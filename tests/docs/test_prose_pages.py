"""The site's pages of prose: links lead to pages, and what no page shows is named."""

import importlib
import runpy

import pytest

from effnet_lib.core import paths


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(paths.ROOT / "docs/site")
    return importlib.import_module("prose_pages")


@pytest.mark.parametrize(
    ("text", "place", "to", "made"),
    [
        ("[a](running.md#latency)", "docs", ".", "[a](running.md#latency)"),
        ("[a](docs/running.md)", ".", ".", "[a](running.md)"),
        ("[a](../docs/protocol.md)", "notebooks", "artefacts", "[a](../protocol.md)"),
        ("[a](fig7_cam.ipynb)", "notebooks", "artefacts", "[a](fig7.md)"),
        ("![a](docs/house.svg)", ".", ".", "![a](house.svg)"),
        ("![a](../figures/published/cpu/fig3_single_dim.png)", "docs", ".", "![a](artefacts/fig3-cpu.png)"),
        ("[a](../figures/published/protocol1)", "docs", ".", "[a](artefacts/earlier.md)"),
        ("[a](../LICENSE)", "docs", ".", "a (`LICENSE`)"),
        ("[LICENSE](LICENSE)", ".", ".", "LICENSE"),
        ("`FAMILIES[name](arch)`", "docs", ".", "`FAMILIES[name](arch)`"),
        ("[a](https://arxiv.org/abs/1905.11946)", "docs", ".", "[a](https://arxiv.org/abs/1905.11946)"),
    ],
)
def test_a_link_leads_to_a_page_of_the_site(pages, text, place, to, made):
    assert pages.linked(text, place, to) == made


def test_every_page_is_listed_once_and_new_ones_come_last(pages, tmp_path):
    (tmp_path / "new.md").write_text("# New")
    pages.write(tmp_path)
    index = (tmp_path / "index.md").read_text()
    lines = index.partition("```{toctree}")[2].splitlines()
    there = {path.stem for path in tmp_path.glob("*.md")} - {"index"}
    assert there <= set(lines) and all(lines.count(name) == 1 for name in there)
    assert lines.index("new") > lines.index("changelog") and ":caption: More" in lines
    assert pages.FINDINGS not in index and "No claim has been judged yet" in index


def test_the_lists_name_no_page_twice(pages):
    named = [name for names in pages.SECTIONS.values() for name in names]
    assert len(named) == len(set(named)) > 10


def test_a_folder_that_make_docs_did_not_make_is_left_alone(tmp_path, capsys):
    build = runpy.run_path(str(paths.ROOT / "docs/site/__main__.py"))["build"]
    (tmp_path / "html").mkdir()
    assert build(tmp_path) == 2 and "left alone" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["html"]
