"""The list in `notebooks/index.ipynb`: every artefact with its notebook, and how much of it is decided."""

import json

from effnet_lib.apps.gallery.index import listing
from effnet_lib.artefacts import all_artefacts, artefact
from effnet_lib.stats.verdicts import PROTOCOL


def test_every_artefact_has_a_row_that_says_what_is_measured(roots):
    told = {"printed": "", "measured": 1.5, "interval": [0.5, 2.5], "n": 5, "protocol": PROTOCOL, "interim": False}
    claims = [told | {"claim": word, "verdict": word} for word in ("holds", "not enough evidence")]
    folder = roots / "published/photos"
    folder.mkdir(parents=True)
    (folder / f"{artefact('fig8').notebook}.claims.json").write_text(json.dumps(claims))
    head, _, *rows = listing().data.splitlines()
    assert head == "| notebook | what it tests | measured |" and len(rows) == len(all_artefacts())
    for row, made in zip(rows, all_artefacts().values(), strict=True):
        words = "photos, published, 1 of 2 claims decided" if made.id == "fig8" else "not run yet"
        assert row.startswith(f"| [{made.title}]({made.notebook}.ipynb) | ") and row.endswith(f" | {words} |")
