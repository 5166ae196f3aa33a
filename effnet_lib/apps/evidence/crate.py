"""The RO-Crate of the published evidence: what lies there, made of what, by which devices, when, under which licence.

`figures/published/ro-crate-metadata.json` (RO-Crate 1.1, JSON-LD) is written by the library `rocrate` (extra
`evidence`) from the folder itself; what an earlier protocol published is one folder in it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import atomic_write, paths
from ...core.errors import EffnetError
from ...runs.record_checks import json_body, read_text
from ..gallery.evidence import Evidence, collect
from . import claims_schema, record_schema

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

NAME = "ro-crate-metadata.json"
APACHE = "https://spdx.org/licenses/Apache-2.0"
PAPER = "https://doi.org/10.48550/arXiv.1905.11946"
TITLE = "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
AUTHORS = "#authors"
TYPES = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".csv": "text/csv",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
}
ABOUT = (
    "Pictures, tables, judged claims, executed notebooks and records of a reproduction of EfficientNet's figures and "
    "tables at proxy scale. A record is a file a run or measurement, with its device, date and library versions; "
    "photographs shown as thumbnails keep the licences named with them."
)


def text() -> str:
    """Return what the crate's file must hold for what is published now.

    Raises:
        EffnetError: `rocrate` is not installed.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ModuleNotFoundError as error:
        raise EffnetError(f"{error.name} is missing; pip install 'effnet-lib[evidence]' brings it") from None

    crate, bodies = ROCrate(version="1.1"), _bodies()
    made = [body["provenance"] for body in bodies]
    days = sorted(str(one["date"])[:10] for one in made)
    devices = _devices(crate, {str(one["device"]) for one in made})
    _context(crate, days, bodies)
    _files(crate)
    for evidence in (one for found in collect().values() for one in found if one.published and one.measured):
        _action(crate, evidence, devices)
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n"


def renew() -> list[Path]:
    """Write the crate's file where it holds something else; return it, or nothing."""
    return atomic_write.renew({paths.writable_published_root() / NAME: text().encode()})


def _bodies() -> list[dict[str, Any]]:
    return [json_body(read_text(path)) for path in sorted((paths.published_root() / "records").glob("*.json"))]


def _add(crate: "ROCrate", place: str, kind: str, /, **properties: Any) -> dict[str, str]:
    """Add what is no file; return the reference to it."""
    from rocrate.model import ContextEntity

    crate.add(ContextEntity(crate, place, properties={"@type": kind, **properties}))
    return {"@id": place}


def _context(crate: "ROCrate", days: list[str], bodies: list[dict[str, Any]]) -> None:
    """Add what the whole is about: dates, licence, authors, the paper, the schemas, photographs with their credits."""
    root = crate.root_dataset
    crate.name, crate.description = "Published evidence of effnet-lib", ABOUT
    root["datePublished"], root["temporalCoverage"] = days[-1], f"{days[0]}/{days[-1]}"
    root["license"] = _add(crate, APACHE, "CreativeWork", name="Apache License 2.0")
    root["author"] = _add(crate, AUTHORS, "Organization", name="The effnet-lib authors")
    tan, le = (
        _add(crate, f"#{name.split()[-1].lower()}", "Person", name=name) for name in ("Mingxing Tan", "Quoc V. Le")
    )
    root["citation"] = _add(crate, PAPER, "ScholarlyArticle", name=TITLE, author=[tan, le], datePublished="2019")
    for module, words in ((record_schema, "JSON schema of a record"), (claims_schema, "JSON schema of judged claims")):
        _add(crate, module.ID, "CreativeWork", name=words, encodingFormat="application/schema+json")
    shown = {body["result"]["name"]: body["result"]["credit"] for body in bodies if body.get("kind") == "cam row"}
    root["mentions"] = [
        _add(crate, credit["page"], "Photograph", name=name, creditText=credit["author"], license=credit["licence"])
        for name, credit in sorted(shown.items())
    ]


def _devices(crate: "ROCrate", names: set[str]) -> dict[str, dict[str, str]]:
    """Add the devices that records name; return the reference to each by its name."""
    made = {name: f"#device-{number}" for number, name in enumerate(sorted(names), 1)}
    return {name: _add(crate, place, "IndividualProduct", name=name) for name, place in made.items()}


def _files(crate: "ROCrate") -> None:
    root = paths.published_root()
    for path in _published(root):
        kind = {"encodingFormat": TYPES.get(path.suffix, "application/octet-stream")}
        size = {"contentSize": str(path.stat().st_size)}
        follows = {"conformsTo": {"@id": claims_schema.ID}} if path.name.endswith(".claims.json") else {}
        crate.add_file(dest_path=path.relative_to(root).as_posix(), properties=kind | size | follows)
    count = len(list((root / "records").glob("*.json")))
    records = {"name": "Records", "description": f"{count} runs and measurements, <key>.json each"}
    crate.add_dataset(dest_path="records/", properties=records | {"conformsTo": {"@id": record_schema.ID}})
    for folder in sorted(root.glob("protocol*/")):
        words = {"name": f"What {folder.name.replace('protocol', 'protocol ')} published, as it was"}
        crate.add_dataset(dest_path=f"{folder.name}/", properties=words)


def _published(root: Path) -> Iterator[Path]:
    """Yield every file that is listed by itself, in order."""
    for path in sorted(root.rglob("*")):
        first = path.relative_to(root).parts[0]
        if path.is_file() and path.name != NAME and first != "records" and not first.startswith("protocol"):
            yield path


def _action(crate: "ROCrate", evidence: Evidence, devices: dict[str, dict[str, str]]) -> None:
    """Add how the files of an artefact in a profile came to be: devices and days, as its table has them."""
    root, about = paths.published_root(), evidence.about
    stem = f"{evidence.artefact.notebook}."
    made = [path for path in _published(root / evidence.profile) if path.name.startswith(stem)]
    properties: dict[str, Any] = {
        "name": f"{evidence.artefact.title}, profile {evidence.profile}",
        "object": {"@id": "records/"},
        "result": [{"@id": path.relative_to(root).as_posix()} for path in made],
        "agent": {"@id": AUTHORS},
    }
    if days := about.get("date"):
        properties |= {"startTime": days[:10], "endTime": days[-10:]}
    if named := [devices[name] for name in about.get("device", "").split(", ") if name in devices]:
        properties["instrument"] = named
    _add(crate, f"#{evidence.slug}", "CreateAction", **properties)
