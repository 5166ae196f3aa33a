"""NAS-Bench-Macro: 6,561 networks that others have trained, so that a search over them costs nothing.

Su et al. 2021 (xiusu/NAS-Bench-Macro, Apache-2.0): eight layers of MobileNetV2's blocks in stages of 2, 3 and 3, each
layer an identity (0), an MBConv of expansion 3 and kernel 3 (1) or of expansion 6 and kernel 5 (2); on CIFAR-10, three
seeds each. A user takes the file from its authors (docs/data.md); a table of the same form is made where it is missing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise, product
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any

from ..core import paths
from ..core.errors import DataError
from ..study.ranges import is_number
from .objective import Objective, Score, front
from .space import Candidate, Space

FILE = "nas-bench-macro_cifar10.json"
FINGERPRINT = "686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297"
WHERE = "github.com/xiusu/NAS-Bench-Macro has it as data/nas-bench-macro_cifar10.json"
STAGES = (2, 3, 3)
OPTIONS = 3
PUBLISHED, SYNTHETIC = "nas-bench-macro", "synthetic"
LABELS = {PUBLISHED: "NAS-Bench-Macro, CIFAR-10", SYNTHETIC: "a made-up table of NAS-Bench-Macro's form"}


def key(candidate: Candidate) -> str:
    """Return the name of a candidate's network in the table, the first of all names that it has.

    A layer that is an identity does nothing, except where a stage begins: so the later layers of a stage are the same
    network wherever their identities stand, and 6,561 candidates are 3,969 networks.
    """
    name, start = "", 0
    for layers in STAGES:
        first, *later = candidate[start : start + layers]
        name += "".join(map(str, [first, *sorted(later, key=lambda one: one == 0)]))
        start += layers
    return name


@dataclass(frozen=True)
class Table:
    """Hold every network's score, by `key`; `id` says which table it is and stands in stored keys."""

    id: str
    scores: Mapping[str, Score]

    space = Space((tuple(range(OPTIONS)),) * sum(STAGES))

    def score(self, name: str, candidate: Candidate | None = None) -> Score:
        """Return the score of a network: its accuracy is the mean over three seeds."""
        return self.scores[name]

    @cached_property
    def best(self) -> float:
        """The highest accuracy, in percent."""
        return max(score.accuracy for score in self.scores.values())

    @cached_property
    def front(self) -> list[Score]:
        """The networks that no other beats at the same or fewer FLOPS."""
        return front(self.scores.values())

    def winner(self, objective: Objective) -> Score:
        """Return the score of the highest value of all."""
        return max(self.scores.values(), key=objective)


def path() -> Path:
    """Return where the published table is, or would be."""
    return paths.data_root() / FILE


def missing() -> str:
    """Return why what needs the published table is skipped; nothing where the file is there."""
    return "" if path().is_file() else f"NAS-Bench-Macro is not here: {WHERE}, and it goes into the data root"


def published() -> Table:
    """Read the published table.

    Raises:
        DataError: it is missing, or not the one that its authors published.
    """
    file = path()
    if reason := missing():
        raise DataError(f"{reason} ({str(file.parent)!r})")
    return _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(file: Path, _changed: int) -> Table:
    raw = file.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != FINGERPRINT:
        raise DataError(f"{file.name} has SHA-256 {found[:12]}, and its authors' file has {FINGERPRINT[:12]}; {WHERE}")
    return parse(PUBLISHED, raw)


def parse(name: str, raw: bytes) -> Table:
    """Read a table of NAS-Bench-Macro's form: network -> mean_acc in percent, flops in multiply-adds.

    Raises:
        DataError: a network is missing, or has a number that none could have.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the table {name} is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise DataError(f"the table {name} is no mapping of networks")
    scores = {}
    for candidate in product(range(OPTIONS), repeat=sum(STAGES)):
        network = "".join(map(str, candidate))
        row = body.get(network)
        if not isinstance(row, dict):
            raise DataError(f"the table {name} lacks network {network}")
        accuracy: Any = row.get("mean_acc")
        flops: Any = row.get("flops")
        if not is_number(accuracy) or not isfinite(accuracy) or not 0 <= accuracy <= 100:
            raise DataError(f"network {network} of the table {name} has mean_acc={accuracy!r}, which is no percentage")
        if not is_number(flops, whole=True) or flops <= 0:
            raise DataError(f"network {network} of the table {name} has flops={flops!r}, no whole number above 0")
        scores[key(candidate)] = Score(accuracy, flops)
    return Table(name, scores)


def synthetic_body(seed: int = 0) -> dict[str, dict]:
    """Return a table of the same form with made-up numbers: blocks add up, and neighbours interact."""
    draw, layers = Random(seed), sum(STAGES)
    gain = [[0.0, 2.0 + draw.random(), 3.0 + draw.random()] for _ in range(layers)]
    pairs = [[[draw.gauss(0, 0.4) for _ in range(OPTIONS)] for _ in range(OPTIONS)] for _ in range(layers)]
    cost = [[0, 2_000_000 + 100_000 * i, 8_000_000 - 300_000 * i] for i in range(layers)]
    made: dict[str, dict] = {}
    for candidate in product(range(OPTIONS), repeat=layers):
        name = key(candidate)
        if name not in made:
            chosen = [int(one) for one in name]
            value = sum(gain[i][one] for i, one in enumerate(chosen))
            value += sum(pairs[i][a][b] for i, (a, b) in enumerate(pairwise(chosen)))
            mean = 93.5 - 45 * 2 ** (-value / 6)
            flops = 7_000_000 + sum(cost[i][one] for i, one in enumerate(chosen))
            made[name] = {"test_acc": [mean] * 3, "mean_acc": mean, "std": 0.0, "params": flops // 40, "flops": flops}
        made["".join(map(str, candidate))] = made[name]
    return made


@lru_cache
def synthetic(seed: int = 0) -> Table:
    """Return the table of `synthetic_body`."""
    return parse(SYNTHETIC, json.dumps(synthetic_body(seed)).encode())


def table(name: str) -> Table:
    """Return a table by its id.

    Raises:
        DataError: the published one is missing or another one.
    """
    return published() if name == PUBLISHED else synthetic()
