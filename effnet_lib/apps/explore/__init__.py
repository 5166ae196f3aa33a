"""One network under sliders, and what networks see in a picture of yours: `notebooks/explore.ipynb`."""

from .panel import Explorer
from .parameters import resolve
from .pictures import Pictures

__all__ = ["Explorer", "Pictures", "resolve"]
