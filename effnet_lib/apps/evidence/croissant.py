"""Croissant metadata (MLCommons, 1.0) of the embedded data sets, which no file holds: a generator makes every image.

What is distributed is therefore the generator's source, and the records are its parameters and its splits. The format
is JSON-LD and small, so it is written here; `mlcroissant`, which validates it, brings stubs that change what mypy says.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core import atomic_write
from ...data import fractal_scenes, fractals, function_systems
from ...data.datasets import FRACTALS, content_fingerprint, declare

FOLDER = Path(__file__).parent / "croissant"
GENERATOR = (fractals, function_systems, fractal_scenes)
PLAIN = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in PLAIN.split()},
}
CITED = (
    "The effnet-lib authors: EfficientNet, reproduced. The generator is in the line of FractalDB (Kataoka et al., "
    "Pre-training without Natural Images, ACCV 2020)."
)


def croissant(name: str) -> dict[str, Any]:
    """Return the metadata of an embedded data set as JSON-LD."""
    spec, dataset = FRACTALS[name], declare(name)
    others = f"among figures of {spec.clutter} further classes" if spec.clutter else "which fills it"
    splits = [{"name": "train", "images": dataset.train_images}, {"name": "val", "images": dataset.val_images}]
    parameters = asdict(spec) | {"fingerprint": content_fingerprint(dataset)}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": (
            f"{dataset.label[0].upper()}{dataset.label[1:]}: an image shows the attractor of an iterated function "
            f"system, {others}. effnet_lib.data.datasets.generated(spec, split, image_size) makes them in colour and "
            "at any size, the same bytes everywhere; fingerprint is the SHA-256 of one image a class at 32 px."
        ),
        "license": "https://spdx.org/licenses/Apache-2.0",
        "url": f"urn:effnet-lib:data:{name}",
        "citeAs": CITED,
        "version": f"{spec.version}.0.0",
        "datePublished": "2026-11-24",
        "creator": {"@type": "sc:Organization", "name": "The effnet-lib authors"},
        "distribution": [_source(Path(str(module.__file__))) for module in GENERATOR],
        "recordSet": [_records("splits", splits, "cr:Split"), _records("parameters", [parameters])],
    }


def _source(path: Path) -> dict[str, Any]:
    """Return the entry of a file of the generator's source, relative to the metadata's folder."""
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": f"../../../data/{path.name}",
        "encodingFormat": "text/x-python",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _records(name: str, rows: list[dict[str, Any]], kind: str | None = None) -> dict[str, Any]:
    """Return a record set whose records stand in the metadata themselves."""
    types = {str: "sc:Text", int: "sc:Integer", float: "sc:Float"}
    first = next(iter(rows[0]))
    fields = [
        {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": types[type(value)]}
        for field, value in rows[0].items()
    ]
    data = [{f"{name}/{field}": value for field, value in row.items()} for row in rows]
    made = {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/{first}"}}
    return made | ({"dataType": kind} if kind else {}) | {"field": fields, "data": data}


def texts() -> dict[str, str]:
    """Return what the file of each embedded data set must hold, by its name."""
    return {f"{name}.json": json.dumps(croissant(name), indent=1) + "\n" for name in FRACTALS}


def renew() -> list[Path]:
    """Write the files that hold something else; return them. Only in a checkout."""
    return atomic_write.renew({FOLDER / name: text.encode() for name, text in texts().items()})
