"""docs/faq.md: every number on it is computed again, and no other stands there."""

import doctest
import re
import shlex

import pytest
import torch
from support.faq import fragments

import effnet_lib as eff
from effnet_lib.apps import cli
from effnet_lib.core import paths

PAGE = paths.ROOT / "docs/faq.md"
# What holds digits and is no number: threads, papers, the names of networks, parts of the paper, a method's own steps.
NAMES = (
    r"\[[^]]*\]\([^)]*\)", r"`[^`]*`", r"\bB[0-7]\b", r"MobileNetV\d", r"ResNet-\d+", r"bf16",
    r"Table \d", r"section \d\.\d", r"equation \d", r"beta\^2 gamma\^2", r"since 2019",
    r"depth 3\.1\?", r"Images of 32 px\?", r"At 32 px one value", r"asks for 128 px and a million",
    r"at least 1;", r"As soon as d exceeds 1,", r"with stride 1 and", r"stride (?:32|16|8)\b", r"within 5 % of twice",
    r"multiple of 8 that is not below 90 %", r"steps of 4 channels and 4 px",
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def computed() -> list[str]:
    return list(fragments())


def words(text: str) -> str:
    return " ".join(text.split())


def without(text: str, parts: list[str]) -> str:
    """Return a text without these parts, the longest first."""
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(words(part), "")
    return text


def test_every_number_is_computed_again(page, computed):
    missing = [part for part in computed if words(part) not in words(page)]
    assert not missing, "\n" + "\n".join(missing)
    assert len(computed) > 50


def test_no_other_number_stands_there(page, computed):
    prose = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    for name in NAMES:
        prose = re.sub(name, "", prose, flags=re.MULTILINE)
    for name in NAMES:
        computed = [re.sub(name, "", part, flags=re.MULTILINE) for part in computed]
    left = without(words(prose), computed)
    assert not re.findall(r".{0,30}\d.{0,30}", left)


def test_what_is_added_to_a_stage_comes_after_its_first_block():
    """As the page says in words: stride 1, an identity skip."""
    with torch.device("meta"):
        base, deeper = eff.published("b0").build(), eff.published("b3").build()
    for i, (few, more) in enumerate(zip(base.blocks, deeper.blocks, strict=True)):
        assert len(more) > len(few)
        assert more[0].conv_dw.stride == few[0].conv_dw.stride and not more[0].has_skip | few[0].has_skip
        assert all(block.conv_dw.stride == (1, 1) and block.has_skip for block in more[1:]), i


def test_a_number_that_nobody_computes_is_seen(computed):
    assert without("B7 has 54 blocks", computed) == "B7 has 54 blocks"


def test_its_python_is_what_python_says():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert (failed, tried) == (0, 4)


def test_its_commands_are_commands(page):
    commands = re.findall(r"^\.venv/bin/effnet (.*)$", page, re.MULTILINE)
    assert len(commands) == 2
    assert all(cli.parser().parse_args(shlex.split(command)).action for command in commands)


def test_its_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)]*)\)", page)
    threads = [
        target for target in targets if re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+/(?:issues|pull)/\d+", target)
    ]
    papers = [target for target in targets if target.startswith("https://arxiv.org/abs/")]
    files = [target.partition("#")[0] for target in targets if not target.startswith("https://")]
    assert len(threads) + len(papers) + len(files) == len(targets) and len(threads) >= 14
    assert all((PAGE.parent / name).is_file() for name in files)
    named = re.findall(r"`(effnet_lib/[\w./]*)`", page)
    assert len(named) >= 4 and all((paths.ROOT / name).exists() for name in named)
    assert "docs/faq.md" in (paths.ROOT / "README.md").read_text(encoding="utf-8")
