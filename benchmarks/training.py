"""Compare training with a plain timm loop, and two workers with one; prints a table.

    .venv/bin/python benchmarks/training.py

Ours includes the crop and flip of every batch, clipping and the schedule; the plain loop sees one fixed batch. Both run
in turn in one process on one core (channels_last), so that the ratio survives a machine whose speed drifts. Bars: at
least 1.0 for the photos baseline, and at least 1.8 for two workers.
"""

import multiprocessing
import os
import statistics
import sys
import time

from effnet_lib.runs.executors.processes import ENVIRONMENT

if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    # The allocator reads these when the process starts; workers get them from the sweep.
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import torch
from torch.nn import functional as F

from effnet_lib.data.array_cache import Part
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training import build_model, input_pipeline
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.recipes import SHORT

STEPS, ROUNDS = 6, 7
CASES = ((0.5, 0.5, 48), (0.5, 0.5, 64), (0.25, 0.5, 96))


def ours(width: float, depth: float, image_size: int):
    """Return a function that trains STEPS steps as a run does."""
    spec = RunSpec(efficientnet.scale(Scaling(depth, width), image_size, 10), SHORT, "imagenette-224", 0)
    side = min(224, round(input_pipeline.SOURCE_FACTOR * image_size))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (1024, side, side, 3), np.uint8)
    cpu, given = torch.device("cpu"), Part(pixels, np.arange(1024), rng.integers(0, 10, 1024))
    fed = input_pipeline.InputPipeline(spec, {"train": input_pipeline.Memory(given, cpu)}, cpu)
    model = build_model.build(spec, cpu).train()
    optimizer = optim.optimiser(SHORT, model)
    scheduler, train_step = optim.schedule(SHORT, optimizer, 1000), step.Step(spec, model, optimizer, cpu)

    def steps() -> None:
        for number, batches in enumerate(fed.epoch(0, fed.steps - STEPS)):
            scheduler.step_update(number)
            train_step(batches, SHORT.batch)

    return steps


def plain(width: float, depth: float, image_size: int):
    """Return a function that trains STEPS steps of the same timm network in the plainest loop."""
    arch = efficientnet.scale(Scaling(depth, width), image_size, 10)
    model = arch.build().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, foreach=True)
    x = torch.randn(SHORT.batch, 3, image_size, image_size).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (SHORT.batch,))

    def steps() -> None:
        for _ in range(STEPS):
            loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return steps


def throughput(call) -> float:
    """Return images per second of processor time."""
    start = time.process_time()
    call()
    return STEPS * SHORT.batch / (time.process_time() - start)


def _busy(case, queue) -> None:
    torch.set_num_threads(1)
    call = ours(*case)
    call()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    queue.put(ROUNDS * STEPS * SHORT.batch / (time.perf_counter() - start))


def together(case, workers: int) -> float:
    """Return images per second of wall time of several workers at once."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_busy, args=(case, queue)) for _ in range(workers)]
    for process in processes:
        process.start()
    total = sum(queue.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, batch {SHORT.batch}; images per core-second, median of {ROUNDS}")
    print(f"{'network':28} {'ours':>8} {'plain':>8} {'ratio':>7}")
    for case in CASES:
        a, b = ours(*case), plain(*case)
        a(), b()
        pairs = [(throughput(a), throughput(b)) for _ in range(ROUNDS)]
        mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(x / y for x, y in pairs)
        name = "w {} d {} at {} px".format(*case)
        print(f"{name:28} {mine:8.0f} {theirs:8.0f} {ratio:7.2f}", flush=True)
    one, two = together(CASES[1], 1), together(CASES[1], 2)
    print(f"workers at w 0.5 d 0.5, 64 px: one {one:.0f}/s, two {two:.0f}/s, ratio {two / one:.2f}")


if __name__ == "__main__":
    main()
