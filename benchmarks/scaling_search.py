"""Print how fast candidates of one cost are counted: python benchmarks/scaling_search.py [FILE.py:FUNCTION]

The bars: 1,000 candidates of a built-in family in under 1 s, and 100 of a user's module in under 20 s, building it on
shapes and running torch's counter included. Expected on one core of a 2026 server: 0.06 to 0.25 s a family, and 4 s for
a network of thirty lines.
"""

import random
import sys
import time
from collections.abc import Callable

import torch

from effnet_lib.models.archs import Architecture
from effnet_lib.models.complexity import count
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.scaling import Scaling
from effnet_lib.study.scalable import built_in, user

BUILT_IN, OWN = 1000, 100  # candidates
BARS = {BUILT_IN: 1.0, OWN: 20.0}  # seconds
YOURS = "tests/support/thirty_lines.py:make"


def seconds(scaled: Callable[[Scaling], Architecture], candidates: int) -> tuple[float, int]:
    """Return the processor time that candidates take, and how many distinct networks they are."""
    draw = random.Random(0)
    scalings = [Scaling(*(draw.uniform(1, 2) for _ in range(3))) for _ in range(candidates)]
    start = time.process_time()
    found = {}
    for scaling in scalings:
        arch = scaled(scaling)
        found[arch] = count(arch).madds
    return time.process_time() - start, len(found)


def main() -> None:
    torch.set_num_threads(1)
    where = sys.argv[1] if len(sys.argv) > 1 else YOURS
    networks = {name: (built_in(name), BUILT_IN) for name in SCALABLE}
    networks[where] = (user(where, 1.0, 1.0, 64, 10), OWN)
    met = True
    print(f"torch {torch.__version__}, one thread\n")
    print(f"{'network':<40} {'candidates':>10} {'distinct':>9} {'s':>7} {'bar':>5}")
    for name, (network, candidates) in networks.items():
        took, distinct = seconds(network.scaled, candidates)
        met &= took < BARS[candidates]
        print(f"{name:<40} {candidates:>10,} {distinct:>9,} {took:>7.2f} {BARS[candidates]:>5.0f}")
    print(f"\nBars: {'met' if met else 'missed'}")


if __name__ == "__main__":
    main()
