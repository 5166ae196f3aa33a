"""`effnet check`: the plan, the words, the exit codes, what is written, and what is refused."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.republished import ACCURACIES, SECONDS, bits, publish_smoke, rerun_as

from effnet_lib.apps import cli
from effnet_lib.apps.publish import publish_records
from effnet_lib.core import paths
from effnet_lib.runs.packing import pack_bits
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import Report, SweepOptions, run_all
from effnet_lib.study import judged_reruns, queue
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES

COMMAND = ("check", "fig3", "--profile", "smoke", "--workers", "1")


@pytest.fixture
def published(monkeypatch, record_of) -> dict:
    return publish_smoke(monkeypatch, record_of)


@pytest.fixture
def check(capsys):
    """Return a function that checks Figure 3 in smoke and returns the exit code and what was said."""

    def run(*more: str) -> tuple[int, str]:
        code = cli.main([*COMMAND, *more])
        out, err = capsys.readouterr()
        assert err == ""
        return code, out

    return run


def everything() -> dict:
    root = paths.published_root().parent
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_dry_run_prints_the_plan_and_writes_nothing(published, check):
    before = everything()
    code, said = check("--dry-run", "--runs", "3")
    assert code == 0 and everything() == before and not paths.results_root().exists()
    assert "9 published runs of 3 networks" in said and "there: a processor, torch 0, 2020-01-01\n" in said
    assert "another device" in said and "torch 0 there" in said and "another host" in said
    assert "3 of at most 3 runs, drawn by seed 0 among those that fit into 3 min; about 70 s with 1 worker(s):" in said
    assert all(
        re.search(rf"  {name}, seed [012] \([0-9a-f]{{8}}\): about {SECONDS[name]:.0f} s\n", said) for name in SECONDS
    )
    assert check("--dry-run", "--runs", "3") == (0, said) != check("--dry-run", "--runs", "3", "--seed", "1")


def test_reruns_that_come_out_as_published_are_inside_to_the_bit(monkeypatch, published, check):
    before = everything()
    by_key = {record.key: record for records in published.values() for record in records}
    rerun_as(monkeypatch, lambda spec: by_key[spec.key])
    code, said = check("--runs", "3")
    assert code == 0 and said.count("inside: same to the bit\n") == 3
    assert "overall: inside. All 3 runs are the published ones to the bit\n" in said
    new = everything().keys() - before.keys()
    assert {path.relative_to(paths.results_root()).parts[0] for path in new} == {"check"}
    assert everything().items() >= before.items() and list(RunStore().own()) == []


def test_reruns_far_from_the_published_seeds_are_outside(monkeypatch, published, check, record_of):
    rerun_as(monkeypatch, lambda spec: record_of(spec, bits(30.0)))
    code, said = check("--runs", "3")
    assert code == 3 and said.count("% there, OUTSIDE ") == 3 and "(3 published seed(s))" in said
    assert "overall: OUTSIDE. 3 of 3 runs lie outside; by chance 0.15 would, and as many or more in 0.0" in said
    assert re.search(r"mean difference -\d\d\.\d\d points, 97\.5 % interval -\d+\.\d\d to -\d+\.\d\d\n", said)


def test_another_machines_seeds_are_inside(monkeypatch, published, check, record_of):
    by_key = {record.key: name for name, records in published.items() for record in records}
    rerun_as(monkeypatch, lambda spec: record_of(spec, bits(sum(ACCURACIES[by_key[spec.key]]) / 3 + 0.5)))
    code, said = check("--runs", "3")
    assert code == 0 and said.count(" % there, inside ") == 3 and "the content of" not in said
    assert "overall: inside. 0 of 3 runs lie outside; by chance 0.15 would; mean difference +0.5" in said


def test_data_of_another_content_are_said(monkeypatch, published, check):
    by_key = {record.key: record for records in published.values() for record in records}
    other = {"data_fingerprint": "1" * 64}
    rerun_as(monkeypatch, lambda spec: replace(by_key[spec.key], provenance=by_key[spec.key].provenance | other))
    assert "the content of fractals, 10 classes (embedded) is another one here than there\n" in check()[1]


def test_what_was_interrupted_goes_on_where_it_was(monkeypatch, published, check, record_of):
    by_key = {record.key: record for records in published.values() for record in records}
    budget = [1]
    asked = rerun_as(monkeypatch, lambda spec: budget and budget.pop() and by_key[spec.key])
    code, said = check("--runs", "3")
    assert code == 1 and said.count("same to the bit") == 1 and "overall" not in said
    assert said.endswith("not finished: 1 of 3 runs are done; the same command goes on from there\n")
    budget[:] = [1, 1]
    planned, before = asked[:], list((paths.results_root() / "check").rglob("records/*.json"))
    code, said = check("--runs", "3")
    assert code == 0 and asked[3:] == planned and len(before) == 1 and "overall: inside" in said
    assert said.count(": rerun on 2020-01-01\n") == 1


def test_a_run_that_fails_is_named_with_its_reason(monkeypatch, published, check):
    def run_all(specs, _dataset_of, store, _options):
        store.fail(specs[0].key, "MemoryError: too large")
        return Report(failed=specs[:1], left=specs[1:])

    monkeypatch.setattr(judged_reruns, "run_all", run_all)
    code, said = check("--runs", "2")
    assert code == 1 and re.search(r"0 of 2 runs are done and 1 failed \(\S+ MemoryError: too large\)", said)


@pytest.mark.parametrize(
    "argv, words",
    [
        (["check", "fig33"], "artefact='fig33' is not accepted; artefact takes one of fig3"),
        (["check", "fig3", "--profile", "smok"], "(did you mean smoke?)"),
        (["check", "fig3", "--profile", "photos"], "profile takes one with published runs of fig3: smoke"),
        (["check", "fig3", "--profile", "smoke", "--budget", "5"], "budget takes at least 13 seconds: the cheapest"),
        (["check", "fig3", "--budget", "nan"], "budget=nan is not accepted"),
        (["check", "fig3", "--runs", "0"], "runs takes a whole number from 1 to 1,000"),
        (["check", "fig3", "--seed", "-1"], "seed=-1 is not accepted"),
        (["check", "fig3", "--device", "abacus"], "device='abacus' is not accepted"),
        (["check", "table4"], "one that trains networks (fig3, fig4, fig7, fig8, "),
        (["check", "table1"], "profile takes one with a published table of table1: there is none"),
    ],
)
def test_it_refuses_in_one_line(published, capsys, argv, words):
    before = everything()
    assert cli.main(argv) == 2 and everything() == before
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and words in err


def test_what_is_counted_is_counted_again(monkeypatch, capsys):
    monkeypatch.setenv("EFFNET_PUBLISHED", str(paths.ROOT / "figures/published"))
    assert cli.main(["check", "table1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^table1_architecture.csv: (\d+) of \1 cells counted here are the published ones$", said, re.M)
    assert "overall: inside. Nothing is trained for table1" in said and not paths.results_root().exists()


def test_a_published_table_that_is_another_is_outside(roots, capsys):
    shutil.copytree(paths.ROOT / "figures/published/cpu", roots / "published/cpu")
    table = roots / "published/cpu/table1_architecture.csv"
    table.write_text(table.read_text().replace("112", "113"))
    assert cli.main(["check", "table1"]) == 3
    assert "overall: OUTSIDE" in capsys.readouterr().out


def train_and_publish(monkeypatch) -> None:
    """Train three seeds of the smallest baseline for real, and publish them."""
    one = dict.fromkeys(("widths", "depths", "resolutions"), (1.0,))
    small = replace(PROFILES["smoke"], seeds=3, declared=3, levels=(), **one)
    monkeypatch.setitem(PROFILES, "smoke", small)
    study = Study.of(small, RunStore(published=False))
    specs = [study.spec(study.baseline, seed) for seed in range(3)]
    run_all(specs, queue.data_of(study), study.store, SweepOptions(0, say=lambda line: None))
    publish_records(study.store.own())
    shutil.rmtree(paths.results_root() / "records")


def claim_more() -> None:
    """Change the published records: as if nearly every image had been recognised."""
    for path in (paths.published_root() / "records").glob("*.json"):
        body = json.loads(path.read_text())
        images = body["result"]["val_pictures"]
        correct = np.arange(images) < round(images * (0.97 + 0.01 * body["spec"]["seed"]))
        body["result"] |= {"correct": pack_bits(correct), "top1": 100 * float(correct.mean())}
        path.write_text(json.dumps(body))


@pytest.mark.slow
def test_trained_runs_are_the_same_to_the_bit_and_a_false_publication_is_outside(monkeypatch, check):
    train_and_publish(monkeypatch)
    code, said = check("--workers", "0", "--budget", "1000", "--runs", "1")
    assert code == 0 and "all of it the same" in said and "All 1 runs are the published ones to the bit" in said
    claim_more()
    code, said = check("--workers", "0", "--budget", "1000", "--runs", "1")
    assert code == 3 and "there, OUTSIDE 9" in said


def test_what_has_a_plan_of_its_own_and_nothing_published_is_refused_in_a_line(roots, capsys):
    assert cli.main(["check", "scale"]) == 2
    assert "one with published runs of scale: there is none yet" in capsys.readouterr().err
