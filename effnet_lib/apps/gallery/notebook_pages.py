"""An executed notebook as HTML that needs no network: formulas as pictures, nothing active, nothing unescaped."""

import base64
import io
import re
from functools import cache
from pathlib import Path

import nbformat
from markupsafe import escape
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML

TAGS = [
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "caption",
    "p",
    "div",
    "span",
    "b",
    "i",
    "br",
    "pre",
    "code",
]
_STYLE = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
COLUMNS, INLINE = 1600, 1100  # pixels: of the figure on its own, and of one among a notebook's cells
DRAWN = 5000  # colours among 20,000 pixels: a drawing has fewer


class _Renderer(IPythonRenderer):
    """Markdown without HTML or scripts, with its formulas as pictures."""

    def inline_math(self, body: str) -> str:
        return formula(body)

    def block_math(self, body: str) -> str:
        return f'<p class="formula">{formula(body)}</p>'


@cache
def formula(tex: str) -> str:
    """Return TeX as an SVG image that carries its source as text; what matplotlib cannot set stays source."""
    from matplotlib import mathtext

    picture = io.BytesIO()
    source = " ".join(tex.split())
    try:
        depth = mathtext.math_to_image(f"${source}$", picture, format="svg")
    except ValueError:
        return f"<code>{escape(source)}</code>"
    svg = re.sub(
        rb'<metadata>.*?</metadata>|<g id="patch_1">.*?</g>|<!--.*?-->|<\?xml.*?\?>|<!DOCTYPE.*?>',
        b"",
        picture.getvalue(),
        flags=re.DOTALL,
    )
    size = dict(re.findall(r'(width|height)="([\d.]+)pt"', svg.decode()))
    data = base64.b64encode(re.sub(rb">\s+<", b"><", svg).strip()).decode()
    # In em, so that a formula grows with the text: it was set at 12 pt.
    scale = f"width:{float(size['width']) / 12:.3f}em;vertical-align:{-depth / 12:.3f}em"
    return f'<img class="math" alt="{escape(source)}" style="{scale}" src="data:image/svg+xml;base64,{data}">'


def markdown(source: str) -> str:
    """Return Markdown as HTML."""
    renderer = _Renderer(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


def smaller(data: bytes, columns: int = COLUMNS) -> bytes:
    """Return a PNG of at most so many columns and 256 colours: a third of the bytes, and nothing to be seen of it.

    Raises:
        ValueError: what is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError("not a picture") from error
    if picture.width > columns:
        size = (columns, round(picture.height * columns / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    # A drawing has its few colours and what antialiasing makes of them; where maps lie on photographs, dots carry on.
    drawn = picture.resize((200, 100)).getcolors(DRAWN) is not None
    made = picture.quantize(256, dither=Image.Dither.NONE if drawn else Image.Dither.FLOYDSTEINBERG)
    made.save(out, "PNG", optimize=True)
    return out.getvalue()


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave of a notebook what may be shown: no raw cells, no scripts, pictures that are pictures, tables that are."""
    sanitise = SanitizeHTML(tags=TAGS, attributes={"*": ["colspan", "rowspan"]}, strip=True)
    notebook.metadata.pop("widgets", None)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type in ("markdown", "code")]
    for cell in notebook.cells:
        cell.pop("attachments", None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = sanitise.sanitize_html_tags(_STYLE.sub("", data["text/html"]))
            if "image/png" in data:
                try:
                    made = smaller(base64.b64decode(data["image/png"]), INLINE)
                    data["image/png"] = base64.b64encode(made).decode()
                except ValueError:
                    data.pop("image/png")
            for kind in set(data) - {"text/html", "text/plain", "image/png"}:
                data.pop(kind)


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook and leave of it what may be shown.

    Raises:
        ValueError: a file that is no notebook.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except (nbformat.ValidationError, nbformat.reader.NotJSONError, KeyError, AttributeError) as error:
        raise ValueError(f"{path.name} is not a notebook") from error
    clean(notebook)
    return notebook


def render(path: Path) -> str:
    """Return a notebook's cells as one HTML fragment, styled by the site.

    Raises:
        ValueError: a file that is no notebook.
    """
    body, _ = _exporter().from_notebook_node(read(path))
    return body


@cache
def _exporter() -> HTMLExporter:
    """Return nbconvert's exporter, whose templates take longer to compile than a notebook to fill in."""
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.register_filter("markdown2html", markdown)
    exporter.register_filter("markdown2html_mistune", markdown)
    return exporter
