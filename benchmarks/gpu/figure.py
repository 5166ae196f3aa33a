"""Part 3: how long the 17 runs of Figure 3 take at one seed, of the profile `gpu`.

Eight minutes of training leave no room for it here, so each model is trained for some steps and tested on some
images, and extrapolated: seconds until the first replay, a step's seconds times the recipe's steps, tests. Images are
random and in memory; decoding the real ones, once a resolution, is timed on some and counted too. What writing
checkpoints and records takes is left out. `--whole` runs them instead, by `runs.sweep.run_all` (`--workers` at once),
in a folder of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.gpu import photos
from benchmarks.gpu.kit import Bench, Trainee, best_kind, elapsed, study, wait_for
from benchmarks.gpu.table import UNFIT
from effnet_lib.artefacts import artefact
from effnet_lib.core.hardware import cpu_count
from effnet_lib.data import image_folder
from effnet_lib.data.datasets import PHOTOS, declare
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import SweepOptions, run_all
from effnet_lib.study.decided_study import Study
from effnet_lib.study.scaled_model import ScaledModel
from effnet_lib.training import input_pipeline
from effnet_lib.training.execution import Execution
from effnet_lib.training.train_step import WARM_STEPS
from effnet_lib.training.trainer import evaluate

FIG3 = artefact("fig3")

COUNTS = PHOTOS["imagenette-224"]
LIMIT = 480.0


@dataclass(frozen=True)
class Cost:
    """Seconds of one run: until the first steady step, all steps after it, tests; and of one step."""

    start: float
    steps: float
    tests: float
    step: float

    @property
    def total(self) -> float:
        return self.start + self.steps + self.tests


def tested(image_size: int) -> dict[int, int]:
    """Return how many images a run tests, by size: val and a fifth of train at the input size, val at a larger."""
    return {
        image_size: COUNTS.val_images + COUNTS.train_images // 5,
        round(input_pipeline.LARGER_TEST * image_size): COUNTS.val_images,
    }


def source(px: int) -> int:
    """Return the size that training images are held at."""
    return min(round(input_pipeline.SOURCE_FACTOR * px), COUNTS.native_px)


def cost(bench: Bench, spec: RunSpec, kind: str) -> Cost:
    """Measure a few steps and tests of a run, and extrapolate to all of them."""
    images = 4 * spec.recipe.batch if bench.small else 512
    made: list[Trainee] = []

    def start() -> None:
        made.append(Trainee(spec, bench.device, kind, images))
        made[0].train(WARM_STEPS + 1)

    first = elapsed(start, bench.device)
    trainee, some = made[0], 2 if bench.small else 20
    some = max(some, min(150, int(some / max(elapsed(lambda: trainee.train(some), bench.device), 1e-3))))  # about 1 s
    step = elapsed(lambda: trainee.train(some), bench.device) / some
    tests = 0.0
    for part, count in zip(("val", "larger"), tested(spec.arch.px).values(), strict=True):
        evaluate(trainee.model, trainee.pipeline, part)  # kernels are chosen
        seconds = elapsed(lambda part=part: evaluate(trainee.model, trainee.pipeline, part), bench.device)
        tests += count / images * seconds
    return Cost(first, spec.recipe.epochs * (COUNTS.train_images // spec.recipe.batch) * step, tests, step)


def run(bench: Bench) -> None:
    """Extrapolate all runs, or run them."""
    planned, words = study(bench)
    models = FIG3.plan(planned)[: 2 if bench.small else None]
    if bench.settings.whole:
        bench.skip("decoding", "is part of the runs")
        with bench.attempt("all"):
            whole(bench, planned, models)
        return
    decoded = 0.0
    with bench.attempt("decoding"):
        decoded = decoding(bench, {model.arch.px for model in models})
    with bench.attempt("all"):
        costs = {}
        for model in models:
            if bench.left() < 10:
                break
            costs[model.name] = cost(bench, planned.spec(model, 0), best_kind(bench))
        start, steps, tests = (sum(getattr(c, name) for c in costs.values()) for name in ("start", "steps", "tests"))
        total = start + steps + tests + decoded
        note = f"extrapolated: steps {steps:.0f} s, starts {start:.0f} s, tests {tests:.0f} s, decoding {decoded:.0f} s"
        if len(costs) < len(models):
            bench.skip("all", f"{len(costs)} of {len(models)} models measured; {note}", UNFIT)
            return
        detail = {name: vars(spent) for name, spent in costs.items()}
        bench.row("all", total, "s", f"{note}; {words}", total <= LIMIT, models=detail)


def decoding(bench: Bench, sizes: set[int]) -> float:
    """Report the seconds in which all parts are decoded at the sizes of the runs, on all cores as a run does."""
    root, words = photos.folder(bench)
    files = image_folder.list_images(root, "train")[0][: 20 if bench.small else 320]
    middle = sorted(sizes)[len(sizes) // 2]
    many, rates = cpu_count(), {}
    for threads in (1, many):
        started = time.perf_counter()
        image_folder.decode(files, source(middle), threads)
        rates[threads] = len(files) / (time.perf_counter() - started)
    images = {(source(size), "train"): COUNTS.train_images for size in sizes}
    images |= {(at, "test"): count for size in sizes for at, count in tested(size).items()}
    seconds = sum(images.values()) / rates[many]
    note = f"{rates[1]:.0f} a second on one thread, {rates[many]:.0f} on {many}; {words}"
    bench.row("decoding", seconds, "s", note, rates={str(threads): rate for threads, rate in rates.items()})
    return seconds


def whole(bench: Bench, planned: Study, models: Sequence[ScaledModel]) -> None:
    """Run all of them in a folder of their own and report the time."""
    root, words = photos.folder(bench)
    dataset = planned.dataset if bench.small else declare(str(root))
    specs = [replace(planned.spec(model, 0), data=dataset.id) for model in models]
    if bench.small:
        specs = [replace(spec, recipe=replace(spec.recipe, epochs=1)) for spec in specs]
    store, workers, began = RunStore(published=False), bench.settings.workers, time.perf_counter()
    options = SweepOptions(workers, Execution(str(bench.device)), bench.left() - 10, say=lambda line: None)
    report = run_all(specs, lambda _: dataset, store, options)
    wait_for(bench.device)
    seconds, stored = time.perf_counter() - began, len(report.stored)
    failed = "; ".join(filter(None, (store.failure(spec.key) for spec in report.failed)))
    words = f"{stored} of {len(specs)} run, workers {workers}; {words}" + (f"; failed: {failed}" if failed else "")
    if report.failed:
        raise RuntimeError(words)
    if stored < len(specs):
        bench.skip("all", words)
        return
    bench.row("all", seconds, "s", words, seconds <= LIMIT, keys=[spec.key for spec in specs])
