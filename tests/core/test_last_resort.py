"""What nobody thought of: one line and a hint from a command and from a notebook's cells, the traceback on request."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

import effnet_lib as eff
from effnet_lib.artefacts import fig3
from effnet_lib.core.errors import ParameterError
from effnet_lib.core.last_resort import HINT, Unexpected, last_resort
from effnet_lib.study import parameters


def fault(*_, **__):
    raise KeyError("a fault\nof two lines")


@pytest.fixture
def shell(capsys):
    """Return a function that executes a cell as a notebook's kernel does, and returns what is shown of its error."""
    shell = InteractiveShell(colors="nocolor")

    def run(cell: str) -> str:
        shell.run_cell(cell)
        return capsys.readouterr().out

    return run


def test_ours_and_what_may_pass_leave_as_they_are():
    for error in (ParameterError("name", 1, "2"), BrokenPipeError(), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, last_resort(BrokenPipeError):
            raise error
        assert caught.value is error


def test_anything_else_is_one_line_that_keeps_its_cause(monkeypatch):
    with pytest.raises(Unexpected) as caught, last_resort():
        fault()
    assert str(caught.value) == f"KeyError: 'a fault\\nof two lines' (not expected; {HINT})"
    assert isinstance(caught.value.__cause__, KeyError)
    monkeypatch.setenv("EFFNET_DEBUG", "1")
    with pytest.raises(KeyError), last_resort():
        fault()


@pytest.mark.parametrize("cell", ['eff.resolve({"seeds": 1}, "fig3")', 'eff.plan("fig3", profile="smoke")'])
def test_the_first_cells_of_a_notebook_end_in_one_line(shell, monkeypatch, cell):
    monkeypatch.setattr(fig3.Figure3, "adapted", fault)
    monkeypatch.setitem(parameters.CHECKS, "seeds", fault)
    cell = f"import effnet_lib as eff\n{cell}"
    shown = shell(cell)
    assert len(shown.splitlines()) == 1 and shown.startswith("Unexpected: KeyError") and HINT in shown
    monkeypatch.setenv("EFFNET_DEBUG", "1")
    assert "Traceback" in (shown := shell(cell)) and "in fault(" in shown


def test_an_error_of_ours_is_one_line_in_a_notebook(shell, monkeypatch):
    cell = 'import effnet_lib as eff\neff.resolve({"seeds": 0}, "fig3")'
    assert shell(cell).startswith("ParameterError: seeds=0 is not accepted") and len(shell(cell).splitlines()) == 1
    monkeypatch.setenv("EFFNET_DEBUG", "1")
    assert "Traceback" in shell(cell) and "parameters.py" in shell(cell)


def test_a_plan_s_words_are_covered_too(monkeypatch):
    plan = eff.plan("fig3", profile="smoke")
    monkeypatch.setattr(plan, "missing", fault)
    with pytest.raises(Unexpected):
        plan.summary()
