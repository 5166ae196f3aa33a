"""The queue's status while runs run: what a run says of itself may be damaged, missing or anything else."""

import json

import pytest

import effnet_lib.artefacts  # noqa: F401 (fills the registry, which the queue asks)
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.queue import stages
from effnet_lib.study.status import status

NOTE = {"pid": 7, "epoch": 3, "epochs": 12, "seconds": 5.0, "began": 1.0}
NOTES = {
    "a note": (json.dumps(NOTE).encode(), "epoch 3 of 12, process 7"),
    "none": (None, "just ended"),
    "empty": (b"", "cannot be read (StoreError: not JSON"),
    "cut": (json.dumps(NOTE).encode()[:20], "cannot be read"),
    "a list": (b"[1, 2]", "a record is a mapping, not a list of 2"),
    "another mapping": (b'{"epoch": 3}', "epochs=None is not accepted"),
    "a string for a number": (json.dumps(NOTE | {"pid": "x\ny"}).encode(), "pid='x\\ny' is not accepted"),
    "no UTF-8": (b"\xff\xfe", "byte 0 is no UTF-8"),
    "very deep": (b"[" * 100_000, "not JSON that can be read: RecursionError"),
}


@pytest.mark.parametrize("content, words", NOTES.values(), ids=NOTES)
def test_what_a_running_run_says_of_itself_is_read_with_care(store, content, words):
    study = Study.of(PROFILES["smoke"], store)
    spec = next(spec for stage in stages(study) for spec in stage.specs)
    with store.lock(spec.key):
        if content is not None:
            (store.root / "running" / f"{spec.key}.json").write_bytes(content)
        lines = [line for line in status(study).splitlines() if line.startswith("running: ")]
    assert len(lines) == 1 and lines[0].startswith(f"running: {spec.key[:12]} ") and words in lines[0]


def test_a_folder_in_the_place_of_a_note_is_said(store):
    study = Study.of(PROFILES["smoke"], store)
    spec = next(spec for stage in stages(study) for spec in stage.specs)
    with store.lock(spec.key):
        (store.root / "running" / f"{spec.key}.json").mkdir()
        assert "cannot be read (StoreError: it is no file)" in status(study)
