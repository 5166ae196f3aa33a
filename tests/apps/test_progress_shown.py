"""What is left on a terminal, in a log and in the notebook after `effnet run` has trained."""

import os
import subprocess
import sys
from collections import Counter

import nbformat
import pytest
from support.pseudo_terminal import in_terminal
from support.shown import said, screen

from effnet_lib.core import paths

pytestmark = pytest.mark.slow

RUNS = 8  # enough that two workers are seen at work, however fast a run is
SMALL = ["-p", "workers", "2", "-p", "seeds", "4", "-y", "widths: [1.0, 1.4]", "-y", "depths: [1.0]"]
SMALL += ["-y", "resolutions: [1.0]"]
COMMAND = [sys.executable, "-m", "effnet_lib", "run", "fig3", "--profile", "smoke", *SMALL]
ENVIRONMENT = {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}


def check_executed() -> None:
    """The executed notebook has one output between its plan and what it made of the runs: a sentence of what ran."""
    cells = nbformat.read(paths.figures_root() / "smoke/fig3_single_dim.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "plan.run()" in cell.source]
    display, counted = cell.outputs
    assert display.data["text/plain"].startswith(f"{RUNS} runs trained and stored, in ")
    assert display.data["text/plain"].endswith(" by 2 workers on cpu") and "<progress" not in display.data["text/html"]
    assert counted.text == f"{RUNS} records\n"
    texts = [output.text for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"]
    lines = Counter(line for text in texts for line in text.splitlines())
    assert lines and max(lines.values()) == 1 and not any("running" in line for line in lines)


def test_a_terminal_has_a_live_line_while_the_notebook_trains(roots):
    code, written = in_terminal(COMMAND, ENVIRONMENT)
    assert code == 0, written
    states = [state for line in written.split("\n") for state in line.split("\r") if f" of {RUNS} stored |" in state]
    assert any(" running (" in state for state in states)  # two, where both began by then; cut at the terminal's width
    rows = said(screen(written))
    assert [row[:6] for row in rows if ": stored " in row] == [f"{number} of {RUNS}" for number in range(1, RUNS + 1)]
    assert not [
        row for row in rows if "running" in row or "|" in row
    ]  # the live line is gone, and nothing of it is left
    assert rows[-2].startswith("fig3: ") and rows[-1] == ""
    check_executed()


def test_a_log_has_lines_alone(roots):
    ended = subprocess.run(COMMAND, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "\r" not in ended.stdout and said(ended.stderr.splitlines()) == []
    lines = ended.stdout.splitlines()
    assert [line[:6] for line in lines if ": stored " in line] == [
        f"{number} of {RUNS}" for number in range(1, RUNS + 1)
    ]
    assert max(Counter(lines).values()) == 1
    check_executed()
