"""What runs a network for one picture on one thread: PyTorch in three ways, ONNX Runtime, OpenVINO.

Each turns a built, calibrated network into a function without arguments that computes one picture; its output is
compared with PyTorch eager's before anything is timed.
"""

import gc
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, RunFailed, nearest

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

Call = Callable[[], "np.ndarray"]
EXTRA = "pip install -e '.[latency]'"


@dataclass(frozen=True)
class Runtime:
    """A runtime: what it is called in tables, the packages that it needs, how equal its outputs are to be.

    `tolerance`: most of the largest absolute difference over the largest absolute logit. Single precision: 1e-3, where
    reordered sums over a hundred layers give 1e-6 to 1e-4. bfloat16 keeps 8 bits, 0.4 % a rounding; random signs
    over a hundred layers give some per cent, and 0.15 still tells a wrong network, which is off by 1.
    `copies`: of the weights at the peak of getting ready, PyTorch's own included (measured).
    """

    words: str
    prepare: Callable[["nn.Module", "torch.Tensor"], Call]
    packages: tuple[str, ...] = ()
    tolerance: float = 1e-3
    copies: float = 1.0
    compiles: bool = False


def _torch_call(model: "nn.Module", x: "torch.Tensor") -> Call:
    import torch

    def call() -> "np.ndarray":
        with torch.inference_mode():
            return model(x).numpy()

    return call


def _eager(model: "nn.Module", x: "torch.Tensor") -> Call:
    return _torch_call(model, x)


def _channels_last(model: "nn.Module", x: "torch.Tensor") -> Call:
    import torch

    return _torch_call(model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last))


def _compile(model: "nn.Module", x: "torch.Tensor") -> Call:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = _torch_call(torch.compile(model), x)
        call()
    return call


def _onnxruntime(model: "nn.Module", x: "torch.Tensor") -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder:
        path = exported(model, x, Path(folder))
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given, array = session.get_inputs()[0].name, x.numpy()
    return lambda: session.run(None, {given: array})[0]


def exported(model: "nn.Module", x: "torch.Tensor", folder: Path) -> Path:
    """Write a network as ONNX, weights beside it where they exceed protobuf's 2 GB, and empty the network.

    Empty: its weights would lie in memory beside the runtime's own copy, 2.2 GB of GPipe's.
    """
    import torch

    path = folder / "network.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(model, (x,), dynamo=True, verbose=False, optimize=True)
        program.save(str(path), external_data=True)
    del program
    model.to("meta")
    gc.collect()
    return path


def _openvino(precision: str) -> Callable[["nn.Module", "torch.Tensor"], Call]:
    def prepare(model: "nn.Module", x: "torch.Tensor") -> Call:
        import openvino

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = openvino.convert_model(model, example_input=x, input=[tuple(x.shape)])
        hints: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # we hold the process to one core; OpenVINO would choose another
        }
        compiled = openvino.Core().compile_model(converted, "CPU", hints)
        del converted
        model.to("meta")
        gc.collect()
        request, array = compiled.create_infer_request(), x.numpy()
        return lambda: next(iter(request.infer([array], share_inputs=True).values()))

    return prepare


ONNX = ("onnx", "onnxruntime", "onnxscript")
RUNTIMES: dict[str, Runtime] = {
    "eager": Runtime("PyTorch eager (NCHW)", _eager),
    "channels_last": Runtime("PyTorch eager, channels_last", _channels_last, copies=1.3),
    "compile": Runtime("torch.compile", _compile, copies=1.3, compiles=True),
    "onnxruntime": Runtime("ONNX Runtime", _onnxruntime, ONNX, copies=2.2),
    "openvino": Runtime("OpenVINO fp32", _openvino("f32"), ("openvino",), copies=2.2),
    "openvino_bf16": Runtime("OpenVINO bf16", _openvino("bf16"), ("openvino",), tolerance=0.15, copies=2.2),
}


def check(name: str, parameter: str = "runtimes") -> Runtime:
    """Return a runtime that can run here.

    Raises ParameterError for an unknown name, with the nearest; for one whose packages are missing, with the extra that
    brings them; for torch.compile without a C++ compiler.
    """
    if name not in RUNTIMES:
        raise ParameterError(parameter, name, nearest(str(name), RUNTIMES))
    runtime = RUNTIMES[name]
    if missing := [package for package in runtime.packages if not importlib.util.find_spec(package)]:
        raise ParameterError(
            parameter, name, f"what is installed; {', '.join(missing)} is not, and comes with {EXTRA}"
        )
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")  # torch's own choice
    if runtime.compiles and not shutil.which(compiler):
        raise ParameterError(parameter, name, f"what can run; it needs a C++ compiler, and {compiler} is not there")
    return runtime


def error_of(output: "np.ndarray", reference: "np.ndarray") -> float:
    """Return the largest absolute difference over the largest absolute reference.

    Not element by element: a logit near zero has no relative error that means anything.
    """
    import numpy as np

    if output.shape != reference.shape or not np.isfinite(output).all():
        return float("inf")
    return float(np.abs(output - reference).max() / np.abs(reference).max())


def ready(name: str, model: "nn.Module", x: "torch.Tensor", reference: "np.ndarray") -> tuple[Call, float]:
    """Return a network's call in a runtime and the error of its output against PyTorch eager's.

    Raises RunFailed, with the reason in one line, where it cannot be converted or its outputs are not equal.
    """
    runtime = RUNTIMES[name]
    try:
        call = runtime.prepare(model, x)
        error = error_of(call(), reference)
    except (RuntimeError, ValueError, TypeError, OSError, MemoryError, AttributeError, ImportError) as problem:
        text = " ".join(str(problem).split())[:200]
        raise RunFailed(f"{runtime.words} cannot run it: {type(problem).__name__}: {text}") from problem
    if not error <= runtime.tolerance:
        raise RunFailed(f"{runtime.words} gives other outputs: relative error {error:.2g}, at most {runtime.tolerance:g}")
    return call, error
