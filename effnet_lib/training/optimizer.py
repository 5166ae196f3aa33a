"""A recipe's optimiser, schedule and average of weights, all timm's."""

from typing import Any

import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler, StepLRScheduler
from timm.scheduler.scheduler import Scheduler
from timm.utils import ModelEmaV3
from torch import nn
from torch.optim import Optimizer

from ..core.errors import ParameterError
from .recipes import Recipe


def optimiser(recipe: Recipe, model: nn.Module) -> Optimizer:
    """Build the optimiser, fused on a GPU where it can be; weight decay acts on matrices only (no biases, no norms).

    It is launched so for good: a checkpoint of another kind of device, which would change that, changes numbers only.
    """
    # eps and alpha of RMSProp are the reference implementation's: epsilon 1e-3 inside the root, decay 0.9.
    fast = "fused" if next(model.parameters()).is_cuda else "foreach"
    extra = {"eps": 1e-3, "alpha": 0.9} if recipe.optimiser == "rmsproptf" else {fast: True}
    optimizer = create_optimizer_v2(
        model,
        opt=recipe.optimiser,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        **extra,
    )
    optimizer.register_load_state_dict_pre_hook(_launched_as_built)
    return optimizer


def _launched_as_built(optimizer: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    built = {name: optimizer.defaults[name] for name in ("foreach", "fused") if name in optimizer.defaults}
    return state | {"param_groups": [group | built for group in state["param_groups"]]}


def schedule(recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> Scheduler:
    """Build the schedule of the learning rate, counted in steps.

    Raises:
        ParameterError: an unknown schedule.
    """
    total = recipe.epochs * steps_per_epoch
    steps = round(recipe.warmup * total)
    warmup: dict[str, Any] = {
        "warmup_t": steps,
        "warmup_lr_init": 0.0 if recipe.schedule == "cosine" else 1e-6,
        "t_in_epochs": False,
    }
    if recipe.schedule == "cosine":
        after = max(1, total - steps)
        return CosineLRScheduler(optimizer, t_initial=after, warmup_prefix=True, **warmup)
    if recipe.schedule == "step":
        decay_steps = recipe.lr_decay_epochs * steps_per_epoch
        return StepLRScheduler(optimizer, decay_t=decay_steps, decay_rate=recipe.lr_decay, **warmup)
    raise ParameterError("schedule", recipe.schedule, "cosine or step")


def average(recipe: Recipe, model: nn.Module) -> ModelEmaV3 | None:
    """Build the exponential moving average of the weights, or None where the recipe has none."""
    # With this warm-up the decay after n steps is at most 1 - 9 / (8 + n), TensorFlow's to two steps: 0.9999 is reached
    # after 90,000. timm's own would take a million, ten times the paper's run.
    if not recipe.ema:
        return None
    return Average(model, decay=recipe.ema, use_warmup=True, warmup_gamma=9.0, warmup_power=1.0)


class Average(ModelEmaV3):
    """timm's average of weights and running values; its tensors are looked up once, which took 3 % of a step."""

    pairs: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def apply_update_(self, model: nn.Module, decay: float) -> None:
        """Move the average of `model`, always the same one, by one step."""
        if self.pairs is None:
            both = list(zip(self.module.state_dict().values(), model.state_dict().values(), strict=True))
            self.pairs = [pair for pair in both if pair[0].is_floating_point()]
            self.counts = [pair for pair in both if not pair[0].is_floating_point()]
        mine, new = map(list, zip(*self.pairs, strict=True))
        torch._foreach_lerp_(mine, new, weight=1.0 - decay)
        for count, counted in self.counts:
            count.copy_(counted)
