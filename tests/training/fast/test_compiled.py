"""What was compiled is used where it is whole, refused where it was altered, and not needed where numba is missing."""

import pytest

from effnet_lib.core.errors import ParameterError
from effnet_lib.training import execution
from effnet_lib.training.execution import Execution
from effnet_lib.training.fast import compiled


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of compiled kernels; what is "compiled" is a file. A second process is a cleared cache."""
    monkeypatch.setattr(compiled, "kept_in", lambda: tmp_path)
    monkeypatch.setattr(compiled, "numba_version", lambda: "1.2.3")
    monkeypatch.setattr(compiled, "_imported", imported)
    compiled.load.cache_clear()
    yield tmp_path
    compiled.load.cache_clear()


def imported(folder):
    made = not folder.exists()
    if made:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep/code").write_bytes(b"machine code")
    return "compiled" if made else "read"


def again():
    compiled.load.cache_clear()
    return compiled.load()


def test_compiled_once_and_read_afterwards(home):
    assert [compiled.load(), again(), again()] == ["compiled", "read", "read"]
    assert [path.name for path in home.iterdir()] == [f"kernels-{compiled.kept_for()}"]


@pytest.mark.parametrize("harm", ["other", "more", "less", "no list", "broken list"])
def test_what_was_altered_is_never_read(home, harm):
    compiled.load()
    kept = home / f"kernels-{compiled.kept_for()}"
    {
        "other": lambda: (kept / "deep/code").write_bytes(b"machine codf"),
        "more": lambda: (kept / "deep/more").write_bytes(b""),
        "less": lambda: (kept / "deep/code").unlink(),
        "no list": lambda: (kept / compiled.LIST).unlink(),
        "broken list": lambda: (kept / compiled.LIST).write_text("{"),
    }[harm]()
    before = sorted(kept.rglob("*"))
    with pytest.warns(UserWarning, match=r"kernels-[0-9a-f]+ were altered: not used, compiled anew; remove them"):
        assert again() == "compiled"
    assert sorted(kept.rglob("*")) == before and list(home.iterdir()) == [kept]  # nothing is deleted or left


def test_other_sources_another_numba_or_processor_compile_anew(home, monkeypatch):
    names = {compiled.kept_for()}
    monkeypatch.setattr(compiled, "processor_name", lambda: "another")
    names.add(compiled.kept_for())
    monkeypatch.setattr(compiled, "numba_version", lambda: "1.2.4")
    names.add(compiled.kept_for())
    monkeypatch.setattr(compiled, "SOURCES", home)
    assert len(names | {compiled.kept_for()}) == 4


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "no folder").write_text("")
    monkeypatch.setattr(compiled, "SOURCES", tmp_path / "no folder")
    monkeypatch.setattr(compiled, "cache_root", lambda: tmp_path / "cache")
    assert compiled.kept_in() == tmp_path / "cache"
    monkeypatch.setattr(compiled, "cache_root", lambda: tmp_path / "no folder")
    assert compiled.kept_in() is None


def test_without_numba_steps_are_torchs(monkeypatch):
    monkeypatch.setattr(execution, "numba_version", lambda: None)
    monkeypatch.setattr(compiled, "numba_version", lambda: None)
    compiled.load.cache_clear()
    assert Execution().launch() == "eager" and compiled.load() is None
    with pytest.raises(ParameterError, match=r"step='fast' .* numba"):
        Execution(step="fast").launch()
    compiled.load.cache_clear()


def test_fast_is_what_a_cpu_takes_where_numba_is(monkeypatch):
    monkeypatch.setattr(execution, "numba_version", lambda: "1.2.3")
    assert Execution().launch() == Execution(step="fast").launch() == "fast"
    assert Execution(step="eager").launch() == "eager" and Execution("cuda").launch() == "graph"
    with pytest.raises(ParameterError, match="fast needs a CPU"):
        Execution("cuda", "fast").launch()
