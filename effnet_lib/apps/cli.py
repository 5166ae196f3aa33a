"""The command line: effnet list | run | tune | queue | train | status | publish | export | gallery."""

import argparse
import sys
from pathlib import Path

from ..core.errors import EffnetError
from ..core.signals import Stopped
from ..study.profiles import PROFILES
from . import commands


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(prog="effnet", description="Regenerate the figures and tables of EfficientNet.")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action, words: str) -> argparse.ArgumentParser:
        made = subparsers.add_parser(name, help=words, description=words)
        made.set_defaults(action=action)
        return made

    listing = command("list", commands.list_all, "list artefacts and profiles")
    listing.add_argument("--ids", action="store_true", help="artefact ids only, one a line")

    run = command("run", commands.run, "regenerate an artefact by executing its notebook")
    run.add_argument("artefact", help="an id of `effnet list`, or all")
    run.add_argument("--profile", default="cpu", help=", ".join(PROFILES))
    run.add_argument("-p", dest="parameter", nargs=2, action="append", metavar=("NAME", "VALUE"))
    run.add_argument("-y", dest="yaml", action="append", metavar="YAML", help="for lists: 'widths: [1.0, 1.4]'")

    def work(name: str, action, words: str) -> argparse.ArgumentParser:
        made = command(name, action, words)
        made.add_argument("--profile", default="photos", help=", ".join(PROFILES))
        made.add_argument("--dataset", help="a name or a folder instead of the profile's own data set")
        made.add_argument("--workers", type=int, help="worker processes (default: one a core; 0: this process)")
        return made

    def execution(made: argparse.ArgumentParser) -> None:
        made.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")
        made.add_argument("--step", default="auto", help="how a step is launched: auto, eager, compile or graph")

    for name, action, words in (
        ("queue", commands.queue, "work through the pending runs of all plans inside a time budget"),
        ("tune", commands.tune, "choose baseline and learning rate (the protocol's step 0 and tuning)"),
    ):
        made = work(name, action, words)
        made.add_argument("--budget", type=float, required=True, help="seconds")
        execution(made)
        made.add_argument("--executor", default="local", help="local (worker processes) or ray (a Ray cluster)")
        made.add_argument("--gpu-share", type=float, default=1.0, help="of a GPU that a run on a Ray cluster takes")
        if name == "queue":
            made.add_argument("--artefact", nargs="*", default=[], help="only these plans (default: all)")
    train = command("train", commands.train, "train one network, alone or under torchrun")
    train.add_argument("--profile", default="imagenet", help=", ".join(PROFILES))
    train.add_argument("--dataset", help="a name or a folder instead of the profile's own data set")
    train.add_argument("--model", help="a published network, b0 to b7 (default: the profile's baseline, scaled)")
    for name in ("depth", "width", "resolution", "phi"):
        train.add_argument(f"--{name}", type=float, help="scale the baseline")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--epochs", type=int, help="default: the recipe's")
    train.add_argument(
        "--batch", type=int, metavar="N", help="pictures a step instead of the recipe's; the rate is scaled by as much"
    )
    train.add_argument(
        "--minival", type=int, metavar="N", help="training pictures reserved to stop early on (default: the recipe's)"
    )
    train.add_argument("--micro-batch", type=int, default=0, help="pictures a forward pass (default: as many as fit)")
    train.add_argument("--budget", type=float, default=float("inf"), help="seconds (default: until it is done)")
    train.add_argument("--every", type=float, default=300.0, help="seconds between checkpoints")
    train.set_defaults(workers=None)
    execution(train)

    work("status", commands.status, "show what is done, running, pending and failed, and the time left")

    publish = command("publish", commands.publish, "check records, copy them to figures/published, redraw")
    publish.add_argument("--from", dest="source", metavar="DIR", help="another machine's folder of records")
    publish.add_argument("--profile", nargs="*", help="profiles to redraw (default: all but smoke)")

    export = command("export", commands.export, "write trained networks as safetensors and ONNX, each with its record")
    export.add_argument("key", help="the beginning of a stored run's key, or all")
    export.add_argument("folder", type=Path, metavar="DIR")
    export.add_argument("--format", nargs="+", metavar="FORMAT", help="of safetensors, onnx (default: both)")

    gallery = command("gallery", commands.gallery, "write figures/gallery/index.html: all artefacts as one static site")
    gallery.add_argument("--readme", action="store_true", help="renew the README's table of artefacts instead")
    gallery.add_argument("--to", type=Path, metavar="DIR", help="another folder for it")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; an error is one line on stderr and an exit code that is not 0."""
    args = parser().parse_args(argv)
    try:
        return args.action(args)
    except EffnetError as error:
        print(f"effnet: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Stopped as stop:
        print(f"effnet: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("effnet: interrupted; what was finished is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
