"""RO-Crate and Croissant: they name what is there and nothing else, in the formats' own words, and are up to date."""

import hashlib
import json
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from effnet_lib.apps import cli
from effnet_lib.apps.evidence import crate, croissant, renewal, schemas
from effnet_lib.core import paths
from effnet_lib.core.errors import EffnetError
from effnet_lib.data.datasets import FRACTALS

PUBLISHED = paths.ROOT / "figures/published"
RENEWED = "`effnet gallery --readme` renews it"


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFNET_PUBLISHED", str(PUBLISHED))


def entities() -> dict[str, dict]:
    return {one["@id"]: one for one in json.loads((PUBLISHED / crate.NAME).read_text())["@graph"]}


def test_the_crate_lists_every_published_file_and_no_other():
    listed = {name: one for name, one in entities().items() if one["@type"] == "File"}
    files = {path.relative_to(PUBLISHED).as_posix(): path for path in crate._published(PUBLISHED)}
    assert listed.keys() == files.keys() and len(files) > 50, RENEWED
    assert all(int(one["contentSize"]) == files[name].stat().st_size for name, one in listed.items()), RENEWED
    folders = {name for name, one in entities().items() if one["@type"] == "Dataset"} - {"./"}
    assert folders == {"records/", "protocol1/"} and all((PUBLISHED / name).is_dir() for name in folders)
    assert {one["@id"] for one in entities()["./"]["hasPart"]} == listed.keys() | folders


def test_the_crate_names_licence_paper_devices_and_days():
    found = entities()
    root = found["./"]
    assert root["license"]["@id"].endswith("Apache-2.0") and root["citation"]["@id"] == crate.PAPER
    made = [json.loads(path.read_text())["provenance"] for path in (PUBLISHED / "records").glob("*.json")]
    days = sorted(one["date"][:10] for one in made)
    assert root["temporalCoverage"] == f"{days[0]}/{days[-1]}" and root["datePublished"] == days[-1], RENEWED
    devices = {one["name"]: name for name, one in found.items() if one["@type"] == "IndividualProduct"}
    assert devices.keys() == {one["device"] for one in made}, RENEWED
    for action in (one for one in found.values() if one["@type"] == "CreateAction"):
        assert action["result"] and all(one["@id"] in found for one in action["result"] + action.get("instrument", []))
    assert any(action.get("instrument") for action in found.values())


def test_every_reference_of_the_crate_leads_to_an_entity():
    def references(value: object) -> list[str]:
        if isinstance(value, list):
            return [one for part in value for one in references(part)]
        return [value["@id"]] if isinstance(value, dict) else []

    found = entities()
    named = {one for entity in found.values() for value in entity.values() for one in references(value)}
    assert {one for one in named if not one.startswith("https://w3id.org/ro/")} <= found.keys()


def test_the_crate_is_up_to_date_and_the_library_reads_it(shipped):
    library = pytest.importorskip("rocrate.rocrate")
    assert (PUBLISHED / crate.NAME).read_text(encoding="utf-8") == crate.text(), RENEWED
    read = library.ROCrate(PUBLISHED)
    assert len(list(read.data_entities)) == len(entities()["./"]["hasPart"])


@pytest.mark.parametrize("name", FRACTALS)
def test_croissant_is_up_to_date_and_says_what_the_set_is(name):
    text = (croissant.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert text == croissant.texts()[f"{name}.json"], RENEWED
    said = json.loads(text)
    sets = {one["@id"]: one["data"] for one in said["recordSet"]}
    counts = {row["splits/name"]: row["splits/images"] for row in sets["splits"]}
    spec = FRACTALS[name]
    assert counts == {"train": spec.classes * spec.train_per_class, "val": spec.classes * spec.val_per_class}
    assert sets["parameters"][0]["parameters/jitter"] == spec.jitter
    for source in said["distribution"]:
        path = (croissant.FOLDER / source["contentUrl"]).resolve()
        assert path.is_relative_to(paths.ROOT) and hashlib.sha256(path.read_bytes()).hexdigest() == source["sha256"]
    assert {path.stem for path in croissant.FOLDER.iterdir()} == FRACTALS.keys()


@pytest.mark.parametrize("name", FRACTALS)
def test_the_formats_own_validator_takes_it(name):
    mlcroissant = pytest.importorskip("mlcroissant")  # in no extra: a job of the workflow brings it
    dataset = mlcroissant.Dataset(str(croissant.FOLDER / f"{name}.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert [row["splits/name"] for row in dataset.records("splits")] == ["train", "val"]


def test_without_the_library_the_crate_is_refused_in_a_line(monkeypatch, capsys):
    def missing() -> str:
        raise EffnetError("rocrate is missing; pip install 'effnet-lib[evidence]' brings it")

    for part in (renewal.readme, renewal.schemas, renewal.croissant):
        monkeypatch.setattr(part, "renew", lambda: [])
    monkeypatch.setattr(crate, "text", missing)
    assert cli.main(["gallery", "--readme"]) == 2
    assert capsys.readouterr().err == "effnet: rocrate is missing; pip install 'effnet-lib[evidence]' brings it\n"
    extras = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(one.startswith("rocrate") for one in extras["evidence"])


@pytest.mark.skipif(find_spec("rocrate") is not None, reason="it is installed here")
def test_text_says_how_to_install_what_is_missing(shipped):
    with pytest.raises(EffnetError, match=r"rocrate.* is missing; pip install 'effnet-lib\[evidence\]'"):
        crate.text()


def test_what_changed_is_written_and_nothing_else(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(crate, "text", lambda: "new")
    monkeypatch.setattr(croissant, "FOLDER", tmp_path / "croissant")
    monkeypatch.setattr(croissant, "texts", lambda: {"a.json": "a"})
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    made = [*crate.renew(), *croissant.renew(), *schemas.renew()]
    assert [path.read_text() for path in made] == ["new", "a", *schemas.texts().values()]
    assert made[0] == paths.published_root() / crate.NAME
    assert [*crate.renew(), *croissant.renew(), *schemas.renew()] == []
