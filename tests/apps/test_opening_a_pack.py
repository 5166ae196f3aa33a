"""What arrives is checked: parts that are missing, damaged or of another pack, paths that escape, other code."""

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from effnet_lib.apps import cli
from effnet_lib.apps.pack import parts, unpack
from effnet_lib.apps.pack.manifest import NAME, File, Manifest, PackError, read
from effnet_lib.core import paths

CONTENT = {f"data/tiny/{number}.jpg": bytes([number]) * 700 for number in range(6)}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    made = tarfile.TarInfo(name)
    made.size = len(data)
    tar.addfile(made, io.BytesIO(data))


def packed(folder: Path, content: dict[str, bytes] = CONTENT, more=lambda tar: None, profile: str = "photos") -> Path:
    """Make a pack of two parts by hand, with what `more` adds to the second part and the manifest does not list."""
    files = tuple(File(path, 1 + i % 2, len(data), digest(data)) for i, (path, data) in enumerate(content.items()))
    made, listed = Manifest(profile, "data/tiny", (), ("0" * 64,), files), []
    folder.mkdir()
    for number in (1, 2):
        path = folder / f"part-{number:03}.tar"
        with tarfile.open(path, "w") as tar:
            member(tar, "pack.json", parts.label(made.pack, number, 2))
            for file in made.of(number).values():
                member(tar, file.path, content[file.path])
            if number == 2:
                more(tar)
        listed.append(parts.described(path))
    (folder / NAME).write_text(replace(made, parts=tuple(listed)).to_json())
    return folder


def line_of(folder: Path) -> str:
    """The one line that opening a pack ends with; nothing is left of it."""
    with pytest.raises(PackError) as refused, unpack.opened(folder, print):
        pass
    left = paths.cache_root() / "packs"
    assert not left.exists() or [path.suffix for path in left.iterdir()] in ([], [".lock"])
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def test_it_is_unpacked_once_and_opened_by_every_later_call(tmp_path, monkeypatch):
    folder, said = packed(tmp_path / "pack"), []
    for _ in range(2):
        with unpack.opened(folder, said.append) as (manifest, dataset):
            assert {path.name for path in Path(dataset).iterdir()} == {f"{i}.jpg" for i in range(6)}
            assert paths.data_root() == Path(dataset).parent
        (folder / "part-002.tar").unlink(missing_ok=True)
    assert len(said) == 1 and manifest.pack[:8] in said[0]


