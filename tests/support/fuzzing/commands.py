"""Any command line, up to where work would begin: no kernel starts, nothing is trained, downloaded or drawn."""

import contextlib
import io
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st
from support.fuzzing.guard import REFUSED, TAKEN, ends, kept, refused_well
from support.fuzzing.values import ODD, numbers

from effnet_lib.apps import cli, publish
from effnet_lib.artefacts import all_artefacts
from effnet_lib.data import datasets
from effnet_lib.runs import sweep, worker
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.ranges import OPTIONS

TEXT = st.text(st.characters(exclude_characters="/\0"), max_size=12)  # no path of this machine, and no NUL in an argv
PATHS = TEXT | st.sampled_from([".", "..", "/", "~", "~nosuchuser/x", "a" * 300, "sets", "sets/sound", "new", ""])
PARAMETERS = (
    "seeds",
    "widths",
    "depths",
    "profile",
    "train",
    "dry_run",
    "dataset",
    "rounds",
    "models",
    "px",
    "tolerance",
)
YAML = ("widths: [1.0, 1.4]", "widths: [1.0", "seeds: 10000000", "3: 4", "- a", "a: &a [*a]", "!!python/name:os.system")


def _options(folders: list[str]) -> dict[str, st.SearchStrategy[list[str]]]:
    def of(name: str, values: st.SearchStrategy) -> st.SearchStrategy[list[str]]:
        return values.map(lambda value: [name, str(value)])

    made = {
        "--profile": of("--profile", st.sampled_from([*PROFILES, "smok"]) | TEXT),
        "--dataset": of("--dataset", st.sampled_from([*folders, *datasets.FRACTALS, *datasets.PHOTOS]) | PATHS),
        "--device": of("--device", st.sampled_from(["auto", "cpu", "cuda", "cuda:9", "mps"]) | TEXT),
        "--step": of("--step", st.sampled_from(["auto", "eager", "compile", "graph"]) | TEXT),
        "--executor": of("--executor", st.sampled_from(["local", "ray", "Ray"]) | TEXT),
        "--gpu-share": of("--gpu-share", numbers(0, 1, whole=False)),
        "--artefact": st.lists(st.sampled_from([*all_artefacts(), "study", "fig33"]) | TEXT, max_size=3).map(
            lambda names: ["--artefact", *names]
        ),
        "--model": of("--model", st.sampled_from(["b0", "b3", "b7", "b8", "B0"]) | TEXT),
        "--from": of("--from", st.sampled_from(folders) | PATHS),
        "--to": of("--to", PATHS),
        "--pack": of("--pack", st.sampled_from(folders) | PATHS),
        "--limit": of("--limit", st.sampled_from(["60MB", "1kB", "1e3", "0"]) | TEXT),
        "--format": of("--format", st.sampled_from(["onnx", "safetensors", "pt"]) | TEXT),
        "-y": of("-y", st.sampled_from(YAML) | TEXT),
        "-p": st.tuples(st.just("-p"), st.sampled_from(PARAMETERS) | TEXT, TEXT | st.sampled_from(["1", "1e400"])).map(
            list
        ),
    }
    for name in ("depth", "width", "resolution", "phi"):
        made[f"--{name}"] = of(f"--{name}", numbers(0, 100, whole=False))
    for name, limits in OPTIONS.items():
        flag = "--" + name.replace("_", "-")
        made[flag] = of(flag, numbers(limits.least, limits.most, limits.whole))
    return made


