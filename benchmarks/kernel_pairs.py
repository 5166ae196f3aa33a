"""Print the accuracy of runs made with the compiled kernels beside that of the same runs made without.

    .venv/bin/python benchmarks/kernel_pairs.py --train 30        # 20 minutes on a core
    .venv/bin/python benchmarks/kernel_pairs.py WITH WITHOUT
    .venv/bin/python benchmarks/kernel_pairs.py --steps           # 1 minute

The first trains the baseline of `cpu` both ways, by turns, under seeds that no figure uses. The second compares two
folders of records (results/records, figures/published/records); a record says itself which it is. Of one pair
everything is the same but rounding, which the first steps of a training make as large as another seed does: so the
mean difference should hold 0, and its spread is that of two seeds. The third trains once and has every fiftieth step
done both ways from one state: there, rounding alone is left.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from effnet_lib.runs.executors.processes import ENVIRONMENT

if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.environ.update(ENVIRONMENT)  # read by the allocator when the process starts, as in a worker
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import torch
from scipy import stats

from effnet_lib.data import datasets
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunRecord, parse_record
from effnet_lib.study.profiles import PROFILES
from effnet_lib.training import build_model, input_pipeline, train_step
from effnet_lib.training import optimizer as optim
from effnet_lib.training.determinism import deterministic
from effnet_lib.training.execution import Execution
from effnet_lib.training.fast.choice import Choice
from effnet_lib.training.trainer import train

FIRST_SEED, EVERY = 100, 50  # no figure's seed; steps between two that are compared
Pair = tuple[str, np.ndarray, np.ndarray]  # its name, and which images it has right with kernels and without


def stored(folder: Path, kernels: bool) -> dict[str, RunRecord]:
    """Return key -> record of a folder's trainings that were made with kernels, or without; nothing is set aside."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json")))
    found = (parse_record(text) for text in texts if "kind" not in json.loads(text))
    return {one.key: one for one in found if bool(one.provenance.get("kernels")) == kernels}


def of_records(given: Path, without: Path) -> Iterator[Pair]:
    """Yield the pairs of two folders."""
    compiled, plain = stored(given, True), stored(without, False)
    for key in sorted(compiled.keys() & plain.keys()):
        yield key[:8], np.asarray(compiled[key].correct, bool), np.asarray(plain[key].correct, bool)


def baseline(seed: int) -> tuple[RunSpec, datasets.DataSet]:
    """Return a run of the baseline of `cpu`, and its data."""
    profile = PROFILES["cpu"]
    dataset = datasets.declare(profile.dataset)
    return RunSpec(profile.candidates[0].arch(dataset.classes), profile.recipe, profile.dataset, seed), dataset


def trained(pairs: int) -> Iterator[Pair]:
    """Train and yield pairs of the baseline of `cpu`."""
    for seed in range(FIRST_SEED, FIRST_SEED + pairs):
        spec, dataset = baseline(seed)
        with tempfile.TemporaryDirectory() as folder:
            ways = [Execution("cpu", step) for step in ("fast", "eager")]
            fast, eager = (train(spec, dataset, Path(folder, way.step), way).correct for way in ways)
        yield f"seed {seed}", fast, eager


class Training:
    """A training of the baseline, step by step."""

    def __init__(self, kind: str):
        (spec, dataset), cpu, choice = baseline(FIRST_SEED), torch.device("cpu"), Choice() if kind == "fast" else None
        self.fed = input_pipeline.InputPipeline.of(spec, dataset, cpu)
        self.fed.choice = choice
        self.model = build_model.build(spec, cpu, choice).train()
        self.optimizer = optim.optimiser(spec.recipe, self.model)
        self.scheduler = optim.schedule(spec.recipe, self.optimizer, self.fed.steps)
        self.train_step = train_step.KINDS[kind](spec, self.model, self.optimizer, cpu)
        self.recipe, self.number = spec.recipe, 0

    def take_over(self, other: "Training") -> None:
        """Continue from the weights, statistics and momenta of another."""
        with torch.no_grad():
            for ours, its in zip(self.model.state_dict().values(), other.model.state_dict().values(), strict=True):
                ours.copy_(its)
            for ours, its in zip(self.model.parameters(), other.model.parameters(), strict=True):
                self.optimizer.state[ours]["momentum_buffer"].copy_(other.optimizer.state[its]["momentum_buffer"])

    def step(self, batches: Iterator[input_pipeline.Batch]) -> torch.Tensor:
        """Train a step and return by how much it moved the weights, all of them in a row."""
        before = [weight.detach().clone() for weight in self.model.parameters()]
        self.scheduler.step_update(self.number)
        self.train_step(batches, self.recipe.batch)
        self.number += 1
        return torch.cat([(w.detach() - b).flatten() for w, b in zip(self.model.parameters(), before, strict=True)])


def along() -> int:
    """Print how far a step with kernels is from the same step without, in parts of how far it moves the weights."""
    plain, compiled = Training("eager"), Training("fast")
    with deterministic(True):
        for epoch in range(plain.recipe.epochs):
            for batches, same in zip(plain.fed.epoch(epoch), compiled.fed.epoch(epoch), strict=True):
                compared = plain.number > 0 and plain.number % EVERY == 0  # the first step of a warm-up moves nothing
                if compared:
                    compiled.take_over(plain)
                moved, by_kernels = plain.step(batches), compiled.step(same)
                if compared:
                    print(f"step {plain.number - 1:4}: {(by_kernels - moved).norm() / moved.norm():.1e}", flush=True)
    return 0


def show(pairs: Iterator[Pair]) -> int:
    """Print a line a pair and their mean difference; exit code 1 where there are fewer than two pairs."""
    print("| run | with, % | without, % | difference | of 100 images both have alike |\n|---|---|---|---|---|")
    differences = []
    for name, one, other in pairs:
        differences.append(100 * (one.mean() - other.mean()))
        alike = 100 * np.mean(one == other)
        print(
            f"| {name} | {100 * one.mean():.2f} | {100 * other.mean():.2f} | {differences[-1]:+.2f} | {alike:.1f} |",
            flush=True,
        )
    if len(differences) < 2:
        print(f"\n{len(differences)} pairs; a mean needs two")
        return 1
    low, high = stats.ttest_1samp(differences, 0).confidence_interval()
    print(
        f"\n{len(differences)} pairs: {np.mean(differences):+.2f} points (95 % interval {low:+.2f} to {high:+.2f}), "
        f"standard deviation of a difference {np.std(differences, ddof=1):.2f}"
    )
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="WITH WITHOUT")
    parser.add_argument("--train", type=int, metavar="PAIRS", help="train so many pairs")
    parser.add_argument("--steps", action="store_true", help="compare single steps")
    asked = parser.parse_args()
    if [len(asked.folders) == 2, bool(asked.train), asked.steps].count(True) != 1:
        parser.error("folders: two of them, or --train PAIRS, or --steps")
    torch.set_num_threads(1)
    if asked.steps:
        sys.exit(along())
    sys.exit(show(trained(asked.train) if asked.train else of_records(*asked.folders)))
