"""Files among the records that are none: folders, pipes, nested without end, of other bytes, not to be read."""

import os
import warnings
from pathlib import Path

import pytest

from effnet_lib.apps import cli, publish
from effnet_lib.apps.explore import records as explored
from effnet_lib.apps.gallery.provenance import strangers
from effnet_lib.core import paths
from effnet_lib.core.errors import StoreError
from effnet_lib.runs.measurement_store import MeasurementStore
from effnet_lib.runs.record_files import read_record

KEY = "a" * 64


def forbid(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path.write_text("{}")
    path.chmod(0)


ODD = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "deep lists": lambda path: path.write_text("[" * 100_000),
    "deep mappings": lambda path: path.write_text('{"a":' * 100_000),
    "deep within a record": lambda path: path.write_text('{"schema": 1, "spec": ' + "[" * 50 + "]" * 50 + "}"),
    "other bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "no text": lambda path: path.write_bytes(b""),
    "a number of many digits": lambda path: path.write_text('{"schema": ' + "9" * 5000 + "}"),
    "not to be read": forbid,
}
odd = pytest.mark.parametrize("make", ODD.values(), ids=ODD)


@pytest.fixture
def folders() -> list[Path]:
    """The folders of records: your runs, your measurements, the published ones."""
    found = [
        paths.results_root() / "records",
        paths.results_root() / "measurements",
        paths.published_root() / "records",
    ]
    for folder in found:
        folder.mkdir(parents=True)
    return found


@odd
def test_your_own_is_set_aside_and_another_is_stored_in_its_place(store, record_of, tiny_spec, folders, make):
    path = store.path(tiny_spec.key)
    for again in ("damaged", "damaged2"):
        make(path)
        with pytest.warns(UserWarning, match=f"{path.name} set aside, the run will be redone: "):
            assert store.find(tiny_spec) is None
        assert not os.path.lexists(path) and os.path.lexists(path.with_suffix(f".{again}"))
    store.put(record_of(tiny_spec))
    make(folders[0] / f"{KEY}.json")
    with pytest.warns(UserWarning, match="set aside"):
        assert [record.key for record in store.own()] == [tiny_spec.key]


@odd
def test_a_published_one_stays_and_counts_as_missing(store, tiny_spec, folders, make):
    path = folders[2] / f"{tiny_spec.key}.json"
    make(path)
    for look in (lambda: store.find(tiny_spec) is None, lambda: list(MeasurementStore().all("probe")) == []):
        with pytest.warns(UserWarning, match=f"published .* {path.name} counts as missing: "):
            assert look()
    assert os.path.lexists(path)


@odd
def test_status_and_the_gallery_go_on(folders, make, capsys):
    for folder in folders:
        make(folder / f"{KEY}.json")
    said = strangers()
    assert [one["key"] for one in said] == [KEY[:12]] * 3 and all("not a record" in one["why"] for one in said)
    with pytest.warns(UserWarning, match="set aside"):
        assert cli.main(["status", "--profile", "smoke"]) == 0
    assert "worker(s)" in capsys.readouterr().out


@odd
def test_explore_passes_it_over(store, record_of, tiny_spec, folders, make):
    store.put(record_of(tiny_spec))
    for folder in folders:
        make(folder / f"{KEY}.json")
    with pytest.warns(UserWarning, match="is passed over: "):
        assert [record.key for record in explored._records(store)] == [tiny_spec.key]
    assert os.path.lexists(folders[0] / f"{KEY}.json")  # who only looks moves nothing


@odd
def test_publish_refuses_it_by_name_and_writes_nothing(store, record_of, tiny_spec, tmp_path, make, capsys):
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / f"{tiny_spec.key}.json").write_text(record_of(tiny_spec).to_json())
    make(sent / "f.json")
    assert cli.main(["publish", "--from", str(sent)]) == 2
    error = capsys.readouterr().err
    assert "f.json: " in error and len(error.splitlines()) == 1
    assert not (paths.published_root() / "records").exists()


@odd
def test_publish_puts_a_good_record_in_the_place_of_a_damaged_one_but_never_of_a_folder(
    record_of, tiny_spec, folders, make
):
    path, record = folders[2] / f"{tiny_spec.key}.json", record_of(tiny_spec)
    make(path)
    if path.is_dir():
        with pytest.raises(StoreError, match=r"cannot be published: a folder of that name is in the way"):
            publish.publish_records([record])
        return
    with pytest.warns(UserWarning, match=f"published record {path.name} counts as missing: "):
        assert publish.publish_records([record]) == [record.key]
    assert read_record(path) == record


def test_a_file_that_may_not_be_read_counts_as_damaged(store, record_of, tiny_spec, monkeypatch):
    store.put(record_of(tiny_spec))

    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", forbidden)
        with pytest.raises(StoreError, match=r"it cannot be read \(Permission denied\)"):
            read_record(store.path(tiny_spec.key))
        with pytest.warns(UserWarning, match="set aside"):
            assert store.get(tiny_spec.key) is None


def test_what_cannot_be_set_aside_is_said_to_stay(store, folders, monkeypatch):
    def full(*_):
        raise OSError(30, "Read-only file system")

    store.path(KEY).write_text("{")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match=r"cannot be set aside \(Read-only file system\), the run will be redone: "):
        assert store.get(KEY) is None


def test_a_name_with_a_line_break_stays_on_one_line(store, folders, tmp_path):
    (folders[0] / "a\nb.json").write_text("{")
    with pytest.raises(StoreError) as caught:
        publish.check(folders[0])
    assert str(caught.value).startswith(r"a\nb.json: ") and len(str(caught.value).splitlines()) == 1
    with pytest.warns(UserWarning, match=r"record a\\nb\.json set aside"):
        assert list(store.own()) == []


def test_a_name_that_leads_nowhere_is_no_record(store, folders):
    store.path(KEY).symlink_to("nowhere")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.get(KEY) is None and list(store.own()) == []
    with pytest.raises(StoreError, match=f"^{KEY}.json: "):
        publish.check(folders[0])


def test_a_failed_run_s_note_of_other_bytes_is_still_read(store):
    store.fail(KEY, "tried")
    note = store.root / "failed" / f"{KEY}.txt"
    note.write_bytes(note.read_bytes() + b"\xff")
    assert " tried" in store.failure(KEY)
