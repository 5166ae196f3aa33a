"""Train one network of a profile, in one process or in the many that torchrun starts."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core import signals
from ..core.errors import ParameterError, RunFailed, known, nearest
from ..models.archs import Architecture, efficientnet
from ..models.memory import largest_batch
from ..models.scaling import PUBLISHED, Scaling, compound
from ..runs.run_spec import RunSpec
from ..training.execution import Execution
from ..training.memory_check import check_memory
from ..training.recipes import Recipe
from .decided_study import Study
from .profiles import UNSCALED
from .scaled_model import SINGLE

if TYPE_CHECKING:
    from ..runs.progress.face import Progress
    from ..training.distributed import Group

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """Which network is trained, and what differs from the profile's recipe (None: nothing).

    Attributes:
        model: a published network, b0 to b7, of its own row's size; dropout where the recipe has any.
        scaling, phi: or the baseline scaled by multipliers, or by alpha^phi; none of the three is the baseline.
        batch: images a step; the learning rate is scaled by as much.
        minival: training images reserved to stop early on.
        micro_batch: images a forward pass; 0: the whole batch.
    """

    model: str | None = None
    scaling: Scaling | None = None
    phi: float | None = None
    seed: int = 0
    epochs: int | None = None
    batch: int | None = None
    minival: int | None = None
    micro_batch: int = 0


def plan(study: Study, wanted: Wanted = Wanted()) -> RunSpec:
    """Return the run of one network.

    A scaled one is the same run as in Figures 3 and 8, so a figure finds its record, unless something differs from the
    recipe.

    Raises:
        ParameterError: more than one of model, scaling and phi; baseline and learning rates are not decided; a minival
            that leaves nothing.
    """
    networks = {name: value for name in ("model", "scaling", "phi") if (value := getattr(wanted, name)) is not None}
    if len(networks) > 1:
        first, (name, value) = next(iter(networks)), list(networks.items())[1]
        raise ParameterError(name, value, f"no value where {first} is given: either says which network")
    if not study.ready:
        raise ParameterError("profile", study.profile.name, "a profile whose baseline is decided (effnet tune does)")
    arch, method, recipe = _network(study, wanted)
    batch, minival = wanted.batch or recipe.batch, recipe.minival if wanted.minival is None else wanted.minival
    images = study.dataset.train_images
    if images and minival >= images:
        raise ParameterError("minival", minival, f"0 (none), or fewer than the {images} training images")
    rate = known(study.learning_rates)[method] * batch / recipe.batch
    recipe = replace(recipe, lr=rate, batch=batch, epochs=wanted.epochs or recipe.epochs, minival=minival)
    return RunSpec(arch, recipe, study.dataset.id, wanted.seed, wanted.micro_batch)


def _network(study: Study, wanted: Wanted) -> tuple[Architecture, str, Recipe]:
    """Return the network, the scaling method whose learning rate it takes, and its recipe."""
    recipe, classes = known(study.recipe), study.dataset.classes
    if wanted.model is not None:
        rows = {row.name: row for row in PUBLISHED}
        if wanted.model not in rows:
            raise ParameterError("model", wanted.model, nearest(wanted.model, rows))
        if recipe.dropout:
            recipe = replace(recipe, dropout=rows[wanted.model].dropout)
        return efficientnet.published(wanted.model, classes), "compound", recipe
    scaling = wanted.scaling or (UNSCALED if wanted.phi is None else compound(wanted.phi))
    scaled = [name for name in SINGLE if getattr(scaling, name) != 1]
    method = scaled[0] if len(scaled) == 1 else "compound" if scaled else "baseline"
    return known(study.base).arch(classes, scaling, study.profile.padding), method, recipe


def divided(spec: RunSpec, processes: int, gpu_bytes: int | None) -> RunSpec:
    """Return the run as so many processes train it: batch-norm statistics are those of what one sees at a time.

    Each takes its share of the batch, in micro-batches that fit in `gpu_bytes` (None: no limit).

    Raises:
        ParameterError: processes that do not divide the batch.
    """
    recipe = spec.recipe
    if recipe.batch % processes:
        raise ParameterError("processes", processes, f"a divisor of the batch of {recipe.batch}")
    micro = min(spec.micro_batch or recipe.batch, recipe.batch // processes)
    if gpu_bytes is not None:
        micro = largest_batch(spec.arch, micro, gpu_bytes, recipe.precision, recipe.optimiser, bool(recipe.ema))
    return replace(spec, micro_batch=0 if micro == recipe.batch else micro)


def _smallest(spec: RunSpec, processes: int, images: int) -> int:
    """Return how many images the smallest forward pass of a step has; 0 where `images` is 0, "not known"."""
    share = min(spec.recipe.batch, max(0, images - spec.recipe.minival)) // processes
    return share % min(spec.micro_batch or share, share) or min(spec.micro_batch or share, share) if share else 0


def _check_batch_norm(spec: RunSpec, processes: int, images: int) -> None:
    """Refuse a forward pass of one image where the last map has one cell: batch norm knows no spread of one value.

    Raises:
        ParameterError: of `batch`, or of `micro_batch` where that makes one image of it.
    """
    if spec.arch.final_px == 1 and _smallest(spec, processes, images) == 1:
        name, value = ("micro_batch", spec.micro_batch) if spec.micro_batch else ("batch", spec.recipe.batch)
        accepted = "a number that leaves no image alone in a forward pass: the last map of this network is 1 x 1 px"
        raise ParameterError(name, value, f"{accepted}, and batch norm needs two values")


def train_one(spec: RunSpec, study: Study, execution: Execution, budget: float = math.inf, say: Say = print) -> str:
    """Train a run and store its record; under torchrun all processes train it together, and the leader stores.

    `budget` in seconds. Returns how it ended (stored, paused, busy) for this process.

    Raises:
        RunFailed: with the reason, StoreError and DataError before any work, Stopped, with a checkpoint, after SIGINT
            or SIGTERM.
    """
    from ..runs.progress.face import shown
    from ..runs.sweep_state import USABLE
    from ..runs.worker import BUSY, FAILED, PAUSED
    from ..training.distributed import joined

    execution.launch()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    # Refused before any process waits for another.
    _check_batch_norm(divided(spec, world, None), world, study.dataset.train_images)
    deadline = time.monotonic() + budget
    # A job scheduler signals every process, and then torchrun, which was signalled too, signals its own once more.
    patient = "WORLD_SIZE" in os.environ
    with signals.listening(patient), joined(execution.device) as (group, device), shown(say) as progress:
        execution, gpu_bytes = replace(execution, device=device), None
        if execution.kind == "cuda":
            import torch

            gpu_bytes = int(USABLE * torch.cuda.mem_get_info(device)[1])
        spec = divided(spec, group.world, gpu_bytes)
        how = (_lead if group.leads else _follow)(spec, study, execution, deadline, group, progress)
        signals.check()
    if how == FAILED:
        raise RunFailed(f"{spec.key[:12]}: {study.store.failure(spec.key) or 'its reason stands above'}")
    if group.leads:
        record = study.store.get(spec.key)
        more = {PAUSED: "; the same command goes on from its checkpoint", BUSY: ": another process trains it now"}
        say(f"{spec.key[:12]}: {how}" + (f", top-1 {record.top1:.2f} %" if record else more.get(how, "")))
    return how


def _lead(spec: RunSpec, study: Study, execution: Execution, deadline: float, group: "Group", say: "Progress") -> str:
    from ..data.datasets import content_fingerprint
    from ..runs.progress.one_run import OneRun
    from ..runs.worker import STORED, execute, tidy

    try:
        if study.store.get(spec.key):
            tidy(study.store, spec.key)
            return STORED
        if study.dataset.folder is None or study.dataset.folder.is_dir():  # else nothing is to be written
            study.store.check_writable()
        if execution.kind == "cpu":  # else it was divided until it fits
            check_memory(spec, study.dataset.train_images, group.world)
        content_fingerprint(study.dataset)
        if spec.micro_batch:
            say(f"batch {spec.recipe.batch}: {group.world} process(es), micro-batches of {spec.micro_batch}")
        monitor = OneRun(say, spec.recipe.epochs, spec.recipe.batch).monitor(deadline)
        return execute(spec, study.dataset, study.store, execution, monitor, group)
    finally:
        if not group.told:
            group.begins(False)


def _follow(spec: RunSpec, study: Study, execution: Execution, deadline: float, group: "Group", _say: Say) -> str:
    from ..core.errors import one_line
    from ..runs.worker import PAUSED, STORED
    from ..training.monitor import Monitor
    from ..training.trainer import Paused, train

    try:
        if group.begins():
            train(spec, study.dataset, study.store.checkpoint(spec.key), execution, Monitor(deadline), group)
            return STORED
    except Paused:
        pass
    except (OSError, MemoryError, RuntimeError, ValueError) as error:  # also where another process has died
        raise RunFailed(f"process {group.rank} of {group.world}: {one_line(error)}") from error
    return PAUSED
