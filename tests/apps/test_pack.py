"""A pack: what goes in, what comes out in an empty folder, what is refused; nothing is trained here."""

import hashlib
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from effnet_lib.apps import cli
from effnet_lib.apps.pack import contents as collecting
from effnet_lib.apps.pack import unpack, write
from effnet_lib.apps.pack.manifest import Manifest, PackError, read
from effnet_lib.core import paths
from effnet_lib.core.errors import ParameterError
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.queue import open_runs, stages

LIMIT = "600kB"  # so that the code alone takes several parts


def study_of(data: DataSet) -> Study:
    return Study.of(PROFILES["photos"], RunStore(), data)


@pytest.fixture
def pack(images: Path, roots: Path):
    """Pack the tiny set's queue into a folder of a name, by the command."""

    def make(name: str = "pack", limit: str = LIMIT) -> Path:
        assert cli.main(["pack", str(roots / name), "--dataset", str(images), "--limit", limit]) == 0
        return roots / name

    return make


@pytest.fixture
def host(roots: Path, monkeypatch) -> Path:
    """Another machine: an empty folder, in which nothing of this one is found."""
    for name in ("DATA", "RESULTS", "FIGURES", "PUBLISHED"):
        monkeypatch.setenv(f"EFFNET_{name}", str(roots / "host" / name.lower()))
    return roots / "host"


def sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_parts_are_no_larger_than_asked_for_and_hold_what_is_listed(pack, images):
    manifest = read(folder := pack())
    assert len(manifest.parts) >= 3 and all(part.bytes <= 600_000 for part in manifest.parts)
    assert sums(folder).keys() == {"manifest.json", *(part.name for part in manifest.parts)}
    held = {file.path for file in manifest.files}
    assert {f"data/tiny/{path.relative_to(images)}" for path in images.rglob("*.jpg")} <= held
    library = {path.relative_to(paths.ROOT).as_posix() for path in (paths.ROOT / "effnet_lib").rglob("*.py")}
    assert {f"code/{name}" for name in library} | {"code/LICENSE"} <= held and not any("__pycache__" in p for p in held)
    for number, part in enumerate(manifest.parts, 1):
        with tarfile.open(folder / part.name, "r:") as tar:
            assert {member.name for member in tar} == {"pack.json", *manifest.of(number)}
            assert all(member.uid == member.gid == 0 and not member.uname for member in tar)


def test_an_empty_folder_has_the_same_data_set_and_plan(pack, images, host):
    folder, here = pack(), study_of(declare(str(images)))
    with unpack.opened(folder, print) as (manifest, dataset):
        there = study_of(declare(dataset))
        assert there.dataset.folder.is_relative_to(host) and there.dataset.id == here.dataset.id
        assert {spec.key for spec in open_runs(there, stages(there))} == set(manifest.runs) and manifest.runs
        for path in images.rglob("*.jpg"):
            assert (there.dataset.folder / path.relative_to(images)).read_bytes() == path.read_bytes()
    assert "packs" not in os.environ["EFFNET_DATA"]


def test_what_is_published_or_yours_or_decided_is_not_trained_again(pack, images, host, record_of, monkeypatch, roots):
    monkeypatch.setenv("EFFNET_RESULTS", str(roots / "results"))
    monkeypatch.setenv("EFFNET_PUBLISHED", str(roots / "published"))
    data = declare(str(images))
    pending = open_runs(study_of(data), stages(study_of(data)))
    records = [record_of(spec, np.arange(12) < 6) for spec in pending[:3]]
    home = study_of(data).store
    home.put(records[0])
    home.published_folder.mkdir(parents=True)
    (home.published_folder / f"{records[1].key}.json").write_text(records[1].to_json())
    (home.published_folder / f"{records[2].key}.json").write_text("{damaged")
    (home.published_folder.parent / "decisions").mkdir()
    (home.published_folder.parent / "decisions/photos.json").write_text("{}")
    folder = pack()
    monkeypatch.setenv("EFFNET_RESULTS", str(host / "results"))
    with unpack.opened(folder, print) as (_, dataset):
        there = study_of(declare(dataset))
        assert [spec.key for spec in open_runs(there, stages(there))] == [spec.key for spec in pending[2:]]
        assert there.store.find(pending[0]).published and (paths.published_root() / "decisions/photos.json").is_file()


def test_only_images_and_whose_they_are_are_taken(folder):
    (folder / "credits.csv").write_text("image,author\n")
    (folder / "LICENCE.txt").write_text("CC BY\n")
    (folder / "diary.txt").write_text("private\n")
    (folder / "train/blue/notes.txt").write_text("private\n")
    (folder / "train/blue/.hidden.jpg").write_bytes(b"private")
    study = study_of(declare(str(folder)))
    held = {source.path for source in collecting.contents(study, ()).sources if source.path.startswith("data/")}
    beside = {"data/tiny/credits.csv", "data/tiny/LICENCE.txt"}
    assert beside <= held and len(held) == 2 + len(list(folder.rglob("[0-9]*.jpg")))
    assert not any("diary" in path or "notes" in path or "hidden" in path for path in held)


def test_generated_data_need_no_images():
    study = Study.of(PROFILES["smoke"], RunStore(published=False))
    assert {source.path.split("/")[0] for source in collecting.contents(study, ()).sources} == {"code"}


