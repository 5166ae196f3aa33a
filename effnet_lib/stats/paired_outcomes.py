"""Which images each network recognised, run by run: the input of every interval, checked."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from ..core.errors import ParameterError

SCALES = ("points", "logit")


class PairedOutcomes:
    """Hold the bits of all models of one artefact, checked once.

    Args:
        bits: Model name -> seed -> bools of shape (images,); models may lack seeds.

    Raises:
        ParameterError: An array is not one-dimensional, not 0/1, empty, or of another length.
    """

    def __init__(self, bits: Mapping[str, Mapping[int, np.ndarray]]):
        self.bits: dict[str, dict[int, np.ndarray]] = {}
        self.images = 0
        for model, runs in bits.items():
            self.bits[model] = {s: self._checked(f"{model}[{s}]", row) for s, row in runs.items()}

    def _checked(self, name: str, values: np.ndarray) -> np.ndarray:
        row = np.asarray(values)
        if row.ndim != 1 or not row.size or not np.isin(row, (0, 1)).all():
            raise ParameterError(name, f"{row.dtype}{row.shape}", "one bool an image, shape (images,)")
        self.images = self.images or row.size
        if row.size != self.images:
            raise ParameterError(name, f"{row.size} images", f"{self.images} images, as the others")
        return row.astype(bool)

    @classmethod
    def of(cls, outcomes: "PairedOutcomes | Mapping[str, Mapping[int, np.ndarray]]") -> "PairedOutcomes":
        """Return `outcomes` itself where it is checked already, else check it."""
        return outcomes if isinstance(outcomes, PairedOutcomes) else cls(outcomes)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """Top-1 in percent, one row a model, one column a seed, NaN where a run is missing."""
        seeds = sorted({seed for runs in self.bits.values() for seed in runs})
        rows = [[100 * runs[s].mean() if s in runs else np.nan for s in seeds] for runs in self.bits.values()]
        return pd.DataFrame(rows, index=list(self.bits), columns=seeds, dtype=float)

    def common_seeds(self, models: list[str]) -> list[int]:
        """Return the seeds that all `models` share, sorted; none where a model is missing."""
        runs = [set(self.bits.get(model, {})) for model in models]
        return sorted(set.intersection(*runs)) if runs else []

    def table(self, scale: str = "points") -> pd.DataFrame:
        """Return the accuracies in percent, or as logits clipped by half an image at 0 and 100 %."""
        return on_scale(self.accuracy / 100, scale, self.images)


def on_scale(accuracy: np.ndarray | pd.DataFrame, scale: str, images: int) -> np.ndarray | pd.DataFrame:
    """Return accuracies (shares of 1) over so many images on a scale: "points" (percent) or "logit".

    Raises:
        ParameterError: An unknown scale.
    """
    if scale not in SCALES:
        raise ParameterError("scale", scale, "one of " + ", ".join(SCALES))
    if scale == "points":
        return 100 * accuracy
    # Half an image from either end: 0 of N correct becomes 1 / (2 N), so that the logit stays finite.
    margin = 0.5 / max(images, 1)
    clipped = np.clip(accuracy, margin, 1 - margin)
    return np.log(clipped / (1 - clipped))
