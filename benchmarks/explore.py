"""Print how long a slider of notebooks/explore.ipynb takes to redraw everything: python benchmarks/explore.py

The bar: at most 150 ms on one core, from the changed value to the new numbers, tables and picture (what the kernel
does; the browser's part is a few small messages and one PNG). Expected on one core of a 2023 Xeon: 15 to 30 ms.
"""

import statistics
import time

from effnet_lib.apps.explore import networks
from effnet_lib.apps.explore.panel import Explorer

MOVES = 40
BAR = 0.150


def main() -> None:
    began = time.perf_counter()
    explorer = Explorer()
    print(f"first drawing: {time.perf_counter() - began:.2f} s, {len(explorer.points)} measured networks\n")
    sliders = {"φ": explorer.phi, **{s.description: s for s in (*explorer.triple.values(), *explorer.factors.values())}}
    print(f"{'family':<18} {'slider':<7} {'median ms':>9} {'slowest ms':>10}")
    slowest = 0.0
    for family in networks.FAMILIES:
        explorer.family.value = family
        for name, slider in sliders.items():
            taken = []
            for move in range(MOVES):
                value = slider.min + (slider.max - slider.min) * (0.1 + 0.5 * move / MOVES)
                began = time.perf_counter()
                slider.value = value
                taken.append(time.perf_counter() - began)
            slowest = max(slowest, *taken)
            print(f"{family:<18} {name:<7} {1e3 * statistics.median(taken):>9.1f} {1e3 * max(taken):>10.1f}")
            slider.value = {"φ": 0.0, "α": 1.2, "β": 1.1, "γ": 1.15}.get(name, 1.0)
    print(f"\nSlowest of all: {1e3 * slowest:.0f} ms. Bar (150 ms): {'met' if slowest <= BAR else 'missed'}")


if __name__ == "__main__":
    main()
