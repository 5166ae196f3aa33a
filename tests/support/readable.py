"""Whether a reader can read a figure's words: on the page, and none over another."""

from itertools import combinations


def labels(figure) -> dict[str, list]:
    """Draw a figure off screen; return the visible labels of the figure and of each panel, with their boxes."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = {"figure": list(figure.texts)}
    for i, axes in enumerate(figure.axes):
        found[f"panel {i}"] = [*axes.texts, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for child in axes.child_axes:
            found[f"panel {i}"].append(child.yaxis.label)
    return {
        where: [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
        for where, texts in found.items()
    }


def overlap(a, b) -> float:
    """Return the share of the smaller box that the other one covers."""
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(0, width) * max(0, height) / min(a.width * a.height, b.width * b.height)


def assert_readable(figure, everything: dict[str, list], most: float = 0.25, over: frozenset = frozenset()) -> None:
    """Check that all labels are on the page and cover each other by a share below `most`; `over` may cover more."""
    page = figure.bbox
    for texts in everything.values():
        for text, box in texts:
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1, text
        for (one, a), (other, b) in combinations(texts, 2):
            assert over & {one, other} or overlap(a, b) < most, (one, other)
