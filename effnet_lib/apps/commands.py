"""What each command of `effnet` does with its parsed arguments: returns the exit code, raises EffnetError.

Imports stand inside, so that no command pays for another's.
"""

import math
from argparse import Namespace
from typing import TYPE_CHECKING

from ..core import paths
from ..core.errors import EffnetError, ParameterError
from ..core.signals import interrupting
from ..core.user_paths import short, user_path
from ..study.profiles import PROFILES, profile

if TYPE_CHECKING:
    from ..study.decided_study import Study


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def _study(args: Namespace) -> "Study":
    from .. import artefacts  # noqa: F401 (fills the registry, which the queue asks)
    from ..data.datasets import declare
    from ..runs.run_store import RunStore
    from ..study.decided_study import Study
    from ..study.parameters import resolve
    from ..study.ranges import check_options

    check_options({"workers": args.workers})
    resolve({"profile": args.profile, "dataset": args.dataset})
    chosen = profile(args.profile)
    return Study.of(chosen, RunStore(chosen.published), declare(args.dataset or chosen.dataset))


def list_all(args: Namespace) -> int:
    """Print the paper's figures and tables, the artefacts that make them, and the profiles."""
    from .described import descriptions
    from .listing import lines

    for line in descriptions() if args.ids else lines():
        print(line)
    return 0


def run(args: Namespace) -> int:
    """Execute one notebook, or all."""
    from ..artefacts import all_artefacts, artefact
    from .execute_notebook import run_notebook, value_of

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
        before = _version(artefact(name).notebook, str(parameters["profile"]))
        with interrupting():  # the kernel is told to stop, and saves
            out = run_notebook(name, parameters)
        if out is None:
            say(f"{name}: dry run, nothing written")
        elif _version(out.stem, out.parent.name) != before:
            say(f"{name}: {short(out.parent)}/{out.stem}.*")
        else:
            say(f"{name}: no record to draw from yet; {short(out)} says what is missing")
    return 0


def _version(notebook: str, profile: str) -> tuple[int, int] | None:
    """Return what tells a picture from the one that replaces it, whatever the clocks say; None where there is none."""
    try:
        there = (paths.figures_root() / profile / f"{notebook}.png").stat()
    except OSError:
        return None
    return there.st_ino, there.st_mtime_ns


def check(args: Namespace) -> int:
    """Rerun some published runs of an artefact, and say whether they come out as published."""
    from ..artefacts import artefact
    from ..core.hardware import cpu_count
    from ..study.parameters import resolve
    from ..study.ranges import check_options
    from ..study.rerun_plan import Wanted
    from . import check as checking

    check_options({name: getattr(args, name) for name in ("runs", "seed", "budget", "workers")})
    chosen, device = artefact(args.artefact), resolve({"profile": args.profile, "device": args.device}).device
    workers = args.workers if args.workers is not None else cpu_count() if device == "cpu" else 0
    wanted = Wanted(args.runs, args.budget, args.seed, workers, device)
    return checking.check(chosen, args.profile, wanted, args.dry_run, say)


def pack(args: Namespace) -> int:
    """Write what another host needs for the pending runs, in parts."""
    from .pack.command import make

    args.workers = None
    return make(args, _study, say)


def queue(args: Namespace) -> int:
    """Work through pending runs inside a budget, those of a pack where one is given."""
    from .pack.command import within

    return within(args, _work, say)


def _work(args: Namespace) -> int:
    from .. import artefacts  # noqa: F401 (fills the registry)
    from ..runs.progress.here import here
    from ..runs.sweep import SweepOptions
    from ..study.parameters import resolve
    from ..study.queue import check_plans, work
    from ..study.ranges import check_options
    from ..training.execution import Execution

    check_options({"budget": args.budget, "fold": args.fold})
    check_plans(args.artefact)
    device = args.device if args.executor == "ray" else resolve({"device": args.device}).device  # the nodes', not ours
    execution = Execution(device, args.step, gpu_share=args.gpu_share)
    options = SweepOptions(args.workers, execution, args.budget, args.executor, here(), fold=args.fold)
    report = work(_study(args), args.artefact, options)
    say(
        f"{len(report.stored)} runs stored, {len(report.failed)} failed, {len(report.paused)} paused, "
        f"{len(report.left)} left for next time"
    )
    return 1 if report.failed else 0


