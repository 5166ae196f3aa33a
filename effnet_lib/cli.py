"""The command line: effnet list | run | tune | queue | train | status | publish."""

import argparse
import sys
import time
from pathlib import Path

from .errors import EffnetError, ParameterError, nearest
from .profiles import PROFILES, profile
from .stopping import Stopped, interrupting


def _say(line: str) -> None:
    print(line, flush=True)


def _study(args):
    from .data.sets import declare
    from .parameters import resolve
    from .runs import RunStore
    from .study import Study

    resolve({"profile": args.profile, "dataset": args.dataset, "workers": args.workers})
    chosen = profile(args.profile)
    return Study.of(chosen, RunStore(chosen.shipped), declare(args.dataset or chosen.dataset))


def _list(args) -> int:
    from .artefacts import all_artefacts

    for name, module in all_artefacts().items():
        print(name if args.ids else f"{name:14} {module.TITLE} (notebooks/{module.NOTEBOOK}.ipynb)")
    if not args.ids:
        print()
        for one in PROFILES.values():
            print(f"{one.name:14} {one.summary}")
    return 0


def _run(args) -> int:
    from .artefacts import all_artefacts
    from .execute import run_notebook, value_of

    parameters = {"profile": args.profile}
    for name, text in args.parameter or []:
        parameters[name] = value_of(text)
    for text in args.yaml or []:
        import yaml

        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError:
            given = None
        if not isinstance(given, dict):
            raise ParameterError("-y", text, "YAML such as 'widths: [1.0, 1.4]'")
        parameters |= given
    names = list(all_artefacts()) if args.artefact == "all" else [args.artefact]
    for name in names:
        began = time.time()
        with interrupting():  # the kernel is told to stop, and saves
            out = run_notebook(name, parameters)
        picture = out.with_suffix(".png") if out else None
        if out is None:
            _say(f"{name}: dry run, nothing written")
        elif picture.is_file() and picture.stat().st_mtime >= began - 2:  # 2 s: the coarsest file systems' clock
            _say(f"{name}: {_short(out.parent)}/{out.stem}.*")
        else:
            _say(f"{name}: no record to draw from yet; {_short(out)} says what is missing")
    return 0


def _short(path: Path) -> str:
    """Return a path relative to the current folder where it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _queue(args) -> int:
    from .artefacts import all_artefacts
    from .parameters import resolve
    from .queue import work
    from .training.engine import Engine

    if not args.budget > 0:
        raise ParameterError("budget", args.budget, "seconds above 0")
    plans = [*all_artefacts(), "quintet", "study"]
    for name in args.artefact:
        if name not in plans:
            raise ParameterError("artefact", name, nearest(name, plans))
    device = args.device if args.executor == "ray" else resolve({"device": args.device}).device  # the nodes', not ours
    engine = Engine(device, args.step, gpu_share=args.gpu_share)
    report = work(_study(args), args.budget, args.workers, engine, args.artefact, _say, args.executor)
    _say(
        f"{len(report.stored)} runs stored, {len(report.failed)} failed, {len(report.paused)} paused, "
        f"{len(report.left)} left for next time"
    )
    return 1 if report.failed else 0


def _train(args) -> int:
    from .parameters import resolve
    from .scaling import Scaling
    from .single import plan, train_one
    from .training.engine import Engine

    if not args.budget > 0:
        raise ParameterError("budget", args.budget, "seconds above 0")
    if not args.every >= 0:
        raise ParameterError("every", args.every, "seconds, at least 0 (after each step)")
    for name, least in (("epochs", 1), ("seed", 0), ("batch", 1), ("micro_batch", 0), ("minival", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise ParameterError(name, value, f"a whole number of at least {least}")
    engine = Engine(resolve({"device": args.device}).device, args.step, args.every)
    factors = {
        name: getattr(args, name) for name in ("depth", "width", "resolution") if getattr(args, name) is not None
    }
    study, scaling = _study(args), Scaling(**factors) if factors else None
    changes = {"epochs": args.epochs, "batch": args.batch, "minival": args.minival}
    spec = plan(study, args.model, scaling, args.phi, args.seed, micro_batch=args.micro_batch, **changes)
    train_one(spec, study, engine, args.budget, _say)
    return 0


def _tune(args) -> int:
    from .status import decisions

    args.artefact = ["study"]
    code = _queue(args)
    _say(decisions(_study(args)))
    return code


def _status(args) -> int:
    from .status import decisions, status

    study = _study(args)
    _say(decisions(study))
    _say(status(study, args.workers))
    return 0


def _publish(args) -> int:
    from .measurements import MeasurementStore
    from .publish import check, planned_keys, planned_measurements, publish_records, redraw
    from .runs import RunStore

    names = args.profile or [name for name in PROFILES if name != "smoke"]
    for name in names:
        profile(name)  # an unknown one is refused before anything is copied
    store = RunStore()
    records = check(Path(args.source)) if args.source else list(store.own())
    if not args.source:
        wanted = planned_keys(names, store)
        records = [record for record in records if record.key in wanted]
        planned = planned_measurements(names)
        records += [measurement for measurement in MeasurementStore().own() if measurement.key in planned]
    new = publish_records(records)
    _say(f"{len(records)} records checked, {len(new)} new under figures/published/records")
    for name in names:
        for path in redraw(name):
            _say(f"drawn: {_short(path)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(prog="effnet", description="Regenerate the figures and tables of EfficientNet.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action, words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(action=action)
        return made

    listing = command("list", _list, "list artefacts and profiles")
    listing.add_argument("--ids", action="store_true", help="artefact ids only, one a line")

    run = command("run", _run, "regenerate an artefact by executing its notebook")
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

    def engine(made: argparse.ArgumentParser) -> None:
        made.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")
        made.add_argument("--step", default="auto", help="how a step is launched: auto, eager, compile or graph")

    for name, action, words in (
        ("queue", _queue, "work through the pending runs of all plans inside a time budget"),
        ("tune", _tune, "choose baseline and learning rate (the protocol's step 0 and tuning)"),
    ):
        made = work(name, action, words)
        made.add_argument("--budget", type=float, required=True, help="seconds")
        engine(made)
        made.add_argument("--executor", default="local", help="local (worker processes) or ray (a Ray cluster)")
        made.add_argument("--gpu-share", type=float, default=1.0, help="of a GPU that a run on a Ray cluster takes")
        if name == "queue":
            made.add_argument("--artefact", nargs="*", default=[], help="only these plans (default: all)")
    train = command("train", _train, "train one network, alone or under torchrun")
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
    engine(train)

    work("status", _status, "show what is done, running, pending and failed, and the time left")

    publish = command("publish", _publish, "check records, copy them to figures/published, redraw")
    publish.add_argument("--from", dest="source", metavar="DIR", help="another machine's folder of records")
    publish.add_argument("--profile", nargs="*", help="profiles to redraw (default: all but smoke)")
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
