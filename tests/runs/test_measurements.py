"""Measurements: kept once under their key, published beside the runs, refused when altered; artefacts that measure."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from effnet_lib.apps import cli, publish
from effnet_lib.core import paths
from effnet_lib.core.errors import EffnetError, ParameterError, RunFailed, StoreError
from effnet_lib.runs.measurements import Measurement, MeasurementStore, key_of, parse_measurement
from effnet_lib.runs.store import RunStore
from effnet_lib.study.measurement_plan import MeasurementPlan
from effnet_lib.study.parameters import listed, resolve, whole

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


@dataclass(frozen=True)
class Length:
    """Measures the length of a word."""

    word: str
    kind: str = "length"

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


def artefact(*words: str) -> SimpleNamespace:
    """An artefact that measures words, and one more for each of its own parameter `extra`."""
    own = {"extra": (None, listed(["alpha", "beta"])), "rounds": (20, whole(1))}

    def tasks(parameters, profile):
        return [Length(word) for word in (*words, *(parameters.own["extra"] or ()))]

    return SimpleNamespace(NOTEBOOK="lengths", PARAMETERS=own, tasks=tasks)


def plan(module: SimpleNamespace, **given) -> MeasurementPlan:
    return MeasurementPlan.of(module, resolve({"profile": "smoke"} | given, module))


def measured(word: str = "gamma") -> Measurement:
    return Measurement("length", {"word": word}, {"letters": len(word)}, WHERE)


def test_each_task_is_measured_once_and_stored_with_its_provenance(capsys):
    work = plan(artefact("one", "three"), extra="beta")
    assert work.summary() == "smoke: 3 measurements, 0 stored\n3 to make, about 6 min"
    found = work.run()
    assert [(task.label, one.result) for task, one in found.items()] == [
        ("length of one", {"letters": 3}),
        ("length of three", {"letters": 5}),
        ("length of beta", {"letters": 4}),
    ]
    assert "2 of 3: length of three" in capsys.readouterr().out
    assert all(one.provenance["versions"]["torch"] and one.provenance["device"] for one in found.values())
    assert plan(artefact("one", "three")).run() and "of" not in capsys.readouterr().out
    assert list(plan(artefact("one")).overview()["stored"]) == ["yes"]


def test_nothing_is_measured_in_a_dry_run_or_when_told_not_to():
    assert plan(artefact("one"), dry_run=True).run() == {}
    assert plan(artefact("one"), train=False).run() == {}
    assert "-p train True" in plan(artefact("one"), train=False).summary()
    assert not (paths.results_root() / "measurements").exists()


def test_a_failure_stores_nothing_and_keeps_what_was_measured_before():
    work = plan(artefact("one", "2"))
    with pytest.raises(EffnetError, match="word='2' is no word"):
        work.run()
    assert [one.result["letters"] for one in work.records().values()] == [3]


def test_two_processes_never_make_the_same_measurement():
    work = plan(artefact("one"))
    key = key_of("length", {"word": "one"})
    with MeasurementStore().lock(key), pytest.raises(RunFailed, match="another process"):
        work.run()


def test_the_own_layer_goes_before_the_shipped_one():
    own, shipped = MeasurementStore(), Path(paths.published_root() / "records")
    shipped.mkdir(parents=True)
    elsewhere = Measurement("length", {"word": "gamma"}, {"letters": 50}, WHERE)
    (shipped / f"{elsewhere.key}.json").write_text(elsewhere.to_json())
    assert own.get(elsewhere.key).shipped and own.get(elsewhere.key).result == {"letters": 50}
    assert MeasurementStore(shipped=False).get(elsewhere.key) is None
    own.put(measured())
    assert own.get(elsewhere.key).result == {"letters": 5}
    assert [one.result["letters"] for one in own.all("length")] == [5]
    assert list(own.all("other")) == []


ALTERED = {
    "another word": (lambda b: b["spec"].update(word="delta"), "is not the key of the stored spec"),
    "another kind": (lambda b: b.update(kind="width"), "is not the key of the stored spec"),
    "no host": (lambda b: b["provenance"].pop("host"), "provenance lacks host"),
    "a later schema": (lambda b: b.update(schema=2), "schema=2 is not accepted"),
    "no result": (lambda b: b.pop("result"), "not a measurement"),
}


@pytest.mark.parametrize("edit, words", ALTERED.values(), ids=ALTERED)
def test_an_altered_measurement_is_set_aside_and_made_again(edit, words):
    store, good = MeasurementStore(), measured()
    store.put(good)
    body = json.loads(store.path(good.key).read_text())
    edit(body)
    with pytest.raises(StoreError, match=words):
        parse_measurement(json.dumps(body))
    store.path(good.key).write_text(json.dumps(body))
    with pytest.warns(UserWarning, match="set aside"):
        assert store.get(good.key) is None
    assert store.path(good.key).with_suffix(".damaged").is_file()


def test_measurements_and_runs_are_published_together_and_a_later_measurement_replaces(
    tiny_spec, record_of, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(publish, "redraw", lambda name: [])
    runs, store = RunStore(root=tmp_path / "other"), MeasurementStore(root=tmp_path / "other")
    runs.put(record_of(tiny_spec))
    store.put(measured())
    folder = tmp_path / "other/records"
    store.path(measured().key).replace(folder / store.path(measured().key).name)
    assert cli.main(["publish", "--from", str(folder)]) == 0
    assert "2 records checked, 2 new" in capsys.readouterr().out
    later = Measurement("length", {"word": "gamma"}, {"letters": 6}, WHERE)
    (folder / f"{later.key}.json").write_text(later.to_json())
    assert cli.main(["publish", "--from", str(folder)]) == 0
    assert "2 records checked, 1 new" in capsys.readouterr().out
    assert MeasurementStore().get(later.key).result == {"letters": 6}


BAD = {
    "extra": ("delta", "extra='delta' is not accepted"),
    "rounds": (0, "at least 1"),
    "round": (3, "rounds"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_artefacts_own_parameters_are_checked_like_the_others(name):
    value, words = BAD[name]
    with pytest.raises(ParameterError, match=words):
        plan(artefact("one"), **{name: value})
    assert plan(artefact("one")).parameters.own == {"extra": None, "rounds": 20}
