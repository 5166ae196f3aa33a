"""What README.md says of the evidence: computed from what ships, short, and put nowhere but between its markers."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effnet_lib.apps.gallery import findings, readme
from effnet_lib.apps.gallery.evidence import collect
from effnet_lib.artefacts import artefact
from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError
from effnet_lib.stats.claims import PROTOCOL

MARKED = "".join("\n".join(readme.markers(block)) for block in readme.BLOCKS)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository's own published evidence."""
    monkeypatch.setenv("EFFNET_PUBLISHED", str(paths.ROOT / "figures/published"))


def claim(words: str, verdict: str = "holds", **more: object) -> dict:
    told = {"claim": words, "printed": "", "measured": 1.5, "interval": [0.5, 2.5], "verdict": verdict, "n": 5}
    return told | {"protocol": PROTOCOL, "interim": False, "premise": None, "comparisons": []} | more


def publish(roots: Path, name: str, claims: list[dict], profile: str = "photos") -> None:
    folder = roots / "published" / profile
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{artefact(name).notebook}.claims.json").write_text(json.dumps(claims))


def test_the_readme_says_what_ships(shipped):
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.renewed(text) == text, "`effnet gallery --readme` renews it"


def test_the_readme_has_the_thumbnails_of_what_ships(shipped):
    there = {path.stem: path for path in (paths.ROOT / readme.THUMBNAILS).iterdir()}
    made = readme.thumbnails()
    assert there.keys() == made.keys() and len(made) > 5
    for name, data in made.items():
        now, before = (
            np.asarray(Image.open(file).convert("RGB"), np.int16) for file in (io.BytesIO(data), there[name])
        )
        assert now.shape == before.shape == (*readme.SIZE[::-1], 3)
        assert np.abs(now - before).mean() < 2, f"`effnet gallery --readme` renews {there[name].name}"
    assert sum(path.stat().st_size for path in there.values()) < 250_000


def test_the_readme_stays_short(shipped):
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    shown = re.sub(r"<[^>]*>|\]\([^)]*\)|&nbsp;", "", text)
    assert all(len(cell) <= 140 for line in shown.splitlines() if line[:1] == "|" for cell in line.split(" | "))


def test_a_row_says_how_many_claims_are_what_and_whether_the_premise_is_met(roots):
    unmet = {"premise": {"status": "not met"}}
    claims = [claim("a", **unmet), claim("b"), claim("c", "not enough evidence"), claim("d", interim=True)]
    publish(roots, "fig8", claims)
    (row,) = [line for line in readme.table().splitlines() if "`make fig8`" in line]
    assert "[Figure 8](notebooks/fig8_scaling_methods.ipynb)" in row and "<img" not in row
    assert "Compound scaling beats every single dimension" in row
    assert row.endswith("| `photos`: 3 hold, 1 open (1 interim); premise not met |")
    *_, last = readme.table().splitlines()
    assert last.startswith("Not measured yet: ") and last.count("`make ") == len(collect()) - 1


def test_three_sentences_say_what_holds_what_does_not_and_what_is_open(roots):
    publish(roots, "fig3", [claim("Observation 1a: width improves accuracy (w=1.8 (mean))")])
    publish(roots, "table1", [claim("B0 is Table 1", measured=54.0, interval=None, n=54)])
    publish(roots, "fig8", [claim("Compound beats (phi=2)", "contradicted here", measured=-1.5, interval=[-2, -1])])
    hold, against, unsure = findings.sentences()
    figure3 = "[Figure 3](notebooks/fig3_single_dim.ipynb)"
    assert hold == (
        f"**Of 3 claims 2 hold**: width improves accuracy ({figure3}); 1 that are counted, timed or evaluated."
    )
    assert against.startswith("**1 does not hold** (1 contradicted here): compound beats (-1.5 [-2, -1]) ([Figure 8](")
    assert unsure == "**0 are open**."


