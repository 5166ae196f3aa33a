"""Measurements: kept once under their key, published beside the runs, refused when altered."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.measurements import measurements

from effnet_lib.apps import cli, publish
from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError
from effnet_lib.runs.measurement_store import Measurement, MeasurementStore, parse_measurement
from effnet_lib.runs.run_store import RunStore

WHERE = {"date": "2020-01-01T00:00:00+00:00", "device": "a processor", "host": "0" * 12, "versions": {"torch": "0"}}


def measured(word: str = "gamma") -> Measurement:
    return Measurement("length", {"word": word}, {"letters": len(word)}, WHERE)


def test_the_own_layer_goes_before_the_shipped_one():
    own, published = MeasurementStore(), Path(paths.published_root() / "records")
    published.mkdir(parents=True)
    elsewhere = Measurement("length", {"word": "gamma"}, {"letters": 50}, WHERE)
    (published / f"{elsewhere.key}.json").write_text(elsewhere.to_json())
    assert own.get(elsewhere.key).published and own.get(elsewhere.key).result == {"letters": 50}
    assert MeasurementStore(published=False).get(elsewhere.key) is None
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


def latency(seconds: float) -> Measurement:
    made = measurements()["latency"]
    return replace(made, result=made.result | {"before": made.result["before"] | {"seconds": seconds}})


def test_measurements_and_runs_are_published_together_and_a_later_measurement_replaces(
    tiny_spec, record_of, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(publish, "redraw", lambda name, *chosen: [])
    runs, store = RunStore(root=tmp_path / "other"), MeasurementStore(root=tmp_path / "other")
    runs.put(record_of(tiny_spec))
    store.put(latency(5))
    folder = tmp_path / "other/records"
    store.path(latency(5).key).replace(folder / store.path(latency(5).key).name)
    assert cli.main(["publish", "--from", str(folder)]) == 0
    assert "2 records checked, 2 new" in capsys.readouterr().out
    later = latency(6)
    (folder / f"{later.key}.json").write_text(later.to_json())
    assert cli.main(["publish", "--from", str(folder)]) == 0
    assert "2 records checked, 1 new" in capsys.readouterr().out
    assert MeasurementStore().get(later.key).result["before"]["seconds"] == 6
