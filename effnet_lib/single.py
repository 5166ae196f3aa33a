"""Train one network of a profile, in one process or in the many that torchrun starts."""

import math
import time
from dataclasses import replace

from . import stopping
from .archs import efficientnet
from .errors import ParameterError, RunFailed
from .memory import largest_batch
from .runs import RunSpec, RunStore
from .scaling import PUBLISHED, Scaling, compound
from .study import METHODS, Study
from .training.engine import Engine


def plan(
    study: Study,
    model: str | None = None,
    scaling: Scaling | None = None,
    phi: float | None = None,
    seed: int = 0,
    epochs: int | None = None,
    micro_batch: int = 0,
) -> RunSpec:
    """Return the run of one network: the baseline scaled by `scaling` or by `phi`, or a published `model` (b0 to b7).

    A published model has its own row's size, and dropout where the profile's recipe has any. A scaled one is the same
    run as in Figures 3 and 8, so a figure finds its record. Raises ParameterError for more than one of the three, and
    while the profile's baseline and rates are not decided.
    """
    given = {"model": model, "scaling": scaling, "phi": phi}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        name, value = list(given.items())[1]
        raise ParameterError(name, value, f"nothing beside {next(iter(given))}")
    if not study.ready:
        raise ParameterError("profile", study.profile.name, "a profile whose baseline is decided (effnet tune does)")
    recipe, method = study.profile.recipe, "compound"
    if model:
        arch = efficientnet.published(model, study.dataset.classes)
        if recipe.dropout:
            recipe = replace(recipe, dropout=next(row.dropout for row in PUBLISHED if row.name == model))
    else:
        scaling = compound(phi) if phi is not None else scaling or Scaling()
        scaled = [name for name in METHODS[:3] if getattr(scaling, name) != 1]
        method = scaled[0] if len(scaled) == 1 else "compound" if scaled else "baseline"
        arch = study.base.arch(study.dataset.classes, scaling, study.profile.padding)
    recipe = replace(recipe, lr=study.rates[method], epochs=epochs or recipe.epochs)
    return RunSpec(arch, recipe, study.dataset.id, seed, micro_batch)


def divided(spec: RunSpec, processes: int, gpu_bytes: int | None) -> RunSpec:
    """Return the run as so many processes train it: batch-norm statistics are those of what one sees at a time.

    Each takes its share of the batch, in micro-batches that fit in `gpu_bytes` (None: no limit). Raises ParameterError
    for processes that do not divide the batch.
    """
    recipe = spec.recipe
    if recipe.batch % processes:
        raise ParameterError("processes", processes, f"a divisor of the batch of {recipe.batch}")
    micro = min(spec.micro_batch or recipe.batch, recipe.batch // processes)
    if gpu_bytes is not None:
        micro = largest_batch(spec.arch, micro, gpu_bytes, recipe.precision, recipe.optimiser, bool(recipe.ema))
    return replace(spec, micro_batch=0 if micro == recipe.batch else micro)


def train_one(spec: RunSpec, study: Study, engine: Engine, budget: float = math.inf, say=print) -> str:
    """Train a run and store its record; under torchrun all processes train it together, and the leader stores.

    Returns how it ended (stored, paused, busy). Raises RunFailed with the reason, StoreError and DataError before any
    work, Stopped, with a checkpoint, after SIGINT or SIGTERM.
    """
    from .data.sets import content_fingerprint
    from .sweep.state import USABLE
    from .training.distributed import joined
    from .training.loop import Paused, train
    from .worker import FAILED, PAUSED, STORED, execute

    store: RunStore = study.store
    engine.launch()
    deadline = time.monotonic() + budget
    with stopping.listening(), joined(engine.device) as (group, device):
        engine, gpu_bytes = replace(engine, device=device), None
        if engine.kind == "cuda":
            import torch

            gpu_bytes = int(USABLE * torch.cuda.mem_get_info(device)[1])
        spec = divided(spec, group.world, gpu_bytes)
        dataset = study.dataset
        if group.leads:
            store.check_writable()
            content_fingerprint(dataset)
            if spec.micro_batch:
                say(f"batch {spec.recipe.batch}: {group.world} process(es), micro-batches of {spec.micro_batch}")
            how = execute(spec, dataset, store, engine, deadline, group)
            if not group.told:
                group.begins(False)
        else:
            how = PAUSED
            if group.begins():
                try:
                    train(spec, dataset, store.checkpoint(spec.key), engine, deadline, group=group)
                    how = STORED
                except Paused:
                    pass
        stopping.check()
    if how == FAILED:
        raise RunFailed(f"{spec.key[:12]}: {store.failure(spec.key) or 'its reason stands above'}")
    if group.leads:
        record = store.get(spec.key)
        say(f"{spec.key[:12]}: {how}" + (f", top-1 {record.top1:.2f} %" if record else ""))
    return how
