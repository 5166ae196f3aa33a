"""The journal of a long measurement: torn lines, one process at a time."""

import json

import pytest

from effnet_lib.core.errors import RunFailed
from effnet_lib.runs.journal import Journal


def test_a_line_that_a_kill_has_torn_is_done_again(tmp_path):
    with Journal(tmp_path / "a.jsonl") as journal:
        journal.add(0, [5, 4])
        journal.add(1, [])
    with open(tmp_path / "a.jsonl", "ab") as file:
        file.write(b"[2, 7, 8")
    with Journal(tmp_path / "a.jsonl") as journal:
        assert journal.known == {0: [5, 4], 1: []}
        journal.add(2, [7])
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [[0, 5, 4], [1], [2, 7]]


def test_two_processes_never_write_at_once(tmp_path):
    with Journal(tmp_path / "a.jsonl") as first:
        first.add(0, [1.5])
        with pytest.raises(RunFailed, match=r"another process goes on with a\.jsonl now"), Journal(first.path):
            pass
    with Journal(first.path) as again:
        assert again.known == {0: [1.5]}
