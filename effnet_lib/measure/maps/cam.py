"""Class activation maps: which cells of the last feature map speak for a class.

CAM (Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016) needs a network that ends in a
global mean and one linear layer. The logit of class c is then the mean over cells of sum_k w[c, k] * f[k, cell], plus
a bias: the summand is the map, exactly, with no gradient and no extra pass. At the same layer Grad-CAM is the same map
divided by the number of cells. The other methods are those of the package grad-cam.
"""

import contextlib
import difflib
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...core.errors import EffnetError, ParameterError, nearest
from .geometry import Cells, squares

if TYPE_CHECKING:
    import torch
    from torch import nn

METHODS = {  # our name -> the package's class; CAM itself is ours
    "cam": "",
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "layercam": "LayerCAM",
    "hirescam": "HiResCAM",
    "eigencam": "EigenCAM",
    "scorecam": "ScoreCAM",
}
BATCH = 50


class MapError(EffnetError):
    """A map says nothing: it is constant, empty or not a number."""


class Maps(NamedTuple):
    """Evidence for a class in each image, (n, cells, cells) float32, and the logits (n, classes) of the pass."""

    grids: np.ndarray
    logits: np.ndarray


def check_method(name: str, value: object) -> str:
    """Return `value` where it is the name of a method.

    Raises:
        ParameterError: with the nearest name, for any other value of the parameter called `name`.
    """
    if not isinstance(value, str) or value not in METHODS:
        raise ParameterError(name, value, nearest(value, METHODS))
    return value


def head_of(model: "nn.Module") -> "nn.Linear":
    """Return the linear layer that ends a network after global average pooling.

    Raises:
        ParameterError: for a network that ends otherwise, for which CAM is not defined.
    """
    from torch import nn

    classifier = getattr(model, "get_classifier", None)
    head = classifier() if classifier else None
    pool = getattr(getattr(model, "global_pool", None), "pool_type", None)
    if not isinstance(head, nn.Linear) or pool != "avg" or not hasattr(model, "forward_features"):
        accepted = "a network that ends in a global mean and one linear layer (CAM is defined for no other)"
        raise ParameterError("model", type(model).__name__, accepted)
    return head


def layer_of(model: "nn.Module", layer: str = "") -> "nn.Module":
    """Return a layer by name; by default the layer after whose activation the features are pooled.

    Raises:
        ParameterError: with the nearest name, for a layer that does not exist.
    """
    named = dict(model.named_modules())
    name = layer or ("bn2" if "bn2" in named else str(vars(model)["feature_info"][-1]["module"]))
    if name not in named:
        close = difflib.get_close_matches(name, named, n=1, cutoff=0.0)[0]
        raise ParameterError("layer", layer, f"a layer of this network, such as {close} (the nearest) or bn2")
    return named[name]


def class_maps(
    model: "nn.Module",
    images: "torch.Tensor",
    classes: "torch.Tensor | None" = None,
    method: str = "cam",
    layer: str = "",
    batch: int = BATCH,
) -> Maps:
    """Return the map of a class for each image, in cells, without any scaling or cut.

    The mean of a CAM plus the class's bias is the class's logit (Zhou et al. 2016, equation 2). Maps of the package
    come as it makes them: no negative values, 0 to 1 in each image.

    Args:
        images: (n, 3, h, w), standardised, on any device; they are sent to the network's.
        classes: (n,); None is the predicted class of each image.

    Raises:
        ParameterError: for an unknown method or layer, or a network without pooled linear head.
    """
    import torch

    check_method("method", method)
    head, features_of = head_of(model), layer_of(model, layer)
    model.eval()
    device, mapped = next(model.parameters()).device, []
    for start in range(0, len(images), batch):
        part = images[start : start + batch].to(device)
        wanted = None if classes is None else classes[start : start + batch].to(device)
        if method == "cam":
            mapped.append(_cam(model, head, features_of, part, wanted, layer))
        else:
            mapped.append(_packaged(model, features_of, part, wanted, METHODS[method]))
    grids, logits = (torch.cat(parts).cpu().numpy() for parts in zip(*mapped, strict=True))
    return Maps(grids, logits)


