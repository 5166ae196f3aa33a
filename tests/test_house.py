"""The rules of the house that no linter knows: sizes, places, tricks, versions, the workflow's commands, the map."""

import ast
import datetime
import json
import os
import re
import runpy
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from effnet_lib.core import paths

ROOT = paths.ROOT
LIBRARY, TESTS, BENCHMARK = (ROOT / name for name in ("effnet_lib", "tests", "benchmarks/gpu"))
LINES, PARAMETERS, MODULE_LINES = 45, 6, 250
TEST_LINES, TEST_FILE_LINES = 30, 350
NAMING = (
    ".ci/run",
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ["start", "using", "running", "data"]),
)
LONGER: dict[str, str] = {}  # modules of up to 300 lines, and why they stay whole
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def modules(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def functions(*folders: Path) -> Iterator[tuple[str, Function]]:
    """All functions, methods and inner functions, with the place where they stand."""
    for path in modules(*folders):
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def lines(node: Function) -> int:
    return node.end_lineno - node.lineno + 1


def parameters(node: Function) -> int:
    """How many parameters a caller may give by name or place; `self` and `cls` are no such."""
    given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
    return len(given) - (bool(given) and given[0].arg in ("self", "cls"))


def length(path: Path) -> int:
    return len(path.read_text().splitlines())


def none(offenders: list[str]) -> None:
    """Fail with every offender in full, a line each."""
    assert not offenders, "\n" + "\n".join(offenders)


def test_no_function_is_long():
    counted = ((where, lines(node)) for where, node in functions(LIBRARY, BENCHMARK))
    none([f"{where}: {count} lines" for where, count in counted if count > LINES])


def test_no_function_takes_many_parameters():
    counted = ((where, parameters(node)) for where, node in functions(LIBRARY, BENCHMARK))
    none([f"{where}: {count} parameters" for where, count in counted if count > PARAMETERS])


def test_no_module_is_long():
    counted = {str(path.relative_to(ROOT)): length(path) for path in modules(LIBRARY, BENCHMARK)}
    limits = dict.fromkeys(counted, MODULE_LINES) | dict.fromkeys(LONGER, MODULE_LINES + 50)
    none([f"{path}: {count} lines" for path, count in counted.items() if count > limits[path]])
    none([f"{path} is not that long" for path in LONGER if counted.get(path, 0) <= MODULE_LINES])


def test_every_package_says_what_lives_there():
    said = {path.parent: ast.get_docstring(tree(path)) or "" for path in LIBRARY.rglob("__init__.py")}
    none([str(package) for package, words in said.items() if not words or "TODO" in words])
    assert {path.parent for path in modules(LIBRARY)} == said.keys()


def test_the_root_holds_packages_only():
    files = {path.name for path in LIBRARY.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}


def trick(node: ast.AST) -> str:
    """The name of a way around Python's own rules that a node takes, or nothing."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="object"), attr="__new__")):
            return "object.__new__"
        case ast.Attribute(value=ast.Attribute(attr="__dict__")):
            return "__dict__." + node.attr
        case ast.Attribute(attr="__dict__" | "__class__", ctx=ast.Store()):
            return f"{node.attr} ="
        case ast.Subscript(value=ast.Attribute(attr="__dict__"), ctx=ast.Store() | ast.Del()):
            return "__dict__[...] ="
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="vars")), attr="pop" | "update")):
            return "vars()." + node.func.attr
    return ""


def test_nothing_goes_around_a_class():
    seen = [(path, node) for path in modules(LIBRARY, BENCHMARK) for node in ast.walk(tree(path)) if trick(node)]
    none([f"{path.relative_to(ROOT)}:{node.lineno} {trick(node)}" for path, node in seen])


@pytest.mark.parametrize(
    "code",
    [
        "object.__new__(A)",
        "self.__dict__.pop('a')",
        "self.__dict__ |= {}",
        "self.__dict__['a'] = 1",
        "m.__class__ = B",
        "vars(a).pop('b')",
    ],
)
def test_a_way_around_is_seen(code: str):
    assert any(map(trick, ast.walk(ast.parse(code))))
    assert not any(map(trick, ast.walk(ast.parse("super().__new__(cls); type(self).__name__; vars(self)"))))


def locales(node: ast.AST) -> bool:
    """Whether a call reads or writes text in the encoding of whoever's locale it is."""
    if not isinstance(node, ast.Call) or any(word.arg in ("encoding", None) for word in node.keywords):
        return False
    match node.func:
        case ast.Attribute(attr="read_text" | "write_text"):
            return True
        case ast.Name(id="open") | ast.Attribute(value=ast.Name(id="os"), attr="fdopen"):
            modes = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "mode")]
            return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)
    return False