def test_what_is_open_names_the_premise_and_against_what(roots):
    parts = [{"with": "width", "verdict": "holds"}, {"with": "depth", "verdict": "not enough evidence"}]
    more = {"comparisons": parts, "premise": {"status": "unknown"}}
    publish(roots, "fig8", [claim("Compound beats", "not enough evidence", **more)])
    said = "compound beats (holds against width, open against depth, the premise of a balanced baseline is unknown; "
    assert findings.sentences()[2].startswith(f"**1 is open**, among them: {said}")


def test_what_is_contradicted_has_its_premise_and_what_was_not_trained_to_its_end_beside_it(roots):
    more = {
        "premise": {"status": "not met"},
        "note": "optimisation-limited: d=4",
        "measured": -1.5,
        "interval": [-2, -1],
    }
    publish(roots, "fig8", [claim("Compound beats", "contradicted here", **more)])
    said = "compound beats (-1.5 [-2, -1]; premise not met; optimisation-limited: d=4) ([Figure 8]("
    assert (
        findings.sentences()[1]
        == f"**1 does not hold** (1 contradicted here): {said}notebooks/fig8_scaling_methods.ipynb))."
    )


def test_a_claim_of_several_profiles_is_told_once_as_the_first_that_is_decided(roots):
    publish(roots, "fig3", [claim("wider is better (w=2)", "not enough evidence")], "cpu")
    publish(roots, "fig3", [claim("wider is better (w=3)")], "photos")
    publish(roots, "table5", [claim("reported", "reported, no verdict")])
    assert [one["verdict"] for _, one in findings.judged()] == ["holds"]


def test_of_two_that_are_open_an_interim_one_does_not_replace_one_with_all_its_seeds(roots):
    parts = [{"with": "width", "verdict": "not enough evidence"}]
    more = {"comparisons": parts, "premise": {"status": "unknown"}}
    unsure = "not enough evidence"
    publish(roots, "fig8", [claim("At level A (3x)", unsure, **more), claim("At B", unsure, **more)], "cpu")
    later = [{"interim": True, "measured": -1.8}, {"interim": False, "measured": -0.3}]
    at_c = claim("At C", unsure, **more | {"interim": True, "measured": None, "n": 0})
    told = [claim(words, unsure, **more | one) for words, one in zip(("At level A (4x)", "At B"), later, strict=True)]
    publish(roots, "fig8", [*told, at_c])
    assert [one["measured"] for _, one in findings.judged()] == [1.5, -0.3, None]
    assert "at C (not measured; [Figure 8](" in findings.sentences()[2]


def test_asides_go_and_coefficients_stay():
    said = findings._words(
        claim("The grid search finds (1.2, 1.1, 1.15) (1 point minus its loss to (1, 1.4, 1), 1.92x)")
    )
    assert said == "the grid search finds (1.2, 1.1, 1.15)"
    said = findings._words(claim("Observation 2a: width on (d=2, r=1.3) is above it on (1, 1) (sign turned)"))
    assert said == "width on (d=2, r=1.3) is above it on (1, 1)"


def test_a_repeated_beginning_is_said_once():
    assert findings._list(["maps of A, by x", "maps of A, by y", "other"]) == "maps of A, by x, by y and other"


def test_without_evidence_it_says_so(roots):
    assert findings.sentences() == ["No claim has been judged yet."]
    assert readme.renewed(MARKED).count("Not measured yet") == 1


@pytest.mark.parametrize("text", ["no markers", MARKED + MARKED, MARKED.replace("<!-- /", "<!-- ")])
def test_a_readme_without_markers_is_left_alone(text, tmp_path):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(StoreError, match="once each"):
        readme.renew(tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text() == text and len(list(tmp_path.iterdir())) == 1


def test_it_is_renewed_once(tmp_path):
    (tmp_path / "README.md").write_text(f"before {MARKED} after")
    assert readme.renew(tmp_path / "README.md") and not readme.renew(tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before <!-- findings") and text.endswith("<!-- /artefacts --> after")
