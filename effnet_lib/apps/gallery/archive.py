"""What an earlier protocol published: its pictures and tables as they were, which this version draws no more."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ...artefacts import all_artefacts
from ...core import paths
from ...core.atomic_write import write_aside
from ...stats.verdicts import PROTOCOL
from ...study.profiles import PROFILES
from .notebook_pages import smaller


@dataclass(frozen=True)
class Archived:
    """A picture of an earlier protocol, with what lies beside it; `verdicts` in that protocol's own words."""

    protocol: int
    title: str
    profile: str
    picture: Path
    table: Path | None
    verdicts: str

    @property
    def slug(self) -> str:
        """The beginning of the names of its files in the site."""
        return f"protocol{self.protocol}-{self.profile}-{self.picture.stem}"


def archived() -> list[Archived]:
    """Return the pictures of all earlier protocols, the newest protocol first, in the order of `effnet list`."""
    found = []
    for protocol in range(PROTOCOL - 1, 0, -1):
        root = paths.published_root() / f"protocol{protocol}"
        for artefact in all_artefacts().values():
            for profile in PROFILES:
                picture = root / profile / f"{artefact.notebook}.png"
                if picture.is_file():
                    table, claims = (
                        picture.with_name(f"{artefact.notebook}.{kind}") for kind in ("csv", "claims.json")
                    )
                    listed = (protocol, artefact.title, profile, picture, table if table.is_file() else None)
                    found.append(Archived(*listed, _verdicts(claims)))
    return found


def write(folder: Path) -> list[dict[str, str | int | None]]:
    """Write the files of the archive's page into the site's folder; return what the page shows, `archive.html`'s."""
    shown = []
    for one in archived():
        try:
            data = smaller(one.picture.read_bytes())
        except ValueError:  # no picture: nothing to show
            continue
        write_aside(folder / f"{one.slug}.png", data)
        if one.table:
            write_aside(folder / f"{one.slug}.csv", one.table.read_bytes())
        names = {"picture": f"{one.slug}.png", "csv": f"{one.slug}.csv" if one.table else None, "slug": one.slug}
        shown.append(names | {name: getattr(one, name) for name in ("title", "profile", "protocol", "verdicts")})
    return shown


def _verdicts(path: Path) -> str:
    try:
        counts = Counter(str(claim["verdict"]) for claim in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):  # it is shown without: the picture stands for itself
        return ""
    return ", ".join(f"{number} {word}" for word, number in counts.items())
