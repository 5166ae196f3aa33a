"""The families that are scaled: the paper's of Table 3, and all that `effnet scale` knows by name."""

from collections.abc import Callable

from .archs import (
    Architecture,
    Strided,
    convnext,
    efficientnet,
    efficientnet_lite,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    regnet,
    resnet,
)
from .scaling import Scaling

# Table 3 prints no coefficients for two of its three compound rows; the third and Table 7 print these.
ASSUMED = Scaling(1.4, 1.2, 1.3)

FAMILIES: dict[str, Callable[..., Strided]] = {
    "MobileNetV1": mobilenet_v1.scale,
    "MobileNetV2": mobilenet_v2.scale,
    "ResNet-50": resnet.scale,
}

# By name: a function of scaling, input px and classes, whose network at Scaling() is timm's own.
SCALABLE: dict[str, Callable[..., Architecture]] = {
    "EfficientNet": efficientnet.scale,
    "EfficientNet-Lite": efficientnet_lite.scale,
    "MobileNetV1": mobilenet_v1.scale,
    "MobileNetV2": mobilenet_v2.scale,
    "MobileNetV3": mobilenet_v3.scale,
    "ResNet": resnet.scale,
    "RegNet": regnet.scale,
    "ConvNeXt": convnext.scale,
}