DAMAGE = {
    "missing": (lambda one, other: one.unlink(), "part-002.tar is missing"),
    "cut": (lambda one, other: one.write_bytes(one.read_bytes()[:-600]), "part-002.tar is damaged"),
    "a byte": (lambda one, other: one.write_bytes(one.read_bytes().replace(b"\x01" * 9, b"\x02" * 9)), "is damaged"),
    "empty": (lambda one, other: one.write_bytes(b""), "part-002.tar is damaged"),
    "no tar": (lambda one, other: one.write_bytes(b"<html>not found</html>" * 99), "part-002.tar is damaged"),
    "a folder": (lambda one, other: (one.unlink(), one.mkdir()), "part-002.tar is missing"),
    "of another": (lambda one, other: shutil.copyfile(other / one.name, one), "part-002.tar is of another pack"),
    "exchanged": (
        lambda one, other: shutil.copyfile(one.with_name("part-001.tar"), one),
        "part-002.tar is part 1 under another's name",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_part_that_did_not_arrive_whole_is_named(tmp_path, kind):
    folder, other = packed(tmp_path / "pack"), packed(tmp_path / "other", profile="gpu")
    harm, words = DAMAGE[kind]
    harm(folder / "part-002.tar", other)
    line = line_of(folder)
    assert words in line and "part-001.tar" not in line and "(2 parts in all)" in line


def test_what_a_kill_left_half_unpacked_is_removed(tmp_path):
    half = paths.cache_root() / "packs/unpacking-abc/pack/data/tiny"
    half.mkdir(parents=True)
    (half / "0.jpg").write_bytes(b"half")
    with unpack.opened(packed(tmp_path / "pack"), print) as (manifest, dataset):
        assert (Path(dataset) / "0.jpg").read_bytes() == CONTENT["data/tiny/0.jpg"]
    assert {path.name for path in (paths.cache_root() / "packs").iterdir()} == {manifest.pack, "unpacking.lock"}


def test_all_parts_that_are_wrong_stand_in_one_line(tmp_path):
    folder = packed(tmp_path / "pack")
    for path in folder.glob("*.tar"):
        path.unlink()
    assert "part-001.tar is missing; part-002.tar is missing" in line_of(folder)


@pytest.mark.parametrize(
    "path", ["../out", "/tmp/out", "data/../../out", "data//out", "./data/out", "data/o\0t", ".", ""]
)
def test_a_path_in_a_manifest_that_leaves_the_pack_is_refused(tmp_path, path):
    folder = packed(tmp_path / "pack")
    body = json.loads((folder / NAME).read_text())
    body["files"][0]["path"] = path
    (folder / NAME).write_text(json.dumps(body))
    assert "is not accepted" in line_of(folder)


def test_a_data_set_outside_of_the_pack_is_refused(tmp_path):
    made = read(packed(tmp_path / "pack"))
    (tmp_path / "pack" / NAME).write_text(replace(made, dataset="data/../../etc").to_json())
    assert "dataset='data/../../etc' is not accepted" in line_of(tmp_path / "pack")


CHANGES = {
    "a part's name": (lambda body: body["parts"][0].update(name="../part-001.tar"), "is not accepted"),
    "a part twice": (lambda body: body["parts"].append(body["parts"][0]), "stands there twice"),
    "a file twice": (lambda body: body["files"].append(body["files"][0]), "stands there twice"),
    "a file of no part": (lambda body: body["files"][0].update(part=3), "part=3 is not accepted"),
    "another root": (lambda body: body["files"][0].update(path="etc/passwd"), "it begins with code/, data/"),
    "a number": (lambda body: body["files"][0].update(bytes=-1), "bytes=-1 is not accepted"),
    "no hash": (lambda body: body["files"][0].update(sha256="zz"), "64 hexadecimal digits"),
    "another content": (lambda body: body["files"][0].update(sha256="0" * 64), "is not what it lists"),
    "another profile": (lambda body: body.update(profile="cpu"), "is not what it lists"),
    "a schema": (lambda body: body.update(schema=2), "this version reads 1"),
    "nothing": (lambda body: body.clear(), "it lacks schema"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_manifest_that_no_pack_has_is_refused(tmp_path, kind):
    folder = packed(tmp_path / "pack")
    body = json.loads((folder / NAME).read_text())
    change, words = CHANGES[kind]
    change(body)
    (folder / NAME).write_text(json.dumps(body))
    assert words in line_of(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "null"])
def test_a_manifest_that_is_none_is_refused(tmp_path, text):
    folder = packed(tmp_path / "pack")
    (folder / NAME).write_text(text)
    assert NAME in line_of(folder)


def link(tar: tarfile.TarFile, name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> None:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, to
    tar.addfile(made)


HOSTILE = {
    "escapes": lambda tar: member(tar, "../../out", b"x"),
    "absolute": lambda tar: member(tar, "/tmp/out", b"x"),
    "not listed": lambda tar: member(tar, "data/tiny/more.jpg", b"x"),
    "twice": lambda tar: member(tar, "data/tiny/1.jpg", b"y" * 700),
    "a link": lambda tar: link(tar, "data/tiny/link", "/etc"),
    "a device": lambda tar: link(tar, "data/tiny/null", "", tarfile.CHRTYPE),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_the_manifest_does_not_list_is_not_extracted(tmp_path, kind):
    line = line_of(packed(tmp_path / "pack", more=HOSTILE[kind]))
    assert "part-002.tar" in line and "is not what the manifest says" in line and not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"bytes": 5}])
def test_a_file_that_is_not_the_listed_one_is_refused(tmp_path, change):
    folder = packed(tmp_path / "pack")
    made = read(folder)
    files = [replace(file, **change) if file.path == "data/tiny/1.jpg" else file for file in made.files]
    (folder / NAME).write_text(replace(made, files=tuple(files)).to_json())
    assert "data/tiny/1.jpg" in line_of(folder)


def test_a_file_that_is_listed_and_not_there_is_named(tmp_path):
    folder = packed(tmp_path / "pack")
    made = read(folder)
    more = (*made.files, File("data/tiny/more.jpg", 2, 0, digest(b"")))
    (folder / NAME).write_text(replace(made, files=more).to_json())
    assert "part-002.tar lacks 'data/tiny/more.jpg'" in line_of(folder)


@pytest.mark.parametrize("name", ["effnet_lib/core/paths.py", "effnet_lib/core/not_there.py"])
def test_other_code_than_the_packs_is_not_run(tmp_path, name):
    folder = packed(tmp_path / "pack", {**CONTENT, f"code/{name}": b"raise SystemExit\n"})
    line = line_of(folder)
    assert f"({name} differs)" in line and "tar -xf part-001.tar code" in line
    same = (paths.ROOT / "effnet_lib/core/paths.py").read_bytes()
    with unpack.opened(packed(tmp_path / "same", {**CONTENT, "code/effnet_lib/core/paths.py": same}), print):
        pass


@pytest.mark.parametrize("given", [["--profile", "photos"], ["--dataset", "cifar10"], ["--executor", "ray"]])
def test_a_pack_has_its_own_profile_and_data(tmp_path, capsys, given):
    folder = packed(tmp_path / "pack")
    assert cli.main(["queue", "--pack", str(folder), "--budget", "1", *given]) == 2
    assert f"{given[0][2:]}={given[1]!r} is not accepted" in capsys.readouterr().err
