"""Full fine-tuning of published weights on another data set, through the execution that trains everything else.

Settings of Kornblith et al., "Do Better ImageNet Models Transfer Better?" (CVPR 2019): SGD with Nesterov momentum 0.9,
cosine to zero, batch 256, 20,000 steps, batch-norm momentum max(1 - 10/s, 0.9) for s steps an epoch.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...core.errors import DataError
from ...models import archs, pretrained
from ...models.archs import Architecture, efficientnet, efficientnet_lite
from ...models.archs.efficientnet import EfficientNet
from ...models.archs.efficientnet_lite import Lite
from ...runs.run_spec import SEMANTICS, payload_key
from ...training.recipes import Recipe

if TYPE_CHECKING:
    from torch import nn

BATCH = 256
STEPS = 20_000  # Kornblith et al.
RATES = (0.01, 0.0316, 0.1)  # of the optional grid: the upper half of theirs, where their optima lay
DECAYS = (0.0, 1e-5, 1e-4)
KORNBLITH = Recipe(
    epochs=10,
    lr=0.0316,
    batch=BATCH,
    weight_decay=1e-5,
    warmup=0.0,
    label_smoothing=0.0,
    clip=0.0,
    zero_gamma=False,
    bn_eps=1e-3,  # the published weights'
)


def recipe(train_images: int, epochs: int = 10, steps: int | None = None, scratch: bool = False) -> Recipe:
    """Return the recipe of Kornblith et al. for a set of so many images.

    Args:
        steps: instead of `epochs`; rounded to whole epochs.
        scratch: the control, with a warm-up and clipped gradients, as random weights need.
    """
    each = max(1, train_images // BATCH)
    tuned = replace(
        KORNBLITH,
        batch=min(BATCH, train_images),
        epochs=max(1, round(steps / each)) if steps else epochs,
        bn_momentum=max(0.0, min(10 / each, 0.1)),  # torch counts the weight of the new value
    )
    return replace(tuned, lr=0.1, warmup=0.1, clip=1.0, zero_gamma=True) if scratch else tuned


def architecture(name: str, classes: int, image_size: int | None = None) -> EfficientNet | Lite:
    """Return a published network as data, with another classifier; `image_size` None is its own input size."""
    if name in pretrained.LITE:
        return efficientnet_lite.published(name, classes, image_size)
    arch = efficientnet.published(name, classes)
    return replace(arch, px=image_size or arch.px)


@dataclass(frozen=True)
class Job:
    """What `training.trainer.train` trains: a published network on a data set; `weights` "" is from scratch."""

    network: str
    arch: Architecture
    recipe: Recipe
    data: str
    seed: int
    weights: str
    micro_batch: int = 0

    def payload(self) -> dict[str, Any]:
        """Return the JSON-ready data that the key is made of."""
        return {
            "model": self.network,
            "arch": archs.to_data(self.arch),
            "recipe": self.recipe.to_data(),
            "data": self.data,
            "seed": self.seed,
            "weights": self.weights and (pretrained.declared(self.weights) or f"timm/{self.weights}.aa_in1k"),
            "micro_batch": self.micro_batch or self.recipe.batch,
            "semantics": SEMANTICS,
        }

    @cached_property
    def key(self) -> str:
        return payload_key(self.payload())

    def prepare(self, model: "nn.Module") -> None:
        """Put the published weights into a fresh network, all but the classifier's, whose classes are others.

        Raises:
            DataError: for weights that do not fit.
        """
        if not self.weights:
            return
        import torch
        from torch import nn

        network = pretrained.load(self.weights)
        state = {k: v for k, v in network.model.state_dict().items() if not k.startswith("classifier.")}
        try:
            lacking, odd = model.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise DataError(
                f"model={self.weights}: its weights do not fit ({' '.join(str(error).split())[:160]})"
            ) from None
        if odd or set(lacking) != {"classifier.weight", "classifier.bias"}:
            raise DataError(f"model={self.weights}: its weights lack or exceed {', '.join([*lacking, *odd][:3])}")
        for name in ("classifier.weight", "classifier.bias"):
            nn.init.zeros_(model.get_parameter(name))  # features begin as they are: no random classifier pulls at them
        from ...training.augment import MEAN, STD

        # The execution feeds (x / 255 - MEAN) / STD, these weights expect (x / 255 - mean) / std: one affine map.
        own, std = torch.tensor(network.mean), torch.tensor(network.std)
        model.register_buffer("input_scale", (torch.tensor(STD) / std).view(1, 3, 1, 1), persistent=False)
        model.register_buffer("input_shift", ((torch.tensor(MEAN) - own) / std).view(1, 3, 1, 1), persistent=False)
        model.register_forward_pre_hook(_rescale)


def _rescale(model: "nn.Module", inputs: tuple) -> tuple:
    import torch

    shift, scale = model.input_shift, model.input_scale
    assert isinstance(shift, torch.Tensor) and isinstance(scale, torch.Tensor)
    return (torch.addcmul(shift, inputs[0], scale),)
