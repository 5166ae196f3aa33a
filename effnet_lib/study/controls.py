"""Networks that test what later work predicts, beside the paper's own methods (docs/protocol.md)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.errors import known
from .fine_rounding import fine
from .scaled_model import DWR, ScaledModel

if TYPE_CHECKING:
    from .decided_study import Study

BLURRED = 1.7  # the resolution multiplier of the blur control


def fast_compound(study: "Study") -> ScaledModel:
    """Return the baseline under Dollar et al.'s dWr at 3.3 times its FLOPS, trained with compound scaling's rate.

    Rounded finely: the paper's rule makes two blocks of each one, and 6.3 times the FLOPS of B0 at 64 px.
    Dollar et al. 2021 (arXiv 2103.06877): mostly width, so that activations grow by about the square root of FLOPS.
    """
    plain = known(study.base).arch(study.dataset.classes, padding=study.profile.padding)
    return ScaledModel("dWr", 1.0, fine(plain, DWR), rounding="fine")


def blur_control(study: "Study") -> ScaledModel:
    """Return r = 1.7 fed images that were reduced to the baseline's size first.

    What remains of the gain is the larger map and the compute, not detail.
    """
    return replace(study.model("resolution", BLURRED), seen_px=known(study.base).px)
