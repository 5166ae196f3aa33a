"""The sliders and what follows them: numbers, stage table, place on the plane, and what fits a budget."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import pandas as pd

from ...core.errors import EffnetError
from ...models.scaling import ALPHA, BETA, GAMMA, Scaling, compound, constraint
from . import networks, records
from .plane import Plane

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
    """

    def __init__(self) -> None:
        self.study = records.study()
        self.points = records.points(self.study)
        self.plane = Plane(self.points, self.study.dataset.label.partition(",")[0])
        self.family = widgets.Dropdown(options=list(networks.FAMILIES), description="family")
        self.phi = _slider("φ", 0.0, 0.0, 7.0, 0.05)
        self.triple = {name: _slider(symbol, value, 1.0, 2.0, 0.01) for name, (symbol, value) in TRIPLE.items()}
        self.factors = {name: _slider(symbol, 1.0, low, high, 0.01) for name, (symbol, low, high) in FACTORS.items()}
        self.flops = widgets.BoundedFloatText(1.0, min=0.001, max=10_000, step=0.1, description="B FLOPS")
        self.megabytes = widgets.BoundedFloatText(40.0, min=0.01, max=100_000, step=1, description="MB weights")
        self.rule, self.numbers, self.table, self.fits = (widgets.HTML() for _ in range(4))
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        for part, name in (
            (self.numbers, "numbers"),
            (self.image, "plane"),
            (self.fits, "fits"),
            (self.rule, "rule"),
        ):
            part.add_class(f"effnet-{name}")
        self.scaling = Scaling()
        self._setting = False  # while one movement sets other sliders, these redraw nothing
        for one in (self.phi, *self.triple.values()):
            one.observe(self._by_phi, "value")
        for one in self.factors.values():
            one.observe(self._by_hand, "value")
        self.family.observe(self._anew, "value")
        for one in (self.flops, self.megabytes):
            one.observe(lambda change: self._solve(), "value")
        self.box = self._layout()
        self._by_phi()

    def _layout(self) -> widgets.Widget:
        """Put the sliders beside the numbers, and the picture right below: all that moves fits one screen."""
        wrap = widgets.Layout(flex_flow="row wrap")
        sliders = widgets.VBox([self.family, self.phi, *self.triple.values(), self.rule, *self.factors.values()])
        budget = [widgets.HTML("<b>What fits?</b>"), widgets.HBox([self.flops, self.megabytes]), self.fits]
        tables = widgets.HBox([self.table, widgets.VBox(budget)], layout=wrap)
        return widgets.VBox([widgets.HBox([sliders, self.numbers], layout=wrap), self.image, tables])

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
            self._solve()

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
        self._show()
        self._solve()

    def _alpha_beta_gamma(self) -> tuple[float, float, float]:
        return tuple(slider.value for slider in self.triple.values())

    def _say_rule(self, more: str) -> None:
        product = constraint(*self._alpha_beta_gamma())
        words = "about 2, as equation 3 asks" if abs(product - 2) <= NEAR * 2 else "equation 3 asks for about 2"
        self.rule.value = f"α·β²·γ² = <b>{product:.3f}</b> ({words}){more}"

    def _show(self) -> None:
        """Count and draw the network that the sliders mean."""
        family = self.family.value
        try:
            arch = networks.network(family, self.scaling)
            stand_in = records.stand_in(self.study, family, self.scaling)
        except EffnetError as error:
            self.numbers.value = f"<i>{_text(error)}</i>"
            return
        counted, small = networks.numbers(arch), networks.numbers(stand_in)
        rows = {
            "input": (f"{counted.px} px", f"{small.px} px"),
            "parameters": (_short(counted.params), _short(small.params)),
            "FLOPS (multiply-adds)": (_short(counted.madds), _short(small.madds)),
            "activations": (_short(counted.activations), _short(small.activations)),
            "weights, fp32": (f"{counted.weights / 1e6:.1f} MB", f"{small.weights / 1e6:.1f} MB"),
            f"training step, {networks.BATCH} pictures": (_gigabytes(counted.training), _gigabytes(small.training)),
        }
        place = networks.position(counted.madds)
        near = records.nearest(self.points, small.madds)
        self.numbers.value = (
            _html(pd.DataFrame(rows, index=["full size", "proxy"]).T)
            + f"<div>Its cost: <b>{_text(place)}</b>.<br>Its proxy: {_text(near)}.</div>"
        )
        self.table.value = _html(networks.stages(arch))
        self.image.value = self.plane.at(counted.madds, small.madds)

    def _solve(self) -> None:
        """Say what fits the budget."""
        rows: dict[str, dict[str, Any]] = {}
        for fit in networks.fits(
            self.family.value, 1e9 * self.flops.value, self.megabytes.value, self._alpha_beta_gamma()
        ):
            if fit.counted is None:
                rows[fit.method] = {"coefficient": fit.note}
                continue
            symbol = {"compound": "φ", **{name: symbol for name, (symbol, *_) in FACTORS.items()}}[fit.method]
            rows[fit.method] = {
                "coefficient": f"{symbol} = {fit.coefficient:.2f}",
                "px": fit.counted.px,
                "parameters": _short(fit.counted.params),
                "FLOPS": _short(fit.counted.madds),
                "": fit.note,
            }
        self.fits.value = _html(pd.DataFrame(rows).T.fillna(""))


def _html(table: pd.DataFrame) -> str:
    return table.to_html(border=0, escape=True)


def _text(words: object) -> str:
    import html

    return html.escape(str(words))


def _short(value: float) -> str:
    """Return a count with three digits and K, M or B, as the paper prints them."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return str(value)


def _gigabytes(value: float) -> str:
    return f"{value / 2**30:.2f} GiB"
