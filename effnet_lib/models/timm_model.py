"""`effnet_scaled` for timm: B0 scaled by d, w and r, built by timm's own parts and known to its registry.

`timm.create_model("effnet_scaled", d=1.2, w=1.1, r=1.15)` works wherever `effnet_lib` was imported, before timm or
after it: see `timm_hook`. No other module of the library needs this one.
"""

from functools import partial
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import efficientnet as timm_efficientnet
from timm.models import register_model
from timm.models._efficientnet_builder import resolve_bn_args
from torch import nn

from ..core.errors import ParameterError
from .archs import efficientnet, timm_blocks
from .scaling import Scaling


def _cfg(arch: efficientnet.EfficientNet) -> dict[str, Any]:
    """Return timm's description of a network's input and of its ends; there are no weights to fetch."""
    return {
        "architecture": "effnet_scaled",
        "num_classes": arch.classes,
        "input_size": (3, arch.px, arch.px),
        "pool_size": (arch.final_px, arch.final_px),
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "first_conv": "conv_stem",
        "classifier": "classifier",
    }


# Read by timm when it registers the function below: what its listings say of the unscaled network.
default_cfgs = {"effnet_scaled": _cfg(efficientnet.scale(Scaling()))}


@register_model
def effnet_scaled(
    pretrained: bool = False,
    d: float = 1.0,
    w: float = 1.0,
    r: float = 1.0,
    base_px: int = 224,
    padding: str = "symmetric",
    **kwargs: Any,
) -> nn.Module:
    """Build B0 (Table 1) scaled by depth d, width w and resolution r (section 3.2; equation 3 ties them together).

    The input size is round(base_px * r), in the model's `default_cfg`; `padding` is "symmetric" or "same", as the
    published weights have it. All other keywords are timm's (num_classes, in_chans, drop_rate, drop_path_rate,
    bn_eps, features_only, ...), `checkpoint_path` reads what `effnet export` wrote. Raises ParameterError for a
    multiplier or a padding that is not accepted, and for `pretrained=True`: no weights belong to a free d, w, r.
    """
    if pretrained:
        accepted = "False: no weights belong to a free d, w, r; checkpoint_path='....safetensors' reads those of yours"
        raise ParameterError("pretrained", pretrained, accepted)
    if padding not in timm_blocks.PAD_TYPES:
        raise ParameterError("padding", padding, " or ".join(timm_blocks.PAD_TYPES))
    arch = efficientnet.scale(Scaling(d, w, r), base_px, kwargs.get("num_classes", 1000), padding)
    kwargs.pop("pretrained_cfg", None)  # timm's own idea of it is the unscaled network's
    given = timm_blocks.timm_arguments(arch.timm_rows(), arch.stem, arch.head, nn.SiLU, timm_blocks.PAD_TYPES[padding])
    if bn := resolve_bn_args(kwargs):
        kwargs["norm_layer"] = partial(nn.BatchNorm2d, **bn)
    return timm_efficientnet._create_effnet("effnet_scaled", pretrained_cfg=_cfg(arch), **(given | kwargs))
