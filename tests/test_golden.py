"""Nothing stored changes: the key of every planned run and measurement, and what the published records say.

golden.json holds the SHA-256 of each plan, table and set of verdicts, so that code can move without one key or number
moving along. A sum changes only in a commit that says why: EFFNET_GOLDEN=write rewrites the file.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from effnet_lib.artefacts import all_artefacts, artefact, plan
from effnet_lib.core import hardware, paths
from effnet_lib.runs.measurement_store import key_of
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.base_plan import Plan
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.queue import stages

SUMS = Path(__file__).with_name("golden.json")
PROCESSOR = "Intel(R) Xeon(R) Processor"  # of the published latencies: it is in their keys
PUBLISHED = sorted((paths.ROOT / "figures/published").glob("*/*.claims.json"))  # by this protocol
EARLIER = sorted((paths.ROOT / "figures/published").glob("protocol*/*/"))  # which no code draws any more
ARTEFACTS = tuple(all_artefacts())
# Columns of the published tables that say something else by now, on purpose; the files stay as they were published.
CHANGED = (
    "seeds",  # all of a model's, no longer those shared with the baseline
    "top1_larger_test",  # blank where the last feature map is 1 x 1
)
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def evidence(monkeypatch):
    """Every profile reads the published records, the machine's own or not."""
    monkeypatch.setenv("EFFNET_PUBLISHED", str(paths.ROOT / "figures/published"))
    monkeypatch.setattr(hardware, "processor_name", lambda: PROCESSOR)
    for name, profile in PROFILES.items():
        monkeypatch.setitem(PROFILES, name, replace(profile, published=True))


def digits(text: str) -> str:
    """Cut numbers to nine digits: processors differ in the last ones of a mean."""
    return re.sub(r"-?\d+\.\d+(e[-+]?\d+)?", lambda found: f"{float(found[0]):.9g}", text)


def check(name: str, lines: Iterator[str]) -> None:
    found = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    sums = json.loads(SUMS.read_text()) if SUMS.is_file() else {}
    if os.environ.get("EFFNET_GOLDEN") == "write":
        SUMS.write_text(json.dumps(sums | {name: found}, indent=1, sort_keys=True) + "\n")
    else:
        assert found == sums[name]


def planned(name: str, profile: str) -> Plan:
    """Plan an artefact as its published notebook does."""
    # What Table 5 takes in `cpu` depends on whether CIFAR-10 is here.
    fixed = {"dataset": "cifar10"} if (name, profile) == ("table5", "cpu") else {}
    return plan(name, profile=profile, train=False, **artefact(name).published_with, **fixed)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_queue_asks_for_the_same_runs(profile):
    planned = stages(Study.of(PROFILES[profile], RunStore()))
    check(f"queue/{profile}", (f"{s.number} {s.rank} {s.name}: {' '.join(x.key for x in s.specs)}" for s in planned))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_an_artefact_plans_the_same_networks_and_measurements(name, profile):
    made, lines = planned(name, profile), []
    networks = made.networks if artefact(name).measures else made
    if networks:
        lines += [f"{model.name} {seed} {spec.key}" for (model, seed), spec in networks.specs.items()]
    if artefact(name).measures:
        lines += [key_of(task.kind, task.spec()) for task in made.tasks]
    check(f"plan/{name}/{profile}", iter(lines))


@pytest.mark.parametrize("folder", EARLIER, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_what_an_earlier_protocol_published_stays_as_it_was(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    sums = (f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)
    check(f"{folder.parent.name}/{folder.name}", sums)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_published_tables_and_verdicts_are_what_the_records_say(path):
    name = next(one.id for one in all_artefacts().values() if one.notebook == path.name.split(".")[0])
    made = planned(name, path.parent.name)
    results = made.results()
    table, judged = made.table(results), made.claims(results)
    text, csv = io.StringIO(table.to_csv(index=False)), path.with_name(path.name.replace(".claims.json", ".csv"))
    # What one machine measured is another's published record.
    where = {"source": {"shipped": "measured here"}, "where": {"measured elsewhere": "measured here"}}
    again, drawn = (
        pd.read_csv(source).drop(columns=["shipped", *CHANGED], errors="ignore").replace(where)
        for source in (text, csv)
    )
    pd.testing.assert_frame_equal(again, drawn, rtol=1e-9)
    assert digits(json.dumps([claim.to_json() for claim in judged], indent=1) + "\n") == digits(path.read_text())