def test_every_text_file_is_utf_8_whatever_the_locale():
    seen = [(path, node) for path in modules(LIBRARY) for node in ast.walk(tree(path)) if locales(node)]
    none([f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}" for path, node in seen])


@pytest.mark.parametrize(
    "code", ["p.read_text()", "p.write_text('')", "open(p)", "open(p, 'w')", "os.fdopen(1, mode='w')"]
)
def test_a_file_in_the_locales_encoding_is_seen(code: str):
    assert any(map(locales, ast.walk(ast.parse(code))))
    known = "p.read_text(encoding='utf-8'); open(p, 'rb'); Image.open(p); os.fdopen(1, mode='wb')"
    assert not any(map(locales, ast.walk(ast.parse(known))))


def test_what_is_counted():
    node = ast.parse("def f(self, a, /, b, *rest, c=1, **more):\n    def g():\n        pass\n    return g").body[0]
    assert (parameters(node), lines(node)) == (3, 4)


def test_no_test_file_is_long():
    counted = {str(path.relative_to(ROOT)): length(path) for path in modules(TESTS)}
    none([f"{path}: {count} lines" for path, count in counted.items() if count > TEST_FILE_LINES])


def test_no_test_is_long():
    counted = ((where, lines(node)) for where, node in functions(TESTS) if node.name.startswith("test_"))
    none([f"{where}: {count} lines" for where, count in counted if count > TEST_LINES])


def imported(path: Path) -> Iterator[str]:
    """The last part of every module that a file imports, and of every name that it takes from one."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[-1]
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name.name.split(".")[-1] for name in node.names)


def test_no_test_imports_another():
    tests = {path.stem for path in modules(TESTS) if path.stem.startswith("test_")} | {"conftest"}
    none([f"{path}: {name}" for path in modules(TESTS) for name in imported(path) if name in tests])


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project == cited == released[0][0]
    days = [datetime.date.fromisoformat(day) for _, day in released]
    assert days == sorted(days, reverse=True)


def workflows() -> dict[Path, dict]:
    """GitHub's workflows, parsed."""
    return {path: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}


def steps() -> list[dict]:
    return [step for flow in workflows().values() for job in flow["jobs"].values() for step in job["steps"]]


def targets() -> set[str]:
    """What `make` takes: the Makefile's own targets, and every artefact's id."""
    from effnet_lib.artefacts import all_artefacts

    rules = re.findall(r"^([a-z-]+(?: [a-z-]+)*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name for rule in rules for name in rule.split()} | set(all_artefacts())


def test_the_workflow_runs_what_it_says():
    jobs = {path.stem: flow["jobs"] for path, flow in workflows().items()}
    assert jobs["ci"].keys() == {"lint", "newcomer", "coverage", "croissant", "listing", "notebooks", "slow"}
    assert jobs["lock"].keys() == {"newer"} and jobs["docs"].keys() == {"build", "deploy"}
    assert all(job["timeout-minutes"] for flow in jobs.values() for job in flow.values())
    assert all("run" in step or "uses" in step for step in steps())


def test_every_command_of_the_house_exists():
    commands = [step["run"] for step in steps() if "run" in step]
    pages = [(ROOT / name).read_text() for name in NAMING]
    pages = [line for page in pages for line in re.findall(r"^make .*|`make .*?`", page, re.MULTILINE)]
    called = {name for line in commands + pages for name in re.findall(r"\bmake ([a-z][\w-]*)", line)}
    assert {"lint", "test", "test-slow", "test-notebook", "fig3", "docs", "gallery", "lab"} <= called
    none(sorted(called - targets()))


def test_forms_and_the_container_can_be_read():
    forms = [yaml.safe_load(path.read_text()) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")]
    asked = [{item["type"] for item in form["body"]} for form in forms if "body" in form]
    assert len(asked) == 2 and set.union(*asked) <= {"textarea", "input"}
    assert yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["version"] == 2
    said = (ROOT / ".devcontainer/devcontainer.json").read_text().partition("\n")[2]
    assert (ROOT / ".devcontainer" / json.loads(said)["build"]["dockerfile"]).is_file()


def test_every_notebook_is_in_the_workflow(tmp_path):
    (listing,) = (step["run"] for step in steps() if step.get("id") == "list")
    environment = os.environ | {"GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(["bash", "-ec", listing], cwd=ROOT, env=environment, check=True)
    name, _, value = (tmp_path / "output").read_text().strip().partition("=")
    assert (name, json.loads(value)) == ("notebooks", sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb")))


def test_the_map_is_drawn_from_the_contract():
    drawn = runpy.run_path(str(ROOT / "docs/house.py"))
    assert (ROOT / "docs/house.svg").read_text() == drawn["drawing"]()
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert packages == {name for row in drawn["layers"]() for name in row} == drawn["HOLDS"].keys()


@pytest.mark.parametrize(
    ("page", "least"),
    [("CONTRIBUTING.md", 30), ("docs/running.md", 4), ("docs/data.md", 3), ("docs/machines.md", 3), ("SECURITY.md", 3)],
)
def test_every_path_that_a_page_names_exists(page: str, least: int):
    named = re.findall(
        r"`((?:effnet_lib|tests|docs|notebooks|figures|benchmarks)/[\w./-]*)`", (ROOT / page).read_text()
    )
    assert len(named) >= least
    none([name for name in named if not (ROOT / name).exists()])
