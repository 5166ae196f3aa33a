"""Hand on a trained network: safetensors with record and model card beside it, and ONNX that was checked against it.

Files are named by the run's key. The JSON is the run's own record, readable by `parse_record` and by
`effnet publish --from`, with what a user of the weights must know under "export".
"""

import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.atomic_write import write_aside
from ..core.errors import ParameterError, RunFailed, StoreError, known, nearest
from ..models.archs import to_data
from ..runs.kept_weights import read_weights
from ..runs.run_store import RunRecord, RunStore
from ..training.recipes import Recipe
from .model_card import model_card

if TYPE_CHECKING:
    from torch import nn

FORMATS = ("safetensors", "onnx")
TOLERANCE = 1e-3  # of the largest logit; single precision and another order of sums leave some 1e-6
CHECKED = (1, 3)  # batch sizes that the check runs: that of the export's example, and another


def stored(store: RunStore, name: str) -> list[RunRecord]:
    """Return the runs meant by `all` (those with stored weights), a key, or a key's beginning if only one has it.

    Raises:
        ParameterError: a beginning of no key or of several.
        StoreError: the weights are not here.
    """
    keys = sorted(path.stem for path in (store.root / "weights").glob("*.safetensors"))
    if name == "all":
        if not (found := [record for key in keys if (record := store.get(key))]):
            raise StoreError("no run with weights is stored here; they do not ship, training keeps them")
        return found
    folders = (store.root / "records", store.published_folder)
    known = sorted({path.stem for folder in folders for path in folder.glob("*.json")})
    matches = [key for key in known if name and key.startswith(name.lower())]
    matches = [name] if name in matches else matches
    if len(matches) > 1:
        raise ParameterError("key", name, f"a longer beginning: {len(matches)} keys have it, such as {matches[0][:16]}")
    record = store.get(matches[0]) if matches else None
    if record is None:
        some = ", ".join(key[:12] for key in keys[:3]) or "none"
        raise ParameterError("key", name, f"all, or the beginning of a stored run's key (with weights here: {some})")
    if record.key not in keys:
        raise StoreError(f"the weights of run {record.key[:12]} are not here: they do not ship, training keeps them")
    return [record]


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """Accept some of FORMATS.

    Raises:
        ParameterError: another format, or ONNX without the packages of its extra.
    """
    formats = tuple(formats)
    for one in formats:
        if one not in FORMATS:
            raise ParameterError("format", one, nearest(one, FORMATS))
    missing = [package for package in ("onnx", "onnxscript", "onnxruntime") if not find_spec(package)]
    if "onnx" in formats and missing:
        what = f"safetensors here: {', '.join(missing)} is missing, pip install 'effnet-lib[latency]' brings it"
        raise ParameterError("format", "onnx", what)
    return formats


def network(store: RunStore, record: RunRecord) -> "nn.Module":
    """Return a run's trained network in evaluation mode.

    Raises:
        StoreError: its weights do not fit its record.
    """
    from torch import nn

    recipe = Recipe(**record.spec["recipe"])
    model = record.arch.build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = recipe.bn_eps
    try:
        model.load_state_dict(read_weights(store.weights(record.key), record.key))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"the weights of run {record.key[:12]} cannot be used: {reason}") from error
    return model.eval()


def export(store: RunStore, record: RunRecord, folder: Path, formats: Iterable[str] = FORMATS) -> dict[str, Any]:
    """Write a run's network, record and model card to folder/<key>.*; return what the JSON has under "export".

    ONNX takes any batch size; it is run beside the network, and `max_relative_error` is the largest difference of a
    logit over the largest logit.

    Raises:
        RunFailed: above 1e-3.
        StoreError: weights that do not fit, or a folder that cannot be written.
        ParameterError: as `check_formats`.
    """
    formats = check_formats(formats)
    model = network(store, record)
    about: dict[str, Any] = {
        "input": _input(record),
        "classes": record.arch.classes,
        "architecture": record.arch.family,
    }
    stem = folder / record.key
    try:
        if "safetensors" in formats:
            write_aside(stem.with_suffix(".safetensors"), _safetensors(model, record))
        if "onnx" in formats:
            data, about["onnx"] = _onnx(model, record.arch.px)
            write_aside(stem.with_suffix(".onnx"), data)
        body = json.loads(record.to_json()) | {"export": about}
        write_aside(stem.with_suffix(".json"), (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
        write_aside(stem.with_suffix(".md"), model_card(record, about).encode())
    except OSError as error:
        raise StoreError(f"folder {str(folder)!r} cannot be written: {error.strerror}") from error
    return about


def _input(record: RunRecord) -> dict[str, Any]:
    from ..training.augment import MEAN, STD

    px = record.arch.px
    return {"shape": ["batch", 3, px, px], "colours": "RGB, 0 to 1, minus mean, over std", "mean": MEAN, "std": STD}


def _safetensors(model: "nn.Module", record: RunRecord) -> bytes:
    from safetensors.torch import save

    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    return save(state, {"format": "pt", "key": record.key, "arch": json.dumps(to_data(record.arch))})


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest expected value; NaN where either says nothing."""
    if got.shape != expected.shape or not expected.size or not np.abs(expected).max() > 0:
        return float("nan")
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def _onnx(model: "nn.Module", px: int) -> tuple[bytes, dict[str, Any]]:
    """Return the ONNX file and the check: opset, runtime and largest relative error."""
    import logging
    import warnings

    import onnxruntime
    import torch

    images = torch.randn(max(CHECKED), 3, px, px, generator=torch.Generator().manual_seed(0))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it recommends passes that this export does not need
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and onnxscript about each other
        program = torch.onnx.export(
            model,
            (images,),
            dynamo=True,
            verbose=False,
            input_names=["pictures"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    made = known(program).model_proto
    data = made.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    errors = []
    for batch in CHECKED:
        with torch.inference_mode():
            expected = model(images[:batch]).numpy()
        got = session.run(None, {"pictures": images[:batch].numpy()})[0]
        errors.append(relative_error(got, expected))
    worst = float(np.max(errors))  # of a NaN, NaN: max() would skip it
    if not worst <= TOLERANCE:
        raise RunFailed(f"the ONNX model differs from the network by {worst:.1e} of its largest logit")
    opset = next(one.version for one in made.opset_import if not one.domain)
    return data, {"max_relative_error": worst, "opset": opset, "onnxruntime": onnxruntime.__version__}
