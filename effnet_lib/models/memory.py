"""Peak memory of a training step in closed form, from architecture data alone; needs no torch.

The peak comes where the backward pass begins: all that autograd saved is alive, and the last layers are small.
"""

from collections.abc import Iterator

from ..core.errors import ParameterError
from .archs import Architecture
from .archs.layers import SavedTensors
from .complexity import count

SIZE = {"fp32": 4, "bf16": 2}  # bytes of an activation; weights and all that updates them stay in single precision
STATE = {"sgd": 1, "rmsproptf": 2}  # copies of the weights that an optimiser keeps: momentum; and the mean square
# uint8 pixels lie beside the images cropped from them, at up to 1.7 times the side: 1.7**2 < 3 bytes a value.
SOURCE = 3
# No count knows the workspaces of cuBLAS (32 MiB on an H100, as much again for cublasLt) and of cuDNN (it depends on
# the algorithm that is picked): an allowance, 6 % of the smallest peak that matters (4 GiB).
WORKSPACE = 256 * 2**20


def activation_bytes(arch: Architecture, batch: int, precision: str = "fp32") -> int:
    """Return the bytes that autograd saves in a forward pass of `batch` images, parameters not counted.

    Args:
        precision: "fp32" or "bf16" (autocast; its copies of the weights count).

    Raises:
        ParameterError: another precision.
    """
    return _activations(arch, batch, precision)[0]


def training_bytes(
    arch: Architecture, batch: int, precision: str = "fp32", optimiser: str = "sgd", ema: bool = False
) -> int:
    """Predict the bytes allocated on a GPU at the peak of a training step, as torch.cuda.max_memory_allocated counts.

    Gradients count as if another micro-batch came before. Not counted: evaluation, data sets and other micro-batches
    held on the GPU, what an allocator reserves without using it.

    Args:
        batch: images of one forward and backward pass.
        precision: "fp32" or "bf16".
        optimiser: "sgd" (with momentum) or "rmsproptf".
        ema: whether averaged weights are kept.

    Raises:
        ParameterError: an unknown precision or optimiser.

    >>> import effnet_lib as eff
    >>> b0 = eff.published("b0")
    >>> [round(eff.training_bytes(b0, batch) / 2**30, 1) for batch in (1, 32)]
    [0.4, 3.0]
    """
    if optimiser not in STATE:
        raise ParameterError("optimiser", optimiser, " or ".join(STATE))
    weights = 4 * count(arch).params
    statistics = sum(4 * 2 * layer.normed for layer in arch.layers())
    copies = 2 + STATE[optimiser]  # weights, gradients, state
    _, activations = _activations(arch, batch, precision)
    # In single precision, images that are not padded are what autograd saves: counted twice, 2 % at the very most.
    images = (4 + SOURCE) * batch * 3 * arch.px**2
    return copies * weights + statistics + ema * (weights + statistics) + images + activations + WORKSPACE


def largest_batch(
    arch: Architecture, batch: int, limit: int, precision: str = "fp32", optimiser: str = "sgd", ema: bool = False
) -> int:
    """Return the largest of `batch`, `batch` / 2, `batch` / 4, ... whose training step takes at most `limit` bytes.

    Only whole halves are tried.

    Raises:
        ParameterError: none fits (named micro_batch), and as `training_bytes` does.
    """
    while (needed := training_bytes(arch, batch, precision, optimiser, ema)) > limit:
        if batch % 2:
            fits = f"fewer images, as these need {needed / 2**30:.1f} GiB of {limit / 2**30:.1f} GiB"
            raise ParameterError("micro_batch", batch, fits + ("; an odd number is not halved" if batch > 1 else ""))
        batch //= 2
    return batch


def check_fits(
    arch: Architecture,
    batch: int,
    free: int | None,
    precision: str = "fp32",
    optimiser: str = "sgd",
    ema: bool = False,
) -> None:
    """Refuse a training step of `batch` images for which the `free` bytes (None: unknown) are too few.

    Raises:
        ParameterError: with both numbers (named micro_batch), and as `training_bytes` does.
    """
    needed = training_bytes(arch, batch, precision, optimiser, ema)
    if free is not None and needed > free:
        numbers = f"a training step needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free"
        raise ParameterError("micro_batch", batch, f"fewer images, or a smaller network: {numbers}")


def _activations(arch: Architecture, batch: int, precision: str) -> tuple[int, int]:
    """Return the bytes that are saved, and the most that are alive in the backward pass with its gradients."""
    if precision not in SIZE:
        raise ParameterError("precision", precision, " or ".join(SIZE))
    size, cast = SIZE[precision], precision != "fp32"
    fixed = 0
    for layer in arch.layers():
        fixed += 8 * layer.normed  # the batch's mean and 1 / standard deviation, in single precision
        fixed += layer.weights * size * cast
    # The loss saves log-probabilities in single precision (cast logits too), int64 labels and whether each counts.
    fixed += batch * (arch.classes * (4 + size * cast) + 9)
    saved = most = 0
    for values, gradients in _saved_tensors(arch):
        saved += values
        most = max(most, saved + gradients)
    return fixed + batch * size * saved, fixed + batch * size * most


def _saved_tensors(arch: Architecture) -> Iterator[SavedTensors]:
    """Yield what the family says that autograd saves, else an estimate from its layers (5 to 10 % low)."""
    if hasattr(arch, "saved_values"):
        yield from arch.saved_values()
        return
    yield SavedTensors(3 * arch.px**2)
    for layer in arch.layers():
        values = layer.activations // layer.repeats
        # Inputs of the norm, of the activation and of the next layer, as if each had all and none were in place; what
        # a linear layer saves less and a squeeze-excitation more is not seen.
        yield from [SavedTensors((2 + layer.norm) * values, 2 * values)] * layer.repeats
