"""A recipe's optimiser, schedule and average of weights, all timm's."""

from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler, StepLRScheduler
from timm.scheduler.scheduler import Scheduler
from timm.utils import ModelEmaV3
from torch import nn
from torch.optim import Optimizer

from ..errors import ParameterError
from .recipes import Recipe


def optimiser(recipe: Recipe, model: nn.Module) -> Optimizer:
    """Build the optimiser, fused on a GPU where it can be; weight decay acts on matrices only (no biases, no norms)."""
    # eps and alpha of RMSProp are the reference implementation's: epsilon 1e-3 inside the root, decay 0.9.
    fast = "fused" if next(model.parameters()).is_cuda else "foreach"
    extra = {"eps": 1e-3, "alpha": 0.9} if recipe.optimiser == "rmsproptf" else {fast: True}
    return create_optimizer_v2(
        model,
        opt=recipe.optimiser,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        **extra,
    )


def schedule(recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> Scheduler:
    """Build the schedule of the rate, counted in steps.

    Raises ParameterError for an unknown schedule.
    """
    total = recipe.epochs * steps_per_epoch
    warmup = {
        "warmup_t": round(recipe.warmup * total),
        "warmup_lr_init": 0.0 if recipe.schedule == "cosine" else 1e-6,
        "t_in_epochs": False,
    }
    if recipe.schedule == "cosine":
        after = max(1, total - warmup["warmup_t"])
        return CosineLRScheduler(optimizer, t_initial=after, warmup_prefix=True, **warmup)
    if recipe.schedule == "step":
        decay_steps = recipe.lr_decay_epochs * steps_per_epoch
        return StepLRScheduler(optimizer, decay_t=decay_steps, decay_rate=recipe.lr_decay, **warmup)
    raise ParameterError("schedule", recipe.schedule, "cosine or step")


def average(recipe: Recipe, model: nn.Module) -> ModelEmaV3 | None:
    """Build the exponential moving average of the weights, or None where the recipe has none."""
    return ModelEmaV3(model, decay=recipe.ema, use_warmup=True) if recipe.ema else None
