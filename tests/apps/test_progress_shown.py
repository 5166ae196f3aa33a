"""What is left on a terminal, in a log and in the notebook after `effnet run` has trained."""

import os
import subprocess
import sys
from collections import Counter

import nbformat
import pytest
from support.pseudo_terminal import in_terminal
from support.shown import screen

from effnet_lib.core import paths

pytestmark = pytest.mark.slow

SMALL = ("-p", "workers", "2", "-y", "widths: [1.0, 1.4]", "-y", "depths: [1.0]", "-y", "resolutions: [1.0]")
COMMAND = [sys.executable, "-m", "effnet_lib", "run", "fig3", "--profile", "smoke", *SMALL]
ENVIRONMENT = {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}


def check_executed() -> None:
    """The executed notebook has one output between its plan and what it made of the runs: a sentence of what ran."""
    cells = nbformat.read(paths.figures_root() / "smoke/fig3_single_dim.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "plan.run()" in cell.source]
    display, counted = cell.outputs
    assert display.data["text/plain"].startswith("2 runs trained and stored, in ")
    assert display.data["text/plain"].endswith(" by 2 workers on cpu") and "<progress" not in display.data["text/html"]
    assert counted.text == "2 records\n"
    said = [output.text for cell in cells for output in cell.get("outputs", []) if output.output_type == "stream"]
    lines = Counter(line for text in said for line in text.splitlines())
    assert lines and max(lines.values()) == 1 and not any("running" in line for line in lines)


def test_a_terminal_has_a_live_line_while_the_notebook_trains(roots):
    code, written = in_terminal(COMMAND, ENVIRONMENT)
    assert code == 0, written
    states = [state for line in written.split("\n") for state in line.split("\r") if " of 2 stored |" in state]
    assert any(" running (" in state for state in states)  # two, where both began by then; cut at the terminal's width
    rows = screen(written)
    assert [row[:6] for row in rows if ": stored " in row] == ["1 of 2", "2 of 2"]
    assert not any("running" in row or "|" in row for row in rows)  # the live line is gone, and nothing of it is left
    assert rows[-2].startswith("fig3: ") and rows[-1] == ""
    check_executed()


def test_a_log_has_lines_alone(roots):
    ended = subprocess.run(COMMAND, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True)
    # A kernel that shuts down on a busy machine may leave a note of asyncio's own.
    said = [line for line in ended.stderr.splitlines() if not line.startswith(("Task was destroyed", "task: <Task"))]
    assert "\r" not in ended.stdout and said == []
    lines = ended.stdout.splitlines()
    assert [line[:6] for line in lines if ": stored " in line] == ["1 of 2", "2 of 2"]
    assert max(Counter(lines).values()) == 1
    check_executed()
