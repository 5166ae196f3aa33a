"""Print how long the gallery takes and how large it is when everything is there: python benchmarks/gallery.py

The bar: all artefacts in at most 20 s (of one core, whatever else runs on it) and 8 MB. What this repository ships of
Figure 8, its largest, stands in for every artefact, published in two profiles and yours in a third. Expected on
one core of a 2023 Xeon: 2 s an artefact.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from effnet_lib.apps.gallery.site import build
from effnet_lib.artefacts import all_artefacts, artefact
from effnet_lib.core import paths

STANDS_IN = "fig8"
SECONDS, MEGABYTES = 20, 8.0


def main() -> None:
    source = paths.published_root()
    stem = artefact(STANDS_IN).notebook
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(source / "records", folder / "published/records")
        for place in ("published/photos", "published/cpu", "figures/smoke"):
            (folder / place).mkdir(parents=True)
            for each in all_artefacts().values():
                for path in (source / "photos").glob(f"{stem}.*"):
                    shutil.copyfile(path, folder / place / path.name.replace(stem, each.notebook))
        for name in ("results", "figures", "published"):
            os.environ[f"EFFNET_{name.upper()}"] = str(folder / name)
        began, worked = time.perf_counter(), time.process_time()
        site = build()
        taken, worked = time.perf_counter() - began, time.process_time() - worked
        size = sum(path.stat().st_size for path in site.parent.iterdir()) / 1e6
    number = len(all_artefacts())
    print(f"{number} artefacts in three profiles each: {taken:.1f} s ({worked:.1f} s of this core), {size:.1f} MB")
    print(f"Bar ({SECONDS} s, {MEGABYTES:g} MB): {'met' if worked <= SECONDS and size <= MEGABYTES else 'missed'}")


if __name__ == "__main__":
    main()
