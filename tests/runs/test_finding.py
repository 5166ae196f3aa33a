"""What is asked of 100,000 runs at once: their keys, and which of them are stored."""

import dataclasses
import os
from dataclasses import replace

import pytest

from effnet_lib.models.archs import mnasnet, mobilenet_v1, mobilenet_v2, to_data
from effnet_lib.models.scaling import Scaling
from effnet_lib.models.zoo import NETWORKS
from effnet_lib.runs import run_store
from effnet_lib.runs.run_spec import RunSpec, payload_key
from effnet_lib.runs.run_store import RunStore
from effnet_lib.training.recipes import SHORT

ARCHS = [network.arch for network in NETWORKS.values() if network.arch]
BOTH = Scaling(1.2, 1.4)
ARCHS += [mobilenet_v1.scale(BOTH), mobilenet_v2.scale(BOTH), mnasnet.scale(mnasnet.A1, BOTH)]


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: arch.family)
def test_a_network_as_data_is_what_the_standard_library_makes_of_it(arch):
    stored = dataclasses.asdict(arch).items()
    left_out = getattr(arch, "not_stored", ())
    assert to_data(arch) == {"family": arch.family, **{name: value for name, value in stored if name not in left_out}}


def test_equal_networks_and_recipes_of_other_numbers_have_other_keys(tiny_arch):
    whole, floating = (RunSpec(replace(tiny_arch, px=px), SHORT, "data", 0) for px in (32, 32.0))
    assert whole == floating and whole.key != floating.key
    for spec in (whole, floating, replace(whole, recipe=replace(SHORT, lr=1)), replace(whole, micro_batch=12)):
        micro_batches = [dict(split.payload()) for split in spec.splits()]
        assert spec.split_keys == tuple(map(payload_key, micro_batches))


def test_a_finder_finds_what_find_does(tiny_spec, store, record_of):
    specs = [replace(tiny_spec, seed=seed) for seed in range(5)]
    store.put(record_of(specs[0]))
    store.put(record_of(replace(specs[1], micro_batch=4)))
    store.published_folder.mkdir(parents=True)
    (store.published_folder / f"{specs[2].key}.json").write_text(record_of(specs[2]).to_json())
    store.path(specs[3].key).write_text("{}")
    find = store.finder()
    with pytest.warns(UserWarning, match="set aside"):
        found = [find(spec) for spec in specs]
    assert found == [store.find(spec) for spec in specs] and [record is not None for record in found] == [1, 1, 1, 0, 0]
    own = RunStore(published=False).finder()
    assert [own(spec) is not None for spec in specs] == [1, 1, 0, 0, 0]


def test_a_finder_opens_no_file_of_a_run_that_is_not_there(tiny_spec, store, record_of, monkeypatch):
    store.put(record_of(tiny_spec))
    find, read = store.finder(), []
    monkeypatch.setattr(RunStore, "_read", lambda self, path, published=False: read.append(path))
    assert not any(find(replace(tiny_spec, seed=seed)) for seed in range(1, 50)) and not read
    find(tiny_spec)
    assert store.path(tiny_spec.key) in read


def test_a_folder_that_cannot_be_listed_is_asked_by_name(tiny_spec, store, record_of, monkeypatch):
    store.put(record_of(tiny_spec))

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_store.os, "listdir", refuse)
    assert store.finder()(tiny_spec) == record_of(tiny_spec)


def test_a_file_exchanged_under_its_old_size_and_date_is_read_again(tiny_spec, store, record_of):
    path = store.path(tiny_spec.key)
    store.put(record_of(tiny_spec, loss=1.25))
    before = path.stat()
    assert store.find(tiny_spec).result["loss"] == 1.25
    path.write_text(path.read_text().replace("1.25", "2.25"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and store.find(tiny_spec).result["loss"] == 2.25
