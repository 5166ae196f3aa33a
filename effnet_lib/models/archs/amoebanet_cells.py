"""AmoebaNet's evolved cells as tables: arXiv 1802.01548 and its released code (tensorflow/tpu, amoeba_net).

State 0 is a cell's input, state 1 the output of the cell before it; each row adds two operations on earlier states
and makes the next state, 2 to 6. "op@1" is an operation on state 1. `joined` are the states that are concatenated:
those that the code lists, some of which operations read as well. Only with them do the published sizes come out.
"""

from typing import NamedTuple

from ...core.errors import ParameterError, nearest


class Step(NamedTuple):
    """An operation, a key of `OPERATIONS`, on a state."""

    operation: str
    state: int


class Cell(NamedTuple):
    """Pairs of steps, each of which makes a state by addition; and the states that are concatenated, in order."""

    pairs: tuple[tuple[Step, Step], ...]
    joined: tuple[int, ...]


class Operation(NamedTuple):
    """What an operation does: its kind, and the kernels (height, width) of its convolutions or pooling."""

    kind: str
    kernels: tuple[tuple[int, int], ...] = ()


OPERATIONS = {
    "id": Operation("identity"),
    "1x1": Operation("pointwise"),
    "3x3": Operation("bottleneck", ((3, 3),)),
    "1x7,7x1": Operation("bottleneck", ((1, 7), (7, 1))),
    "sep3": Operation("separable", ((3, 3), (3, 3))),
    "sep5": Operation("separable", ((5, 5), (5, 5))),
    "sep7": Operation("separable", ((7, 7), (7, 7))),
    # Named for a dilation of 2, which the released code drops; neither parameters nor multiply-adds tell.
    "dil2-sep5": Operation("separable", ((5, 5), (5, 5))),
    "avg3": Operation("avg", ((3, 3),)),
    "max3": Operation("max", ((3, 3),)),
    "max2": Operation("max", ((2, 2),)),
}


def _cell(rows: str, joined: tuple[int, ...]) -> Cell:
    """Read a table: a row for each new state, two steps joined by " + "."""
    pairs = []
    for row in rows.strip().splitlines():
        steps = (step.strip().split("@") for step in row.split(" + "))
        first, second = (Step(operation, int(state)) for operation, state in steps)
        pairs.append((first, second))
    return Cell(tuple(pairs), joined)


NORMAL = {
    "A": _cell(
        """
        avg3@0 + max3@0
        sep3@1 + id@1
        id@0   + avg3@1
        sep3@0 + sep5@2
        avg3@5 + sep3@0
        """,
        (1, 3, 4, 6),
    ),
    "B": _cell(
        """
        1x1@1  + max3@1
        id@1   + sep3@0
        1x1@1  + sep3@0
        1x1@2  + id@2
        avg3@1 + 1x1@5
        """,
        (0, 3, 4, 6),
    ),
    "C": _cell(
        """
        avg3@0 + sep3@0
        id@0   + sep3@0
        avg3@2 + sep3@1
        id@0   + sep3@1
        avg3@3 + sep3@0
        """,
        (1, 2, 4, 5, 6),
    ),
    "D": _cell(
        """
        1x1@1  + max3@1
        id@1   + 1x7,7x1@0
        1x1@0  + 1x7,7x1@0
        max3@2 + id@2
        avg3@1 + 1x1@5
        """,
        (0, 3, 4, 6),
    ),
}

# Operations on states 0 and 1 have stride 2 here.
REDUCTION = {
    "A": _cell(
        """
        sep3@1 + avg3@0
        max3@0 + sep7@2
        max3@1 + max3@0
        sep3@4 + 1x7,7x1@0
        avg3@1 + sep7@0
        """,
        (2, 3, 4, 5, 6),
    ),
    "B": _cell(
        """
        max2@0      + max3@0
        id@2        + 3x3@1
        dil2-sep5@2 + max3@2
        id@3        + sep3@1
        avg3@4      + 1x1@3
        """,
        (5, 6),
    ),
    "C": _cell(
        """
        max3@0 + max3@0
        sep7@2 + sep3@0
        sep7@0 + max3@1
        sep5@4 + sep5@4
        max3@1 + sep3@1
        """,
        (0, 2, 3, 4, 5, 6),
    ),
    "D": _cell(
        """
        max2@0    + max3@0
        id@2      + 3x3@1
        1x7,7x1@2 + max3@2
        id@3      + max2@1
        avg3@2    + 1x1@3
        """,
        (4, 5, 6),
    ),
}


def cell(variant: str, reduces: bool) -> Cell:
    """Return the normal or the reduction cell of AmoebaNet-A, B, C or D.

    Raises:
        ParameterError: another variant.
    """
    if variant not in NORMAL:
        raise ParameterError("variant", variant, nearest(str(variant), NORMAL))
    return (REDUCTION if reduces else NORMAL)[variant]
