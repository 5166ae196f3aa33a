"""Docstrings as they stand in the source: `words` in single backticks are code, and stars mean nothing."""

import re
from typing import Any

from sphinx.application import Sphinx

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_ACTIVE = re.compile(r"[*|]|(?<=\w)_(?!\w)")
_ITEM = re.compile(r"(\s+)(\S+): (.*)")


def literal(line: str) -> str:
    """Return a line of a docstring as reStructuredText: code in double backticks, all else without markup.

    >>> print(literal("`a*b`s and c * d, **more"))
    ``a*b``\\ s and c \\* d, \\*\\*more
    """
    said = ""
    for index, part in enumerate(_CODE.split(line)):
        glue = "\\ " if said and re.match(r"\w", part) and re.search(r"\S$", said) else ""
        said += glue + (f"``{part}``" if index % 2 else _ACTIVE.sub(r"\\\g<0>", part))
    return said


def listed(lines: list[str]) -> list[str]:
    """Return a docstring whose section Returns has its "name: what it is" as a list.

    >>> listed(["Returns:", "    A table.", "    a: in", "        points.", ""])
    ['Returns:', '    A table.', '', '    - a: in points.', '']
    """
    made: list[str] = []
    inside, items = False, 0
    for line in lines:
        depth = len(line) - len(line.lstrip())
        item = _ITEM.fullmatch(line) if inside and depth == 4 and made[-1] != "Returns:" else None
        if line.strip() and depth == 0:
            inside, items = line == "Returns:", 0
        if item:
            made += ([] if items else [""]) + [f"{item[1]}- {item[2]}: {item[3]}"]
            items += 1
        elif inside and depth > 4:
            made[-1] += f" {line.strip()}"
        else:
            made += ["", line] if items and line.strip() else [line]
            items = 0
    return made


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Write a docstring anew, its examples as they are."""
    made, example = [], False
    for line in listed(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        made.append(line if example else literal(line))
    lines[:] = made


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at docstrings before napoleon does."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
