"""Draw docs/house.svg, the thirteen packages and the way of the data: python docs/house.py

Rows come from the import contract in pyproject.toml, so that the map shows what `make lint` holds.
"""

import tomllib
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, BOX, STEP, MARGIN, GAP, FLOW_GAP = 940, 54, 78, 16, 14, 24
HOLDS = {
    "apps": "what a person touches: command line, notebooks, publish, export, gallery, explore",
    "artefacts": "one module a figure or table: plan, table, claims, draw; none imports another",
    "report": "tables (without matplotlib) and figures (the only drawers)",
    "search": "the architecture search: spaces, searchers, what they evaluate; replayed from the store",
    "measure": "latency, maps, transfer, evaluation: strangers",
    "study": "profiles, decisions, plans, queue: what to run",
    "runs": "a run or measurement from its spec to its stored record; processes, Ray",
    "training": "one network: input pipeline, step, trainer, checkpoint",
    "data": "data sets, splits, streaming",
    "models": "networks as data, counts, weights",
    "stats": "intervals, regret, verdicts",
    "paper": "the printed numbers, and nothing read off a plot",
    "core": "errors, paths, atomic files, signals, hardware",
}
FLOW = (
    ("parameters", "cell of a notebook"),
    ("plan", "artefacts, study"),
    ("runs", "training, measure"),
    ("records", "runs, results/"),
    ("table, verdicts", "report, stats"),
    ("picture", "report, figures/"),
)


def layers() -> list[list[str]]:
    """Return the packages of each row, top first; those in brackets are to come and left out."""
    contracts = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in row.split("|")] for row in rows if not row.startswith("(")]


def box(x: float, y: float, width: float, title: str, words: str, kind: str = "package") -> str:
    """Return a box with a title and a line below it."""
    middle = x + width / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{BOX}" rx="4"/>\n'
        f'<text class="{kind}" x="{middle:.0f}" y="{y + 22:.0f}">{escape(title)}</text>\n'
        f'<text x="{middle:.0f}" y="{y + 42:.0f}">{escape(words)}</text>'
    )


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """Return an arrow from one point to another."""
    return f'<path d="M{x:.0f} {y:.0f}L{to_x:.0f} {to_y:.0f}"/>'


def split(count: int, gap: float = GAP) -> tuple[float, list[float]]:
    """Return the width of so many boxes side by side, and where each begins."""
    width = (WIDTH - 2 * MARGIN - gap * (count - 1)) / count
    return width, [MARGIN + number * (width + gap) for number in range(count)]


def drawing() -> str:
    """Return the map as SVG, in black and grey."""
    parts, y = [f'<text class="head" x="{MARGIN}" y="26">Imports run downwards only</text>'], 40.0
    rows = layers()
    for number, row in enumerate(rows):
        width, begins = split(len(row))
        parts += [box(x, y, width, name, HOLDS[name]) for x, name in zip(begins, row, strict=True)]
        if number + 1 < len(rows):
            # An arrow a box, of this row or of the next, whichever has more.
            width, begins = split(max(len(row), len(rows[number + 1])))
            parts += [arrow(x + width / 2, y + BOX, x + width / 2, y + STEP - 3) for x in begins]
        y += STEP
    parts.append(f'<text class="head" x="{MARGIN}" y="{y + 24:.0f}">Data flow to the right only</text>')
    y += 38
    width, begins = split(len(FLOW), FLOW_GAP)
    parts += [box(x, y, width, title, words, "step") for x, (title, words) in zip(begins, FLOW, strict=True)]
    parts += [arrow(x - FLOW_GAP, y + BOX / 2, x - 3, y + BOX / 2) for x in begins[1:]]
    return HEAD.format(width=WIDTH, height=round(y + BOX + MARGIN)) + "\n".join(parts) + "\n</svg>\n"


HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>The thirteen packages of effnet_lib, and the way of the data</title>
<style>
svg {{ background: #fff; font: 13px sans-serif }}
rect {{ fill: #f2f2f2; stroke: #444 }}
text {{ fill: #222; text-anchor: middle }}
.package {{ font: bold 15px monospace }}
.step {{ font: bold 13px sans-serif }}
.head {{ font: bold 14px sans-serif; text-anchor: start }}
path {{ stroke: #444; stroke-width: 1.5; marker-end: url(#tip) }}
</style>
<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="5" refY="4" orient="auto">
<polygon points="0,1 7,4 0,7" fill="#444"/></marker></defs>
<rect width="100%" height="100%" style="fill: #fff; stroke: none"/>
"""

if __name__ == "__main__":
    (HERE / "house.svg").write_text(drawing())
