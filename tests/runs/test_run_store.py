"""Runs and their store: keys that last, checked records, damage that counts as missing, two layers."""

import dataclasses
import errno
import json
import sys
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effnet_lib.core.errors import StoreError
from effnet_lib.models.archs import from_data, to_data
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs import run_store as runs
from effnet_lib.runs.packing import pack_bits, unpack_bits
from effnet_lib.runs.run_spec import RunSpec, payload_key
from effnet_lib.runs.run_store import PROVENANCE, RunStore, parse_record
from effnet_lib.runs.sweep import SweepOptions, run_all
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training.recipes import PAPER, SHORT

# The first baseline candidate of profile photos. If this key changes, no published record is found any more.
GOLDEN = RunSpec(ProxyBaseline(0.5, 0.5, 64).arch(10), SHORT, "imagenette-224/holdout", 0)
GOLDEN_KEY = "4ce14b673563d25e3efc55fa3c37d842107436f7c39469f86a66123ec1213c5c"


def test_key_is_what_it_was():
    assert GOLDEN.key == GOLDEN_KEY
    assert payload_key(json.loads(json.dumps(GOLDEN.payload()))) == GOLDEN_KEY


def changed(value):
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return value[:-1]
    return value + ("x" if isinstance(value, str) else 1)


def variants(spec: RunSpec):
    """Yield the spec with each of its fields changed, those of recipe, architecture and first stage too."""
    arch = spec.arch
    for field in dataclasses.fields(spec):
        if field.name not in ("arch", "recipe"):
            yield field.name, replace(spec, **{field.name: changed(getattr(spec, field.name))})
    for field in dataclasses.fields(spec.recipe):
        recipe = replace(spec.recipe, **{field.name: changed(getattr(spec.recipe, field.name))})
        yield field.name, replace(spec, recipe=recipe)
    for field in dataclasses.fields(arch):
        yield (
            field.name,
            replace(spec, arch=replace(arch, **{field.name: changed(getattr(arch, field.name))})),
        )
    for field in dataclasses.fields(arch.stages[0]):
        first = replace(arch.stages[0], **{field.name: changed(getattr(arch.stages[0], field.name))})
        yield f"stage {field.name}", replace(spec, arch=replace(arch, stages=(first, *arch.stages[1:])))


def test_every_field_is_part_of_the_key():
    keys = {name: spec.key for name, spec in variants(GOLDEN)}
    assert len({GOLDEN.key, *keys.values()}) == len(keys) + 1


