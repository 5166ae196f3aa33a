"""The command line: effnet list, run, scale, check, tune, queue, pack, train, status, publish, export, and more."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ..core.errors import EffnetError
from ..core.home_caches import redirect
from ..core.last_resort import Unexpected, last_resort
from ..core.signals import Stopped
from ..study.profiles import PROFILES
from . import commands, notebook_copies, scale_command

INTERNAL = 70  # sysexits.h: internal software error
CLOSED = 141  # 128 + SIGPIPE, as shells say it
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # public under no name
Action = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(prog="effnet", description="Regenerate the figures and tables of EfficientNet.")
    made = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _list,
        _run,
        _scale,
        _check,
        _queue_and_tune,
        _pack,
        _train,
        _status,
        _publish,
        _export,
        _gallery,
        _notebooks,
    ):
        add(made)
    return top


def _command(made: Commands, name: str, action: Action, words: str) -> argparse.ArgumentParser:
    command = made.add_parser(name, help=words, description=words)
    command.set_defaults(action=action)
    return command


def _study_options(command: argparse.ArgumentParser, profile: str) -> None:
    command.add_argument("--profile", default=profile, help=", ".join(PROFILES))
    command.add_argument("--dataset", help="a name or a folder instead of the profile's own data set")


def _workers_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", type=int, help="worker processes (default: one a core; 0: this process)")


def _execution_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")
    command.add_argument("--step", default="auto", help="how a step is launched: auto, eager, fast, compile or graph")


def _list(made: Commands) -> None:
    command = _command(
        made, "list", commands.list_all, "list figures and tables with what they need and their state, and profiles"
    )
    command.add_argument("--ids", action="store_true", help="artefact ids only, one a line")


def _run(made: Commands) -> None:
    command = _command(made, "run", commands.run, "regenerate an artefact by executing its notebook")
    command.add_argument("artefact", help="an id of `effnet list`, or all")
    command.add_argument("--profile", default="cpu", help=", ".join(PROFILES))
    command.add_argument("-p", dest="parameter", nargs=2, action="append", metavar=("NAME", "VALUE"))
    command.add_argument("-y", dest="yaml", action="append", metavar="YAML", help="for lists: 'widths: [1.0, 1.4]'")


def _check(made: Commands) -> None:
    words = "rerun some published runs: does this machine reproduce them? 0: yes, 1: not finished, 3: no"
    command = _command(made, "check", commands.check, words)
    command.add_argument("artefact", help="an id of `effnet list`")
    command.add_argument("--profile", default="cpu", help=", ".join(PROFILES))
    command.add_argument("--runs", type=int, default=4, metavar="K", help="at most so many (default: 4)")
    command.add_argument("--seed", type=int, default=0, help="draws them (default: 0)")
    command.add_argument("--budget", type=float, default=180.0, help="seconds (default: 180)")
    command.add_argument("--dry-run", action="store_true", help="print what would be rerun, and write nothing")
    _workers_option(command)
    command.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")


def _scale(made: Commands) -> None:
    words = "search how a network should grow: yours, or a built-in family, at any cost"
    scale_command.options(_command(made, "scale", scale_command.scale, words))


def _queue_and_tune(made: Commands) -> None:
    for name, action, words in (
        ("queue", commands.queue, "work through the pending runs of all plans inside a time budget"),
        ("tune", commands.tune, "choose baseline, recipe and learning rates (the protocol's step 0 and tuning)"),
    ):
        command = _command(made, name, action, words)
        _study_options(command, "photos")
        _workers_option(command)
        command.set_defaults(pack=None)
        command.add_argument("--budget", type=float, required=True, help="seconds")
        _execution_options(command)
        fold = "runs that differ in seed and rate alone, trained as one program, at most so many (default: 1)"
        command.add_argument("--fold", type=int, default=1, metavar="S", help=fold)
        command.add_argument("--executor", default="local", help="local (worker processes) or ray (a Ray cluster)")
        command.add_argument("--gpu-share", type=float, default=1.0, help="of a GPU that a run on a Ray cluster takes")
        if name == "queue":
            _plans_option(command)
            command.set_defaults(profile=None)  # photos, or a pack's
            command.add_argument("--pack", metavar="DIR", help="work on what `effnet pack` wrote, once it is all there")


def _plans_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--artefact", nargs="*", default=[], help="only these plans (default: all)")


def _pack(made: Commands) -> None:
    words = "write code, records and images for the pending runs, in parts, for a host without network or data"
    command = _command(made, "pack", commands.pack, words)
    command.add_argument("out", metavar="OUT", help="a folder, new or empty")
    _study_options(command, "photos")
    _plans_option(command)
    command.add_argument("--limit", default="60MB", help="the most that a part takes (default: 60MB)")


def _train(made: Commands) -> None:
    command = _command(made, "train", commands.train, "train one network, alone or under torchrun")
    _study_options(command, "imagenet")
    command.add_argument("--model", help="a published network, b0 to b7 (default: the profile's baseline, scaled)")
    for name in ("depth", "width", "resolution", "phi"):
        command.add_argument(f"--{name}", type=float, help="scale the baseline")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--epochs", type=int, help="default: the recipe's")
    batch = "images a step instead of the recipe's; the rate is scaled by as much"
    command.add_argument("--batch", type=int, metavar="N", help=batch)
    minival = "training images reserved to stop early on (default: the recipe's)"
    command.add_argument("--minival", type=int, metavar="N", help=minival)
    command.add_argument("--micro-batch", type=int, default=0, help="images a forward pass (default: as many as fit)")
    command.add_argument("--budget", type=float, help="seconds (default: until it is done)")
    command.add_argument("--every", type=float, default=300.0, help="seconds between checkpoints")
    command.set_defaults(workers=None)
    _execution_options(command)


def _status(made: Commands) -> None:
    words = "show what is done, running, pending and failed, and the time left"
    command = _command(made, "status", commands.status, words)
    _study_options(command, "photos")
    _workers_option(command)


def _publish(made: Commands) -> None:
    command = _command(made, "publish", commands.publish, "check records, copy them to figures/published, redraw")
    command.add_argument("--from", dest="source", metavar="DIR", help="another machine's folder of records")
    command.add_argument("--profile", nargs="*", help="profiles to redraw (default: all but smoke)")
    command.add_argument("--artefact", nargs="*", default=[], help="redraw only these (default: all)")


def _export(made: Commands) -> None:
    words = "write trained networks as safetensors and ONNX, each with its record and a model card"
    command = _command(made, "export", commands.export, words)
    command.add_argument("key", help="the beginning of a stored run's key, or all")
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument("--format", nargs="+", metavar="FORMAT", help="of safetensors, onnx (default: both)")


def _gallery(made: Commands) -> None:
    words = "write figures/gallery/index.html: all artefacts as one static site"
    command = _command(made, "gallery", commands.gallery, words)
    command.add_argument(
        "--readme", action="store_true", help="renew what README.md says of the evidence, and machines read, instead"
    )
    command.add_argument("--to", type=Path, metavar="DIR", help="another folder for it")


def _notebooks(made: Commands) -> None:
    words = "copy the notebooks that come with the package into a folder, to open them there"
    command = _command(made, "notebooks", notebook_copies.command, words)
    command.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder, new or without them")


def main(argv: list[str] | None = None) -> int:
    """Run a command; an error is one line on stderr and an exit code that is not 0.

    Ours have 2, an interrupt 128 + the signal's number, and what nobody thought of (`last_resort`) 70.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows no Greek letter, and needs no traceback
    args = parser().parse_args(argv)
    try:
        with last_resort(BrokenPipeError):
            redirect()
            return args.action(args)
    except EffnetError as error:
        print(f"effnet: {' '.join(str(error).split())}", file=sys.stderr)
        return INTERNAL if isinstance(error, Unexpected) else 2
    except Stopped as stop:
        print(f"effnet: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("effnet: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # a reader such as `head` has seen enough; what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
