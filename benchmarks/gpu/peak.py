"""Part 5: the closed form of a training step's peak memory against what the GPU's allocator counts.

Peaks are those of `train()`'s own step, of warm-up and capture both, less the images held on the GPU. Which of both
is higher is in the details.
"""

import gc
from dataclasses import replace

import torch

from benchmarks.gpu.kit import Bench, Trainee
from effnet_lib.models.archs import Architecture
from effnet_lib.models.archs.efficientnet import published, scale
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training.recipes import PAPER, SHORT, Recipe
from effnet_lib.training.train_step import WARM_STEPS

GIB = 2**30
WITHIN = 0.2
AVERAGED = replace(PAPER, minival=0)
CASES: dict[str, tuple[Architecture, Recipe]] = {
    "b0 bf16": (published("b0"), replace(SHORT, batch=256, precision="bf16")),
    "b0 fp32": (published("b0"), replace(SHORT, batch=128)),
    "b4 bf16": (published("b4"), replace(AVERAGED, batch=64)),
    "wide bf16": (scale(Scaling(width=5), 64, 10), replace(SHORT, batch=512, precision="bf16")),
}


def run(bench: Bench) -> None:
    """Measure every case."""
    if bench.needs_gpu(*CASES):
        return
    for name, (arch, recipe) in CASES.items():
        with bench.attempt(name):
            measure(bench, name, arch, recipe)


def measure(bench: Bench, name: str, arch: Architecture, recipe: Recipe) -> None:
    """Report one peak in GiB and how far the prediction is from it."""
    predicted = training_bytes(arch, recipe.batch, recipe.precision, recipe.optimiser, bool(recipe.ema))
    gc.collect()
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(bench.device)[0]
    if free < 1.3 * predicted:
        bench.skip(name, f"{predicted / GIB:.1f} GiB are predicted, {free / GIB:.1f} GiB are free")
        return
    before = torch.cuda.memory_allocated(bench.device)
    trainee = Trainee(RunSpec(arch, recipe, "none", 0), bench.device, "graph", recipe.batch, native_size=10_000)
    held = sum(part.held.nbytes for part in trainee.pipeline.parts.values() if part.held is not None)
    peaks = {}
    for phase, steps in {"eager": WARM_STEPS, "graph": 2}.items():
        torch.cuda.reset_peak_memory_stats(bench.device)
        trainee.train(steps)
        torch.cuda.synchronize(bench.device)
        peaks[phase] = torch.cuda.max_memory_allocated(bench.device) - before - held
    peak = max(peaks.values())
    off = predicted / peak - 1
    note = f"predicted {predicted / GIB:.2f} GiB, {100 * off:+.1f} %"
    bench.row(name, peak / GIB, "GiB", note, abs(off) <= WITHIN, predicted=predicted, **peaks)