def test_micro_batch_of_the_whole_batch_is_the_default():
    assert replace(GOLDEN, micro_batch=SHORT.batch).key == GOLDEN.key
    assert replace(GOLDEN, micro_batch=SHORT.batch // 2).key != GOLDEN.key


@pytest.mark.parametrize(
    "one, other",
    [
        (ProxyBaseline(0.5, 1, 64).arch(10, Scaling(width=1.4)), ProxyBaseline(0.7, 1, 64).arch(10)),
        (ProxyBaseline(0.5, 0.5, 64).arch(10, Scaling(depth=2, width=2)), ProxyBaseline(1, 1, 64).arch(10)),
        (ProxyBaseline(0.5, 0.5, 64).arch(10, Scaling(resolution=1.5)), ProxyBaseline(0.5, 0.5, 96).arch(10)),
        (ProxyBaseline(0.5, 0.5, 64).arch(10, Scaling(resolution=1.001)), ProxyBaseline(0.5, 0.5, 64).arch(10)),
    ],
)
def test_one_network_has_one_key_whichever_coefficients_gave_it(one, other):
    assert one == other
    assert replace(GOLDEN, arch=one).key == replace(GOLDEN, arch=other).key


@pytest.mark.parametrize("recipe", [SHORT, PAPER])
def test_stored_architecture_is_the_one_that_ran(record_of, recipe):
    record = record_of(replace(GOLDEN, recipe=recipe))
    assert parse_record(record.to_json()).arch == GOLDEN.arch
    assert from_data(json.loads(json.dumps(to_data(GOLDEN.arch)))) == GOLDEN.arch


@given(st.lists(st.booleans(), max_size=40))
def test_bits_come_back(bits):
    packed = pack_bits(np.array(bits, bool))
    assert unpack_bits(packed, len(bits)).tolist() == bits
    for other in (len(bits) + 8, max(0, len(bits) - 8)):
        if -(-other // 8) != -(-len(bits) // 8):
            with pytest.raises(StoreError, match="cannot hold one bit"):
                unpack_bits(packed, other)


def test_a_bit_an_image_fits_491_bytes():
    assert len(pack_bits(np.ones(3925, bool))) == 4 * -(-491 // 3)


def test_record_comes_back(store, record_of, tmp_path):
    record = record_of(GOLDEN, [True, False, True, True, False, False, True, True, False])
    store.fail(record.key, "tried\nbefore")
    assert store.failure(record.key).endswith(" tried before")
    store.put(record)
    again = RunStore(root=tmp_path / "results").get(GOLDEN.key)
    assert again == record and not again.published and again.seed == 0
    assert again.correct.tolist() == [True, False, True, True, False, False, True, True, False]
    assert again.top1 == pytest.approx(500 / 9)
    assert store.failure(record.key) is None  # a result clears an earlier failure
    assert list(store.own()) == [record]
    assert [path.name for path in (tmp_path / "results" / "records").iterdir()] == [f"{GOLDEN_KEY}.json"]


def edited(text: str, edit) -> str:
    body = json.loads(text)
    edit(body)
    return json.dumps(body)


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "binary": lambda text: b"\xff\xfe\x00",
    "a list": lambda text: "[]",
    "a string": lambda text: '"schema"',
    "foreign": lambda text: '{"a": 1}',
    "other schema": lambda text: edited(text, lambda body: body.update(schema=2)),
    "no key": lambda text: edited(text, lambda body: body.pop("key")),
    "key a number": lambda text: edited(text, lambda body: body.update(key=7)),
    "wrong key": lambda text: edited(text, lambda body: body.update(key="0" * 64)),
    "other spec": lambda text: edited(text, lambda body: body["spec"].update(seed=1)),
    "spec with NaN": lambda text: edited(text, lambda body: body["spec"].update(seed=float("nan"))),
    "result a list": lambda text: edited(text, lambda body: body.update(result=[])),
    "no result": lambda text: edited(text, lambda body: body.pop("result")),
    "a wrong bit": lambda text: edited(text, lambda body: body["result"].update(correct="gA==")),
    "too many bits": lambda text: edited(text, lambda body: body["result"].update(correct="wAA=")),
    "bits not base64": lambda text: edited(text, lambda body: body["result"].update(correct="w!")),
    "no image": lambda text: edited(text, lambda body: body["result"].update(correct="", val_pictures=0)),
    "top1 NaN": lambda text: edited(text, lambda body: body["result"].update(top1=float("nan"))),
    "top1 a string": lambda text: edited(text, lambda body: body["result"].update(top1="66.7")),
    "provenance a list": lambda text: edited(text, lambda body: body.update(provenance=[])),
    **{
        f"no {name}": lambda text, name=name: edited(text, lambda body: body["provenance"].pop(name))
        for name in PROVENANCE
    },
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_record_counts_as_missing(store, record_of, damage):
    record = record_of(GOLDEN)
    spoiled = DAMAGE[damage](record.to_json())
    raw = spoiled if isinstance(spoiled, bytes) else spoiled.encode()

    store.put(record)
    own = store.path(GOLDEN.key)
    own.write_bytes(raw)
    with pytest.warns(UserWarning, match=f"{own.name} set aside, the run will be redone: ") as caught:
        assert store.get(GOLDEN.key) is None
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert not own.exists() and own.with_suffix(".damaged").read_bytes() == raw

    published = store.published_folder / own.name
    published.parent.mkdir(parents=True)
    published.write_bytes(raw)
    with pytest.warns(UserWarning, match=f"published record {own.name} counts as missing: "):
        assert store.get(GOLDEN.key) is None
    assert published.read_bytes() == raw  # evidence is never touched

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RunStore(published=False).get(GOLDEN.key) is None
        store.put(record)
        assert store.get(GOLDEN.key) == record


def test_record_in_the_file_of_another_run_counts_as_missing(store, record_of):
    store.put(record_of(replace(GOLDEN, seed=1)))
    store.path(replace(GOLDEN, seed=1).key).rename(store.path(GOLDEN.key))
    with pytest.warns(UserWarning, match="another run"):
        assert store.get(GOLDEN.key) is None


def ship(store: RunStore, record) -> None:
    RunStore(root=store.published_folder.parent).put(record)  # its folder is also called records


def test_own_records_come_before_the_shipped(store, record_of):
    published, own = record_of(GOLDEN, [True, True]), record_of(GOLDEN, [False, True])
    ship(store, published)
    found = store.get(GOLDEN.key)
    assert found == published and found.published
    assert RunStore(published=False).get(GOLDEN.key) is None
    assert list(store.own()) == []
    store.put(own)
    assert store.get(GOLDEN.key) == own and not store.get(GOLDEN.key).published
    assert RunStore(published=False).get(GOLDEN.key) == own
    store.path(GOLDEN.key).write_text("{")
    with pytest.warns(UserWarning, match="set aside"):
        assert store.get(GOLDEN.key) == published


def test_results_that_cannot_be_written_are_refused_before_any_training(tmp_path, monkeypatch, record_of):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EFFNET_RESULTS", str(tmp_path / "file" / "results"))
    monkeypatch.setattr(
        "effnet_lib.runs.executors.in_process.execute_together", lambda *_: pytest.fail("something ran")
    )
    store = RunStore()
    for workers in (0, 1):
        with pytest.raises(StoreError) as caught:
            run_all([GOLDEN], lambda spec: pytest.fail("data were read"), store, SweepOptions(workers))
        message = str(caught.value)
        assert message.startswith(f"results folder '{tmp_path}/file/results' cannot be written")
        assert "EFFNET_RESULTS takes a folder" in message and "\n" not in message
    # Reading is no reason to write: what is published can be drawn from a read-only place.
    ship(store, record_of(GOLDEN))
    assert run_all([GOLDEN], lambda spec: pytest.fail("data were read"), store, SweepOptions(1)).stored == []
    assert store.get(GOLDEN.key).published and list(store.own()) == []


def test_lock_says_who_runs(store):
    assert not store.is_running(GOLDEN.key)
    with store.lock(GOLDEN.key):
        assert store.is_running(GOLDEN.key)
        assert not store.is_running(replace(GOLDEN, seed=1).key)
    assert not store.is_running(GOLDEN.key)


def test_a_failure_that_cannot_be_noted_is_one_write(store, monkeypatch):
    """Workers share stderr: what is written in two parts, another's line may come between."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    written = []
    monkeypatch.setattr(runs, "write_aside", full)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=written.append, flush=lambda: None))
    store.fail("a" * 64, "OSError: the disk is full")
    (line,) = filter(None, written)
    assert line.startswith("aaaaaaaa failed: ") and line.endswith("(not noted: No space left on device)\n")


def test_the_keys_of_a_run_s_splits_are_those_of_the_runs_that_it_is_split_into(tiny_spec):
    for spec in (tiny_spec, replace(tiny_spec, micro_batch=12), replace(tiny_spec, data='folder-"é\\x', seed=7)):
        assert spec.split_keys == tuple(split.key for split in spec.splits())
        assert spec.split_keys[0] == payload_key(spec.payload()) and len(set(spec.split_keys)) >= 5
