"""Artefacts: one typed protocol with declared defaults, and a registry that is filled from above."""

import inspect
import subprocess
import sys

import pytest

from effnet_lib.artefacts import all_artefacts
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.registry import Artefact

HOOKS = [name for name, hook in vars(Artefact).items() if inspect.isfunction(hook) and not name.startswith("_")]


def test_without_artefacts_nothing_is_found_silently():
    code = "from effnet_lib.study import registry; registry.all_artefacts()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1 and "import effnet_lib.artefacts first" in ended.stderr


@pytest.mark.parametrize("artefact", all_artefacts().values(), ids=lambda artefact: artefact.id)
def test_an_artefact_keeps_to_the_protocol(artefact):
    assert Artefact in type(artefact).__mro__ and (artefact.trains or artefact.measures)
    for own in ("id", "notebook", "title", "table", "claims", "draw"):
        assert own in vars(type(artefact))
    for name in HOOKS:  # same parameters in the same order, or a caller by name would fail
        declared, given = (inspect.signature(getattr(kind, name)).parameters for kind in (Artefact, type(artefact)))
        assert list(given) == list(declared), name
    assert ("measurements" in vars(type(artefact))) == artefact.measures
    assert ("plan" in vars(type(artefact))) == artefact.trains


def test_defaults_are_declared(store):
    class Least(Artefact):
        id, notebook, title = "least", "least", "Least"

    least, profile = Least(), PROFILES["smoke"]
    assert least.adapted(profile) is profile and not least.measures and least.trains
    assert not any(hook(None) for hook in (least.plan, least.measurements, least.stages, least.later))
    assert least.drawable({1: 2}) and not least.drawable({}) and not least.beside() and not least.parameters
