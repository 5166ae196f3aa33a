"""The page of notebooks/explore.ipynb: its sliders need a kernel, so what they would show at one place stands there."""

import base64
from pathlib import Path
from typing import Any

import nbformat
from markupsafe import escape
from prose_pages import linked

from effnet_lib.apps import explore
from effnet_lib.core import paths

PHI = 3.0
UPLOAD = (
    "<p><i>A button to choose a picture, and below it the three networks' answers; both need a kernel. "
    'Such maps of two photographs stand with <a href="artefacts/table7.html">Table 7</a>.</i></p>'
)


def write(path: Path) -> None:
    """Write the notebook with what its explorer shows at phi = 3 in place of the sliders."""
    made = nbformat.read(paths.ROOT / "notebooks/explore.ipynb", as_version=4)
    explorer = explore.Explorer()
    explorer.phi.value = PHI
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, "notebooks")
        elif "explorer.box" in cell.source:
            cell.outputs = _outputs(explorer)
        elif "explorer.fits" in cell.source:
            cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": _fits(explorer)})]
        elif "pictures.box" in cell.source:
            cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": UPLOAD})]
    nbformat.write(made, path)


def _outputs(explorer: explore.Explorer) -> list[Any]:
    """Return the sliders as a table, then numbers and picture, as the explorer itself makes them."""
    picture = base64.b64encode(explorer.image.value).decode()
    html = [_sliders(explorer), explorer.numbers.value, picture]
    return [
        nbformat.v4.new_output("display_data", {"image/png": one} if one is picture else {"text/html": one})
        for one in html
    ]


def _fits(explorer: explore.Explorer) -> str:
    """Return what fits the budgets that the notebook begins with."""
    limits = " and ".join(
        f"{explorer.fits.boxes[name].value:g} {box.description}"
        for name, box in explorer.fits.asked.items()
        if box.value
    )
    return f"<p><b>{escape(limits)}</b></p>{explorer.fits.table.to_html(border=0)}"


def _sliders(explorer: explore.Explorer) -> str:
    """Return a table of the sliders: name, where it stands, from where to where it goes."""
    sliders = [explorer.phi, *explorer.triple.values(), *explorer.factors.values()]
    rows = "".join(
        f"<tr><th>{escape(one.description)}</th><td>{one.value:.2f}</td><td>{one.min:g} to {one.max:g}</td></tr>"
        for one in sliders
    )
    said = f"Nothing moves without a kernel (<code>make lab</code>): this is what the explorer shows at φ = {PHI:g}."
    head = "<tr><th>slider</th><th>stands at</th><th>goes from</th></tr>"
    return f"<p><i>{said}</i></p><table>{head}{rows}</table><p>{explorer.rule.value}</p>"
