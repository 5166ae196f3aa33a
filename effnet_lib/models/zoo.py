"""The networks of Tables 2 and 4 by the paper's names, and any of timm's: built with random weights, and counted."""

import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..core.errors import ParameterError, known
from .archs import Architecture, densenet, efficientnet, resnet
from .archs.amoebanet import AmoebaNet
from .archs.polynet import PolyNet
from .archs.resnext import RESNEXT101, SENET154
from .complexity import Counts, count
from .scaling import PUBLISHED, Scaling

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network:
    """A network of 1000 classes for square images of `px` pixels: plain data, or the name that timm gives it."""

    name: str
    px: int
    arch: Architecture | None = None
    timm: str | None = None

    def build(self) -> "nn.Module":
        """Build the network with random weights in evaluation mode, on torch's default device; downloads nothing."""
        if self.arch is not None:
            return self.arch.build().eval()
        import timm

        return timm.create_model(known(self.timm), pretrained=False, num_classes=1000).eval()

    def counts(self) -> Counts:
        """Count parameters, multiply-adds and activations for one image.

        In closed form where the network is plain data; timm's are built and run on the meta device, which holds
        shapes only (seconds; the result is kept).
        """
        return count(self.arch) if self.arch is not None else _traced(self)


@cache
def _traced(network: Network) -> Counts:
    import torch

    from .traced_counts import trace

    with torch.device("meta"):
        model = network.build()
    return trace(model, network.px).counts


def _of(arch: Architecture, name: str) -> Network:
    return Network(name, arch.px, arch=arch)


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        *(_of(efficientnet.published(row.name), f"EfficientNet-{row.name.upper()}") for row in PUBLISHED),
        _of(resnet.scale(Scaling()), "ResNet-50"),
        _of(resnet.scale(Scaling(), name="resnet152"), "ResNet-152"),
        *(_of(densenet.published(f"densenet{depth}"), f"DenseNet-{depth}") for depth in (169, 264)),
        Network("Inception-v3", 299, timm="inception_v3"),
        Network("Xception", 299, timm="legacy_xception"),
        Network("Inception-v4", 299, timm="inception_v4"),
        Network("Inception-ResNet-v2", 299, timm="inception_resnet_v2"),
        _of(RESNEXT101, "ResNeXt-101"),
        _of(PolyNet(), "PolyNet"),
        _of(SENET154, "SENet"),
        Network("NASNet-A", 331, timm="nasnetalarge"),
        _of(AmoebaNet("A", 18, 190, 331), "AmoebaNet-A"),
        Network("PNASNet", 331, timm="pnasnet5large"),
        _of(AmoebaNet("C", 18, 228, 331), "AmoebaNet-C"),
        _of(AmoebaNet("B", 18, 512, 480), "GPipe"),
    )
}


def network(name: str) -> Network:
    """Return a network by the paper's name ("ResNet-152", "gpipe"; capitals do not matter) or by timm's.

    A network of timm's takes images of the size that timm declares for it.

    Raises:
        ParameterError: an unknown name.
    """
    ours = {known.casefold(): network for known, network in NETWORKS.items()}
    if str(name).casefold() in ours:
        return ours[name.casefold()]
    import timm

    if timm.is_model(str(name)):
        return Network(name, known(timm.get_pretrained_cfg(name, allow_unregistered=True)).input_size[-1], timm=name)
    close = difflib.get_close_matches(str(name).casefold(), ours, n=1, cutoff=0.5)
    near = [ours[key].name for key in close] or difflib.get_close_matches(str(name), timm.list_models(), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ParameterError("model", name, f"one of {', '.join(NETWORKS)}, or a name that timm knows{hint}")