def train(args: Namespace) -> int:
    """Train one network."""
    from ..models.scaling import Scaling
    from ..runs.progress.here import here
    from ..study.parameters import resolve
    from ..study.ranges import check_options
    from ..study.single_run import Wanted, plan, train_one
    from ..training.execution import Execution

    numbers = ("budget", "every", "epochs", "seed", "batch", "micro_batch", "minival")
    check_options({name: getattr(args, name) for name in numbers})
    execution = Execution(resolve({"device": args.device}).device, args.step, args.every)
    factors = {
        name: getattr(args, name) for name in ("depth", "width", "resolution") if getattr(args, name) is not None
    }
    study, scaling = _study(args), Scaling(**factors) if factors else None
    same = {name: getattr(args, name) for name in ("model", "phi", "seed", "epochs", "batch", "minival", "micro_batch")}
    spec = plan(study, Wanted(scaling=scaling, **same))
    train_one(spec, study, execution, math.inf if args.budget is None else args.budget, here())
    return 0


def tune(args: Namespace) -> int:
    """Decide baseline, recipe and rates, and say what is decided; a call that was cut goes on where it was."""
    from ..study import status as reports

    args.artefact = ["study"]
    code = queue(args)
    say(reports.decisions(_study(args)))
    return code


def status(args: Namespace) -> int:
    """Print what is decided, done and left."""
    from ..study import status as reports

    study = _study(args)
    say(reports.decisions(study))
    say(reports.status(study, args.workers))
    return 0


def publish(args: Namespace) -> int:
    """Ship records and redraw from them."""
    from ..artefacts import artefact
    from ..runs.measurement_store import MeasurementStore
    from ..runs.run_store import RunStore
    from .publish import check, planned_keys, planned_measurements, publish_decisions, publish_records, redraw

    names = args.profile or [name for name in PROFILES if name != "smoke"]
    for name in names:
        profile(name)  # an unknown one is refused before anything is copied
    for name in args.artefact:
        artefact(name)
    store = RunStore()
    records = check(user_path("from", args.source)) if args.source else list(store.own())
    if not args.source:
        wanted = planned_keys(names, store)
        records = [record for record in records if record.key in wanted]
        planned = planned_measurements(names, args.artefact)
        records += [measurement for measurement in MeasurementStore().own() if measurement.key in planned]
    new = publish_records(records)
    say(f"{len(records)} records checked, {len(new)} new under figures/published/records")
    for name in names:
        if decided := publish_decisions(name):
            say(f"decided: {short(decided)}")
        for path in redraw(name, args.artefact):
            say(f"drawn: {short(path)}")
    if paths.in_checkout() and paths.published_root() == paths.ROOT / "figures" / "published":
        from .evidence.renewal import renew

        renew()
    return 0


def export(args: Namespace) -> int:
    """Write trained networks as safetensors and ONNX."""
    from ..runs.run_store import RunStore
    from . import export_weights as exports

    store, formats = RunStore(), exports.check_formats(args.format or exports.FORMATS)
    folder = user_path("folder", args.folder)
    for record in exports.stored(store, args.key):
        about = exports.export(store, record, folder, formats)
        error = f", ONNX within {about['onnx']['max_relative_error']:.1e} of it" if "onnx" in about else ""
        say(f"{short(folder)}/{record.key[:12]}....{{{','.join([*formats, 'json', 'md'])}}}{error}")
    return 0


def gallery(args: Namespace) -> int:
    """Write the gallery, or what README.md says of it."""
    if args.readme:
        from .evidence.renewal import renew

        say(f"README.md and the evidence for machines: {'renewed' if renew() else 'up to date'}")
        return 0
    try:
        from .gallery.site import build
    except ModuleNotFoundError as error:
        raise EffnetError(f"{error.name} is missing; pip install 'effnet-lib[notebooks]' brings it") from None

    index = build(args.to and user_path("to", args.to))
    size = sum(path.stat().st_size for path in index.parent.iterdir()) / 1e6
    say(f"{short(index)}: {len(list(index.parent.glob('*.html')))} pages, {size:.1f} MB")
    return 0
