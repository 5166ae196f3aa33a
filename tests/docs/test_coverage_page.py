"""The page of coverage: what does not meet the bars is named, and the page says what was measured."""

import json
import re
import runpy

import pytest

from effnet_lib.core import paths

SCRIPT, PAGE = (paths.ROOT / "docs" / name for name in ("coverage_page.py", "coverage.md"))


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


def report(**ran: int) -> dict:
    """A report of files of 100 lines and 20 branches, of which so many lines and every other branch ran."""
    files = {
        f"effnet_lib/{name.replace('__', '/')}.py": {
            "summary": {"covered_lines": lines, "num_statements": 100, "covered_branches": 10, "num_branches": 20}
        }
        for name, lines in ran.items()
    }
    totals = {
        name: sum(one["summary"][name] for one in files.values()) for name in next(iter(files.values()))["summary"]
    }
    return {"files": files, "totals": totals}


def test_what_is_below_a_bar_is_named(script):
    found = list(script["faults"](report(core__a=100, core__b=74, data__c=75)))
    assert found[0].startswith("83.0 % of all lines ran") and found[1].startswith("effnet_lib/core/b.py: 74.0 %")
    assert not [one for one in found if "c.py" in one or "a.py" in one]


def test_a_reason_is_taken_and_one_too_many_is_named(script, monkeypatch):
    monkeypatch.setitem(script["reason"].__globals__, "REASONS", {"effnet_lib/core/b": "why", "effnet_lib/gone": "no"})
    assert list(script["faults"](report(core__a=100, core__b=10, data__c=100, data__d=100, data__e=100, runs__f=100)))[
        1:
    ] == ["effnet_lib/gone: it needs no reason any more"]
    assert "| `effnet_lib/core/b.py` | 10 % | why |" in script["tables"](report(core__b=10), "today")


def test_nothing_to_name(script, monkeypatch):
    monkeypatch.setitem(script["reason"].__globals__, "REASONS", {})
    assert not list(script["faults"](report(core__a=95, data__c=90)))
    assert "No file is below 75 %." in script["tables"](report(core__a=95), "today")


def test_packages_are_summed_and_the_text_around_is_kept(script):
    made = script["tables"](report(core__a=100, core__b=90, root=80), "here")
    assert "| core | 200 | 95.0 % | 50.0 % |" in made and "| effnet_lib | 100 | 80.0 % | 50.0 % |" in made
    page = script["renewed"](f"before\n{script['BEGIN']}\nold\n{script['END']}\nafter", made)
    assert page.startswith("before\n") and page.endswith("\nafter") and "old" not in page and made in page


def test_the_command_writes_the_page_and_fails_below_a_bar(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(script["main"].__globals__, "PAGE", tmp_path / "page.md")
    monkeypatch.setitem(script["main"].__globals__, "REASONS", {})
    (tmp_path / "page.md").write_text(PAGE.read_text())
    for lines, code in ((95, 0), (50, 1)):
        (tmp_path / "report.json").write_text(json.dumps(report(core__a=lines)))
        assert script["main"](str(tmp_path / "report.json")) == code
        assert f"**{lines}.0 % of 100 lines**" in (tmp_path / "page.md").read_text()
    assert "no reason for it" in capsys.readouterr().out


def test_what_the_page_says_meets_the_bars(script):
    text = PAGE.read_text(encoding="utf-8")
    percent, lines = re.search(r"\*\*([\d.]+) % of ([\d,]+) lines\*\*", text).groups()
    assert float(percent) >= script["ALL"] and int(lines.replace(",", "")) > 10_000
    low = re.findall(r"^\| `(effnet_lib/\S+)` \| (\d+) % \| (.*) \|$", text, re.MULTILINE)
    assert all(why == script["reason"](path) and (paths.ROOT / path).is_file() for path, _, why in low)
    assert all(any(path.startswith(beginning) for path, _, _ in low) for beginning in script["REASONS"])
    assert "`make coverage`, 20" in text and " cores of " in text
