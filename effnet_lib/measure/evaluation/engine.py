"""What computes logits: the fastest of the runtimes that are installed and whose logits are PyTorch's to 1e-4."""

import copy
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import RunFailed, one_line
from ...models.fold_norms import folded

if TYPE_CHECKING:
    import torch
    from torch import nn

AGREEMENT = 1e-4  # largest absolute difference over the largest absolute logit
WORTH = 500  # images from which a conversion of some ten seconds is worth its time
ROUNDS = 3  # over the sample, alternated; the fastest round of each runtime counts
OPENVINO = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # it would choose a core that another process may hold
}

Logits = Callable[["torch.Tensor"], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """A runtime that is ready.

    Args:
        logits: (n, 3, s, s) standardised -> (n, classes).
        batch: n that it is fastest with.
        error: of the sample's logits against eager PyTorch's.
        seconds: CPU time an image of the sample.
    """

    words: str
    logits: Logits
    batch: int = 1
    error: float = 0.0
    seconds: float = 0.0


def eager(model: "nn.Module") -> Logits:
    """Return PyTorch as it comes: NCHW, each norm by itself. The reference."""
    import torch

    def call(x: "torch.Tensor") -> np.ndarray:
        with torch.inference_mode():
            return model(x.contiguous()).numpy()

    return call


def folded_channels_last(model: "nn.Module") -> Logits:
    """Return PyTorch with norms folded into convolutions and channels last: one image at a time, batches are slower."""
    import torch

    fast = folded(copy.deepcopy(model)).to(memory_format=torch.channels_last)

    def call(x: "torch.Tensor") -> np.ndarray:
        with torch.inference_mode():
            return fast(x.contiguous(memory_format=torch.channels_last)).numpy()

    return call


def openvino(model: "nn.Module", x: "torch.Tensor") -> Logits:
    """Return OpenVINO in single precision on one thread."""
    import openvino as ov
    import torch

    with torch.no_grad():
        converted = ov.convert_model(torch.export.export(model, (x.contiguous(),)))
    request = ov.Core().compile_model(converted, "CPU", OPENVINO).create_infer_request()

    def call(x: "torch.Tensor") -> np.ndarray:
        return next(iter(request.infer([x.contiguous().numpy()], share_inputs=True).values())).copy()

    return call


def on_device(model: "nn.Module", device: str, batch: int = 64) -> Engine:
    """Return PyTorch on an accelerator, in batches and full single precision."""
    import torch

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    moved = model.to(device).to(memory_format=torch.channels_last)

    def call(x: "torch.Tensor") -> np.ndarray:
        with torch.inference_mode():
            return moved(x.to(device)).cpu().numpy()

    return Engine(f"PyTorch on {device}", call, batch)


def fastest(model: "nn.Module", sample: Sequence["torch.Tensor"], images: int) -> Engine:
    """Return the fastest runtime on one core of those whose logits agree with eager PyTorch's on a sample.

    Args:
        sample: standardised images, (1, 3, s, s) each.
        images: how many there are to do; only for many is a network converted.
    """
    reference = eager(model)
    expected = [reference(x) for x in sample]
    ready = {"PyTorch, NCHW": reference} | dict(_candidates(model, sample[0], images))
    errors = {words: _error(logits, sample, expected) for words, logits in ready.items()}
    agreeing = {words: logits for words, logits in ready.items() if errors[words] <= AGREEMENT}
    seconds = dict.fromkeys(agreeing, np.inf)
    for _ in range(ROUNDS):
        for words, logits in agreeing.items():
            begun = time.process_time()
            for x in sample:
                logits(x)
            seconds[words] = min(seconds[words], (time.process_time() - begun) / len(sample))
    words = min(seconds, key=seconds.__getitem__)
    return Engine(words, ready[words], 1, errors[words], float(seconds[words]))


def _candidates(model: "nn.Module", x: "torch.Tensor", images: int) -> Iterator[tuple[str, Logits]]:
    yield "PyTorch, channels last, norms folded", folded_channels_last(model)
    if images >= WORTH and importlib.util.find_spec("openvino"):
        try:
            yield "OpenVINO fp32", openvino(model, x)
        except (RuntimeError, ValueError, TypeError, OSError, AttributeError) as problem:
            print(f"OpenVINO cannot run it, PyTorch does: {one_line(problem)}", flush=True)


def _error(logits: Logits, sample: Sequence["torch.Tensor"], expected: Sequence[np.ndarray]) -> float:
    found = [logits(x) for x in sample]
    if not all(np.isfinite(values).all() for values in expected):
        raise RunFailed("the network's logits are not finite on the first images")
    errors = (np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True))
    return float(max(errors))
