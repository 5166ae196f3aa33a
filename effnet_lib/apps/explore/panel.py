"""The sliders and what follows them: numbers, stage table, place on the plane, and what fits a budget."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import pandas as pd

from ...core.errors import EffnetError
from ...models.archs import Architecture
from ...models.costs import BATCH
from ...models.scaling import ALPHA, BETA, GAMMA, Scaling, compound, constraint
from ...study.parameters import Parameters
from ...study.scalable import Chosen, Scalable
from . import networks, records, words
from .budgets import WhatFits
from .parameters import BUDGETS, CLASSES, resolve
from .plane import Plane
from .stages import stages

FACTORS = {"depth": ("d", 0.2, 5.0), "width": ("w", 0.2, 5.0), "resolution": ("r", 0.2, 4.0)}
TRIPLE = {"alpha": ("α", ALPHA), "beta": ("β", BETA), "gamma": ("γ", GAMMA)}
NEAR = 0.1  # of 2: how far alpha * beta^2 * gamma^2 may be from it


def _slider(name: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    layout = widgets.Layout(width="360px")
    return widgets.FloatSlider(
        value, min=low, max=high, step=step, description=name, readout_format=".2f", layout=layout
    )


Change = Mapping[str, Any]  # what a widget tells its observers


class Explorer:
    """Sliders for one network; `box` is the widget to display.

    A movement of phi, alpha, beta or gamma sets d, w and r (equation 3); one of d, w or r stands for itself.

    Args:
        parameters: what `resolve` returned; None: the defaults.

    Raises:
        ParameterError: a network of the user's that cannot be had.
        RunFailed: a latency is among the parameters, and the machine is busy.
    """

    def __init__(self, parameters: Parameters | None = None) -> None:
        own = (parameters or resolve({})).own
        self.study = records.study(own["profile"])
        self.points = records.points(self.study)
        self.plane = Plane(self.points, self.study.dataset.label.partition(",")[0])
        self.classes = own["classes"] or CLASSES
        self.chosen = {name: Chosen(family=name, px=own["px"]) for name in networks.FAMILIES}
        if own["network"]:
            self.chosen = {"yours": Chosen(own["network"], px=own["px"]), **self.chosen}
        self._loaded: dict[str, tuple[Scalable, Callable[[Scaling], Architecture]]] = {}
        first = "yours" if own["network"] else own["family"] or networks.FAMILIES[0]
        self.network, self.proxy = self._load(first)
        self.family = widgets.Dropdown(options=list(self.chosen), value=first, description="network")
        self.phi = _slider("φ", 0.0, 0.0, 7.0, 0.05)
        self.triple = {name: _slider(symbol, value, 1.0, 2.0, 0.01) for name, (symbol, value) in TRIPLE.items()}
        self.factors = {name: _slider(symbol, 1.0, low, high, 0.01) for name, (symbol, low, high) in FACTORS.items()}
        self.fits = WhatFits({name: own[name] for name in BUDGETS})
        self.rule, self.table = widgets.HTML(), widgets.HTML()
        self.numbers = widgets.HTML(layout=widgets.Layout(max_width="420px"))  # beside the sliders, however long
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        for part, name in ((self.numbers, "numbers"), (self.image, "plane"), (self.rule, "rule")):
            part.add_class(f"effnet-{name}")
        self.scaling = Scaling()
        self._setting = False  # while one movement sets other sliders, these redraw nothing
        self._observe()
        self.box = self._layout()
        self._by_phi()
        if own["latency"]:
            self.fits.measure()

    def _observe(self) -> None:
        for one in (self.phi, *self.triple.values()):
            one.observe(self._by_phi, "value")
        for one in self.factors.values():
            one.observe(self._by_hand, "value")
        self.family.observe(self._anew, "value")

    def _layout(self) -> widgets.Widget:
        """Put the sliders beside the numbers, and the picture right below: all that moves fits one screen."""
        wrap = widgets.Layout(flex_flow="row wrap")
        sliders = widgets.VBox([self.family, self.phi, *self.triple.values(), self.rule, *self.factors.values()])
        tables = widgets.HBox([self.table, self.fits.box], layout=wrap)
        return widgets.VBox([widgets.HBox([sliders, self.numbers], layout=wrap), self.image, tables])

    def _load(self, name: str) -> tuple[Scalable, Callable[[Scaling], Architecture]]:
        """Return a network at full size and its proxy, each as it was chosen.

        Raises:
            ParameterError: it cannot be had, or does not work at this size.
        """
        if name not in self._loaded:
            chosen = self.chosen[name]
            self._loaded[name] = networks.full_size(chosen, self.classes), records.stand_in(self.study, chosen)
        return self._loaded[name]

    def _by_phi(self, change: Change | None = None) -> None:
        if self._setting:
            return
        self._set(compound(self.phi.value, *self._alpha_beta_gamma()))
        beyond = [
            f"{symbol} = {getattr(self.scaling, name):.2f}"
            for name, (symbol, _, high) in FACTORS.items()
            if getattr(self.scaling, name) > high
        ]
        self._say_rule("; beyond its slider: " + ", ".join(beyond) if beyond else "")
        self._show()
        if change is None or change["owner"] is not self.phi:
            self.fits.about(self.network, self._alpha_beta_gamma())

    def _set(self, scaling: Scaling) -> None:
        """Take a scaling over, and move the sliders to it as far as they go."""
        self.scaling, self._setting = scaling, True
        try:
            for name, slider in self.factors.items():
                slider.value = self._shown(name)
        finally:
            self._setting = False

    def _by_hand(self, change: Change) -> None:
        wanted = {name: round(slider.value, 2) for name, slider in self.factors.items()}
        # A browser sends a value back when it first shows it, off by what floating point makes of a step.
        if self._setting or wanted == {name: self._shown(name) for name in self.factors}:
            return
        self.scaling = Scaling(**wanted)
        self._say_rule("; d, w and r by hand")
        self._show()

    def _shown(self, name: str) -> float:
        """Return where a factor's slider stands for the present scaling."""
        slider = self.factors[name]
        return round(min(max(getattr(self.scaling, name), slider.min), slider.max), 2)

    def _anew(self, change: Change) -> None:
        try:
            self.network, self.proxy = self._load(self.family.value)
        except EffnetError as error:
            self._refuse(error)
            return
        # A user's network is run to be counted: when the slider is let go, not at each of its places.
        for slider in (*self.triple.values(), *self.factors.values(), self.phi):
            slider.continuous_update = not self.chosen[self.family.value].network
        self._show()
        self.fits.about(self.network, self._alpha_beta_gamma())

    def _alpha_beta_gamma(self) -> tuple[float, float, float]:
        return tuple(slider.value for slider in self.triple.values())

    def _say_rule(self, more: str) -> None:
        product = constraint(*self._alpha_beta_gamma())
        what = "about 2, as equation 3 asks" if abs(product - 2) <= NEAR * 2 else "equation 3 asks for about 2"
        self.rule.value = f"α·β²·γ² = <b>{product:.3f}</b> ({what}){more}"

    def _refuse(self, error: EffnetError) -> None:
        self.numbers.value = f"<i>{words.text(error)}</i>"

    def _show(self) -> None:
        """Count and draw the network that the sliders mean."""
        try:
            arch, small_arch = self.network.scaled(self.scaling), self.proxy(self.scaling)
            table = stages(arch)
        except EffnetError as error:
            self._refuse(error)
            return
        counted, small = networks.numbers(arch), networks.numbers(small_arch)
        place = networks.position(counted.madds)
        near = records.nearest(self.points, small.madds, small_arch.family)
        self.numbers.value = (
            words.table(_rows(counted, small))
            + f"<div>Its cost: <b>{words.text(place)}</b>.<br>Its proxy: {words.text(near)}.</div>"
        )
        self.table.value = words.table(table)
        self.image.value = self.plane.at(counted.madds, small.madds)


def _rows(counted: networks.Numbers, small: networks.Numbers) -> pd.DataFrame:
    """Return the numbers of a network at full size and of its proxy as a table."""
    both = {
        name: {
            "input": f"{one.px} px",
            "parameters": words.short(one.params),
            "FLOPS (multiply-adds)": words.short(one.madds),
            "activations": words.short(one.activations),
            "weights, fp32": f"{one.weights / 1e6:.1f} MB",
            f"training step, {BATCH} pictures": words.gibibytes(one.training),
        }
        for name, one in (("full size", counted), ("proxy", small))
    }
    return pd.DataFrame(both)
