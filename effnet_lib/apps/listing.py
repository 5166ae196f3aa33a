"""What `effnet list` says: every figure and table of the paper, what makes it, what that needs, and its state."""

import re
from typing import NamedTuple

from ..core import paths
from ..study.profiles import PROFILES
from ..study.registry import Needs
from .described import Description, descriptions

KINDS = ("Figure", "Table")  # those of the paper, in this order; what else there is comes after them


class Item(NamedTuple):
    """A figure or table, and the artefact that regenerates it."""

    name: str
    artefact: Description


def items() -> list[Item]:
    """Return the paper's figures and tables by number, then what it describes without a number."""
    found = [Item(name, one) for one in descriptions().values() for name in one.covers or (_name(one),)]
    return sorted(found, key=lambda item: _place(item.name))


def _name(artefact: Description) -> str:
    return artefact.title.partition(":")[0]


def _place(name: str) -> tuple[int, int, str]:
    numbered = re.fullmatch(r"(\w+) (\d+)", name)
    if numbered is None or numbered[1] not in KINDS:
        return len(KINDS), 0, name
    return KINDS.index(numbered[1]), int(numbered[2]), name


def needs(wanted: Needs) -> str:
    """Say in a line what an artefact needs."""
    words = [("data", wanted.data), ("GPU", wanted.gpu), ("network", wanted.network), ("time in cpu", wanted.time)]
    return "; ".join(f"{name}: {value}" for name, value in words if value) or "nothing"


def state(artefact: Description) -> str:
    """Say in which profiles an artefact is published, and in which it lies regenerated here."""
    said = []
    for words, root in (("published", paths.published_root()), ("yours", paths.figures_root())):
        there = [name for name in PROFILES if (root / name / f"{artefact.notebook}.png").is_file()]
        said += [f"{words}: {', '.join(there)}"] if there else []
    return "; ".join(said) or "not made yet"


def lines() -> list[str]:
    """Return the listing: a line an item with its artefact and state, then a line an artefact, then the profiles."""
    made = [f"{item.name:20} {item.artefact.id:14} {state(item.artefact)}" for item in items()]
    made.append("")
    for name, artefact in descriptions().items():
        made.append(f"{name:14} {artefact.title} (notebooks/{artefact.notebook}.ipynb)")
        made.append(f"{'':14} needs {needs(artefact.needs)}")
    made.append("")
    return made + [f"{one.name:14} {one.summary}" for one in PROFILES.values()]
