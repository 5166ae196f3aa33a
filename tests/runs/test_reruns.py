"""Where reruns are kept, and what tells one side from the other."""

from dataclasses import replace

from effnet_lib.core import paths
from effnet_lib.runs import reruns
from effnet_lib.runs.provenance import machine, provenance
from effnet_lib.runs.reruns import device_words, other_data, rerun_store, same_to_the_bit, what_differs
from effnet_lib.runs.run_store import RunStore


def test_reruns_lie_apart_from_your_records_and_read_no_published_one(record_of, tiny_spec, store):
    record, kept = record_of(tiny_spec), rerun_store("cpu")
    assert kept.root.parent == paths.results_root() / "check" and not kept.root.exists()
    store.put(record)
    assert kept.get(record.key) is None
    kept.put(record)
    store.path(record.key).unlink()
    assert kept.get(record.key) == record and list(RunStore().own()) == []


def test_another_source_version_or_host_begins_anew(monkeypatch):
    first = rerun_store("cpu").root
    assert rerun_store("cpu").root == first
    for name in ("_source", "machine"):
        with monkeypatch.context() as patch:
            changed = {"_source": lambda: "another", "machine": lambda device: machine(device) | {"host": "another"}}
            patch.setattr(reruns, name, changed[name])
            assert rerun_store("cpu").root != first


def test_the_source_that_trains_is_part_of_the_digest(monkeypatch, tmp_path):
    before = reruns._source()
    for name in reruns.TRAINS:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(reruns, "__file__", str(tmp_path / "runs" / "reruns.py"))
    nothing = reruns._source()
    (tmp_path / "models" / "a.py").write_text("x = 1\n")
    assert len({before, nothing, reruns._source()}) == 3


def test_two_seeds_are_never_the_same_to_the_bit(record_of, tiny_spec):
    one, other = record_of(tiny_spec, train_seconds=1.0), record_of(tiny_spec, train_seconds=2.0)
    assert same_to_the_bit(one, other)
    assert not same_to_the_bit(one, record_of(replace(tiny_spec, seed=1)))


def test_both_sides_are_said_with_devices_and_versions(record_of, tiny_spec):
    there, here = record_of(tiny_spec).provenance, provenance("cpu", 1, "1" * 64)
    assert device_words([there, there]) == "a processor, torch 0"
    assert device_words([here]).startswith(f"{here['device']}, numpy ") and "torch 2" in device_words([here])
    said = what_differs(there, here)
    assert {"another device", "another host"} < set(said)
    assert any(words.startswith("torch 0 there, 2") for words in said)
    assert what_differs(here, here) == []


def test_data_of_one_name_and_another_content_are_told_apart(record_of, tiny_spec):
    one = record_of(tiny_spec)
    other = replace(one, provenance=one.provenance | {"data_fingerprint": "1" * 64})
    assert other_data(one, other) and not other_data(one, one)
