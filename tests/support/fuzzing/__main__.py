"""`python -m support.fuzzing`: try inputs of every kind for a while and print how they ended, as in docs/fuzzing.md."""

import argparse
import datetime
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from support.fuzzing.campaign import HEAD, KINDS, fuzz
from support.fuzzing.world import world


def main() -> int:
    """Print the table; the first fault ends it with its smallest input."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="in all, shared by the kinds")
    parser.add_argument("--inputs", type=int, help="of each kind, at most")
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, help="the same inputs again (default: others each time)")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if args.seed is None else args.seed
    end, kinds = time.monotonic() + args.seconds, list(args.kind)
    print(f"{datetime.date.today()}, seed {seed}\n\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory() as folder, world(Path(folder).resolve()) as folders:
        while kinds:
            share = (end - time.monotonic()) / len(kinds)  # what one kind leaves over, the next ones have
            print(fuzz(kinds.pop(0), folders, seed, share, args.inputs).line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
