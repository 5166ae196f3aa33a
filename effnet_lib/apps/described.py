"""What artefacts say of themselves, read from their source: a listing imports none, and no pandas, scipy or torch."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.errors import known
from ..study.registry import Artefact, Needs

PACKAGE = "effnet_lib.artefacts"
NAMED = ("id", "notebook", "title")  # what every artefact has, by which a class is known for one


@dataclass(frozen=True)
class Description:
    """Hold an artefact's own words, as its class has them: see `registry.Artefact`."""

    id: str
    notebook: str
    title: str
    covers: tuple[str, ...] = Artefact.covers
    needs: Needs = Artefact.needs


WORDS = tuple(Description.__dataclass_fields__)


def descriptions() -> dict[str, Description]:
    """Return every artefact's words by id, in the order of `registry.all_artefacts`.

    What is written as constants is read; a module whose class computes them is imported and asked.
    """
    folder = Path(known(known(find_spec(PACKAGE)).submodule_search_locations)[0])
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    return {one.id: one for path in files for one in _of_module(path)}


def _of_module(path: Path) -> list[Description]:
    classes = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)]
    try:
        assigned = [dict(_assigned(node)) for node in classes]
        return [_read(values) for values in assigned if any(name in values for name in NAMED)]
    except (ValueError, TypeError):  # no constants, or not all there: inherited
        return _asked(path.stem)


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a class body gives values, `a, b = ...` taken apart."""
    for line in node.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from ((ast.unparse(name), value) for name, value in zip(names, values, strict=True))


def _read(values: dict[str, ast.expr]) -> Description:
    constants: dict[str, Any] = {name: _constant(values[name]) for name in WORDS if name in values}
    return Description(**constants)


def _constant(value: ast.expr) -> Any:
    """Return what an expression of constants, or Needs(...) of them, stands for; raise ValueError for any other."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == Needs.__name__:
        named = {str(word.arg): _constant(word.value) for word in value.keywords}
        return Needs(*map(_constant, value.args), **named)
    return ast.literal_eval(value)


def _asked(module: str) -> list[Description]:
    there = import_module(f"{PACKAGE}.{module}")
    kinds = [kind for kind in vars(there).values() if isinstance(kind, type) and Artefact in kind.__mro__[1:]]
    return [Description(**{name: getattr(kind, name) for name in WORDS}) for kind in kinds]
