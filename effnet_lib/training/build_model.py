"""The network of a run, as it is before the first step."""

import torch
from torch import nn

from .depthwise import use_fast_depthwise
from .fast.choice import Choice
from .job import TrainingJob


def build(job: TrainingJob, device: torch.device | None = None, choice: Choice | None = None) -> nn.Module:
    """Build the seeded network of a run.

    Residual branches start at zero where the recipe asks for it. A job may have a method `prepare(model)`, which
    changes the network before its first step: to start from weights that exist, for example.

    Args:
        device: where to, then channels_last; None: nowhere, as the architecture makes it.
        choice: of compiled kernels, on a CPU; None: torch's own operations.
    """
    model = _seeded(job)
    return model if device is None else placed(model, device, choice)


def _seeded(job: TrainingJob) -> nn.Module:
    torch.manual_seed(job.seed)
    model = job.arch.build(job.recipe.dropout, job.recipe.drop_path)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum, module.eps = job.recipe.bn_momentum, job.recipe.bn_eps
        elif isinstance(module, nn.SiLU):
            module.inplace = False  # in place, autograd copies the input first: 7 % of a step
    if job.recipe.zero_gamma:
        for norm in job.arch.residual_norms(model):
            nn.init.zeros_(norm.get_parameter("weight"))
    if hasattr(job, "prepare"):
        job.prepare(model)
    return model


def placed(
    model: nn.Module,
    device: torch.device,
    choice: Choice | None,
    memory_format: torch.memory_format = torch.channels_last,
) -> nn.Module:
    """Move a network to its device, and let it compute there as a run does; arguments as `build` has them."""
    model = model.to(device).to(memory_format=memory_format)
    if device.type == "cpu":
        model = use_fast_depthwise(model)
    if choice is not None:
        from .fast.operations import use_kernels

        model = use_kernels(model, choice)
    return model
