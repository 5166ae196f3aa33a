"""Several processes on one folder of results train each run once."""

from collections import Counter

import pytest
from support import killing

from effnet_lib.core import forkserver
from effnet_lib.runs.run_store import RunStore


@pytest.mark.slow
def test_three_processes_on_one_folder_train_each_run_once(tmp_path):
    """In the same order, so that they are after the same run all the time, and then in different ones."""
    context = forkserver.server("effnet_lib.runs.worker", "effnet_lib.training.trainer", "support.killing")
    for order in ([0, 0, 0], [0, 2, 4]):
        root, runs = tmp_path / f"{order}", killing.specs("short", *range(6))
        shared = (root, tmp_path / "cache", root / "log", context.Barrier(len(order)))
        arguments = [([*runs[first:], *runs[:first]], *shared) for first in order]
        processes = [context.Process(target=killing.share, args=args) for args in arguments]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        lines = [line.split() for line in (root / "log").read_text().splitlines()]
        assert Counter(key for key, _ in lines) == Counter(spec.key for spec in runs)
        assert len({pid for _, pid in lines}) == 3  # they did share
        store = RunStore(published=False, root=root)
        (root / "log").unlink()
        assert all(store.get(spec.key) for spec in runs) and killing.leftovers(store, runs) == []
        assert not (root / "failed").exists()
