"""The pages of the API reference: the names of `import effnet_lib as eff`, then a page a package."""

import inspect
from pathlib import Path

import effnet_lib as eff

LIBRARY = Path(eff.__file__).parent


def packages() -> dict[str, list[str]]:
    """Return the modules of each package."""
    found = {path.parent.name: path.parent for path in sorted(LIBRARY.glob("*/__init__.py"))}
    return {name: _modules(folder) for name, folder in found.items()}


def _modules(folder: Path) -> list[str]:
    """Return the dotted names of a package and of all modules in it, those that begin with _ left out."""
    names = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            names.append(".".join(part for part in parts if part != "__init__"))
    return sorted(names)


def write(folder: Path) -> None:
    """Write index.rst and a file a package."""
    folder.mkdir(parents=True)
    listed = packages()
    (folder / "index.rst").write_text(_index(list(listed)), encoding="utf-8")
    for name, modules in listed.items():
        (folder / f"{name}.rst").write_text(_page(name, modules), encoding="utf-8")


def _index(names: list[str]) -> str:
    rows = "\n".join(f"   * - {reference}\n     - {words}" for reference, words in map(_entry, eff.__all__) if words)
    tree = "\n".join(f"   {name}" for name in names)
    return f"""API reference
=============

.. automodule:: effnet_lib

.. list-table::
   :header-rows: 1

   * - name
     - what it is
{rows}

The packages
------------

Every public name of every module, with types from its annotations.
Packages import downwards only: :doc:`/contributing`.

.. toctree::

{tree}
"""


def _entry(name: str) -> tuple[str, str]:
    """Return a name of the public API as a reference to where it is defined, and its first line."""
    thing = getattr(eff, name)
    if name.startswith("_"):
        return "", ""
    if inspect.ismodule(thing):
        role, where = "mod", thing.__name__
    else:
        role, where = "class" if inspect.isclass(thing) else "func", f"{thing.__module__}.{thing.__qualname__}"
    from docstrings import literal

    return f":py:{role}:`eff.{name} <{where}>`", literal((inspect.getdoc(thing) or "").split("\n")[0])


# What a module says of itself in __all__ is not asked: timm's registry writes one into those that register a network.
OPTIONS = "   :members:\n   :ignore-module-all:\n   :show-inheritance:\n"


def _page(name: str, modules: list[str]) -> str:
    """Return a package's page: its own words and names, then a section a module."""
    parts = [f"{name}\n{'=' * len(name)}\n\n.. automodule:: effnet_lib.{name}\n{OPTIONS}"]
    for module in modules[1:]:
        short = module.removeprefix(f"effnet_lib.{name}.")
        parts.append(f"{short}\n{'-' * len(short)}\n\n.. automodule:: {module}\n{OPTIONS}")
    return "\n".join(parts)