def _cam(
    model: "nn.Module",
    head: "nn.Linear",
    features_of: "nn.Module",
    images: "torch.Tensor",
    classes: "torch.Tensor | None",
    layer: str,
) -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    kept: list[torch.Tensor] = []
    handle = features_of.register_forward_hook(lambda module, given, out: kept.append(out))
    try:
        with torch.inference_mode():
            logits = model(images)
    finally:
        handle.remove()
    features = kept[0] if kept else None
    if features is None or features.ndim != 4 or features.shape[1] != head.in_features:
        raise ParameterError(
            "layer", layer, "the layer whose output the classifier pools (bn2), as CAM is defined by it"
        )
    with torch.inference_mode():
        rows = head.weight[logits.argmax(1) if classes is None else classes]
        return torch.einsum("nkhw,nk->nhw", features, rows), logits


def _packaged(
    model: "nn.Module", features_of: "nn.Module", images: "torch.Tensor", classes: "torch.Tensor | None", name: str
) -> "tuple[torch.Tensor, torch.Tensor]":
    import pytorch_grad_cam
    import torch
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    if classes is None:
        with torch.inference_mode():
            classes = model(images).argmax(1)
    targets = [ClassifierOutputTarget(int(label)) for label in classes]
    quiet = contextlib.redirect_stderr(io.StringIO()) if name == "ScoreCAM" else contextlib.nullcontext()  # its bars
    tool = getattr(pytorch_grad_cam, name)(model=model, target_layers=[features_of])
    try:
        # The package would enlarge maps as if cell i lay in the middle of a square: we take them in cells.
        kept = tool.activations_and_grads  # not `tool`: a cycle would hold the graph until the collector comes round
        tool.get_target_width_height = lambda given: kept.activations[0].shape[:1:-1]
        with quiet:
            grids = tool(input_tensor=images, targets=targets)
        logits = tool.outputs.detach()
    finally:
        tool.activations_and_grads.release()
        model.zero_grad(set_to_none=True)
    return torch.from_numpy(np.asarray(grids, np.float32)), logits


def to_pixels(grids: np.ndarray, cells: Cells, frame: int | None = None) -> np.ndarray:
    """Enlarge maps (n, cells, cells) to the pixels of the image, or of a `frame`: (n, frame, frame) float32.

    Linear between the cells' centres as they lie in the image (`geometry.Cells`), and constant beyond the outermost.
    """
    weight = cells.weights(frame or cells.px).numpy()
    return np.einsum("yh,nhw,xw->nyx", weight, np.asarray(grids, np.float32), weight, optimize=True)


def pooled(pixels: np.ndarray, count: int) -> np.ndarray:
    """Average maps (n, frame, frame) over `count` x `count` equal squares and enlarge them again.

    So a fine map says no more than a coarse one. A square's border may cut a pixel, which then counts by its area.
    """
    frame = pixels.shape[-1]
    edges = np.arange(count + 1) * frame / count
    pixel = np.arange(frame)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    share = inside.clip(0) * count / frame
    grids = np.einsum("hy,nyx,wx->nhw", share, pixels, share, optimize=True)
    return to_pixels(grids, squares(count, frame))


def says_something(maps: np.ndarray) -> np.ndarray:
    """Return whether each map (n, h, w) is finite, not constant and speaks for its class somewhere: (n,) bool."""
    flat = maps.reshape(len(maps), -1)
    with np.errstate(invalid="ignore"):
        spread = flat.max(1) - flat.min(1) > 1e-6 * np.abs(flat).max(1)
        return np.isfinite(flat).all(1) & spread & (flat.max(1) > 0)


def relevance(maps: np.ndarray, names: "list[str] | None" = None) -> np.ndarray:
    """Return what a figure shows of maps (n, h, w): evidence against the class cut at 0, the largest value made 1.

    Args:
        names: of the images, for the error.

    Raises:
        MapError: naming the image, for a map that is constant, without evidence or not finite.
    """
    bad = np.flatnonzero(~says_something(maps))
    if bad.size:
        which = names[bad[0]] if names else f"number {bad[0]}"
        raise MapError(f"the map of image {which} is constant or empty: there is nothing to show ({bad.size} in all)")
    cut = np.maximum(maps, 0)
    return cut / cut.max(axis=(1, 2), keepdims=True)
