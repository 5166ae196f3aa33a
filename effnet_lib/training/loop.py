"""Train one network: the loop, its evaluation, and the result that a record stores."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import complexity
from ..data.sets import DataSet, Part, load
from ..errors import DataError, Diverged, ParameterError
from ..runs import RunSpec, RunStore, pack_bits
from . import augment, checkpoint, optim
from .depthwise import use_fast_depthwise

SOURCE_FACTOR = 1.7  # pictures are held at 1.7 x the input size: sqrt(0.35) x 1.7 = 1.006, so no crop is enlarged
KNOWN = {"augment": ("crop+flip", "crop+flip+autoaugment"), "precision": ("fp32", "bf16")}  # what the loop below does
MEMORY_LIMIT = 16 * 2**30  # bytes of uint8 pixels, mapped from disk
LARGER_TEST = 1.15  # the second test size (train / test size mismatch), without retraining


class Paused(Exception):
    """The deadline came before the last epoch; a checkpoint is stored."""


@dataclass
class Pictures:
    """The parts of a data set that one run reads, on its device."""

    train: Part
    val: Part
    larger: Part
    probe: Part

    @classmethod
    def of(cls, dataset: DataSet, px: int) -> "Pictures":
        """Load the training set at 1.7 x px (at most the native size) and the test sets at px and 1.15 x px."""
        wanted = round(SOURCE_FACTOR * px)
        source = min(wanted, dataset.native_px or wanted)  # enlarged once, by the crop, and not twice
        size = 3 * dataset.train_pictures * source**2
        if size > MEMORY_LIMIT:
            raise DataError(
                f"dataset={dataset.id}: {dataset.train_pictures} pictures at {source} px are {size / 2**30:.0f} GiB; "
                f"sets of up to {MEMORY_LIMIT / 2**30:.0f} GiB are trained from memory, larger ones not yet"
            )
        return cls(
            load(dataset, "train", source),
            load(dataset, "val", px),
            load(dataset, "val", round(LARGER_TEST * px)),
            load(dataset, "probe", px),
        )


def _batch(part: Part, chosen: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.from_numpy(part.pixels[part.rows[chosen]])
    labels = torch.from_numpy(part.labels[chosen])
    return pixels.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def build(spec: RunSpec) -> nn.Module:
    """Build the seeded network of a run, residual branches starting at zero where the recipe asks for it."""
    torch.manual_seed(spec.seed)
    model = spec.arch.build(spec.recipe.dropout, spec.recipe.drop_path)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum, module.eps = spec.recipe.bn_momentum, spec.recipe.bn_eps
        elif isinstance(module, nn.SiLU):
            module.inplace = False  # in place, autograd copies the input first: 7 % of a step
    if spec.recipe.zero_gamma:
        for norm in spec.arch.residual_norms(model):
            nn.init.zeros_(norm.weight)
    return model


@torch.no_grad()
def evaluate(model: nn.Module, part: Part, device: torch.device, batch: int = 64) -> tuple[np.ndarray, float]:
    """Return one boolean a picture (right or wrong) and the mean cross entropy; the whole frame is shown."""
    model.eval()
    right, loss = [], 0.0
    for start in range(0, len(part), batch):
        x, y = _batch(part, np.arange(start, min(start + batch, len(part))), device)
        logits = model(augment.whole(x)).float()
        loss += float(F.cross_entropy(logits, y, reduction="sum"))
        right.append((logits.argmax(1) == y).cpu().numpy())
    return np.concatenate(right), loss / len(part)


def train(
    spec: RunSpec,
    dataset: DataSet,
    store: RunStore,
    device: str = "cpu",
    deadline: float = math.inf,
    progress: Callable[[int, int, float], None] = lambda epoch, epochs, seconds: None,
) -> dict[str, Any]:
    """Train, evaluate and return the `result` of a record; weights are kept in the store.

    `deadline` is in time.monotonic() seconds: raises Paused after an epoch whose successor would pass it. Raises
    Diverged when the loss stops being a number, ParameterError for a recipe that this loop does not follow.
    """
    recipe, target = spec.recipe, torch.device(device)
    for name, known in KNOWN.items():  # never a record of something else than what was trained
        if getattr(recipe, name) not in known:
            raise ParameterError(name, getattr(recipe, name), " or ".join(known))
    pictures = Pictures.of(dataset, spec.arch.px)
    model = build(spec).to(target, memory_format=torch.channels_last)
    if target.type == "cpu":
        use_fast_depthwise(model)
    steps = max(1, len(pictures.train) // recipe.batch)
    optimizer = optim.optimiser(recipe, model)
    scheduler = optim.schedule(recipe, optimizer, steps)
    ema = optim.average(recipe, model)
    first, seconds, losses = 0, 0.0, []
    state = checkpoint.load(store.checkpoint(spec.key), spec.key)
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if ema:
            ema.load_state_dict(state["ema"])
        first, seconds, losses = state["epoch"], state["seconds"], state["losses"]
    for epoch in range(first, recipe.epochs):
        started = time.perf_counter()
        losses.append(_epoch(spec, model, optimizer, scheduler, ema, pictures.train, epoch, steps, target))
        took = time.perf_counter() - started
        seconds += took
        if not math.isfinite(losses[-1]):
            raise Diverged(f"the training loss is {losses[-1]} in epoch {epoch + 1} of {recipe.epochs}")
        progress(epoch + 1, recipe.epochs, seconds)
        if epoch + 1 < recipe.epochs:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
            state |= {"seconds": seconds, "losses": losses, "key": spec.key}
            checkpoint.save(store.checkpoint(spec.key), state | ({"ema": ema.state_dict()} if ema else {}))
            if time.monotonic() + took > deadline:
                raise Paused
    final = ema.module if ema else model
    right, loss = evaluate(final, pictures.val, target)
    if not math.isfinite(loss):
        raise Diverged(f"the loss on the validation pictures is {loss}")
    larger, _ = evaluate(final, pictures.larger, target)
    probe, probe_loss = evaluate(final, pictures.probe, target)
    store.keep_weights(spec.key, final.state_dict())
    counts = complexity.count(spec.arch)
    return {
        "top1": 100 * float(right.mean()),
        "loss": loss,
        "correct": pack_bits(right),
        "val_pictures": len(right),
        "top1_larger_test": 100 * float(larger.mean()),
        "train_top1": 100 * float(probe.mean()),
        "train_loss": probe_loss,
        "history": [round(value, 5) for value in losses],
        **counts._asdict(),
        "final_px": spec.arch.final_px,
        "source_px": pictures.train.px,
        "train_pictures": len(pictures.train),
        "train_seconds": round(seconds, 2),
        "pictures_per_second": round(recipe.epochs * steps * recipe.batch / seconds, 1),
    }


def _epoch(spec, model, optimizer, scheduler, ema, part, epoch, steps, device) -> float:
    """Train one epoch and return its mean loss."""
    recipe = spec.recipe
    micro = spec.micro_batch or recipe.batch
    visit = augment.order(spec.seed, epoch, len(part))
    total = torch.zeros((), device=device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
    policy = "autoaugment" in recipe.augment
    noisy = recipe.dropout or recipe.drop_path or policy
    model.train()
    for step in range(steps):
        scheduler.step_update(epoch * steps + step)
        chosen = visit[step * recipe.batch : (step + 1) * recipe.batch]
        matrices = augment.crop_matrices(
            augment.rng(spec.seed, augment.CROP, epoch, step), len(chosen), recipe.min_area
        )
        if noisy:  # dropout's noise comes from torch's own generator: tie it to the step as well
            torch.manual_seed(int(augment.rng(spec.seed, augment.NOISE, epoch, step).integers(2**62)))
        for start in range(0, len(chosen), micro):
            pixels, y = _batch(part, chosen[start : start + micro], device)
            if policy:
                pixels = augment.autoaugment(pixels)
            x = augment.crop(pixels, matrices[start : start + micro], spec.arch.px)
            with autocast:
                loss = F.cross_entropy(model(x), y, label_smoothing=recipe.label_smoothing)
            (loss * (len(y) / len(chosen))).backward()
            total += loss.detach() * (len(y) / len(chosen))
        if recipe.clip:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if ema:
            ema.update(model, step=epoch * steps + step)
    return float(total) / steps
