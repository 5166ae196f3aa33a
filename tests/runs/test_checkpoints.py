"""Damaged checkpoints are seen, the one before stands in, and a stop in the middle loses no step."""

import warnings

import pytest
from support import killing
from support.killing import PAPER, SHORT, saved

from effnet_lib.core.errors import RunFailed
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.worker import FAILED, PAUSED, STORED, execute
from effnet_lib.training import checkpoint, trainer


def interrupt(*_) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What runs that nothing happened to give."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFFNET_RESULTS", str(tmp_path_factory.mktemp("whole")))
        store = RunStore()
        for spec in (SHORT, PAPER):
            assert execute(spec, killing.DATA, store) == STORED
        return {spec: killing.outcome(store, spec) for spec in (SHORT, PAPER)}


def test_one_flipped_byte_anywhere_is_seen(stepped):
    good = stepped.read_bytes()
    for place in [*range(150), *range(150, len(good), len(good) // 150), len(good) - 1]:
        spoiled = bytearray(good)
        spoiled[place] ^= 1 << place % 8
        with pytest.raises(RunFailed, match=r"checkpoint it (is not|was altered) .*; remove it$"):
            checkpoint.unpack(bytes(spoiled), SHORT.key, "it")


def test_a_cut_file_or_one_of_another_version_is_seen(stepped):
    good = stepped.read_bytes()
    for length in [*range(100), *range(100, len(good), len(good) // 50), len(good) - 1]:
        with pytest.raises(RunFailed, match=r"checkpoint it (is not|was altered or cut)"):
            checkpoint.unpack(good[:length], SHORT.key, "it")
    older = good.replace(b"checkpoint 2", b"checkpoint 1", 1)
    with pytest.raises(RunFailed, match="checkpoint it is not a checkpoint of this version; remove it"):
        checkpoint.unpack(older, SHORT.key, "it")


DAMAGE = {
    "cut": lambda good: good[:-1],
    "altered": lambda good: good[:-1] + bytes([good[-1] ^ 1]),
    "older": lambda good: good.replace(b"checkpoint 2", b"checkpoint 1", 1),
    "foreign": lambda good: b"PK\3\4 something else",
    "empty": lambda good: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_checkpoint_before_stands_in_for_a_damaged_one(stepped, store, whole, monkeypatch, damage):
    spoiled = DAMAGE[damage](stepped.read_bytes())
    stepped.write_bytes(spoiled)
    with (
        monkeypatch.context() as patch,
        pytest.warns(UserWarning, match=r"^checkpoint .*; going on from the one before$") as caught,
        pytest.raises(KeyboardInterrupt),
    ):
        patch.setattr(checkpoint, "write_aside", interrupt)  # in the first save after that
        execute(SHORT, killing.DATA, store, killing.EVERY_STEP)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert stepped.with_suffix(".damaged.pt").read_bytes() == spoiled  # set aside: whoever wants to may look at it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved(store, SHORT.key) == 1  # still there
        assert execute(SHORT, killing.DATA, store) == STORED
        assert killing.leftovers(store, [SHORT]) == []
    assert killing.outcome(store, SHORT) == whole[SHORT]


def test_without_a_sound_checkpoint_a_run_fails_and_says_so(stepped, store, monkeypatch):
    monkeypatch.setattr(trainer.Run, "train", lambda *_: pytest.fail("trained from scratch"))
    files = [stepped, checkpoint.previous(stepped)]
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    assert execute(SHORT, killing.DATA, store) == FAILED
    reason = store.failure(SHORT.key)
    assert "\n" not in reason and all(f"checkpoint {path.name} was altered or cut" in reason for path in files)
    assert all(path.is_file() for path in files)


def test_a_stop_while_the_reserved_images_are_looked_at_loses_no_step(store, whole, monkeypatch):
    seen, evaluate = [], trainer.evaluate

    def stopped(model, feed, part):
        seen.append(part)
        if seen.count("minival") == 2:
            raise trainer.Paused
        return evaluate(model, feed, part)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "evaluate", stopped)
        assert execute(PAPER, killing.DATA, store) == PAUSED
    assert saved(store, PAPER.key) == 4  # two epochs; nothing else had saved them
    assert execute(PAPER, killing.DATA, store) == STORED
    assert killing.outcome(store, PAPER) == whole[PAPER]
