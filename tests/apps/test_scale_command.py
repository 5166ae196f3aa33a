"""`effnet scale` as people call it: what it prints, what it leaves, and how it refuses; runs in profile smoke."""

import json
from pathlib import Path

import pytest
from support import thirty_lines

from effnet_lib.apps.cli import main
from effnet_lib.core.errors import RunFailed
from effnet_lib.report.tables import latency_ratios
from effnet_lib.stats.speedup import Ratio

YOURS = f"{Path(thirty_lines.__file__)}:make"
SMOKE = ("--profile", "smoke")


def left(roots: Path) -> list[str]:
    """Return the names of all files that a command left, caches apart."""
    return sorted(path.name for path in roots.rglob("*") if path.is_file() and "cache" not in path.parts)


def test_a_dry_run_is_a_plan_and_leaves_nothing(roots, capsys):
    assert main(["scale", YOURS, *SMOKE, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "trials of the learning rate" in said and "x baseline" in said and "(1, 1.4" in said
    assert left(roots) == []


def test_explain_says_what_depth_and_width_do(capsys):
    assert main(["scale", "--family", "mobilenetv3", *SMOKE, "--explain"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert "blocks depth x 2" in head and "channels width x 2" in head
    cells = {row.split()[0]: row.split()[1:] for row in rows}
    assert cells["blocks.3"][0] == "2" and cells["blocks.3"][3] == "4"  # blocks
    assert int(cells["blocks.3"][7]) == 2 * int(cells["blocks.3"][1])  # channels
    assert "blocks" not in cells
    assert main(["scale", YOURS, *SMOKE, "--explain"]) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nothing.py:make"], "cannot be read"),
        (["--family", "VGG"], "one of EfficientNet"),
        (["--cost", "carbon"], "flops, params, activations, memory, latency"),
        (["--at", "1"], "is not 1"),
        (["--budget", "1s"], "at least about"),
        (["--data", "nowhere"], "a folder with train/ and val/"),
        (["--profile", "smok"], "did you mean smoke"),
    ],
)
def test_a_bad_word_is_one_line_and_leaves_nothing(given, words, roots, capsys):
    profile = () if "--profile" in given else SMOKE
    assert main(["scale", *given, *profile]) == 2
    out, error = capsys.readouterr()
    assert words in error and error.count("\n") == 1 and out == "" and left(roots) == []


def test_a_busy_machine_measures_no_latency(roots, capsys, monkeypatch):
    def busy(base, arch):
        raise RunFailed("the machine is busy, and a latency would say nothing: it is; nothing was stored")

    monkeypatch.setattr(latency_ratios, "relative", busy)
    assert main(["scale", *SMOKE, "--cost", "latency", "--dry-run"]) == 2
    assert "the machine is busy" in capsys.readouterr().err
    assert not list(roots.rglob("*.json"))


def test_latencies_are_measured_once(roots, capsys, monkeypatch):
    from effnet_lib.models.complexity import count

    measured = []

    def relative(base, arch):
        measured.append(arch)
        return Ratio(count(arch).madds / count(base).madds, 0, 9, 31), 0.01

    monkeypatch.setattr(latency_ratios, "relative", relative)
    for _ in range(2):
        assert main(["scale", "--family", "MobileNetV2", "--px", "64", *SMOKE, "--cost", "latency", "--dry-run"]) == 0
        assert (
            len(measured) == len(set(measured)) == len(json.loads(next(roots.rglob("latency_ratios.json")).read_text()))
        )
    assert "latency on this machine" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked", [["--family", "MobileNetV3"], [YOURS, "--workers", "2"]], ids=["MobileNetV3", "yours"]
)
def test_from_the_command_to_the_answer(asked, roots, capsys):
    assert main(["scale", *asked, *SMOKE, "--to", str(roots / "out")]) == 0
    said = capsys.readouterr().out
    assert "bracketed" in said and "best of 7" in said and "family: phi 1" in said
    body = json.loads((roots / "out/scaled_family.json").read_text())
    assert body["family"][0]["phi"] == 1 and (roots / "out/scaled_family.py").is_file()
    records = list((roots / "results/records").iterdir())
    assert main(["scale", *asked, *SMOKE, "--to", str(roots / "out")]) == 0  # everything is stored
    assert list((roots / "results/records").iterdir()) == records
