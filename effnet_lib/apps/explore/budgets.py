"""What fits a budget: boxes for its numbers, and for each way of scaling the largest network inside it."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import pandas as pd

from ...core.errors import EffnetError
from ...models.scaling import Scaling
from ...study.scalable import Scalable
from . import words
from .fits import Budget, Fit, fits
from .line import Triple
from .parameters import BUDGETS
from .stopwatch import Stopwatch

SYMBOLS = {"compound": "φ", "depth": "d", "width": "w", "resolution": "r"}
BOXES = {  # label, number that stands there at first, step
    "flops": ("B FLOPS", 1.0, 0.1),
    "megabytes": ("MB weights", 40.0, 1),
    "memory": ("GiB training", 8.0, 0.5),
    "latency": ("ms latency", 50.0, 1),
}
MEASURED = (
    "Latencies are measured here: one image on one core, PyTorch eager, each network alternated with the baseline "
    "({unit}). Which networks are measured follows from those before; of the next larger it says whether it was "
    "measured, lies between two that were (interpolated) or beyond them (extrapolated)."
)
UNMEASURED = "Latency is not among these budgets until it is measured; the button does, in about a minute."
CHEAP = "One image on one core of this machine; a measurement needs it to be idle."


class WhatFits:
    """Budgets of FLOPS, weights, memory and latency; `box` is the widget, `table` the answer as data.

    Args:
        limits: what is limited at first, by the names of `Budget`; None is no limit.
    """

    def __init__(self, limits: Mapping[str, float | None]):
        self.boxes: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        for name, (label, usual, step) in BOXES.items():
            value, range_ = limits.get(name), BUDGETS[name]
            self.boxes[name] = widgets.BoundedFloatText(
                value or usual, min=range_.most / 1e7, max=range_.most, step=step, layout=widgets.Layout(width="110px")
            )
            if name != "latency":
                wide = widgets.Layout(width="170px")
                self.asked[name] = widgets.Checkbox(value is not None, description=label, indent=False, layout=wide)
        self.button = widgets.Button(
            description="measure latency (ms)", tooltip=CHEAP, layout=widgets.Layout(width="170px")
        )
        self.answer = widgets.HTML()
        self.answer.add_class("effnet-fits")
        self.table = pd.DataFrame()
        self._network: Scalable | None = None
        self._triple: Triple = (1.0, 1.0, 1.0)
        self._watches: dict[Scalable, Stopwatch] = {}
        for one in (*self.boxes.values(), *self.asked.values()):
            one.observe(lambda change: self._tell(self.solve), "value")
        self.button.on_click(self._pressed)
        self.box = self._layout()

    def _layout(self) -> widgets.Widget:
        rows = [widgets.HBox([self.asked.get(name, self.button), box]) for name, box in self.boxes.items()]
        return widgets.VBox([widgets.HTML("<b>What fits?</b>"), *rows, self.answer])

    def about(self, network: Scalable, triple: Triple) -> None:
        """Solve for another network, or other alpha, beta and gamma."""
        self._network, self._triple = network, triple
        self._tell(self.solve)

    def _tell(self, act: Callable[[], None]) -> None:
        """Act, and say in a line why that cannot be."""
        try:
            act()
        except EffnetError as error:
            self.table = pd.DataFrame()
            self.answer.value = f"<i>{words.text(error)}</i>"

    def _pressed(self, button: object = None) -> None:
        try:
            self.measure()
        except EffnetError as error:  # a busy machine: what is counted stands all the same
            self._tell(self.solve)
            self.answer.value = f"<b>{words.text(error)}</b>{self.answer.value}"

    def _limits(self) -> dict[str, float]:
        return {name: self.boxes[name].value for name, box in self.asked.items() if box.value}

    def solve(self) -> None:
        """Solve for what is counted.

        Raises:
            ParameterError: nothing is limited.
        """
        if self._network:
            self._show(fits(self._network, Budget(**self._limits()), self._triple), UNMEASURED)

    def measure(self) -> None:
        """Solve for what is counted and for latency, which is measured.

        Raises:
            RunFailed: the machine is busy, or has too little memory free.
        """
        if not self._network:
            return
        self.button.disabled = True
        try:
            watch = self._watches.setdefault(self._network, Stopwatch(self._network.scaled(Scaling()), self._say))
            budget = Budget(**self._limits(), latency=self.boxes["latency"].value)
            found = fits(self._network, budget, self._triple, watch)
        finally:
            self.button.disabled = False
        self._show(found, MEASURED.format(unit=words.milliseconds(watch.unit or 0.0)))

    def _say(self, said: str) -> None:
        self.answer.value = f"<i>{words.text(said)}</i>"

    def _show(self, found: list[Fit], note: str) -> None:
        self.table = pd.DataFrame({fit.method: _row(fit) for fit in found}).T.fillna("")
        self.answer.value = f"{words.table(self.table)}<div>{words.text(note)}</div>"


def _row(fit: Fit) -> dict[str, Any]:
    if fit.counted is None:
        return {"coefficient": fit.ends}
    row = {
        "coefficient": f"{SYMBOLS[fit.method]} = {fit.coefficient:.2f}",
        "px": fit.counted.px,
        "parameters": words.short(fit.counted.params),
        "FLOPS": words.short(fit.counted.madds),
        "training step": words.gibibytes(fit.counted.training),
    }
    if fit.latency is not None:
        row["latency"] = words.milliseconds(fit.latency)
    return row | {"what ends it": fit.ends}
