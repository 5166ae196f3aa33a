"""Part 4: a step against the time in which a fused one could move its bytes, and where the rest goes.

The bytes of a fully fused step, in closed form. A convolution (or linear layer) reads its input and writes its output
once forward, norm and activation fused to it; backward it reads and writes as much twice, once for the input's gradient
and once for the weights':

    3 * batch * size * sum over layers of (input activations + output activations)

with 2 bytes an activation in bf16 and 4 in fp32. Weights are in single precision: read forward and backward, their
gradient written; the update reads weights, gradient and s copies of state (momentum: s = 1) and writes weights and
state:

    4 * params * (3 + (2 + s) + (1 + s)) = 4 * params * (6 + 2 s)

No real step reaches it: a batch norm's statistics need all of a convolution's output before any of it can be
normalised. The share of the roofline is these bytes over the bandwidth of a large copy over the step's time. Steps are
as `train()` runs them now, on a batch that lies on the device.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

import torch

from benchmarks.gpu.kit import Bench, best_kind, in_turn, on_device, study
from benchmarks.gpu.steps import ours
from effnet_lib.models.archs import Architecture
from effnet_lib.models.archs.efficientnet import scale
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import SIZE, STATE
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training.recipes import SHORT
from effnet_lib.training.train_step import WARM_STEPS

# What a kernel's name says it does; the first that matches counts.
GROUPS = {
    "batch norm": r"batch_?norm|bn_(fw|bw)|welford",
    "optimiser": r"multi_tensor|fused_?sgd|lp_?norm",
    "convolution": r"conv|cudnn|xmma|gemm|cutlass|wgrad|dgrad|fprop|winograd|nchw|nhwc|implicit|cublas|nvjet",
    "copies": r"memcpy|memset|copy|fill|cat",
    "elementwise and sums": r"",
}
PROFILED = 5  # steps
Span = tuple[str, float, float]  # a kernel's name, its start and its end


def activations(arch: Architecture) -> int:
    """Return how many activations all layers read and write for one image, forward."""
    total, px = 0, arch.px
    for layer in arch.layers():
        linear = not layer.norm  # of the pooled map: its input is a vector
        # What is wider than a pixel may be strided: it reads the map that the layer before wrote.
        read = 1 if linear else px if layer.kernel_elements > 1 else layer.size
        total += layer.repeats * (layer.in_channels * read**2 + layer.out_channels * layer.size**2)
        px = px if linear else layer.size
    return total


def step_bytes(arch: Architecture, batch: int, precision: str, optimiser: str = "sgd") -> int:
    """Return the bytes that a fully fused training step moves."""
    moved = 3 * batch * SIZE[precision] * activations(arch)
    return moved + 4 * count(arch).params * (6 + 2 * STATE[optimiser])


def run(bench: Bench) -> None:
    """Measure the bandwidth, then both networks."""
    planned, words = study(bench)
    b0 = scale(Scaling(0.25, 0.25), 32, 10) if bench.small else scale(Scaling(), 224, 1000)
    recipe = replace(SHORT, batch=8 if bench.small else bench.settings.batch, precision="bf16")
    cases = {"b0": RunSpec(b0, recipe, "none", 0), "baseline": planned.spec(planned.baseline, 0)}
    times = [f"{name} time" for name in cases]
    with bench.attempt("bandwidth", *cases, *times):
        bandwidth = copy_bandwidth(bench)
        bench.row("bandwidth", bandwidth / 1e9, "GB/s")
        bench.needs_gpu(*times)
        for name, spec in cases.items():
            with bench.attempt(name, f"{name} time"):
                measure(bench, name, spec, bandwidth, words if name == "baseline" else "")


def copy_bandwidth(bench: Bench) -> float:
    """Return bytes a second of the fastest of several large copies, read and write both counted."""
    source = torch.ones((2**22 if bench.small else 2**30), dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    target.copy_(source)
    times = [on_device(lambda: [target.copy_(source) for _ in range(4)], bench.device) / 4 for _ in range(5)]
    return 2 * source.nbytes / min(times)


def measure(bench: Bench, name: str, spec: RunSpec, bandwidth: float, words: str) -> None:
    """Report one network's share of the roofline, and where its time goes."""
    arch, recipe = spec.arch, spec.recipe
    x = torch.randn(recipe.batch, 3, arch.px, arch.px, device=bench.device).contiguous(
        memory_format=torch.channels_last
    )
    y, kind = torch.randint(0, arch.classes, (recipe.batch,), device=bench.device), best_kind(bench)
    call = ours(spec, x, y, kind)
    for _ in range(WARM_STEPS + 1):
        call()
    seconds = min(in_turn({name: call}, bench.device, bench.settings.rounds, 1 if bench.small else 20)[name])
    needed = step_bytes(arch, recipe.batch, recipe.precision, recipe.optimiser)
    share = needed / bandwidth / seconds
    note = f"{recipe.batch / seconds:,.0f} img/s ({1e3 * seconds:.2f} ms, {kind}, cudnn.benchmark off)"
    note += f", {needed / 1e9:.2f} GB a step" + (f"; {words}" if words else "")
    bench.row(name, 100 * share, "%", note, seconds=seconds, bytes=needed)
    if bench.cuda:
        shares = grouped(profiled(call))
        words = ", ".join(f"{group} {100 * part:.0f} %" for group, part in shares.items())
        bench.row(f"{name} time", note=words, groups=shares)


def profiled(call) -> list[Span]:
    """Return what ran on the GPU during some steps, in microseconds."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        for _ in range(PROFILED):
            call()
        torch.cuda.synchronize()
    spans = []
    for event in profiler.events():
        ran = event.device_type == torch.autograd.DeviceType.CUDA and not getattr(event, "is_user_annotation", False)
        if ran and "#" not in event.name:  # "Optimizer.step#SGD.step" names a stretch of kernels, not one
            spans.append((event.name, event.time_range.start, event.time_range.end))
    return spans


def grouped(spans: Iterable[Span]) -> dict[str, float]:
    """Return each group's share of the time from the first kernel's start to the last one's end, idle time too."""
    spans = sorted(spans, key=lambda span: span[1])
    if not spans:
        raise RuntimeError("the profiler saw nothing on the GPU")
    whole = max(end for _, _, end in spans) - spans[0][1]
    shares, busy, until = dict.fromkeys(GROUPS, 0.0), 0.0, spans[0][1]
    for name, start, end in spans:
        alone = max(0.0, end - max(start, until))  # what overlaps an earlier kernel is that one's
        group = next(group for group, pattern in GROUPS.items() if re.search(pattern, name, re.IGNORECASE))
        shares[group] += alone / whole
        busy, until = busy + alone, max(until, end)
    return dict(sorted(shares.items(), key=lambda item: -item[1])) | {"idle": 1 - busy / whole}
