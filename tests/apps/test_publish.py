"""Publishing: records are checked one by one, nothing is half done, and no path of this machine ships."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

from effnet_lib.apps import cli, publish
from effnet_lib.apps.publish import check, planned_keys, publish_records, redraw
from effnet_lib.artefacts import all_artefacts, artefact, plan
from effnet_lib.core import paths
from effnet_lib.core.errors import RunFailed, StoreError
from effnet_lib.runs.measurement_store import Measurement
from effnet_lib.runs.run_store import RunRecord, RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.parameters import Parameters
from effnet_lib.study.profiles import PROFILES, ProxyBaseline

FIG3 = artefact("fig3")

FIXED = replace(PROFILES["photos"], candidates=(ProxyBaseline(0.25, 0.5, 96),), learning_rates=())


@pytest.fixture
def records(tiny_spec, record_of) -> list[RunRecord]:
    """Three records of one network."""
    return [record_of(replace(tiny_spec, seed=seed), np.arange(60) < 30 + seed) for seed in range(3)]


@pytest.fixture
def sent(records, tmp_path) -> Path:
    """A folder of records that another machine sent."""
    other = RunStore(root=tmp_path / "other")
    for record in records:
        other.put(record)
    return tmp_path / "other/records"


@pytest.fixture
def no_drawing(monkeypatch):
    """Skip what comes after the records."""
    monkeypatch.setattr(publish, "redraw", lambda name, names: [])


def published() -> list[str]:
    folder = paths.published_root() / "records"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def change(path: Path, edit) -> None:
    body = json.loads(path.read_text())
    edit(body)
    path.write_text(json.dumps(body))


def test_good_records_are_copied_whole_and_once(sent, capsys, no_drawing):
    for new in (3, 0):
        assert cli.main(["publish", "--from", str(sent)]) == 0
        assert f"3 records checked, {new} new" in capsys.readouterr().out
    for name in published():
        assert (paths.published_root() / "records" / name).read_bytes() == (sent / name).read_bytes()
    assert len(published()) == 3


TAMPERED = {
    "accuracy": (lambda b: b["result"].update(top1=99.0), "top1=99.0 disagrees with its correctness bits, 50.0"),
    "bits": (lambda b: b["result"].update(correct=b["result"]["correct"][:4]), "cannot hold one bit for each of 60"),
    "spec": (lambda b: b["spec"]["recipe"].update(epochs=99), "is not the key of the stored spec"),
    "seed": (lambda b: b["spec"].update(seed=9), "is not the key of the stored spec"),
    "device": (lambda b: b["provenance"].pop("device"), "provenance lacks device"),
    "fingerprint": (lambda b: b["provenance"].update(data_fingerprint=""), "provenance lacks data_fingerprint"),
    "provenance": (lambda b: b.pop("provenance"), "not a run record"),
    "schema": (lambda b: b.update(schema=2), "schema=2 is not accepted"),
}


@pytest.mark.parametrize("edit, words", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_record_is_refused_by_name_and_nothing_is_copied(sent, records, capsys, edit, words):
    bad = sent / f"{records[0].key}.json"
    change(bad, edit)
    assert cli.main(["publish", "--from", str(sent)]) == 2
    err = capsys.readouterr().err
    assert bad.name in err and words in err and len(err.splitlines()) == 1
    assert published() == []


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe\x00", b'{"schema": 1}'])
def test_a_file_that_is_no_record_is_refused_by_name(sent, content):
    (sent / "notes.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"^notes\.json: "):
        check(sent)


def test_a_record_under_another_name_is_refused(sent, records):
    wrong = sent / f"{'0' * 64}.json"
    (sent / f"{records[1].key}.json").rename(wrong)
    with pytest.raises(StoreError, match=f"^{wrong.name}: the record in it has key {records[1].key[:12]}"):
        check(sent)


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_records_is_refused(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no record"):
        check(tmp_path / folder)


def test_a_conflicting_record_is_refused_with_both_numbers(records, tiny_spec, record_of):
    publish_records(records)
    before = published()
    mine = record_of(tiny_spec, np.arange(60) < 45)
    new = record_of(replace(tiny_spec, seed=7), np.arange(60) < 20)
    with pytest.raises(StoreError, match=r"published with top-1 50\.00 % \(a processor, 2020-01-01\) .* has 75\.00 %"):
        publish_records([new, mine])
    assert published() == before  # nothing of a refused batch


@pytest.mark.parametrize("value", [float("nan"), -1.0, "1", {1}])
def test_one_bad_record_among_good_ones_keeps_all_from_being_copied(records, value):
    bad = replace(records[2], result=records[2].result | {"loss": value})
    with pytest.raises(StoreError):
        publish_records([*records[:2], bad])
    assert published() == []


def test_a_measurement_of_an_unknown_kind_is_refused(sent, records):
    made = {name: value for name, value in records[0].provenance.items() if name != "data_fingerprint"}
    unknown = Measurement("length", {"word": "gamma"}, {"letters": 5}, made)
    (sent / f"{unknown.key}.json").write_text(unknown.to_json(), encoding="utf-8")
    with pytest.raises(StoreError, match=f"^{unknown.key}.json: kind='length' is not accepted; publish takes latency"):
        check(sent)


def test_an_unknown_profile_is_refused_before_anything_is_copied(sent, capsys):
    assert cli.main(["publish", "--from", str(sent), "--profile", "phots"]) == 2
    err = capsys.readouterr().err
    assert "(did you mean photos?)" in err and len(err.splitlines()) == 1 and published() == []


def test_of_your_own_records_only_planned_ones_are_published(records, record_of, store, no_drawing, capsys):
    study = Study.of(PROFILES["cpu"], store)
    planned = study.spec(study.baseline, 0)
    for record in [*records, record_of(planned)]:
        store.put(record)
    assert planned.key in planned_keys(["cpu"], store) and records[0].key not in planned_keys(PROFILES, store)
    assert cli.main(["publish"]) == 0
    assert "1 records checked, 1 new" in capsys.readouterr().out
    assert published() == [f"{planned.key}.json"]
    assert cli.main(["publish", "--profile", "photos"]) == 0
    assert "0 records checked, 0 new" in capsys.readouterr().out


# Redrawing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def evidence(monkeypatch, record_of):
    """Shipped records of Figure 3 in `photos`, whose decisions are fixed."""
    monkeypatch.setitem(PROFILES, "photos", FIXED)
    monkeypatch.setattr(publish, "all_artefacts", lambda: {"fig3": FIG3})
    published = RunStore(root=paths.published_root())
    for spec in plan("fig3", Parameters(profile="photos", seeds=1)).specs.values():
        made = {"train_loss": 1.0, "top1_larger_test": 50.0, "source_px": 224}
        published.put(record_of(spec, np.arange(60) < 30, **made))


@pytest.fixture
def executed(monkeypatch) -> list:
    """Stand in for papermill: write the notebook with the metadata and outputs that an execution leaves."""
    calls = []

    def run_notebook(name, parameters):
        notebook = nbformat.read(paths.notebooks_root() / f"{FIG3.notebook}.ipynb", as_version=4)
        notebook.metadata["papermill"] = {"input_path": f"{paths.ROOT}/notebooks/x.ipynb", "output_path": "/tmp/x"}
        for cell in notebook.cells:
            cell.metadata |= {"papermill": {"exception": False}, "execution": {"iopub.status.busy": "2020"}}
        out = paths.figures_root() / parameters["profile"] / f"{FIG3.notebook}.ipynb"
        out.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, out)
        calls.append((name, parameters, paths.results_root(), plan("fig3", Parameters(**parameters)).results()))
        return out

    monkeypatch.setattr(publish, "run_notebook", run_notebook)
    return calls


def test_evidence_is_redrawn_from_shipped_records_alone(roots, evidence, executed, store, record_of):
    work = plan("fig3", Parameters(profile="photos", seeds=2))
    own = next(spec for spec in work.specs.values() if spec.seed == 1)
    store.put(record_of(own))  # not published: it must not be drawn
    (out,) = redraw("photos")
    ((name, parameters, results, seen),) = executed
    assert out == roots / f"published/photos/{FIG3.notebook}.ipynb"
    assert (name, parameters) == ("fig3", {"profile": "photos", "train": False})
    assert len(seen) == 17 + 7 and all(run.published for group in seen.values() for run in group.values())
    assert results != roots / "results" and not results.exists()
    assert paths.results_root() == roots / "results" and paths.figures_root() == roots / "figures"  # as before


def test_small_profiles_are_redrawn_from_your_own_records(roots, executed, store, record_of):
    study = Study.of(PROFILES["smoke"], store)
    first, *others = FIG3.plan(study)
    store.put(record_of(study.spec(first, 0)))
    assert redraw("smoke") == []  # a part never replaces a whole figure
    for model in others:
        store.put(record_of(study.spec(model, 0)))
    assert redraw("smoke") and executed[0][2] == roots / "results"


def test_a_profile_without_records_is_not_drawn_but_for_what_needs_none(executed):
    needing = [name for name, one in all_artefacts().items() if not one.published_in]
    assert len(needing) >= 8
    assert [redraw(name, needing) for name in PROFILES] == [[]] * len(PROFILES) and executed == []
    assert redraw("cpu") and [name for name, *_ in executed] == ["table1", "table6"]


def test_only_the_artefacts_asked_for_are_redrawn(evidence, executed):
    assert redraw("photos", ["table1"]) == [] and redraw("photos", ["fig3"]) and len(executed) == 1


def test_an_unknown_artefact_is_refused_before_anything_is_copied(sent, capsys):
    assert cli.main(["publish", "--from", str(sent), "--artefact", "table9"]) == 2
    assert "artefact='table9' is not accepted" in capsys.readouterr().err and not published()


def test_published_notebooks_name_no_machine(evidence, executed):
    (out,) = redraw("photos")
    text = out.read_text()
    assert "papermill fig3" in text and str(paths.ROOT) not in text and "/tmp" not in text
    notebook = nbformat.read(out, as_version=4)
    nbformat.validate(notebook)
    assert "papermill" not in notebook.metadata
    assert all(not {"papermill", "execution"} & set(cell.metadata) for cell in notebook.cells)


def test_a_notebook_that_shows_a_path_of_this_machine_is_not_published(evidence, executed, monkeypatch):
    monkeypatch.setattr(type(FIG3), "notebook", "leaky")
    leaky = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"see {paths.ROOT}/results")])
    nbformat.write(leaky, paths.published_root() / "leaky.ipynb")
    monkeypatch.setattr(paths, "notebooks_root", paths.published_root)
    with pytest.raises(StoreError, match=r"leaky\.ipynb: the executed notebook shows a path of this machine"):
        redraw("photos")
    assert not list((paths.published_root() / "photos").iterdir())


def test_a_failure_leaves_no_notebook_with_paths_behind(evidence, executed, monkeypatch):
    first = publish.run_notebook

    def second_fails(name, parameters):
        if executed:
            raise RunFailed("the second notebook failed")
        return first(name, parameters)

    monkeypatch.setattr(publish, "run_notebook", second_fails)
    monkeypatch.setattr(publish, "all_artefacts", lambda: {"fig3": FIG3, "fig4": artefact("fig4")})
    with pytest.raises(RunFailed):
        redraw("photos")
    (left,) = (paths.published_root() / "photos").glob("*.ipynb")
    assert str(paths.ROOT) not in left.read_text()


@pytest.mark.slow
def test_publishing_draws_the_figure_from_the_evidence(roots, store, record_of, capsys):
    """From one's own records to the files that are committed, with a kernel."""
    for spec in plan("fig3", Parameters(profile="cpu", seeds=3)).specs.values():
        made = {"train_loss": 1.0, "top1_larger_test": 50.0, "source_px": 54}
        store.put(record_of(spec, np.arange(60) < 30, **made))
    assert cli.main(["publish", "--profile", "cpu", "--artefact", "fig3"]) == 0
    assert "21 records checked, 21 new" in capsys.readouterr().out
    made = sorted(path.name for path in (roots / "published/cpu").iterdir())
    assert made == [f"fig3_single_dim.{kind}" for kind in ("claims.json", "csv", "ipynb", "pdf", "png", "svg")]
    assert str(roots) not in (roots / "published/cpu/fig3_single_dim.ipynb").read_text()
    assert not (roots / "figures").exists()
