"""Build the documentation site into docs/_build/html, without a network: make docs

The sources are put together in docs/_build/source: the pages beside this folder, a few of the repository's own
(`PAGES`), the API reference and the evidence. Warnings are errors.
"""

import os
import shutil
import sys
from pathlib import Path

MARK = ".effnet-docs"  # in what this command wrote, and may replace
HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "_build"


def build(to: Path = BUILD) -> int:
    """Put the sources together and have Sphinx build them; return its exit code.

    Two at a time wait for each other; a folder that is there and is not of this command's making is left alone.
    """
    from filelock import FileLock

    if to.is_symlink() or (to.exists() and not (to / MARK).is_file() and any(to.iterdir())):
        print(f"{to} is there and was not made by make docs; it is left alone", file=sys.stderr)
        return 2
    to.mkdir(parents=True, exist_ok=True)
    (to / MARK).write_text("Made by make docs, which may replace what lies here.\n", encoding="utf-8")
    with FileLock(to / ".lock"):
        for name in ("source", "html"):
            shutil.rmtree(to / name, ignore_errors=True)
        _sources(to / "source")
        return _sphinx(to)


def _sources(folder: Path) -> None:
    """Write all that Sphinx reads."""
    import api_pages
    import evidence_pages
    import explore_page
    import prose_pages

    folder.mkdir(parents=True)
    api_pages.write(folder / "api")
    evidence_pages.write(folder / "artefacts")
    explore_page.write(folder / "explore.ipynb")
    prose_pages.write(folder)


def _sphinx(to: Path) -> int:
    from sphinx.cmd.build import build_main

    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", "2", "-E", "-c", str(HERE), "-d", str(to / "doctrees")]
    return build_main([*options, str(to / "source"), str(to / "html")])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(build(*map(Path, sys.argv[1:2])))
