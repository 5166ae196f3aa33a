"""Kill training at random until it is done, compare with runs that nobody killed; prints a table.

    .venv/bin/python benchmarks/faults.py --kills 200 --seed 0

Real processes on a network of seconds, with the short recipe and with the paper's (averaged weights, dropout,
AutoAugment, minival), a checkpoint after each step. They die at random instants and steps, before random file
operations and in the middle of writes; one kill in 20 hits a worker of a sweep, one the driver of a sweep with two
workers. Bars: every result identical to the bit, no saved step lost, no process and no file left. About a second a
kill.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.campaign import Death, Trial, campaign


def table(trials: list[Trial]) -> str:
    """Return a row a place that was hit, and the sums."""
    hits: dict[str, list[tuple[Death, Trial]]] = defaultdict(list)
    for trial in trials:
        for death in trial.deaths:
            hits[death.where].append((death, trial))
    heads = ("hit while", "kills", "resumed from step (times)", "identical", "lost", "orphans")
    row = "{:20} {:>5}  {:44} {:>9} {:>5} {:>7}".format
    lines = [row(*heads)]
    for where in sorted(hits, key=lambda where: -len(hits[where])):
        deaths = [death for death, _ in hits[where]]
        steps = [death.resumed for death in deaths if death.resumed is not None]
        counts = ", ".join(f"{step} ({steps.count(step)})" for step in sorted(set(steps)))
        counts += f", - ({len(deaths) - len(steps)})" if len(steps) < len(deaths) else ""
        same = sum(trial.identical for _, trial in hits[where])
        lost, orphans = sum(death.lost for death in deaths), sum(death.orphans for death in deaths)
        lines.append(row(where, len(deaths), counts.removeprefix(", "), same, lost, orphans))
    same, left = sum(trial.identical for trial in trials), sum(len(trial.leftovers) for trial in trials)
    lines.append(f"{len(trials)} runs and sweeps: {same} identical, {len(trials) - same} not; {left} files left over")
    return "\n".join(lines)


def main() -> int:
    """Print the table; the exit code is 1 where anything was lost or left."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args, began, trials = parser.parse_args(), time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for trial in campaign(Path(folder), args.kills, args.seed):
            trials.append(trial)
            if sys.stderr.isatty():
                print(f"\r{sum(len(trial.deaths) for trial in trials)} kills", end="\r", file=sys.stderr, flush=True)
    print(table(trials))
    print(f"{args.kills} kills, seed {args.seed}, in {time.monotonic() - began:.0f} s")
    deaths = [death for trial in trials for death in trial.deaths]
    bad = any(not trial.identical or trial.leftovers for trial in trials)
    return int(bad or any(death.lost or death.orphans for death in deaths))


if __name__ == "__main__":
    sys.exit(main())
