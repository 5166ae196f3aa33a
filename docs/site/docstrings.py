"""Docstrings as they stand in the source: `words` in single backticks are code, and stars mean nothing."""

import re
from typing import Any

from sphinx.application import Sphinx

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_ACTIVE = re.compile(r"(?<!\w)[*|]|\*+|(?<=\w)_(?!\w)")


def literal(line: str) -> str:
    """Return a line of a docstring as reStructuredText: code in double backticks, all else without markup.

    >>> literal("`a*b` and c * d, **more")
    '``a*b`` and c \\\\* d, \\\\*\\\\*more'
    """
    parts = _CODE.split(line)
    quoted = [
        f"``{part}``" if index % 2 else _ACTIVE.sub(lambda found: "".join(f"\\{one}" for one in found[0]), part)
        for index, part in enumerate(parts)
    ]
    return "".join(quoted)


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line if line.lstrip().startswith((">>>", "...")) else literal(line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at docstrings before napoleon does."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
