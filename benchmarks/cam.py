"""What class activation maps cost: 200 maps of the compound model, over the bare forward pass, and in memory.

`python benchmarks/cam.py` prints one line a measurement, with the bar that it is held to. Weights do not matter for
time, so nothing is trained. CAM and the forward pass take turns, and medians are compared: a busy machine hurts both.
"""

import argparse
import resource
import statistics
import time

import torch

from effnet_lib.artefacts import artefact
from effnet_lib.core.hardware import processor_name
from effnet_lib.measure.maps.cam import class_maps, to_pixels
from effnet_lib.measure.maps.geometry import cells
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES

FIG7 = artefact("fig7")

IMAGES, MOST_SECONDS, MOST_GIB, MOST_OVERHEAD = 200, 60.0, 2.0, 15.0
MAPS = 1000


def memory() -> float:
    """Return the resident memory of this process now, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="cpu", help=f"one of {', '.join(PROFILES)}")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    study = Study.of(FIG7.adapted(PROFILES[options.profile]), RunStore())
    base = study.base or PROFILES[options.profile].candidates[-1]  # not decided here: the largest input
    arch = base.arch(study.dataset.classes, Scaling(1.4, 1.2, 1.3))
    model = arch.build().eval()
    images, where = torch.randn(IMAGES, 3, arch.px, arch.px), cells(model, arch.px)
    print(
        f"{processor_name()}, {torch.get_num_threads()} thread(s), torch {torch.__version__}; compound model of {base}"
    )

    def forward() -> None:
        with torch.inference_mode():
            for part in images.split(50):
                model(part)

    def maps() -> None:
        class_maps(model, images)

    forward(), maps()
    seconds: dict[str, list[float]] = {"forward": [], "maps": []}
    for _ in range(options.rounds):
        for name, work in (("forward", forward), ("maps", maps)):
            began = time.process_time()  # of this process: what others take from the machine is not counted
            work()
            seconds[name].append(time.process_time() - began)
    bare, mapped = (statistics.median(taken) for taken in seconds.values())
    began = time.perf_counter()
    to_pixels(class_maps(model, images).grids, where)
    whole = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    over = 100 * (mapped / bare - 1)
    print(f"{IMAGES} maps in pixels: {whole:.2f} s (bar {MOST_SECONDS:g} s), peak {peak:.2f} GiB (bar {MOST_GIB:g})")
    print(f"CAM over the forward pass: {over:+.1f} % of {bare:.2f} s (bar {MOST_OVERHEAD:g} %), n = {options.rounds}")
    for method in ("cam", "gradcam"):
        for _ in range(2):
            class_maps(model, images[:100], method=method)
        before = memory()
        for _ in range(MAPS // 100):
            class_maps(model, images[:100], method=method)
        print(f"memory after {MAPS} more maps ({method}): {memory() - before:+.1f} MiB of {before:.0f}")


if __name__ == "__main__":
    main()
