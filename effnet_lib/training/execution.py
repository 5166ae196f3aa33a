"""How a run is executed, which changes nothing of what it means and is no part of its key."""

from dataclasses import dataclass

from ..core.errors import ParameterError
from .fast.compiled import numba_version

STEPS = ("auto", "eager", "fast", "compile", "graph")


@dataclass(frozen=True)
class Execution:
    """Say on what a run is executed and how.

    Args:
        device: cpu, cuda or cuda:<number>.
        step: eager launches torch's operations one by one; fast does so too, with compiled ones in the place of those
            that are slow on a core (a CPU with numba only: `training.fast`); compile is torch.compile; graph captures
            forward and backward pass, clipping and update in one CUDA graph (a GPU only). auto is fast on a CPU, or
            eager without numba (torch.compile gains nothing there and takes a minute a network), and graph on a GPU,
            where small networks are bound by launches and 50 different networks by compilation.
        every: seconds between two checkpoints; 0: after each step.
        gpu_share: how much of a GPU a run on a cluster takes, in (0, 1].
    """

    device: str = "cpu"
    step: str = "auto"
    every: float = 30.0
    gpu_share: float = 1.0

    @property
    def kind(self) -> str:
        """The device's type, without its number."""
        return self.device.split(":")[0]

    def launch(self) -> str:
        """Return how steps are launched here: eager, fast, compile or graph.

        Raises:
            ParameterError: an unknown way, a graph without a GPU, kernels where there are none, or a share out of
                range.
        """
        if not 0 < self.gpu_share <= 1:
            raise ParameterError("gpu_share", self.gpu_share, "a number above 0 and at most 1")
        if self.step not in STEPS:
            raise ParameterError("step", self.step, ", ".join(STEPS))
        if self.step == "graph" and self.kind != "cuda":
            raise ParameterError("step", self.step, f"auto, eager or compile on {self.kind}; graph needs cuda")
        if self.step == "fast" and (self.kind != "cpu" or not numba_version()):
            raise ParameterError("step", self.step, "auto or eager here; fast needs a CPU and numba (the extra `fast`)")
        if self.step == "auto":
            return {"cuda": "graph", "cpu": "fast" if numba_version() else "eager"}.get(self.kind, "eager")
        return self.step
