"""Part 2: a whole run of the 64 px baseline against the way of timm's train.py, data and evaluation included.

Ours is `train()` on a folder that it has not seen: files are fingerprinted, images decoded once, the step captured,
the network tested on all parts at the end. timm's is the loop of its train.py with its own loaders: random resized crop
and flip (no other augmentation), a worker process a core, CosineLRScheduler, validation after every epoch, no averaged
weights. Network, recipe, precision and memory format are the same. A few epochs are run; for the recipe's number of
epochs each side's time is its constant part and so many of its later epochs.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from timm.data import create_dataset, create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.models import model_parameters
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import accuracy, dispatch_clip_grad

from benchmarks.gpu import photos
from benchmarks.gpu.kit import Bench, apart, study
from benchmarks.gpu.table import FAILED
from effnet_lib.core.hardware import cpu_count
from effnet_lib.data.datasets import declare
from effnet_lib.models.archs import Architecture
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.training.execution import Execution
from effnet_lib.training.recipes import Recipe
from effnet_lib.training.trainer import Monitor, train

EPOCHS = 3
Timed = tuple[float, float]  # seconds of the whole run, and of one epoch after the first


def run(bench: Bench) -> None:
    """Run both, ours first and once more with its decoded images at hand."""
    root, words = photos.folder(bench)
    for path in filter(Path.is_file, root.rglob("*")):
        path.read_bytes()  # neither side is the first to read the disk
    planned, base = study(bench)
    whole, recipe = planned.profile.recipe.epochs, replace(planned.profile.recipe, epochs=EPOCHS)
    times: dict[str, Timed] = {}
    with bench.attempt("ours"):
        times["ours"] = ours(bench, root, planned.base.arch, recipe)
        again, _ = ours(bench, root, planned.base.arch, recipe)
        total, epoch = times["ours"]
        note = f"{EPOCHS} epochs of {epoch:.2f} s; {again:.1f} s where images are decoded already; {words}; {base}"
        bench.row("ours", total, "s", note, epoch=epoch, decoded=again, epochs=EPOCHS)
    with bench.attempt("timm"):
        workers = 0 if bench.small else cpu_count()
        arch = planned.base.arch(photos.IMAGENETTE.classes)
        times["timm"] = apart(theirs, bench.device, root, arch, recipe, workers)
        total, epoch = times["timm"]
        note = f"{EPOCHS} epochs of {epoch:.2f} s; {workers} workers"
        bench.row("timm", total, "s", note, epoch=epoch, epochs=EPOCHS, workers=workers)
    if len(times) < 2:
        for name in ("ratio", "recipe"):
            bench.skip(name, "nothing to compare", FAILED)
        return
    (mine, my_epoch), (other, other_epoch) = times["ours"], times["timm"]
    note = f"{EPOCHS} epochs, where decoding and capture weigh {whole / EPOCHS:.0f} times as much as in a whole run"
    bench.row("ratio", other / mine, "x", note)
    mine, other = mine + (whole - EPOCHS) * my_epoch, other + (whole - EPOCHS) * other_epoch
    note = f"{whole} epochs: {mine:.0f} s against {other:.0f} s"
    bench.row("recipe", other / mine, "x", note, other / mine >= 4, ours=mine, timm=other)


def ours(bench: Bench, root: Path, arch: Callable[[int], Architecture], recipe: Recipe) -> Timed:
    """Train and test with this library."""
    started, marks = time.perf_counter(), []
    dataset = declare(str(root))
    spec = RunSpec(arch(dataset.classes), recipe, dataset.id, 0)
    with tempfile.TemporaryDirectory(dir=bench.settings.scratch) as empty:  # nothing to go on from
        path, execution = Path(empty) / "run.pt", Execution(str(bench.device))
        train(spec, dataset, path, execution, Monitor(progress=lambda *_: marks.append(time.perf_counter())))
    return time.perf_counter() - started, (marks[-1] - marks[0]) / (len(marks) - 1)


def loaders(device: torch.device, root: Path, arch: Architecture, recipe: Recipe, workers: int) -> tuple:
    """Return timm's loaders of the parts train and val, as its train.py makes them."""
    common = {"input_size": (3, arch.px, arch.px), "batch_size": recipe.batch, "interpolation": "bilinear"}
    common |= {"num_workers": workers, "persistent_workers": workers > 0, "device": device}
    common |= {"pin_memory": device.type == "cuda"}
    train_set = create_dataset("", root=str(root), split="train", is_training=True, batch_size=recipe.batch)
    scale = (recipe.min_area, 1.0)
    train_loader = create_loader(train_set, is_training=True, scale=scale, color_jitter=0.0, **common)
    val_set = create_dataset("", root=str(root), split="val", is_training=False, batch_size=recipe.batch)
    return train_loader, create_loader(val_set, is_training=False, **common)


def theirs(device: torch.device, root: Path, arch: Architecture, recipe: Recipe, workers: int) -> Timed:
    """Train and validate in the way of timm's train.py, with its defaults where the recipe says nothing."""
    started, marks = time.perf_counter(), []
    torch.backends.cudnn.benchmark = True
    model = arch.build().to(device, memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(
        model, opt="sgd", lr=recipe.lr, weight_decay=recipe.weight_decay, momentum=recipe.momentum
    )
    loader, val_loader = loaders(device, root, arch, recipe, workers)
    loss_fn, total = LabelSmoothingCrossEntropy(recipe.label_smoothing), recipe.epochs * len(loader)
    scheduler = CosineLRScheduler(
        optimizer, t_initial=total, warmup_t=round(recipe.warmup * total), t_in_epochs=False, warmup_prefix=False
    )

    number = 0
    for _ in range(recipe.epochs):
        model.train()
        for pixels, labels in loader:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with cast(device, recipe):
                loss = loss_fn(model(pixels), labels)
            loss.backward()
            dispatch_clip_grad(model_parameters(model), value=recipe.clip, mode="norm")
            optimizer.step()
            optimizer.zero_grad()
            number += 1
            scheduler.step_update(number)
        validate(model, val_loader, device, recipe)
        marks.append(time.perf_counter())
    return marks[-1] - started, (marks[-1] - marks[0]) / (len(marks) - 1)


def cast(device: torch.device, recipe: Recipe) -> torch.autocast:
    """Return the context of the recipe's precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")


def validate(model: torch.nn.Module, loader: Iterable, device: torch.device, recipe: Recipe) -> None:
    """Test a network in the way of timm's train.py, whose meters read loss and top-1 of every batch."""
    loss_fn = torch.nn.CrossEntropyLoss()
    model.eval()
    with torch.inference_mode():
        for pixels, labels in loader:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with cast(device, recipe):
                logits = model(pixels)
                loss = loss_fn(logits, labels)
            top1, _ = accuracy(logits, labels, topk=(1, 5))
            float(loss), float(top1)
