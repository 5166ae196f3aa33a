"""A picture of yours: what the Lite trio sees in it, and where (class activation maps)."""

import html
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...data import image_reader

if TYPE_CHECKING:
    import ipywidgets as widgets

    from ...models.pretrained import Pretrained

TRIO = ("lite0", "lite1", "lite2")
COUNT = 3  # labels a network
SHADE = 0.55  # of the map over the picture
MOST_PIXELS = 60_000_000  # a photograph of today; what decodes to more is a trap


def read(content: bytes) -> Image.Image:
    """Decode an image.

    Raises:
        DataError: what is no image, is damaged or is larger than 60 megapixels; one line.
    """
    return image_reader.read(io.BytesIO(content), "this file", MOST_PIXELS)


def overlay(
    network: "Pretrained", image: Image.Image, label: int | None = None
) -> tuple[list[tuple[str, float]], Image.Image]:
    """Return a network's best labels with their probabilities, and the picture it saw under the map of one label.

    `label`: of its best labels which one the map is for, 0 the best. Light is evidence for it.
    """
    import torch
    from matplotlib import colormaps

    from ...measure.maps.cam import class_maps, relevance, to_pixels
    from ...measure.maps.geometry import cells

    pixels = network.pixels(image)
    given = network.standardise(torch.from_numpy(pixels)[None])
    with torch.inference_mode():
        best = network.model(given).softmax(1)[0].topk(COUNT)
    wanted = best.indices[[label or 0]]
    grids = class_maps(network.model, given, wanted).grids
    shown = relevance(to_pixels(grids, cells(network.model, network.px)))[0]
    colours = 255 * colormaps["magma"](shown)[..., :3]
    mixed = (1 - SHADE) * pixels + SHADE * colours
    labels = [(network.labels[i], p) for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
    return labels, Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


class Pictures:
    """An upload button and, below it, the three networks' answers; `box` is the widget to display."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        wide = widgets.Layout(width="auto")
        self.upload = widgets.FileUpload(
            accept="image/*", multiple=False, description="a picture of yours", layout=wide
        )
        self.which = widgets.Dropdown(
            options=[("the best label", 0), ("the second", 1), ("the third", 2)], description="map of"
        )
        self.message = widgets.HTML()
        self.answers = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self.message.add_class("effnet-message")
        self.answers.add_class("effnet-answers")
        self.upload.observe(self._uploaded, "value")
        self.which.observe(self._uploaded, "value")
        self.networks: dict[str, Pretrained] = {}
        self.box = widgets.VBox([widgets.HBox([self.upload, self.which]), self.message, self.answers])

    def _uploaded(self, change: object = None) -> None:
        from ...core.errors import EffnetError

        if not self.upload.value:
            return
        try:
            image = read(bytes(self.upload.value[0]["content"]))
            self.message.value = "looking at it ..."
            self.answers.children = [self._answer(name, image) for name in TRIO]
            self.message.value = ""
        except EffnetError as error:
            self.answers.children = []
            self.message.value = f"<b>{html.escape(str(error))}</b>"

    def _answer(self, name: str, image: Image.Image) -> "widgets.Widget":
        import ipywidgets as widgets

        from ...models.pretrained import load

        if name not in self.networks:
            self.networks[name] = load(name)
        network = self.networks[name]
        labels, shown = overlay(network, image, self.which.value)
        out = io.BytesIO()
        shown.save(out, "PNG")
        words = "<br>".join(f"{100 * p:.0f} % {html.escape(label.partition(',')[0])}" for label, p in labels)
        title = f"EfficientNet-Lite{name[-1]}, {network.px} px"
        picture = widgets.Image(value=out.getvalue(), format="png", width=260)
        return widgets.VBox([widgets.HTML(f"<b>{title}</b>"), picture, widgets.HTML(words)])
