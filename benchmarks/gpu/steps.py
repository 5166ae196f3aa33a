"""Part 1: a training step of EfficientNet-B0 at 224 px against timm's, on the same batch in the same precision.

Both train in bf16 autocast and channels_last with Nesterov SGD, label smoothing 0.1 and clipping at 1.0 (timm's
`--opt sgd --smoothing 0.1 --clip-grad 1.0 --amp --amp-dtype bfloat16 --channels-last`); timm's step is that of its
train.py, which needs no loss scaler in bf16, without the read-back of the loss for its log. As train.py does,
cudnn.benchmark is on, for both: algorithms are kept by process, so one cannot be measured without it beside the other
with it. Part 4 has our step as it is now, without. Rows say img/s; notes say ms and the seconds before the first steady
step (compilation, capture, choice of algorithms).
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import timm
import torch
from timm.loss import LabelSmoothingCrossEntropy
from timm.models import model_parameters
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import dispatch_clip_grad

from benchmarks.gpu.kit import Bench, elapsed, in_turn, ratio
from benchmarks.gpu.table import FAILED
from effnet_lib.models.archs.efficientnet import scale
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training import build_model
from effnet_lib.training import optimizer as optim
from effnet_lib.training import train_step as step
from effnet_lib.training.recipes import SHORT

Call = Callable[[], object]
STEPS = 100_000  # of the schedule


def run(bench: Bench) -> None:
    """Measure all five steps in turn; first those that need no compiler, as it may not end in time."""
    torch.backends.cudnn.benchmark = True
    batch, repeats = (4, 1) if bench.small else (bench.settings.batch, 10)
    arch = scale(Scaling(0.25, 0.25), 32, 10) if bench.small else scale(Scaling(), 224, 1000)
    spec = RunSpec(arch, replace(SHORT, batch=batch, precision="bf16"), "none", 0)
    x = torch.randn(batch, 3, arch.px, arch.px, device=bench.device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, arch.classes, (batch,), device=bench.device)
    # A compiled step of ours forgets what is compiled so far when it is made, so it is made first, and called last.
    makers = {} if bench.needs_gpu("ours graph", "timm compile", "ours compile") else {"ours graph": "graph"}
    compiled: list[Call] = []
    if bench.cuda:
        with bench.attempt("ours compile"):
            compiled.append(ours(spec, x, y, "compile"))
    calls: dict[str, Call] = {}
    before: dict[str, float] = {}

    def add(name: str, make: Callable[[], Call]) -> None:
        with bench.attempt(name):
            started = time.perf_counter()
            call = make()
            elapsed(lambda: [call() for _ in range(step.WARM_STEPS + 1)], bench.device)
            calls[name], before[name] = call, time.perf_counter() - started

    add("timm", lambda: theirs(spec, x, y, False, bench.small))
    for name, kind in {"ours eager": "eager", **makers}.items():
        add(name, lambda kind=kind: ours(spec, x, y, kind))
    rounds = bench.settings.rounds if not bench.cuda else min(2, bench.settings.rounds)  # then all again, with more
    report(bench, in_turn(calls, bench.device, rounds, repeats), before, batch)
    if bench.cuda:
        add("timm compile", lambda: theirs(spec, x, y, True, bench.small))
        report(bench, in_turn(calls, bench.device, rounds, repeats), before, batch)
        if compiled and bench.left() > 1.3 * before.get("timm compile", 60) + 30:
            add("ours compile", lambda: compiled[0])
        elif compiled:
            bench.skip("ours compile", f"{bench.left():.0f} s were left")
        report(bench, in_turn(calls, bench.device, bench.settings.rounds, repeats), before, batch)


def ours(spec: RunSpec, x: torch.Tensor, y: torch.Tensor, kind: str) -> Call:
    """Return one of our steps on a batch."""
    model = build_model.build(spec, x.device).train()
    optimizer = optim.optimiser(spec.recipe, model)
    scheduler = optim.schedule(spec.recipe, optimizer, STEPS)
    train_step, numbers = step.KINDS[kind](spec, model, optimizer, x.device), iter(range(STEPS))

    def call() -> torch.Tensor:
        scheduler.step_update(next(numbers))
        return train_step([(x, y)], len(y))

    return call


def theirs(spec: RunSpec, x: torch.Tensor, y: torch.Tensor, compiled: bool, small: bool) -> Call:
    """Return the step of timm's train.py on the same batch."""
    recipe, name = spec.recipe, "test_efficientnet" if small else "efficientnet_b0"
    model = timm.create_model(name, num_classes=spec.arch.classes)
    model = model.to(x.device, memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(
        model, opt="sgd", lr=recipe.lr, weight_decay=recipe.weight_decay, momentum=recipe.momentum
    )
    loss_fn = LabelSmoothingCrossEntropy(recipe.label_smoothing)
    scheduler = CosineLRScheduler(optimizer, t_initial=STEPS, t_in_epochs=False)
    forward, numbers = torch.compile(model) if compiled else model, iter(range(STEPS))

    def call() -> None:
        pixels = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device_type=x.device.type, dtype=torch.bfloat16):
            loss = loss_fn(forward(pixels), y)
        loss.backward()
        dispatch_clip_grad(model_parameters(model), value=recipe.clip, mode="norm")
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step_update(next(numbers))

    return call


def report(bench: Bench, times: dict[str, list[float]], before: dict[str, float], batch: int) -> None:
    """Report what was measured so far."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        note = f"{1e3 * seconds:.2f} ms; before that {before[name]:.1f} s"
        bench.row(name, batch / seconds, "img/s", note, seconds=times[name], before=before[name])
    sides = [[name for name in medians if name.startswith(who)] for who in ("ours", "timm")]
    if not all(sides):
        bench.skip("ratio", "nothing to compare", FAILED)
        return
    mine, other = (min(names, key=medians.get) for names in sides)
    value, whole = ratio(times[mine], times[other]), "timm compile" in medians
    words = f"{mine} against {other}" + ("" if whole else "; timm's with torch.compile is not measured")
    bench.row("ratio", value, "x", words, value >= 1 if whole else None)
