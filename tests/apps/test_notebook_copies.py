"""`effnet notebooks`: the packaged notebooks in a folder of one's own, and nobody's file is lost to them."""

import json

import pytest

from effnet_lib.apps import cli, notebook_copies
from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError


def names() -> set[str]:
    return {path.name for path in (paths.ROOT / "notebooks").glob("*.ipynb")}


def test_every_notebook_is_copied_as_it_is(tmp_path, capsys):
    assert cli.main(["notebooks", "--to", str(tmp_path / "new/mine")]) == 0
    assert f"{len(names())} notebooks; open index.ipynb first" in capsys.readouterr().out
    copies = {path.name: path.read_bytes() for path in (tmp_path / "new/mine").iterdir()}
    assert copies == {name: (paths.ROOT / "notebooks" / name).read_bytes() for name in names()}


def test_a_copy_needs_no_checkout(tmp_path):
    for path in notebook_copies.copy(tmp_path):
        code = [
            "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"
        ]
        assert any("effnet_lib" in source for source in code)
        assert not any(word in source for source in code for word in ("sys.path", "../", "__file__"))


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_overwritten_and_nothing_copied_beside_it(kind, tmp_path, capsys):
    taken = tmp_path / "explore.ipynb"
    {"file": lambda: taken.write_text("mine"), "folder": taken.mkdir, "dangling link": lambda: taken.symlink_to("x")}[
        kind
    ]()
    assert cli.main(["notebooks", "--to", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("effnet: to=") and "explore.ipynb would be overwritten" in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["explore.ipynb"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert cli.main(["notebooks", "--to", str(tmp_path / "file/below")]) == 2
    error = capsys.readouterr().err
    assert "a folder that can be made" in error and error.count("\n") == 1


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    source, taken = paths.ROOT / "notebooks/index.ipynb", tmp_path / "index.ipynb"
    taken.write_text("somebody was faster")
    with pytest.raises(StoreError, match=r"index\.ipynb cannot be copied"):
        notebook_copies._copied(source, taken)
    assert taken.read_text() == "somebody was faster"
