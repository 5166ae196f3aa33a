"""Which of the runs that a sweep has to do are executed as one program."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..core.errors import ParameterError
from .record_checks import recipe
from .run_spec import RunSpec
from .run_store import RunRecord, RunStore
from .worker import remove_leftovers

Specs = tuple[RunSpec, ...]
SIDECAR = ".members.json"


def members_file(store: RunStore, key: str) -> Path:
    """Return where it stands which runs a folded run's checkpoint is of."""
    return store.checkpoint(key).with_suffix(SIDECAR)


def begun(store: RunStore) -> Iterator[tuple[str, list[str]]]:
    """Yield the folded runs that have a checkpoint: their key and their members' keys."""
    for path in sorted((store.root / "checkpoints").glob(f"[!.]*{SIDECAR}")):
        key = path.name.removesuffix(SIDECAR)
        with contextlib.suppress(OSError, ValueError, TypeError):  # removed just now
            if store.checkpoint(key).is_file():
                yield key, [str(member) for member in json.loads(path.read_bytes())]


def tidy_folds(store: RunStore) -> None:
    """Remove what a process left of a folded run that was killed after it had stored the last of its members."""
    for key, members in list(begun(store)):
        if all(store.get(member) for member in members):
            remove_leftovers(store, key, True)


def together(
    spec: RunSpec, pending: Sequence[RunSpec], store: RunStore, most: int, fits: Callable[[int], bool]
) -> Specs:
    """Return the runs to execute as one program with a run: those alike but for seed and rate, in their order.

    A folded run that was begun goes on as it is, whatever is asked for now. A run that has a checkpoint of its own, is
    at work elsewhere, or was begun with runs that nobody asks for now, stays alone.

    Args:
        pending: runs that may be taken, `spec` among them.
        most: how many at once.
        fits: whether the device has memory for so many.
    """
    by_key, started = {other.key: other for other in pending}, list(begun(store))
    for _, members in started:
        there = [member in by_key or store.get(member) is not None for member in members]
        if spec.key in members and all(there) and fits(len(members)):
            return tuple(by_key[member] for member in members if member in by_key)
    taken = {member for _, members in started for member in members}
    if most < 2 or spec.key in taken or store.checkpoint(spec.key).is_file():
        return (spec,)
    from ..training.fold.job import alike

    kind = alike(spec)
    mates = (
        other
        for other in by_key.values()
        if other.key != spec.key and alike(other) == kind and other.key not in taken
        if not store.checkpoint(other.key).is_file() and not store.is_running(other.key)
    )
    chosen = [spec]
    for mate in mates:
        if len(chosen) == most or not fits(len(chosen) + 1):
            break
        chosen.append(mate)
    return tuple(chosen)


def whole_fold(specs: Specs, store: RunStore) -> Specs:
    """Return the members of the folded run that some runs are left of, where a kill came while the others were stored.

    Its checkpoint gives the rest the bits that they would have had. Where there is none: the runs themselves.
    """
    ours = {spec.key: spec for spec in specs}
    for _, members in begun(store):
        if ours.keys() <= set(members):
            stored = {key: _spec(record) for key in members if key not in ours and (record := store.get(key))}
            if len(ours) + len(stored) == len(members):
                return tuple((ours | stored)[key] for key in members)
    return specs


def _spec(record: RunRecord) -> RunSpec:
    given = record.spec
    return RunSpec(record.arch, recipe(given["recipe"]), given["data"], record.seed, given["micro_batch"])


def check_fold(specs: Iterable[RunSpec], launch: str, most: int) -> None:
    """Refuse a fold that cannot be done with some of these runs.

    Raises:
        ParameterError: a network with a module whose folded form is not known, or a way of launching steps that folded
            runs do not have (named fold).
    """
    import torch

    from ..training.fold.job import alike
    from ..training.fold.known import unknown
    from ..training.fold.step import check_launch

    check_launch(launch, most)
    kinds: dict = {}
    for spec in specs:
        kinds.setdefault(alike(spec), []).append(spec)
    for arch in dict.fromkeys(group[0].arch for group in kinds.values() if len(group) > 1):
        with torch.device("meta"):  # no weights
            odd = unknown(arch.build())
        if odd:
            raise ParameterError("fold", most, f"1 for {arch.family}, of which {odd}, whose folded form is not known")
