"""Any folder of class folders named by WordNet ids: listed, declared by content, refused in one line."""

import shutil

import pytest
from support.labelled import CLASSES, folder

from effnet_lib.core import paths
from effnet_lib.core.errors import DataError
from effnet_lib.data import labelled_images
from effnet_lib.data.labelled_images import cc_by, credits_of, declare


def test_a_folder_and_one_with_val_are_the_same_images_in_a_fixed_order(tmp_path):
    plain = folder(tmp_path / "plain")
    shutil.copytree(plain, tmp_path / "nested/val")
    one, other = declare(str(plain)), declare(str(tmp_path / "nested"))
    assert (one.images, one.classes, one.label) == (12, 3, "plain, 12 images of 3 classes")
    names = [(path.name, synset) for path, synset in one.files()]
    assert names == [(path.name, synset) for path, synset in other.files()]
    assert names[:2] == [("0.jpg", "n02123045"), ("1.jpg", "n02123045")] and one.id.startswith("folder-plain-")


def test_another_content_is_another_set_and_a_changed_one_is_refused(tmp_path):
    plain = folder(tmp_path / "plain")
    before = declare(str(plain))
    shutil.copy(plain / "n02124075/0.jpg", plain / "n02124075/2.jpg")
    assert declare(str(plain)).fingerprint != before.fingerprint
    with pytest.raises(DataError, match=f"has fingerprint [0-9a-f]{{12}}, declared is {before.fingerprint[:12]}"):
        before.files()


def test_the_default_is_declared_without_its_images():
    assert not cc_by().here and cc_by().folder == paths.data_root() / "cc-by-1000" and len(cc_by().fingerprint) == 64
    assert declare(None) == cc_by()


def test_the_default_is_known_by_its_content_wherever_it_lies(tmp_path, monkeypatch):
    plain = folder(tmp_path / "plain")
    known = declare(str(plain))
    monkeypatch.setattr(labelled_images, "cc_by", lambda: known)
    shutil.copytree(plain, tmp_path / "copy")
    assert declare(str(tmp_path / "copy")).id == known.id


BAD = [
    ("nothing", "there is no such folder; imagenet takes a folder of class folders"),
    ("empty", "has no class folder; one is expected for each class, named n02124075"),
    ("odd", "'cats' is no WordNet id such as n02124075"),
    ("many", "'a', 'b', 'c' and 1 more are no WordNet id such as"),
    ("hollow", "no class folder holds an image"),
    ("leaving", "links out of the data set's folder"),
]


@pytest.mark.parametrize(("name", "words"), BAD)
def test_bad_folders_are_refused_in_one_line(name, words, tmp_path):
    (tmp_path / "empty").mkdir()
    for odd in ("odd/cats", "many/a", "many/b", "many/c", "many/d", "hollow/n02124075", "leaving/n02124075"):
        (tmp_path / odd).mkdir(parents=True)
    outside = folder(tmp_path / "outside") / "n02124075/0.jpg"
    (tmp_path / "leaving/n02124075/0.jpg").symlink_to(outside)
    with pytest.raises(DataError, match=words) as caught:
        declare(str(tmp_path / name))
    assert ("\n" not in str(caught.value) and "imagenet" in str(caught.value)) or name == "leaving"


def test_a_corrupt_file_still_has_a_fingerprint(tmp_path):
    plain = folder(tmp_path / "plain")
    (plain / "n02124075/1.jpg").write_bytes(b"no image")
    declared = declare(str(plain))
    assert declared.images == 4 * len(CLASSES) and len(declared.files()) == 12


def test_credits_are_read_by_file_and_a_list_without_them_is_refused(tmp_path):
    assert credits_of(tmp_path) == {}
    head, row = "file,license,author,landing_url", "val/n1/a.jpg,CC BY,somebody,https://example.org"
    (tmp_path / "credits.csv").write_text(f"{head}\n{row}\n")
    assert credits_of(tmp_path)["val/n1/a.jpg"]["author"] == "somebody"
    (tmp_path / "credits.csv").write_text("file,author\nval/n1/a.jpg,somebody\n")
    with pytest.raises(DataError, match="has no column 'license'"):
        credits_of(tmp_path)
