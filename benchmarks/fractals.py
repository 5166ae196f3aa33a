"""Print how many fractal images one core renders a second: OMP_NUM_THREADS=1 python benchmarks/fractals.py

Expected on one core of a Xeon (2023), NumPy 2.4: 1,400 at 32 px, 1,100 at 64 px, 550 at 128 px; 10 s in all.
"""

import time

import numpy as np

from effnet_lib.data.fractals import FractalSpec, class_systems, generate
from effnet_lib.data.function_systems import CHAINS, STEPS

SPEC = FractalSpec(classes=16, train_per_class=32, val_per_class=1)


def core_seconds(function, repeats: int = 3) -> float:
    """Time the fastest of several calls in seconds of processor time."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    images = SPEC.classes * SPEC.train_per_class
    setup = core_seconds(lambda: class_systems(SPEC))
    print(f"NumPy {np.__version__}, {images} images of {CHAINS * STEPS:,} points, one thread")
    print(f"class creation: {1e3 * setup / SPEC.classes:.1f} ms a class (not counted below)\n")
    print(f"{'px':>4} {'images / core-s':>16} {'ms / image':>11}")
    for size in (32, 48, 64, 96, 128, 224):
        seconds = core_seconds(lambda size=size: generate(SPEC, "train", size)) - setup
        print(f"{size:>4} {images / seconds:>16.0f} {1e3 * seconds / images:>11.2f}")


if __name__ == "__main__":
    main()
