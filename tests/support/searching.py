"""A search whose candidates are not trained but looked up, and one in a process of its own that may be killed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from effnet_lib.models.complexity import count
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.sweep import Report
from effnet_lib.study import queue, training_plan

IMAGES = 1200
GIVEN = {"profile": "smoke", "evaluations": 4, "neighbours": 2, "searchers": ("evolution",)}
TESTS = Path(__file__).parents[1]


def accuracy(spec: RunSpec) -> float:
    """Return a made-up accuracy in percent: more FLOPS help, and longer training; the key adds what looks like luck."""
    luck = int(spec.key[:4], 16) / 0xFFFF
    return min(99.0, 20 + 8 * np.log10(count(spec.arch).madds) + 2 * spec.recipe.epochs + 4 * luck)


def pretend(monkeypatch, record_of: Callable, of: Callable[[RunSpec], float] = accuracy) -> list[list[RunSpec]]:
    """Let plans look runs up instead of training them; return the list of what each round asked for."""
    rounds: list[list[RunSpec]] = []

    def run_all(specs, dataset_of, store, *_, **__):
        rounds.append(list(specs))
        for spec in specs:
            assert dataset_of(spec).id == spec.data
            store.put(record_of(spec, np.arange(IMAGES) < round(IMAGES * of(spec) / 100)))
        return Report(stored=list(specs))

    for module in (training_plan, queue):
        monkeypatch.setattr(module, "run_all", run_all)
    return rounds


def process(results: Path) -> subprocess.Popen:
    """Start the smoke search in another process, with results of its own."""
    environment = os.environ | {"EFFNET_RESULTS": str(results), "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.Popen([sys.executable, "-m", "support.searching"], env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    import effnet_lib as eff

    eff.plan("nas_b0", **GIVEN).run()
