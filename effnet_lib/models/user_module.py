"""The user's function that makes a network: imported because the user named it, called, and described as plain data.

A file is imported as Python imports it, with its folder at hand for what it imports in turn; nothing that was read
from a record ever comes here with a place of its own (`user_network`).
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.errors import ParameterError, known, nearest, one_line
from ..core.user_paths import current_folder, user_path

if TYPE_CHECKING:
    from torch import nn

CALL = "make(depth, width, classes) -> nn.Module"
FORM = f"FILE.py:FUNCTION or package.module:FUNCTION, a function {CALL}"
FRAMES = ("user_module.py", "<frozen ")  # of a traceback: ours, and the import machinery's


@dataclass(frozen=True)
class Maker:
    """A user's function.

    Args:
        where: "/absolute/file.py:function" or "package.module:function".
        source: SHA-256 of its file.
    """

    where: str
    name: str
    source: str
    function: Callable[[float, float, int], Any]


def maker(where: str) -> Maker:
    """Import a user's function; a file whose text has not changed since is imported once.

    Raises:
        ParameterError: no such file, module or function; code that fails; a function that takes other arguments.
    """
    place, colon, name = str(where).rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise ParameterError("network", where, FORM)
    if place.endswith(".py"):
        path = user_path("network", place)
        return _maker(f"{path}:{name}", _digest(where, path))
    with _importing(str(current_folder())):
        try:
            found = importlib.util.find_spec(place)
        except (ImportError, ValueError) as error:
            raise ParameterError("network", where, f"{FORM} ({one_line(error)})") from None
    if found is None or not found.origin or not found.origin.endswith(".py"):
        raise ParameterError("network", where, f"{FORM}; there is no module {place!r} with source")
    return _maker(f"{place}:{name}", _digest(where, Path(found.origin)))


def _digest(where: str, path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ParameterError("network", where, f"{FORM}; the file cannot be read ({error.strerror})") from None


@cache
def _maker(where: str, source: str) -> Maker:
    place, _, name = where.rpartition(":")
    try:
        module = _imported(place, source)
    except (Exception, SystemExit) as error:
        raise ParameterError("network", where, f"a file that can be imported; it raised {_reason(error)}") from None
    function = getattr(module, name, None)
    if not callable(function):
        there = [one for one, value in vars(module).items() if inspect.isfunction(value)]
        raise ParameterError("network", where, f"a function of that file: {nearest(name, there) if there else 'none'}")
    try:
        inspect.signature(function).bind(1.0, 1.0, 10)
    except (TypeError, ValueError):
        takes = f"{name}{inspect.signature(function)}"
        raise ParameterError("network", where, f"a function {CALL}, and this one is {takes}") from None
    return Maker(where, name, source, function)


def _imported(place: str, source: str) -> ModuleType:
    if not place.endswith(".py"):
        with _importing(str(current_folder())):
            return importlib.import_module(place)
    name = f"effnet_user_{source[:16]}"
    found = known(importlib.util.spec_from_file_location(name, place))
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and pickles of the user's look there
    with _importing(str(Path(place).parent)):
        # Compiled anew: what Python keeps beside a file takes one edited within a second, to the same length, for old.
        exec(compile(Path(place).read_bytes(), place, "exec", dont_inherit=True), vars(module))
    return module


@contextmanager
def _importing(folder: str) -> Iterator[None]:
    """Let imports find what lies in a folder, as it does for a script there."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def made(function: Maker, depth: float, width: float, classes: int) -> "nn.Module":
    """Call a user's function.

    Raises:
        ParameterError: it raises, with its last line and where that was; it returns no module.
    """
    from torch import nn

    call = f"{function.name}({depth:g}, {width:g}, {classes})"
    try:
        model = function.function(depth, width, classes)
    except (Exception, SystemExit) as error:
        raise refused(function, call, error) from None
    if not isinstance(model, nn.Module):
        returned = f"{call} returned {type(model).__name__}"
        raise ParameterError("network", function.where, f"a function that returns a torch.nn.Module; {returned}")
    return model


def shapes(function: Maker, depth: float, width: float, classes: int) -> "nn.Module":
    """Build a network without memory; where its code computes with values, with them, which then are forgotten.

    Raises:
        ParameterError: as `made`.
    """
    import torch

    try:
        with torch.device("meta"):
            return made(function, depth, width, classes)
    except ParameterError:
        return made(function, depth, width, classes).to("meta")


def refused(function: Maker, call: str, error: BaseException) -> ParameterError:
    """Return the error of a call that raised, with the last line of the user's own code that it came through."""
    return ParameterError("network", function.where, f"a network that works; {call} raised {_reason(error)}")


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(FRAMES)]
    own = [frame for frame in frames if "site-packages" not in frame.filename and not frame.filename.endswith(FRAMES)]
    last = own[-1] if own else None
    return one_line(error) + (f" ({Path(last.filename).name}, line {last.lineno})" if last else "")


def structure(model: "nn.Module") -> str:
    """Return the SHA-256 of a network's modules by name, class and settings, and of the shapes of all its values.

    Settings are what a module prints of itself, strides and dropout rates among them, without memory addresses.
    """
    lines = [f"{name} {type(part).__qualname__} {part.extra_repr()}" for name, part in model.named_modules()]
    for values in (model.named_parameters(), model.named_buffers()):
        lines += [f"{name} {tuple(value.shape)}" for name, value in values]
    return hashlib.sha256(re.sub(" at 0x[0-9a-f]+", "", "\n".join(lines)).encode()).hexdigest()
