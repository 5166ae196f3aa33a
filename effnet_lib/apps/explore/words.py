"""How the page writes numbers, tables and what came from elsewhere, as HTML."""

import html

import pandas as pd


def table(rows: pd.DataFrame) -> str:
    """Return a table as HTML, every word of it escaped."""
    return rows.to_html(border=0, escape=True)


def text(words: object) -> str:
    """Return words that hold no HTML."""
    return html.escape(str(words))


def short(value: float) -> str:
    """Return a count with three digits and K, M or B, as the paper prints them."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return str(value)


def gibibytes(value: float) -> str:
    """Return bytes in GiB."""
    return f"{value / 2**30:.2f} GiB"


def milliseconds(seconds: float) -> str:
    """Return seconds in ms, with three digits."""
    return f"{1e3 * seconds:.3g} ms"
