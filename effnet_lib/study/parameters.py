"""Check what a notebook was given, before any work.

papermill injects its values after the parameters cell, checks no type, and only warns of an unknown name; a list
given with -p arrives as a string. So the next cell calls `resolve(globals())`.
"""

import ast
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import EffnetError, ParameterError, known, nearest
from .profiles import PROFILES, ROUNDINGS
from .ranges import MOST_LISTED, RANGES, is_number


@dataclass(frozen=True)
class Parameters:
    """Checked parameters of an artefact notebook; None stands for the profile's own value.

    `own`: those that one artefact alone has.
    """

    profile: str = "cpu"
    dataset: str | None = None
    seeds: int | None = None
    device: str = "cpu"
    workers: int | None = None
    train: str | bool = "auto"
    fresh: bool = False
    dry_run: bool = False
    widths: tuple[float, ...] | None = None
    depths: tuple[float, ...] | None = None
    resolutions: tuple[float, ...] | None = None
    phis: tuple[float, ...] | None = None
    rounding: str = "fine"
    alphas: tuple[float, ...] | None = None
    betas: tuple[float, ...] | None = None
    gammas: tuple[float, ...] | None = None
    tolerance: float = 0.05
    own: Mapping[str, Any] = field(default_factory=dict)


def _profile(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in PROFILES:
        raise ParameterError(name, value, nearest(value, PROFILES))
    return value


def text(name: str, value: Any) -> str | None:
    """Accept a string that is not empty, or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise ParameterError(name, value, "a name, a path or None")
    return value


def flag(name: str, value: Any) -> bool:
    """Accept True or False, also as papermill's strings."""
    if isinstance(value, str) and value.lower() in ("true", "false"):  # `-p fresh true` arrives as a string
        value = value.lower() == "true"
    if not isinstance(value, bool):
        raise ParameterError(name, value, "True or False")
    return value


def auto_or_flag(name: str, value: Any) -> str | bool:
    """Accept "auto", or what `flag` accepts."""
    if isinstance(value, str) and value == "auto":
        return value
    try:
        return flag(name, value)
    except ParameterError:
        raise ParameterError(name, value, "auto, True or False") from None


def _device(name: str, value: Any) -> str:
    kinds = ("auto", "cpu", "cuda", "mps")
    kind, colon, index = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in kinds or (colon and not (kind == "cuda" and index.isdecimal())):
        raise ParameterError(name, value, nearest(value, kinds))
    if value == "cpu":
        return value
    import torch  # 2 s of imports that a run on a CPU's stored records does not need

    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    found = [one for one, number in there.items() if number]
    if value == "auto":
        return next(iter(found), "cpu")
    if len(index) > 9 or int(index or 0) >= there[kind]:
        raise ParameterError(name, value, "a device of this machine: " + ", ".join(["cpu", *found]))
    return value


def _coefficients(name: str, value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not value:
        raise ParameterError(name, value, f"a list, which papermill takes as -y '{name}: [1.0, 1.4]'")
    if len(value) > MOST_LISTED:
        raise ParameterError(name, value, f"a list of at most {MOST_LISTED} values, not {len(value):,}")
    for one in value:
        if one not in RANGES[name]:
            raise ParameterError(name, one, str(RANGES[name]))
    return tuple(sorted({1.0, *map(float, value)}))  # every comparison is with the baseline


def _given_alone(name: str, value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    kept = known(_coefficients(name, value))
    return tuple(one for one in kept if one in map(float, value))  # phi = 0 is the baseline


def _rounding(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in ROUNDINGS:
        raise ParameterError(name, value, nearest(value, ROUNDINGS))
    return value


def share(name: str, value: Any) -> float:
    """Accept a number strictly between 0 and 1."""
    if not is_number(value) or not 0 < value < 1:
        raise ParameterError(name, value, "a share above 0 and below 1, such as 0.05")
    return float(value)


def listed(accepted: Collection[str]) -> Callable[[str, Any], tuple[str, ...] | None]:
    """Return a check that accepts a list of some of these names, or one string with commas between them, or None."""

    def check(name: str, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not parts:
            raise ParameterError(name, value, f"names with commas between them, of {', '.join(accepted)}")
        for part in parts:
            if not isinstance(part, str) or part not in accepted:
                raise ParameterError(name, part, nearest(part, accepted))
        return tuple(dict.fromkeys(parts))

    return check


Check = Callable[[str, Any], Any]
CHECKS: dict[str, Check] = {
    "profile": _profile,
    "dataset": text,
    "seeds": RANGES["seeds"],
    "device": _device,
    "workers": RANGES["workers"],
    "train": auto_or_flag,
    "fresh": flag,
    "dry_run": flag,
    "widths": _coefficients,
    "depths": _coefficients,
    "resolutions": _coefficients,
    "phis": _given_alone,
    "rounding": _rounding,
    "alphas": _given_alone,
    "betas": _given_alone,
    "gammas": _given_alone,
    "tolerance": share,
}


def _given(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given: in a notebook, the names that its parameters cells assign; else everything.

    Both cells, the notebook's own and the one that papermill injects, begin with "# Parameters"; IPython keeps
    their text in `In`. Everything else in the namespace is the notebook's own and may stand there on a second run.
    The own cell is the one with annotations: what ran before its last execution is out of date, such as a typing
    error that was mended since.
    """
    if not isinstance(namespace.get("In"), list):
        return dict(namespace)
    names: dict[str, None] = {}
    for source in reversed(namespace["In"]):
        if source.startswith("# Parameters"):
            with contextlib.suppress(SyntaxError):  # a cell that could not run assigned nothing
                body = ast.parse(source).body
                for node in body:
                    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                    names |= {target.id: None for target in targets if isinstance(target, ast.Name)}
                if any(isinstance(node, ast.AnnAssign) for node in body):
                    break
    if not names:
        raise EffnetError("no cell that begins with '# Parameters' has run; the parameters cell does, and runs first")
    return {name: namespace[name] for name in names if name in namespace}


def resolve(
    namespace: Mapping[str, Any],
    own: Mapping[str, tuple[Any, Check]] | None = None,
    common: Mapping[str, Check] = CHECKS,
) -> Parameters:
    """Check a notebook's parameters and return them.

    Args:
        namespace: a notebook's `globals()`, or a mapping of parameters.
        own: an artefact's own parameters, name -> (default, function of name and value that returns the checked value).
        common: those that it shares with others.

    Raises:
        ParameterError: a value that is not accepted; a name that no parameter has, with the nearest one.
    """
    given, own = _given(namespace), own or {}
    for name, value in given.items():
        if name not in common and name not in own:
            known = nearest(name, [*common, *own])
            raise ParameterError(name, value, f"no value: there is no such parameter, only {known}")
    shared = {name: common[name](name, value) for name, value in given.items() if name not in own}
    special = {name: check(name, given.get(name, default)) for name, (default, check) in own.items()}
    return Parameters(**shared, own=special)
