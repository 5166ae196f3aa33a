"""What a built page loads, where it leads and which places it has."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Collects what a page fetches by itself, where its links go, and its anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched, self.linked, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if given.get("src"):
            self.fetched.append(given["src"])
        if tag == "link" and given.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.fetched.append(given["href"])
        if tag == "a" and given.get("href"):
            self.linked.append(given["href"])


@cache
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def elsewhere(url: str) -> bool:
    """Whether a URL leads to another host."""
    return bool(urlsplit(url).netloc)


def broken(path: Path, root: Path) -> list[str]:
    """Return the links of a page that lead to no file or to no place in it."""
    found = []
    for url in (url for url in page(path).linked + page(path).fetched if not urlsplit(url).scheme):
        parts = urlsplit(url)
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if elsewhere(url):
            continue
        missing = not target.is_relative_to(root.resolve()) or not target.is_file()
        if missing or (parts.fragment and target.suffix == ".html" and not _place(target, parts.fragment)):
            found.append(f"{path.relative_to(root)}: {url}")
    return found


def _place(path: Path, fragment: str) -> bool:
    return unquote(fragment) in page(path).anchors
