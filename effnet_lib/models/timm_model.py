"""`effnet_scaled` for timm: B0 scaled by d, w and r, built by timm's own parts and known to its registry.

Importing this module registers it; `create_model` does both in one call. No other module of the library needs this one.
"""

from functools import partial
from typing import Any

import timm
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import efficientnet as timm_efficientnet
from timm.models import register_model
from timm.models._efficientnet_builder import resolve_bn_args
from torch import nn

from ..core.errors import ParameterError, nearest
from .archs import efficientnet, timm_blocks
from .scaling import Scaling


def create_model(d: float = 1.0, w: float = 1.0, r: float = 1.0, **kwargs: Any) -> nn.Module:
    """Build B0 scaled by depth d, width w and resolution r: timm.create_model("effnet_scaled", d=d, w=w, r=r, ...).

    Args:
        kwargs: as `effnet_scaled` takes them, and timm's own `checkpoint_path`, which reads what `effnet export` wrote.

    Raises:
        ParameterError: as `effnet_scaled` does.
    """
    return timm.create_model("effnet_scaled", d=d, w=w, r=r, **kwargs)


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
    base_image_size: int = 224,
    padding: str = "symmetric",
    **kwargs: Any,
) -> nn.Module:
    """Build B0 (Table 1) scaled by depth d, width w and resolution r (section 3.2; equation 3 ties them together).

    Args:
        pretrained: must be False, as no weights belong to a free d, w, r.
        base_image_size: input height = width in pixels at r = 1; scaled, it stands in the model's `default_cfg`.
        padding: "symmetric" or "same", as the published weights have it.
        kwargs: timm's (num_classes, in_chans, drop_rate, drop_path_rate, bn_eps, features_only, ...).

    Raises:
        ParameterError: a multiplier, a size, a `padding`, a `pretrained` or a `pretrained_cfg` that is not accepted; a
            name that neither this function nor timm knows.
    """
    if pretrained:
        accepted = "False: no weights belong to a free d, w, r; checkpoint_path='....safetensors' reads those of yours"
        raise ParameterError("pretrained", pretrained, accepted)
    if (config := kwargs.pop("pretrained_cfg", None)) is not None:
        accepted = "None: it follows from d, w, r and the classes; pretrained_cfg_overlay={...} changes entries of it"
        raise ParameterError("pretrained_cfg", config, accepted)
    if padding not in timm_blocks.PAD_TYPES:
        raise ParameterError("padding", padding, " or ".join(timm_blocks.PAD_TYPES))
    arch = efficientnet.scale(Scaling(d, w, r), base_image_size, kwargs.get("num_classes", 1000), padding)
    if bn := resolve_bn_args(kwargs):
        kwargs["norm_layer"] = partial(nn.BatchNorm2d, **bn)
    arguments = arch.timm_arguments() | kwargs
    try:
        return timm_efficientnet._create_effnet("effnet_scaled", pretrained_cfg=_cfg(arch), **arguments)
    except TypeError as error:  # timm takes names in many places, and refuses one in the last of them
        for name in kwargs:
            if f"unexpected keyword argument '{name}'" in str(error):
                known = nearest(name, ("d", "w", "r", "base_image_size", "padding"))
                accepted = f"no value: neither timm nor effnet_scaled knows it; of its own are {known}"
                raise ParameterError(name, kwargs[name], accepted) from None
        raise
