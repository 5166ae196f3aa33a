"""How many candidates a second the architecture search mutates, counts and weighs on one core.

    python benchmarks/search_speed.py

From an empty cache of stage counts; no network is built. One core of an AMD EPYC, beside other work: 75,000 a second.
"""

import time
from random import Random

from effnet_lib.search.mnasnet_space import B0, MnasNetSpace
from effnet_lib.search.objective import Objective, Score
from effnet_lib.study.profiles import ProxyBaseline

CANDIDATES = 20_000


def main() -> None:
    space, objective, draw = MnasNetSpace(ProxyBaseline(1, 1, 224), 1000), Objective(), Random(0)
    candidate, began = B0, time.perf_counter()
    for _ in range(CANDIDATES):
        candidate = space.space.mutated(candidate, draw)
        objective(Score(75.0, space.madds(candidate)))
    print(f"{CANDIDATES / (time.perf_counter() - began):,.0f} candidates a second")


if __name__ == "__main__":
    main()
