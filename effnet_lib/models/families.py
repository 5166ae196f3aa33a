"""The families that the paper scales: their full-size networks, and the multipliers where it prints none."""

from collections.abc import Callable

from .archs import Architecture, mobilenet_v1, mobilenet_v2, resnet
from .scaling import Scaling

# Table 3 prints no coefficients for two of its three compound rows; the third and Table 7 print these.
ASSUMED = Scaling(1.4, 1.2, 1.3)

FAMILIES: dict[str, Callable[..., Architecture]] = {
    "MobileNetV1": mobilenet_v1.scale,
    "MobileNetV2": mobilenet_v2.scale,
    "ResNet-50": resnet.scale,
}
