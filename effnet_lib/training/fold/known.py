"""Which modules may stand in a folded network: those that keep every channel, or every group of them, to itself."""

from timm.layers import BatchNormAct2d, Conv2dSame, ConvNormAct, DropPath, SelectAdaptivePool2d
from timm.layers import Linear as TimmLinear
from timm.layers.classifier import ClassifierHead
from timm.layers.squeeze_excite import SEModule
from timm.models._efficientnet_blocks import ConvBnAct, DepthwiseSeparableConv, InvertedResidual, SqueezeExcite
from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.regnet import Bottleneck as RegNetBottleneck
from timm.models.regnet import RegNet, RegStage
from timm.models.resnet import Bottleneck, ResNet
from torch import nn

CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
NORMS = (nn.BatchNorm2d, BatchNormAct2d)
LINEAR = (nn.Linear, TimmLinear)
DROPS = (nn.Dropout, DropPath)
# Networks that drop out by themselves, before this layer.
HEADS: dict[type[nn.Module], str] = {EfficientNet: "classifier", MobileNetV3: "classifier", ResNet: "fc"}
WHOLES = (*HEADS, RegNet)
BLOCKS = (
    *(DepthwiseSeparableConv, InvertedResidual, ConvBnAct, SqueezeExcite, Bottleneck, SEModule),
    *(RegStage, RegNetBottleneck, ConvNormAct, ClassifierHead, SelectAdaptivePool2d, nn.Sequential),
)
CHANNELWISE = (
    *(nn.Identity, nn.Flatten, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
    *(nn.SiLU, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid),
)
EXACT = {*CONVOLUTIONS, *NORMS, *LINEAR, *DROPS, *WHOLES, *BLOCKS, *CHANNELWISE}


def unknown(model: nn.Module) -> str:
    """Return the first module that cannot be folded, in words; nothing where all can."""
    for name, module in model.named_modules():
        if not (type(module) in EXACT or _as_it_is(module)):
            return f"{name or 'the network'} is a {type(module).__name__}"
        if type(module) in NORMS and not _usual(module):
            return f"{name} is a {type(module).__name__} without weights, running statistics or momentum"
    return ""


def _as_it_is(module: nn.Module) -> bool:
    """Return whether a network is of a known class but for how it is made."""
    for whole in WHOLES:
        if isinstance(module, whole):
            names = [name for name in dir(whole) if name.startswith("forward")]
            return all(getattr(type(module), name) is getattr(whole, name) for name in names)
    return False


def _usual(norm: nn.Module) -> bool:
    kept = [getattr(norm, name) is not None for name in ("weight", "bias", "running_mean", "momentum")]
    return all(kept) and type(getattr(norm, "drop", nn.Identity())) is nn.Identity
