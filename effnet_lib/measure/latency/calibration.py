"""Random weights on which a network is as fast as on trained ones.

Untrained batch norms pass on whatever scale the random layers before them make. Over a hundred layers activations then
grow to infinity or shrink to denormal numbers, on which a core computes ten to a hundred times slower.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

TINY = 1.17549435e-38  # the smallest normal number of single precision
PIXELS = 128  # up to this side two images: a single map of 1 x 1 has no variance


def image(image_size: int, images: int = 1, seed: int = 0) -> "torch.Tensor":
    """Return normalised noise, (images, 3, image_size, image_size) float32, the same for the same seed."""
    import torch

    return torch.randn(images, 3, image_size, image_size, generator=torch.Generator().manual_seed(seed))


def calibrate(model: "nn.Module", image_size: int) -> None:
    """Set the running statistics of all batch norms to those of one forward pass, at the size that is measured.

    A batch norm that starts its branch at zero gets ones: a branch of zeros would hide errors of a runtime. Costs
    one forward pass without gradients, and no memory beyond it.
    """
    import torch

    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the statistics of this pass alone
        norm.train()
        if norm.weight is not None and not norm.weight.any():
            torch.nn.init.ones_(norm.weight)
    with torch.no_grad():
        model(image(image_size, 2 if image_size <= PIXELS else 1, seed=1))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def denormal_share(model: "nn.Module", x: "torch.Tensor") -> float:
    """Return the largest share of denormal values among the outputs of any one module."""
    import torch

    shares = [0.0]

    def look(module: "nn.Module", given: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            size = output.abs()
            shares.append(float(((size > 0) & (size < TINY)).float().mean()))

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with torch.inference_mode():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return max(shares)
