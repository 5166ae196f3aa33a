"""Compare training with a plain timm loop and with the least that a step can cost, and two workers with one.

    .venv/bin/python benchmarks/training.py                # three minutes; --batch 32, --scaled, --no-workers

Ours includes the crop and flip of every batch, clipping, the schedule and, where the profile's recipe has it, the
average of weights; the plain loop sees one fixed batch. All run in turn in one process on one core (channels_last), so
that a ratio survives a machine whose speed drifts. "kernels" is how a run trains where the extra `fast` is installed
(`--step auto`), "torch" how it does elsewhere (`--step eager`); the choice of kernels is measured anew. Bars: kernels
over plain at least 1.3 for the baseline of `photos`, 1.4 for that of `cpu`, 1.0 elsewhere; two workers 1.8.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from dataclasses import replace

from effnet_lib.runs.executors.processes import ENVIRONMENT

if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    # The allocator reads these when the process starts; workers get them from the sweep.
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import torch
from torch.nn import functional as F

from effnet_lib.data.array_cache import Part
from effnet_lib.models import complexity
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.training import build_model, input_pipeline
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.fast import choice, compiled
from effnet_lib.training.recipes import SHORT, Recipe

STEPS, ROUNDS = 6, 7
PHOTOS = replace(SHORT, ema=0.99, min_area=0.6)  # what protocol 2 chose: figures/published/decisions/photos.json
CASES = {
    "photos": (ProxyBaseline(0.15, 0.25, 112, 16), PHOTOS),
    "cpu": (PROFILES["cpu"].candidates[0], PROFILES["cpu"].recipe),
    "w 0.5, d 0.5, 48 px": (ProxyBaseline(0.5, 0.5, 48), SHORT),
    "w 0.25, d 0.5, 96 px": (ProxyBaseline(0.25, 0.5, 96), SHORT),
}
SCALED = {  # the baseline of `photos`, in one dimension at a time
    "photos, w 1.8": (ProxyBaseline(0.27, 0.25, 112, 16), PHOTOS),
    "photos, w 2.6": (ProxyBaseline(0.39, 0.25, 112, 16), PHOTOS),
    "photos, d 4": (ProxyBaseline(0.15, 1.0, 112, 16), PHOTOS),
    "photos, d 6": (ProxyBaseline(0.15, 1.5, 112, 16), PHOTOS),
    "photos, r 1.7": (ProxyBaseline(0.15, 0.25, 190, 16), PHOTOS),
    "photos, r 2.2": (ProxyBaseline(0.15, 0.25, 246, 16), PHOTOS),
}
WORKERS_CASE = "photos"


def ours(base: ProxyBaseline, recipe: Recipe, kernels: bool):
    """Return a function that trains STEPS steps as a run does."""
    spec = RunSpec(base.arch(10), recipe, "imagenette-224", 0)
    side = min(224, round(input_pipeline.SOURCE_FACTOR * base.px))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (1024, side, side, 3), np.uint8)
    cpu, given = torch.device("cpu"), Part(pixels, np.arange(1024), rng.integers(0, 10, 1024))
    fed = input_pipeline.InputPipeline(spec, {"train": input_pipeline.Memory(given, cpu)}, cpu)
    fed.choice = choice.Choice() if kernels else None
    model = build_model.build(spec, cpu, fed.choice).train()
    optimizer, average = optim.optimiser(recipe, model), optim.average(recipe, model)
    kind = step.KINDS["fast" if kernels else "eager"]
    scheduler, train_step = optim.schedule(recipe, optimizer, 1000), kind(spec, model, optimizer, cpu)

    def steps() -> None:
        for number, batches in enumerate(fed.epoch(0, fed.steps - STEPS)):
            scheduler.step_update(number)
            train_step(batches, recipe.batch)
            if average:
                average.update(model, step=number)

    return steps


def plain(base: ProxyBaseline, recipe: Recipe):
    """Return a function that trains STEPS steps of the same timm network in the plainest loop."""
    model = base.arch(10).build().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, foreach=True)
    x = torch.randn(recipe.batch, 3, base.px, base.px).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (recipe.batch,))

    def steps() -> None:
        for _ in range(STEPS):
            loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return steps


def milliseconds(call, times: int = STEPS) -> float:
    """Return milliseconds of processor time of one of `times` repetitions that a call does."""
    start = time.process_time()
    call()
    return 1e3 * (time.process_time() - start) / times


def machine() -> tuple[float, float]:
    """Return multiply-adds a millisecond of torch's matrix product, and bytes a millisecond that a copy moves."""
    a, b = torch.randn(2048, 2048), torch.empty(2**26)
    c = torch.randn(2**26)
    products = min(milliseconds(lambda: a @ a, 1) for _ in range(5))
    copies = min(milliseconds(lambda: b.copy_(c), 1) for _ in range(5))
    return 2048**3 / products, 2 * 4 * 2**26 / copies


