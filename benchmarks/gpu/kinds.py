"""Part 3, second half: which way of launching wins over whole runs, what it takes to get started included."""

import torch

from benchmarks.gpu.figure import cost
from benchmarks.gpu.kit import Bench, study
from effnet_lib.artefacts import artefact

FIG3 = artefact("fig3")

CHOSEN = ("baseline", "w=2.6", "r=1.7")  # of equal depth: compiling deeper ones would take all the time there is


def run(bench: Bench) -> None:
    """Measure graph, eager and compile."""
    if bench.needs_gpu("graph", "compile"):
        measure(bench, "eager")
        return
    for kind in ("graph", "eager", "compile"):
        measure(bench, kind)


def with_chosen_algorithms(bench: Bench) -> None:
    """Measure graph with cudnn.benchmark: in a process of its own, as a process keeps the algorithms it has."""
    if bench.needs_gpu("graph"):
        return
    torch.backends.cudnn.benchmark = True
    measure(bench, "graph")


def measure(bench: Bench, kind: str) -> None:
    """Report the extrapolated seconds of three runs launched in one way."""
    planned, _ = study(bench)
    models = [model for model in FIG3.plan(planned) if model.name in CHOSEN]
    models = models[: 1 if bench.small else None]
    with bench.attempt(kind):
        costs, longest = {}, 0.0
        for model in models:
            if bench.left() < 15 + 1.3 * longest:
                break
            costs[model.name] = cost(bench, planned.spec(model, 0), kind)
            longest = max(longest, costs[model.name].start)
        each = ", ".join(f"{name} {run.total:.0f} s ({run.start:.0f} s to start)" for name, run in costs.items())
        if len(costs) < len(models):
            bench.skip(kind, f"{len(costs)} of {len(models)} measured: {each}")
            return
        total = sum(run.total for run in costs.values())
        bench.row(kind, total, "s", f"extrapolated: {each}", models={name: vars(run) for name, run in costs.items()})
