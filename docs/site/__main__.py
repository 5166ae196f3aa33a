"""Build the documentation site into docs/_build/html, without a network: make docs

The sources are put together in docs/_build/source: the pages beside this folder, a few of the repository's own
(`PAGES`), the API reference and the evidence. Warnings are errors.
"""

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "_build"


def build(to: Path = BUILD) -> int:
    """Put the sources together and have Sphinx build them; return its exit code."""
    import api_pages
    import evidence_pages
    import explore_page
    import prose_pages
    from sphinx.cmd.build import build_main

    source, html, doctrees = (to / name for name in ("source", "html", "doctrees"))
    for folder in (source, html):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    api_pages.write(source / "api")
    evidence_pages.write(source / "artefacts")
    explore_page.write(source / "explore.ipynb")
    prose_pages.write(source)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", "2", "-c", str(HERE), "-d", str(doctrees), "-E"]
    return build_main([*options, str(source), str(html)])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(build(*map(Path, sys.argv[1:2])))
