"""The plan of an artefact that measures: each task once, nothing in a dry run, failures that keep what there is."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import pytest

from effnet_lib.core import paths
from effnet_lib.core.errors import EffnetError, ParameterError, RunFailed
from effnet_lib.runs.measurement_store import MeasurementStore, key_of
from effnet_lib.study.measurement_plan import MeasurementPlan
from effnet_lib.study.parameters import listed, resolve
from effnet_lib.study.ranges import RANGES
from effnet_lib.study.registry import Artefact


@dataclass(frozen=True)
class Length:
    """Measures the length of a word."""

    word: str
    kind: str = "length"
    any_profile: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return f"length of {self.word}"

    def spec(self) -> dict:
        return {"word": self.word}

    def seconds(self) -> float:
        return 120.0

    def measure(self) -> dict:
        if not self.word.isalpha():
            raise EffnetError(f"word={self.word!r} is no word")
        return {"letters": len(self.word)}


class Lengths(Artefact):
    """An artefact that measures words, and those of its own parameter `extra`."""

    id = "lengths"
    notebook = "lengths"
    title = "Lengths of words"
    trains = False
    measures = True
    parameters: ClassVar = {"extra": (None, listed(["alpha", "beta"])), "rounds": (20, RANGES["rounds"])}

    def __init__(self, *words: str):
        self.words = words

    def measurements(self, study):
        return [Length(word) for word in (*self.words, *(study.parameters.own["extra"] or ()))]

    def table(self, study, results):
        return pd.DataFrame({"word": task.word, "letters": one.result["letters"]} for task, one in results.items())

    def claims(self, study, results):
        return []

    def draw(self, study, results, rows):
        raise NotImplementedError


def planned(artefact: Lengths, **given: Any) -> MeasurementPlan:
    return MeasurementPlan.of(artefact, resolve({"profile": "smoke"} | given, artefact.parameters))


def test_each_task_is_measured_once_and_stored_with_its_provenance(capsys):
    plan = planned(Lengths("one", "three"), extra="beta")
    assert plan.summary() == "smoke: 3 measurements, 0 stored\n3 to make, about 6 min"
    found = plan.run()
    assert [(task.label, one.result) for task, one in found.items()] == [
        ("length of one", {"letters": 3}),
        ("length of three", {"letters": 5}),
        ("length of beta", {"letters": 4}),
    ]
    assert "2 of 3: length of three" in capsys.readouterr().out
    assert all(one.provenance["versions"]["torch"] and one.provenance["device"] for one in found.values())
    assert planned(Lengths("one", "three")).run() and "of" not in capsys.readouterr().out
    assert list(planned(Lengths("one")).overview()["stored"]) == ["yes"]


def test_stored_measurements_are_a_table_and_evidence_of_their_profile():
    plan = planned(Lengths("one", "three"))
    assert plan.results() == {} and not plan.evidence() and plan.networks is None
    plan.run()
    assert plan.table(plan.results()).to_dict("list") == {"word": ["one", "three"], "letters": [3, 5]}
    assert plan.evidence() and plan.claims(plan.results()) == []


def test_nothing_is_measured_in_a_dry_run_or_when_told_not_to():
    assert planned(Lengths("one"), dry_run=True).run() == {}
    assert planned(Lengths("one"), train=False).run() == {}
    assert "-p train True" in planned(Lengths("one"), train=False).summary()
    assert not (paths.results_root() / "measurements").exists()


def test_a_failure_stores_nothing_and_keeps_what_was_measured_before():
    plan = planned(Lengths("one", "2"))
    with pytest.raises(EffnetError, match="word='2' is no word"):
        plan.run()
    assert [one.result["letters"] for one in plan.results().values()] == [3]


def test_two_processes_never_make_the_same_measurement():
    plan = planned(Lengths("one"))
    key = key_of("length", {"word": "one"})
    with MeasurementStore().lock(key), pytest.raises(RunFailed, match="another process"):
        plan.run()


BAD = {
    "extra": ("delta", "extra='delta' is not accepted"),
    "rounds": (0, "from 1 to 100,000"),
    "round": (3, "rounds"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_artefacts_own_parameters_are_checked_like_the_others(name):
    value, words = BAD[name]
    with pytest.raises(ParameterError, match=words):
        planned(Lengths("one"), **{name: value})
    assert planned(Lengths("one")).parameters.own == {"extra": None, "rounds": 20}