STUDY = ("--profile", "--dataset", "--workers")
QUEUED = (*STUDY, "--device", "--step", "--executor", "--gpu-share")
COMMANDS: dict[str, tuple[str, ...]] = {
    "list": (),
    "run": ("--profile", "-p", "-y"),
    "check": ("--profile", "--runs", "--seed", "--budget", "--workers", "--device"),
    "queue": (*QUEUED, "--artefact", "--pack"),
    "pack": (*STUDY[:2], "--artefact", "--limit"),
    "tune": QUEUED,
    "train": (
        *STUDY[:2], "--device", "--step", "--model", "--depth", "--width", "--resolution", "--phi", "--seed",
        "--epochs", "--batch", "--minival", "--micro-batch", "--budget", "--every",
    ),
    "status": STUDY,
    "publish": ("--from", "--profile", "--artefact"),
    "export": ("--format",),
    "gallery": ("--to",),
    "notebooks": ("--to",),
}  # fmt: skip
NEEDED: dict[str, st.SearchStrategy[list[str]]] = {
    "run": st.sampled_from([*all_artefacts(), "all", "fig33"]).map(lambda name: [name]) | TEXT.map(lambda name: [name]),
    "check": st.sampled_from([*all_artefacts(), "fig33"]).map(lambda name: [name]) | TEXT.map(lambda name: [name]),
    "queue": numbers(0, 100, whole=False).map(lambda seconds: ["--budget", str(seconds)]),
    "tune": numbers(0, 100, whole=False).map(lambda seconds: ["--budget", str(seconds)]),
    "pack": PATHS.map(lambda path: [path]),
    "export": st.tuples(TEXT | st.just("all"), PATHS).map(list),
}
JUNK = st.lists(TEXT | st.sampled_from([odd[:200] for odd in ODD if isinstance(odd, str)]), max_size=2)


def strategy(folders: list[str]) -> st.SearchStrategy[list[str]]:
    """Return command lines; most of them are ones that the parser takes."""
    options = _options(folders)

    def of(name: str) -> st.SearchStrategy[list[str]]:
        chosen = st.sets(st.sampled_from(COMMANDS[name]), max_size=4) if COMMANDS[name] else st.just(set())
        given = chosen.flatmap(lambda names: st.tuples(*(options[one] for one in sorted(names))))
        needed, junk = NEEDED.get(name, st.just([])), JUNK | st.just([]) | st.just([]) | st.just([])
        return st.tuples(needed, given, junk).map(lambda all_: [name, *all_[0], *chain(*all_[1]), *all_[2]])

    often = [name for name in COMMANDS for _ in range(1 if name == "publish" else 4)]  # it plans for seconds
    return st.sampled_from(often).flatmap(of) | JUNK


@contextlib.contextmanager
def nothing_begins() -> Iterator[None]:
    """Leave out what takes long or leaves the world: kernels, training, downloads, redrawing, the README, copies."""

    def execute(_notebook: str, out: str, **_) -> None:
        Path(out).write_text("{}", encoding="utf-8")

    def download(_folder: Path) -> None:
        raise OSError("no network")

    with contextlib.ExitStack() as stack:
        for place, what in (
            ("papermill.execute_notebook", execute),
            ("effnet_lib.apps.evidence.renewal.renew", lambda: False),
            ("effnet_lib.apps.notebook_copies._copied", lambda source, to: to),
        ):
            stack.enter_context(mock.patch(place, what))
        stack.enter_context(mock.patch.object(datasets, "_download_imagenette", download))
        stack.enter_context(mock.patch.object(sweep, "_executor", lambda options: lambda made: None))
        stack.enter_context(mock.patch.object(worker, "execute", lambda *_: worker.PAUSED))
        stack.enter_context(mock.patch.object(publish, "redraw", lambda name, *chosen: []))
        stack.enter_context(mock.patch.dict(os.environ, EFFNET_DEBUG="1"))  # a fault shows where it came from
        yield


def check(argv: list[str]) -> str:
    """Run a command; a refusal is one line, exit code 2, and leaves no file."""
    before, out, err = kept(), io.StringIO(), io.StringIO()
    try:
        with nothing_begins(), ends(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(argv)
    except SystemExit as parsed:  # argparse: how a command is used, then what is wrong
        assert parsed.code in (0, 2)
        code = parsed.code
    else:
        if code == 2:
            refused_well(err.getvalue())
    if code == 2:
        assert kept() == before, "stored for a refused command"
        return REFUSED
    assert code in (0, 1), f"exit code {code}"
    return TAKEN