def least(base: ProxyBaseline, recipe: Recipe, products: float, moved: float) -> tuple[float, float]:
    """Return the milliseconds below which no step comes: by multiply-adds, and by traffic.

    A convolution is done three times (output and two gradients). What autograd saves with torch's own operations is
    written once and read once.
    """
    arch = base.arch(10)
    values = sum(saved.values for saved in arch.saved_values())
    return 3 * recipe.batch * complexity.count(arch).madds / products, 2 * 4 * recipe.batch * values / moved


def _busy(case, kernels: bool, queue) -> None:
    torch.set_num_threads(1)
    call = ours(*case, kernels)
    call()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    queue.put(ROUNDS * STEPS * case[1].batch / (time.perf_counter() - start))


def together(case, kernels: bool, workers: int) -> float:
    """Return images per second of wall time of several workers at once."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_busy, args=(case, kernels, queue)) for _ in range(workers)]
    for process in processes:
        process.start()
    total = sum(queue.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def compare(name: str, batch: int, kernels: bool, rates: tuple[float, float], turns: int) -> None:
    """Print one line of the table, and the share of multiply-adds and traffic in the plain step."""
    base, recipe = (CASES | SCALED)[name]
    recipe = replace(recipe, batch=batch)
    calls = [ours(base, recipe, True)] if kernels else []
    calls += [ours(base, recipe, False), plain(base, recipe)]
    for call in calls:
        call()
    timed = [[milliseconds(call) for call in calls] for _ in range(turns)]
    middle = [statistics.median(side) for side in zip(*timed, strict=True)]
    ratio = statistics.median(turn[-1] / turn[0] for turn in timed)
    cells = "".join(f"{value:9.1f}" for value in [*middle, *least(base, recipe, *rates)])
    print(f"{name:22} {batch:5}{cells}{ratio:13.2f}", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--turns", type=int, default=9, help="how often each way is timed")
    parser.add_argument("--scaled", action="store_true", help="the baseline of photos, scaled, instead of the cases")
    parser.add_argument("--no-workers", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels, rates = compiled.load() is not None, machine()
    print(f"torch {torch.__version__}, numba {compiled.numba_version()}, one thread; medians of {options.turns} turns")
    print(f"this core: {rates[0] / 1e6:.0f} billion multiply-adds a second, a copy moves {rates[1] / 1e6:.1f} GB/s")
    columns = ["kernels"] * kernels + ["torch", "plain", "madds", "traffic"]
    print(f"{'ms a step':22} batch{''.join(f'{column:>9}' for column in columns)}{'plain / first':>13}")
    for name in SCALED if options.scaled else CASES:
        for batch in options.batch:
            compare(name, batch, kernels, rates, options.turns)
    if not options.no_workers:
        one, two = (together(CASES[WORKERS_CASE], kernels, workers) for workers in (1, 2))
        print(f"workers, {WORKERS_CASE}: one {one:.0f} images/s, two {two:.0f}, ratio {two / one:.2f}")


if __name__ == "__main__":
    main()
