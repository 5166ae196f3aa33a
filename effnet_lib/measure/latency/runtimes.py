"""What runs a network for one image on one thread: PyTorch in three ways, ONNX Runtime, OpenVINO.

Each turns a built, calibrated network into a function without arguments that computes one image; its output is
compared with PyTorch eager's before anything is timed.
"""

import gc
import importlib.util
import multiprocessing
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import ParameterError, RunFailed, known, nearest, one_line

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

Call = Callable[[], "np.ndarray"]
PATIENCE = 900  # seconds for an export; GPipe's takes 50 on a busy core
EXTRA = "pip install -e '.[latency]'"


@dataclass(frozen=True)
class Runtime:
    """What a runtime is called in tables, how it gets ready, what it needs, how equal its outputs are to be.

    Attributes:
        tolerance: the most that the largest absolute difference over the largest absolute logit may be. Single
            precision: 1e-3, where reordered sums over a hundred layers give 1e-6 to 1e-4. bfloat16 keeps 8 bits, 0.4 %
            a rounding; random weights amplify that with depth, to 0.05 in B1 and 0.2 in ResNet-152. 0.4 lets these
            pass and still tells another network, whose logits are unrelated and differ by about 1.4.
        copies: of the weights while getting ready, PyTorch's own and an exporter's included (measured; pages of a
            mapped file, which the system may take back, are not counted).
        kept: copies that stay (measured likewise).
    """

    words: str
    prepare: Callable[["nn.Module", "torch.Tensor"], Call]
    packages: tuple[str, ...] = ()
    tolerance: float = 1e-3
    copies: float = 1.0
    kept: float = 1.0
    compiles: bool = False


def _torch_call(model: Callable[..., Any], x: "torch.Tensor") -> Call:
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
        path = Path(folder) / "network.onnx"
        aside(lambda: _export_onnx(model, x, path), model)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given, array = session.get_inputs()[0].name, x.numpy()
    return lambda: session.run(None, {given: array})[0]


def _export_onnx(model: "nn.Module", x: "torch.Tensor", path: Path) -> None:
    import torch

    program = torch.onnx.export(model, (x,), dynamo=True, verbose=False, optimize=True)
    known(program).save(str(path), external_data=True)  # beside it: protobuf holds 2 GB, GPipe's weights are 2.2


def _openvino(precision: str) -> Callable[["nn.Module", "torch.Tensor"], Call]:
    def prepare(model: "nn.Module", x: "torch.Tensor") -> Call:
        import openvino

        hints: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # we hold the process to one core; OpenVINO would choose another
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.xml"
            aside(lambda: _export_openvino(model, x, path), model)
            # Weights stay mapped from the file, which lives on without its name: pages that the system may take back.
            compiled = openvino.Core().compile_model(str(path), "CPU", hints)
        request, array = compiled.create_infer_request(), x.numpy()
        return lambda: next(iter(request.infer([array], share_inputs=True).values()))

    return prepare


def _export_openvino(model: "nn.Module", x: "torch.Tensor", path: Path) -> None:
    import openvino
    import torch

    # Not the module itself: that is traced, and a trace turns the sizes that AmoebaNet's padding asks for into tensors.
    with torch.no_grad():
        openvino.save_model(openvino.convert_model(torch.export.export(model, (x,))), path, compress_to_fp16=False)


def aside(export: Callable[[], None], model: "nn.Module") -> None:
    """Export a network in a forked process, then empty it here.

    Exporters keep what they made for as long as their process lives: two copies of the weights, 4.4 GB of GPipe's. A
    fork shares the network's own. Elsewhere than on Linux a fork of a process with torch is not safe, and the export
    happens here.

    Raises:
        RunFailed: with the export's last line.
    """
    if sys.platform == "linux":
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_export_and_tell, args=(export, sender))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that forking with threads may lock: ours wait for input, nothing else
            process.start()
        sender.close()
        try:
            problem = receiver.recv() if receiver.poll(PATIENCE) else f"it did not end within {PATIENCE} s"
        except EOFError:
            problem = "its process died, perhaps for lack of memory"
        process.kill()
        process.join()
        if problem:
            raise RunFailed(f"the export failed: {problem}")
    else:
        export()
    model.to("meta")
    gc.collect()


def _export_and_tell(export: Callable[[], None], sender: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            export()
        except Exception as problem:  # whatever an exporter raises is why it cannot export; told to the parent
            sender.send(one_line(problem))
        else:
            sender.send("")


ONNX = ("onnx", "onnxruntime", "onnxscript")
OPENVINO = ("openvino",)
RUNTIMES: dict[str, Runtime] = {
    "eager": Runtime("PyTorch eager (NCHW)", _eager),
    "channels_last": Runtime("PyTorch eager, channels_last", _channels_last, copies=1.1, kept=1.1),
    "compile": Runtime("torch.compile", _compile, copies=1.3, kept=1.3, compiles=True),
    "onnxruntime": Runtime("ONNX Runtime", _onnxruntime, ONNX, copies=2.2, kept=1.2),
    "openvino": Runtime("OpenVINO fp32", _openvino("f32"), OPENVINO, copies=2.2, kept=1.2),
    "openvino_bf16": Runtime("OpenVINO bf16", _openvino("bf16"), OPENVINO, tolerance=0.4, copies=2.2, kept=1.2),
}


def check(name: str, parameter: str = "runtimes") -> Runtime:
    """Return a runtime that can run here.

    Raises:
        ParameterError: for an unknown name, with the nearest; for missing packages, with the extra that brings them;
            for torch.compile without a C++ compiler.
    """
    if name not in RUNTIMES:
        raise ParameterError(parameter, name, nearest(str(name), RUNTIMES))
    runtime = RUNTIMES[name]
    if missing := [package for package in runtime.packages if not importlib.util.find_spec(package)]:
        raise ParameterError(parameter, name, f"what is installed; {', '.join(missing)} is not, and comes with {EXTRA}")
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

    Raises:
        RunFailed: with the reason in a line, where it cannot be converted or its outputs are not equal.
    """
    runtime = RUNTIMES[name]
    try:
        call = runtime.prepare(model, x)
        error = error_of(call(), reference)
    except (RuntimeError, ValueError, TypeError, OSError, MemoryError, AttributeError, ImportError) as problem:
        raise RunFailed(f"{runtime.words} cannot run it: {one_line(problem)}") from problem
    except RunFailed as problem:
        raise RunFailed(f"{runtime.words} cannot run it: {problem}") from problem
    if not error <= runtime.tolerance:
        raise RunFailed(
            f"{runtime.words} gives other outputs: relative error {error:.2g}, at most {runtime.tolerance:g}"
        )
    return call, error