def test_the_same_packed_again_is_the_same_to_the_byte(pack):
    before = sums(pack())
    assert sums(pack()) == before == sums(pack("elsewhere"))


@pytest.mark.parametrize("at", [1, 3])
def test_an_interrupted_packing_is_told_and_taken_up(pack, capsys, monkeypatch, roots, at):
    whole, packing = sums(pack("whole")), write._write_part

    def stop(folder, made, number, group, of):
        if number == at:
            (folder / f".part-{number:03}.tar.unfinished").write_bytes(b"half")
            raise KeyboardInterrupt
        return packing(folder, made, number, group, of)

    monkeypatch.setattr(write, "_write_part", stop)
    with pytest.raises(AssertionError):
        pack()
    capsys.readouterr()
    assert cli.main(["queue", "--pack", str(roots / "pack"), "--budget", "1"]) == 2
    assert "has no manifest.json: it was not sent, or the packing did not end" in capsys.readouterr().err
    monkeypatch.setattr(write, "_write_part", packing)
    assert sums(pack()) == whole


@pytest.mark.parametrize("there", ["notes.txt", "part-001.tar", "manifest.json", "another"])
def test_a_folder_with_anything_else_in_it_is_left_alone(pack, roots, capsys, there):
    (out := roots / "out").mkdir()
    if there == "another":
        pack("out", "5MB")
    else:
        (out / there).write_bytes(b"mine")
    before = sums(out)
    with pytest.raises(AssertionError):
        pack("out")
    line = capsys.readouterr().err
    assert "a folder that is new or empty, or that holds this same pack" in line and len(line.splitlines()) == 1
    assert sums(out) == before


def test_a_file_in_the_folders_place_is_refused(roots, images, capsys):
    (roots / "out").write_text("mine")
    assert cli.main(["pack", str(roots / "out"), "--dataset", str(images)]) == 2
    assert "out=" in capsys.readouterr().err and (roots / "out").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "size"), [("60MB", 60_000_000), ("64MiB", 2**26), ("1.5 gb", 1_500_000_000), ("4096", 4096), ("1kB", 1000)]
)
def test_a_limit_is_a_size(text, size):
    assert write.limit_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "0.0001", "60 parsecs", "1e6", "nan", "9" * 16])
def test_a_limit_that_is_no_size_is_refused(text):
    with pytest.raises(ParameterError, match="limit="):
        write.limit_of(text)


def test_a_limit_that_one_file_is_larger_than_is_refused_before_anything_is_written(roots, images, capsys):
    assert cli.main(["pack", str(roots / "out"), "--dataset", str(images), "--limit", "20kB"]) == 2
    line = capsys.readouterr().err
    assert "limit=20000 is not accepted" in line and "has no room in any part" in line and not (roots / "out").exists()


def test_sizes_are_foretold_to_the_byte(tmp_path, tiny_data):
    long = "data/tiny/" + "ä" * 120 + ".jpg"  # a name that takes more than one header
    sources = [collecting.Source(long, b"x" * n) for n in (1, 511, 512, 513)]
    sources = [replace(source, path=f"{source.path}{i}") for i, source in enumerate(sources)]
    made = collecting.Contents(study_of(tiny_data), (), (), tuple(sources))
    whole = write.write(made, tmp_path / "one", 10**6, print).parts
    assert len(whole) == 1 and whole[0].bytes == (tmp_path / "one/part-001.tar").stat().st_size
    assert len(write.write(made, tmp_path / "same", whole[0].bytes, print).parts) == 1
    assert len(write.write(made, tmp_path / "two", whole[0].bytes - 1, print).parts) > 1


def test_nothing_pending_is_nothing_to_pack(tiny_data, record_of, roots):
    study = study_of(tiny_data)
    for spec in open_runs(study, stages(study, ["study"])):
        study.store.put(record_of(spec))
    study = study.again()
    while runs := open_runs(study, stages(study, ["study"])):
        for spec in runs:
            study.store.put(record_of(spec))
        study = study.again()
    with pytest.raises(PackError, match="nothing is pending in profile photos"):
        collecting.contents(study, ["study"])


def test_a_full_disk_is_one_line(pack, capsys, monkeypatch, roots, host):
    folder = pack()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    with (
        pytest.raises(PackError, match=r"cannot be unpacked into .* \(No space left on device\)"),
        unpack.opened(folder, print),
    ):
        pass
    assert [path.suffix for path in (paths.cache_root() / "packs").iterdir()] == [".lock"]
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(AssertionError):
        pack("fresh")
    assert "cannot be written into" in capsys.readouterr().err and not (roots / "fresh/manifest.json").exists()


def test_a_file_that_changes_meanwhile_is_no_part_of_a_pack(tiny_data, tmp_path, monkeypatch):
    path = tmp_path / "changing"
    path.write_bytes(b"before")
    made = collecting.Contents(study_of(tiny_data), (), (), (collecting.Source("data/changing", path),))
    check = write._check_folder
    monkeypatch.setattr(write, "_check_folder", lambda *given: path.write_bytes(b"after!") and check(*given))
    with pytest.raises(PackError, match="data/changing changed while it was packed"):
        write.write(made, tmp_path / "out", 10**6, print)
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_manifest_is_read_as_it_was_written(pack):
    made = read(pack())
    assert isinstance(made, Manifest) and json.loads(made.to_json())["pack"] == made.pack
