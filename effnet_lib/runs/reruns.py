"""Published runs made once more: where they are kept, when two records are one result, what made either side.

Reruns lie in `results/check/<digest>`, a store of their own that no plan, status or publication reads, so a check is
nobody's evidence. The digest names machine, versions and the source that trains: what was rerun before counts again
only where all of it is the same, and an interrupted check goes on there. The folder may be deleted.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core import paths
from .provenance import machine
from .run_store import RunRecord, RunStore

FOLDER = "check"  # below your results
TRAINS = ("data", "models", "training")  # the packages that decide what a run results in
PACE = ("train_seconds", "pictures_per_second")  # of a result: how fast it came, and not what it is


def _source() -> str:
    """Return a digest of the code that trains."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for name in TRAINS for path in (package / name).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def rerun_store(device: str) -> RunStore:
    """Return the store of what is rerun on this machine, with these versions and this source; nothing is written.

    Args:
        device: A device of torch, such as "cpu" or "cuda:0".
    """
    identity = json.dumps(machine(device) | {"source": _source()}, sort_keys=True)
    name = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return RunStore(published=False, root=paths.results_root() / FOLDER / name)


def same_to_the_bit(one: RunRecord, other: RunRecord) -> bool:
    """Say whether two records hold one result: every image, loss and count that both have; their pace may differ.

    (A record of an older version of this library has fewer entries.)
    """
    both = (one.result.keys() & other.result.keys()) - set(PACE)
    return one.key == other.key and all(one.result[name] == other.result[name] for name in both)


def device_words(made: Iterable[dict[str, Any]]) -> str:
    """Return the devices of some provenances in words, each with its versions once: "X, torch 2.11.0, timm 1.0.20"."""
    listed = {
        ", ".join([one["device"], *(f"{name} {number}" for name, number in sorted(one["versions"].items()))])
        for one in made
    }
    return "; ".join(sorted(listed))


def what_differs(published: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Return what differs between two provenances, in words: versions, device, host."""
    versions = {name: (published["versions"].get(name), here["versions"].get(name)) for name in here["versions"]}
    words = [f"{name} {one} there, {other} here" for name, (one, other) in versions.items() if one != other]
    return words + [f"another {name}" for name in ("device", "host") if published[name] != here[name]]


def other_data(one: RunRecord, other: RunRecord) -> bool:
    """Say whether two records saw data of one name and another content."""
    fingerprints = {record.provenance.get("data_fingerprint") for record in (one, other)}
    return len(fingerprints) > 1
