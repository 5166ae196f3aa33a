"""Training recipes as data; a recipe is part of a run's key."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        lr: peak learning rate for `batch` images a step.
        warmup: share of all steps with a linearly rising rate.
        lr_decay, lr_decay_epochs: the paper's exponential schedule.
        clip: largest gradient norm; 0: none.
        min_area: smallest crop as a share of the image.
        drop_path: rate of the last block, 1 - survival.
        ema: decay of averaged weights; 0: none, and the raw final weights are evaluated.
        seen_px: size in pixels to which images are reduced before they are enlarged to the network's; 0: they are not.
        minival: training images reserved to stop early on; 0: none, and the last epoch counts.
    """

    epochs: int
    lr: float
    batch: int = 64
    optimiser: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    warmup: float = 0.2
    lr_decay: float = 0.0
    lr_decay_epochs: float = 0.0
    label_smoothing: float = 0.1
    clip: float = 1.0
    zero_gamma: bool = True
    min_area: float = 0.35
    augment: str = "crop+flip"
    dropout: float = 0.0
    drop_path: float = 0.0
    ema: float = 0.0
    bn_momentum: float = 0.1
    bn_eps: float = 1e-5
    precision: str = "fp32"
    minival: int = 0
    seen_px: int = 0

    def to_data(self) -> dict[str, Any]:
        """Return the recipe as JSON-ready data, part of a run's key.

        A field younger than the first records is left out at its default, so that their keys stand.
        """
        values = ((name, getattr(self, name)) for name in NAMES)
        return {name: value for name, value in values if name not in YOUNGER or value != YOUNGER[name]}


NAMES = tuple(field.name for field in fields(Recipe))
YOUNGER = {"minival": 0, "seen_px": 0}

# The short recipe of the project's protocol: SGD with Nesterov momentum, warm-up, cosine, clipping, zero gamma.
SHORT = Recipe(epochs=12, lr=0.2)

# Section 5.2 of the paper. 0.256 is the rate for 4,096 images a step and scales with the batch; 350 epochs are
# the reference implementation's (the paper prints none), as are epsilon 1e-3 and the 5 epochs of warm-up. Batch-norm
# momentum 0.99 there is 0.01 here: torch counts the weight of the new value.
PAPER = Recipe(
    epochs=350,
    lr=0.256,
    batch=4096,
    optimiser="rmsproptf",
    weight_decay=1e-5,
    schedule="step",
    warmup=5 / 350,
    lr_decay=0.97,
    lr_decay_epochs=2.4,
    clip=0.0,
    zero_gamma=False,
    min_area=0.08,
    augment="crop+flip+autoaugment",
    dropout=0.2,
    drop_path=0.2,
    ema=0.9999,
    bn_momentum=0.01,
    bn_eps=1e-3,
    precision="bf16",
    minival=25_000,
)
