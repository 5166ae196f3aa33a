"""Counts of any torch network by running it on the meta device, which holds shapes only: torch's own counter.

For networks without a closed form: timm's of Tables 2 and 4, and a user's.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .complexity import Counts

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Traced:
    """What a forward pass shows of a network, for one image.

    Args:
        final_px: height = width of the last feature map, the output of the last convolution that is no 1 x 1, as
            those of a squeeze-excitation or of a head after pooling are.
        outputs: shape of its answer to one image; None where that is no tensor.
    """

    counts: Counts
    final_px: int
    outputs: tuple[int, ...] | None


def trace(model: "nn.Module", px: int) -> Traced:
    """Count a network on the meta device in evaluation mode for one image of `px` x `px` pixels."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    elements, sizes = [], [1]

    def look(module: "nn.Module", given: tuple, output: "torch.Tensor") -> None:
        elements.append(output.numel())
        if isinstance(module, torch.nn.Conv2d) and max(module.kernel_size) > 1:
            sizes.append(max(output.shape[2:]))

    watched = [module for module in model.modules() if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))]
    hooks = [module.register_forward_hook(look) for module in watched]
    training, outputs = model.training, None
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            outputs = model.eval()(torch.empty(1, 3, px, px, device="meta"))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    params = sum(values.numel() for values in model.parameters())
    shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else None
    # torch counts a product and a sum each
    return Traced(Counts(params, counter.get_total_flops() // 2, sum(elements)), sizes[-1], shape)


def saved_values(model: "nn.Module", px: int, images: int = 2) -> int:
    """Return the values an image that autograd saves in training, every storage once, parameters not counted."""
    import torch

    own = {values.untyped_storage()._cdata for values in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no address is used twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    training = model.training
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            answer = model.train()(torch.empty(images, 3, px, px, device="meta"))
    finally:
        model.train(training)
    del answer
    return sum(storage.nbytes() for storage in kept.values()) // 4 // images
