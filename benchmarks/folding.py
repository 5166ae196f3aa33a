"""Compare a step of S runs that are trained as one program (`effnet queue --fold S`) with S steps of runs apart.

    .venv/bin/python benchmarks/folding.py                                       # on one core, five minutes
    .venv/bin/python benchmarks/folding.py --device cuda --members 4 8 16 32 64  # on a GPU: is a unit at most 1.0 s?
    .venv/bin/python benchmarks/folding.py --count --members 1 4 16 64           # operations that a GPU is asked for

The baseline of `photos` under protocol 2's recipe, crops, clipping, schedule and averaged weights included, on random
images. Both ways are timed by turns in one process, so that a ratio survives a machine whose speed drifts. A unit is
one run of that baseline, without reading its data and its tests: `train_seconds` of a record that the queue stores.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from unittest import mock

from effnet_lib.runs.executors.processes import ENVIRONMENT

if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.environ.update(ENVIRONMENT)  # read by the allocator when the process starts, as in a worker
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from effnet_lib.data.array_cache import Part
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.training import build_model, input_pipeline, train_step
from effnet_lib.training import optimizer as optim
from effnet_lib.training.execution import Execution
from effnet_lib.training.fast.choice import Choice
from effnet_lib.training.fold import run as folded
from effnet_lib.training.fold import step as folded_step
from effnet_lib.training.fold.job import FoldedJob
from effnet_lib.training.fold.network import FoldedNetwork
from effnet_lib.training.fold.pipeline import FoldedPipeline
from effnet_lib.training.recipes import SHORT

NOTHING = ("aten::detach", "aten::empty", "aten::empty_like", "aten::_unsafe_view", "aten::_reshape_alias")
IMAGES, TRAIN_IMAGES = 1024, 9469
PHOTOS = replace(SHORT, ema=0.99, min_area=0.6, batch=32)  # protocol 2's: figures/published/decisions/photos.json
CASES = {
    "photos": (ProxyBaseline(0.15, 0.25, 112, 16), PHOTOS),
    "cpu": (PROFILES["cpu"].candidates[0], replace(PROFILES["cpu"].recipe, batch=32)),
}


def program(specs: list[RunSpec], execution: Execution, steps: int) -> Callable[[], None]:
    """Return a function that trains some steps of one run, or of several as one program, as a run does."""
    device, launch, job = torch.device(execution.device), execution.launch(), specs[0]
    choice = Choice() if launch == "fast" else None
    parts = {"train": input_pipeline.Memory.of(_images(job.arch.px), device)}
    if len(specs) == 1:
        fed = input_pipeline.InputPipeline(job, parts, device)
        model = build_model.build(job, device, choice)
        optimizer = optim.optimiser(job.recipe, model)
        train = train_step.KINDS[launch](job, model, optimizer, device)
    else:
        together = FoldedJob(tuple(specs))
        fed = FoldedPipeline(together, parts, device)
        model, views = folded.built(together, device, choice)
        fed.memory_format, optimizer = model.memory_format, folded.optimiser(together, views)
        train = folded_step.KINDS[launch](views, together, model, optimizer, device)
    fed.choice = choice
    scheduler, average = optim.schedule(job.recipe, optimizer, 1000), optim.average(job.recipe, model)
    model.train()

    def call() -> None:
        for number, batches in enumerate(fed.epoch(0, fed.steps - steps)):
            scheduler.step_update(number)
            train(batches, job.recipe.batch)
            if average:
                average.update(model, step=number)

    return call


def _images(px: int) -> Part:
    draw, side = np.random.default_rng(0), min(224, round(input_pipeline.SOURCE_FACTOR * px))
    pixels = draw.integers(0, 255, (IMAGES, side, side, 3), np.uint8)
    return Part(pixels, np.arange(IMAGES), draw.integers(0, 10, IMAGES))


def milliseconds(call: Callable[[], None], execution: Execution, steps: int) -> float:
    """Return milliseconds a step: of processor time, or of a GPU's waited for to its end."""
    if execution.kind != "cuda":
        start = time.process_time()
        call()
        return 1e3 * (time.process_time() - start) / steps
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start) / steps


def compare(name: str, members: int, execution: Execution, turns: int) -> None:
    """Print one line of the table."""
    base, recipe = CASES[name]
    specs = [RunSpec(base.arch(10), recipe, "imagenette-224", seed) for seed in range(members)]
    steps = 6 if execution.kind == "cpu" else 30
    one, all_at_once = program(specs[:1], execution, steps), program(specs, execution, steps)
    one(), all_at_once()
    timed = []
    for _ in range(turns):
        apart = [milliseconds(one, execution, steps) for _ in range(min(members, 3))]  # as many as tell the speed now
        timed.append((members * statistics.mean(apart), milliseconds(all_at_once, execution, steps)))
    apart, together = (statistics.median(side) for side in zip(*timed, strict=True))
    ratio = statistics.median(turn[0] / turn[1] for turn in timed)
    unit = recipe.epochs * (TRAIN_IMAGES // recipe.batch) * together / members / 1e3
    print(
        f"{name:8}{execution.launch():>8}{members:9}{apart:12.1f}{together:12.1f}{ratio:16.2f}{unit:12.2f}", flush=True
    )


class Operations(TorchDispatchMode):
    """Count the operations that torch does, views aside: a GPU has a kernel or more to launch for each."""

    number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number += not func.is_view and func._schema.name not in NOTHING
        return func(*args, **(kwargs or {}))


def count(name: str, members: int) -> None:
    """Print one line of the other table: operations of a step in the form that a GPU computes, on a CPU."""
    base, recipe = CASES[name]
    specs = [RunSpec(base.arch(10), recipe, "imagenette-224", seed) for seed in range(members)]
    with mock.patch.object(FoldedNetwork, "suit", lambda network, device: network.as_batches()):
        call = program(specs, Execution("cpu", "eager"), 1)
    call()
    with Operations() as counted:
        call()
    print(f"{name:8}{members:9}{counted.number:12}{counted.number / members:12.1f}", flush=True)


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--members", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--case", nargs="+", choices=CASES, default=["photos"])
    parser.add_argument("--step", nargs="+", default=["auto"], help="eager, fast or graph")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--count", action="store_true", help="count operations and time nothing")
    options = parser.parse_args()
    if options.count:
        print(f"{'':8}{'members':>9}{'operations':>12}{'a run':>12}")
        for name, members in product(options.case, options.members):
            count(name, members)
        return
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    where = torch.cuda.get_device_name() if options.device != "cpu" else "one thread"
    print(f"torch {torch.__version__}, {where}; batch 32, medians of {options.turns} turns, ms a step of all runs")
    print(f"{'':8}{'step':>8}{'members':>9}{'apart':>12}{'folded':>12}{'apart / folded':>16}{'unit, s':>12}")
    for name, step, members in product(options.case, options.step, options.members):
        compare(name, members, Execution(options.device, step), options.turns)


if __name__ == "__main__":
    main()
