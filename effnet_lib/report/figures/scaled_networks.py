"""Figure 2: a network and its scalings, drawn from architecture data and true to scale in all three dimensions."""

from collections.abc import Iterator, Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...models.archs.efficientnet import EfficientNet
from ...models.archs.layers import strided
from ...models.complexity import count
from . import style
from .style import COLOURS, Colour, margins

KINDS = {"(b)": "width", "(c)": "depth", "(d)": "resolution", "(e)": "compound"}
LAYER = 0.82  # of a row's height: what lies between two layers is white
WORDS = (
    "One bar a layer (stem and blocks), as long as it has channels; one outline a feature map, as large as it is, the\n"
    "image outermost. All networks have one scale. Dotted: the baseline. Left out: last 1x1 convolution and classifier."
)


def layers(arch: EfficientNet) -> Iterator[tuple[int, int]]:
    """Yield channels and feature map size of the stem and of each block, in the order of the forward pass."""
    size = strided(arch.px, 2)
    yield arch.stem, size
    for stage in arch.stages:
        size = strided(size, stage.stride)
        yield from [(stage.channels, size)] * stage.repeats


def draw(title: str, networks: Mapping[str, EfficientNet]) -> Figure:
    """Draw networks side by side, the first one as the baseline of the others.

    Args:
        networks: caption -> network.
    """
    style.theme()
    made = plt.figure(figsize=(2.35 * len(networks) + 0.6, 7.6))
    margins(made, rect=(0, 0.075, 1, 0.875), wspace=0.01, hspace=0.02)
    grid = made.add_gridspec(2, len(networks), height_ratios=[1.75, 1])
    stacks = {caption: list(layers(arch)) for caption, arch in networks.items()}
    base = next(iter(networks))
    widest = max(channels for rows in stacks.values() for channels, _ in rows)
    tallest, largest = max(map(len, stacks.values())), max(arch.px for arch in networks.values())
    for column, (caption, arch) in enumerate(networks.items()):
        colour = COLOURS[KINDS.get(caption[:3], "baseline" if caption == base else "published")]
        stack, maps = (made.add_subplot(grid[row, column]) for row in (0, 1))
        _stack(stack, stacks[caption], stacks[base] if caption != base else [], colour)
        stack.set(xlim=(-0.52 * widest, 0.52 * widest), ylim=(-0.6, tallest + 0.6))
        stack.set_title(_caption(caption, arch, len(stacks[caption])), fontsize=8.5, linespacing=1.35)
        _maps(maps, arch, networks[base] if caption != base else None, colour)
        maps.set(xlim=(-0.53 * largest, 0.53 * largest), ylim=(-0.03 * largest, 1.03 * largest), aspect="equal")
        for axes in (stack, maps):
            axes.set_axis_off()
    style.headline(made, 0.975, title)
    style.line(made, 0.032, WORDS, fontsize=8)
    return made


def _caption(caption: str, arch: EfficientNet, depth: int) -> str:
    counts, widest = count(arch), max(stage.channels for stage in arch.stages)
    cost = f"{counts.params / 1e6:.1f} M parameters\n{counts.madds / 1e9:.2f} B FLOPS"
    return f"{caption}\n{depth} layers, {widest} channels, {arch.px} px\n{cost}"


def _stack(axes: Axes, rows: list[tuple[int, int]], base: list[tuple[int, int]], colour: Colour) -> None:
    bars = [Rectangle((-n / 2, y), n, LAYER) for y, (n, _) in enumerate(rows)]
    axes.add_collection(PatchCollection(bars, facecolor=colour, edgecolor="none", alpha=0.75))
    dotted = [Rectangle((-n / 2, y), n, LAYER) for y, (n, _) in enumerate(base)]
    axes.add_collection(PatchCollection(dotted, facecolor="none", edgecolor="0.1", linewidth=0.6, linestyle=":"))


def _maps(axes: Axes, arch: EfficientNet, base: EfficientNet | None, colour: Colour) -> None:
    """Draw the image and each size of feature map as squares that share the middle of their lower side."""
    sizes = [arch.px, *dict.fromkeys(size for _, size in layers(arch))]
    for size in sizes:
        face = colour if size == sizes[-1] else "none"
        axes.add_patch(Rectangle((-size / 2, 0), size, size, facecolor=face, edgecolor=colour, linewidth=1.1))
    if base:
        axes.add_patch(Rectangle((-base.px / 2, 0), base.px, base.px, fill=False, edgecolor="0.1", linestyle=":"))
