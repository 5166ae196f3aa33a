"""Who looks at progress in the tests: a terminal, a notebook's front end, and one that writes everything down."""

import io

from effnet_lib.runs.progress.face import Progress
from effnet_lib.runs.progress.standing import Standing, Tally


def screen(text: str) -> list[str]:
    """Return the rows that a terminal shows of what was written to it; a carriage return goes back to the start."""
    rows = []
    for line in text.split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        rows.append("".join(cells).rstrip())
    return rows


def said(rows: list[str]) -> list[str]:
    """Return rows without the note of asyncio's own that a notebook's kernel may leave as it shuts down."""
    return [row for row in rows if not row.startswith(("Task was destroyed", "task: <Task"))]


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def rows(self) -> list[str]:
        """The rows that it shows."""
        return screen(self.getvalue())


class Displayed:
    """What a front end that knows updates keeps of a cell's outputs, and how many messages it got."""

    def __init__(self):
        self.outputs: dict[str, dict[str, str]] = {}
        self.messages = 0

    def __call__(self, content: dict[str, str], display_id: str, update: bool) -> None:
        assert update == (display_id in self.outputs)
        self.outputs[display_id] = content
        self.messages += 1

    @property
    def only(self) -> dict[str, str]:
        """The one output that there is."""
        (output,) = self.outputs.values()
        return output


class Recorded(Progress):
    """What was shown, in order: lines, (line, whether a run ended well), standings, tallies."""

    every = 0.0

    def __init__(self):
        super().__init__()
        self.events: list = []

    def __call__(self, line: str) -> None:
        self.events.append(line)

    def ended(self, line: str, well: bool) -> None:
        self.events.append((line, well))

    def show(self, standing: Standing) -> None:
        self.events.append(standing)

    def finish(self, tally: Tally | None = None) -> None:
        self.events.append(tally)
