"""The gallery: every artefact has its page, whatever is there of it; nothing active, nothing from elsewhere."""

import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from effnet_lib.apps import cli
from effnet_lib.apps.gallery import evidence, notebook_pages
from effnet_lib.apps.gallery import site as pages
from effnet_lib.apps.gallery.evidence import question
from effnet_lib.apps.gallery.provenance import strangers
from effnet_lib.apps.gallery.site import build
from effnet_lib.artefacts import all_artefacts, artefact
from effnet_lib.core.errors import StoreError
from effnet_lib.report.figures import style
from effnet_lib.stats.claims import PROTOCOL

STEM = artefact("fig8").notebook
CLAIM = {
    "claim": "Compound wins (w=2)",
    "printed": "+2.0",
    "measured": 1.5,
    "interval": [0.5, 2.5],
    "verdict": "holds",
    "n": 5,
}


def executed(outputs: list, markdown: str = "# Executed\n\nwith $\\phi^2$") -> nbformat.NotebookNode:
    cells = [
        nbformat.v4.new_markdown_cell(markdown),
        nbformat.v4.new_code_cell(
            '# Parameters\nprofile: str = "cpu"  # str: which # one', metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell('# Parameters\nprofile = "photos"\n', metadata={"tags": ["injected-parameters"]}),
        nbformat.v4.new_code_cell("run()", outputs=outputs),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def folder(roots) -> Path:
    """A profile's published folder with all files of Figure 8."""
    folder = roots / "published/photos"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((30, 60, 3), np.uint8)).save(folder / f"{STEM}.png")
    (folder / f"{STEM}.pdf").write_bytes(b"%PDF")
    rows = {"model": ["baseline"], "seeds": [5], "device": ["a processor"], "date": ["2020-01-01"], "gain": [np.nan]}
    pd.DataFrame(rows).to_csv(folder / f"{STEM}.csv", index=False)
    (folder / f"{STEM}.claims.json").write_text(json.dumps([CLAIM | {"protocol": PROTOCOL}]))
    nbformat.write(executed([nbformat.v4.new_output("stream", text="<done>")]), folder / f"{STEM}.ipynb")
    return folder


def page(site: Path, name: str) -> str:
    return (site.parent / name).read_text()


class Everything(HTMLParser):
    """Collects tags, and all that a page would fetch or go to."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.fetched, self.linked = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.fetched += [given["src"]] if "src" in given else []
        self.fetched += [given["href"]] if tag == "link" else []
        self.linked += [given["href"]] if tag == "a" and "href" in given else []
        assert not [name for name in given if name.startswith("on")]


def assert_self_contained(site: Path) -> None:
    for path in site.parent.glob("*.html"):
        found = Everything(path.read_text())
        assert not {"script", "iframe", "object", "form"} & set(found.tags)
        for url in found.fetched:
            assert url.startswith("data:") or (site.parent / url).is_file(), url
        for url in found.linked:
            name = url.partition("#")[0]
            assert not name or name.startswith("https://") or (site.parent / name).is_file(), url
        assert "url(" not in path.read_text() and "@import" not in path.read_text()


def test_every_artefact_has_a_page_before_anything_is_run(roots):
    site = build()
    assert site == roots / "figures/gallery/index.html"
    for name, module in all_artefacts().items():
        assert module.title.replace("'", "&#39;") in page(site, f"{name}.html") and "Not run yet" in page(
            site, f"{name}.html"
        )
        assert f'href="{name}.html"' in page(site, "index.html")
    assert "No claim has been judged yet" in page(site, "index.html")
    assert_self_contained(site)


def test_figure_table_claims_parameters_and_notebook(folder):
    site = build()
    text = page(site, "fig8.html")
    assert "photos, published" in text and 'src="fig8-photos.png"' in text
    assert "✓ holds" in text and "+1.50 [+0.50, +2.50], n = 5" in text and "+2.0" in text
    assert re.search(r"<code>profile</code></th><td><code>&#39;photos&#39;</code></td><td>str: which # one</td>", text)
    assert "a processor" in text and "2020-01-01" in text and "<td></td>" in text and ">nan<" not in text
    assert (site.parent / "fig8-photos.csv").read_bytes() == (folder / f"{STEM}.csv").read_bytes()
    notebook = page(site, "fig8-photos-notebook.html")
    assert "&lt;done&gt;" in notebook and 'alt="\\phi^2"' in notebook and "$" not in notebook
    board = page(site, "index.html")
    assert "Compound wins" in board and 'href="fig8.html#fig8-photos"' in board and "not run yet" in board
    assert_self_contained(site)


def test_yours_stands_beside_what_ships(folder, roots):
    shutil.copytree(folder, roots / "figures/cpu")
    (roots / f"figures/cpu/{STEM}.claims.json").write_text(
        json.dumps([CLAIM | {"claim": "Compound wins (w=3)", "verdict": "contradicted here", "protocol": PROTOCOL}])
    )
    board = page(build(), "index.html")
    assert (
        board.count("Compound wins") == 1
        and "photos, published" in board
        and "cpu, yours" in board
        and "✗ contradicted here" in board
    )


def test_a_notebook_that_found_no_record_is_not_run_yet(folder):
    for kind in ("png", "pdf", "csv", "claims.json"):
        (folder / f"{STEM}.{kind}").unlink()
    site = build()
    assert "Not run yet: the notebook was executed" in page(site, "fig8.html")
    assert "photos, published: not run yet" in page(site, "index.html")


def test_verdicts_of_another_protocol_are_shown_and_marked(folder):
    (folder / f"{STEM}.claims.json").write_text(json.dumps([CLAIM | {"protocol": PROTOCOL + 1}]))
    site = build()
    assert f"verdicts by protocol {PROTOCOL + 1}" in page(site, "fig8.html") and "✓ holds" in page(site, "fig8.html")
    assert "another version" in page(site, "index.html")


def test_records_of_another_version_are_shown_and_marked(roots, store, record_of, tiny_spec):
    store.put(record_of(tiny_spec))
    assert strangers() == []
    body = json.loads(store.path(tiny_spec.key).read_text())
    store.path("0" * 64).write_text(json.dumps(body | {"schema": 0}))
    store.path("1" * 64).write_text(json.dumps(body | {"spec": body["spec"] | {"semantics": 0}}))
    store.path("2" * 64).write_text("{")
    text = page(build(), "index.html")
    assert [one["key"][0] for one in strangers()] == ["0", "1", "2"]
    assert (
        "schema 0, this version reads 1" in text
        and "semantics 0, this version runs 1" in text
        and "not a record" in text
    )
    assert "66.67 %" in text


@pytest.mark.parametrize("kind", ["png", "csv", "claims.json", "ipynb"])
def test_damaged_files_are_marked_and_the_rest_is_shown(folder, kind):
    (folder / f"{STEM}.{kind}").write_bytes(b'"a",b\n"')
    site = build()
    assert re.search(f"{STEM}.{kind} (cannot be read|is not a)", page(site, "fig8.html"))
    assert_self_contained(site)


ODD = {
    "claims.json": [
        "{}",
        "[[]]",
        '[{"claim": 1}]',
        '[{"claim": "c", "verdict": "holds", "interval": 3}]',
        "[" * 100_000,
    ],
    "csv": ["\0\0", "a,a\n1,2\n", "seeds,device\nx,1\n", "date\n" + "9" * 400],
    "ipynb": ["{}", '{"cells": 3}', '{"cells": [{"cell_type": "code", "source": 1}]}', "[" * 100_000],
}


@pytest.mark.parametrize(
    "kind, number", [(kind, number) for kind, texts in ODD.items() for number in range(len(texts))]
)
def test_no_file_ends_the_gallery(folder, kind, number):
    (folder / f"{STEM}.{kind}").write_text(ODD[kind][number])
    made = build()
    assert "Figure 8" in page(made, "fig8.html") and "Figure 3" in page(made, "index.html")
    assert_self_contained(made)


def test_what_cannot_be_read_is_shown_as_damaged_with_its_reason(folder):
    (folder / f"{STEM}.claims.json").write_text("[" * 100_000)
    assert re.search(r"damaged.*RecursionError", page(build(), "fig8.html"))


def test_nothing_active_comes_out_of_a_notebook_or_a_record(folder):
    bad = '<script>alert(1)</script><img src="https://a.org/x.png" onerror="go()"><table><tr><td>kept</td></tr></table>'
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": bad, "text/plain": "plain"}),
        nbformat.v4.new_output(
            "display_data", {"image/png": '"><script>alert(1)</script>', "text/plain": "no picture"}
        ),
        nbformat.v4.new_output("display_data", {"application/javascript": "alert(1)", "text/plain": "plain"}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": f"<svg>{bad}</svg>", "text/plain": "plain"}),
        nbformat.v4.new_output("stream", text=bad),
        nbformat.v4.new_output("error", ename="E", evalue=bad, traceback=[bad]),
    ]
    nbformat.write(executed(outputs, f"# Title {bad}\n\n[go](javascript:alert) $<script>$"), folder / f"{STEM}.ipynb")
    (folder / f"{STEM}.claims.json").write_text(json.dumps([CLAIM | {"claim": bad, "printed": bad, "protocol": bad}]))
    pd.DataFrame({bad: [bad], "device": [bad]}).to_csv(folder / f"{STEM}.csv", index=False)
    site = build()
    assert_self_contained(site)
    notebook = page(site, "fig8-photos-notebook.html")
    assert "kept" in notebook and "no picture" in notebook and "javascript:" not in notebook


def test_it_takes_the_old_ones_place_whole(folder, roots):
    site = build()
    (site.parent / "left.html").write_text("of an artefact that is gone")
    assert build() == site and not (site.parent / "left.html").exists()
    (roots / "empty").mkdir()
    assert build(roots / "empty").is_file()
    assert {path.name for path in roots.iterdir()} == {"figures", "published", "empty"}


@pytest.mark.parametrize("content", ["file", "index.html", ".hidden"])
@pytest.mark.parametrize("name", ["mine", ".site.new"])
def test_a_folder_that_it_did_not_make_is_left_alone_before_anything_is_built(
    folder, roots, monkeypatch, name, content
):
    monkeypatch.setattr(pages, "_write", lambda _: pytest.fail("something was built"))
    (roots / name).mkdir()
    (roots / name / content).write_text("mine")
    with pytest.raises(StoreError, match="was not made by effnet gallery"):
        build(roots / ("site" if name == ".site.new" else name))
    assert [path.name for path in (roots / name).iterdir()] == [content]


def test_neither_a_file_nor_a_link_to_a_folder_is_replaced(folder, roots):
    (roots / "file").write_text("mine")
    (roots / "link").symlink_to(build().parent)
    for name in ("file", "link"):
        with pytest.raises(StoreError, match="is left alone"):
            build(roots / name)
    assert (roots / "link").is_symlink() and (roots / "file").read_text() == "mine"


def test_what_a_failure_left_aside_is_replaced_next_time(folder, roots, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pages, "_write", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StoreError, match="No space left"):
            build(roots / "site")
    assert not (roots / "site").exists() and not (roots / ".site.new").exists()
    assert build(roots / "site").is_file()


@pytest.mark.parametrize("to", ["/", "~nosuchuser/site", "a" * 300])
def test_a_place_that_cannot_be_is_one_line(folder, capsys, to):
    assert cli.main(["gallery", "--to", to]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "to=" in err


def test_the_command_says_what_it_wrote(folder, capsys):
    assert cli.main(["gallery"]) == 0
    assert re.search(r"gallery/index\.html: \d+ pages, \d\.\d MB\n", capsys.readouterr().out)


def test_a_smaller_figure_keeps_every_methods_colour(tmp_path):
    figure, axes = plt.subplots(figsize=(14, 4), layout="constrained")
    colours = list(style.COLOURS.values())
    for index, colour in enumerate(colours):
        axes.plot([0, 1], [index, index + 1], color=colour, lw=1.5)
    figure.savefig(tmp_path / "figure.png", dpi=200)
    plt.close(figure)
    made = Image.open(io.BytesIO(notebook_pages.smaller((tmp_path / "figure.png").read_bytes()))).convert("RGB")
    assert made.width == notebook_pages.COLUMNS
    pixels = np.asarray(made).reshape(-1, 3).astype(int)
    for colour in colours:
        assert np.abs(pixels - np.multiply(255, colour)).max(1).min() < 12


def test_a_formula_that_cannot_be_set_stays_readable():
    assert notebook_pages.formula(r"\begin{matrix} a < b").startswith("<code>") and "&lt;" in notebook_pages.formula(
        r"\begin{matrix} a < b"
    )


def test_an_artefact_is_described_by_its_own_words():
    for module in all_artefacts().values():
        assert 20 < len(question(module)) < 200 and "\n" not in question(module)


def test_devices_of_a_table_are_listed_once():
    table = pd.DataFrame({"device": ["a processor", "a processor, a GPU", "a GPU"], "date": ["2020-01-01"] * 3})
    assert evidence._about(table) == {"device": "a GPU, a processor", "date": "2020-01-01"}
