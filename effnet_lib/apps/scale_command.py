"""`effnet scale`: a scaling search from the command line, from the plan to the family's files."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_write import write_aside
from ..core.user_paths import short, user_path

GIVEN = ("network", "family", "cost", "at", "networks", "depth", "width", "px", "budget", "executor")  # the artefact's
COMMON = ("profile", "dataset", "seeds", "device", "workers")


def options(command: ArgumentParser) -> None:
    """Add the command's options; their values are checked where a notebook's are."""
    words = "your network: FILE.py:FUNCTION or package.module:FUNCTION, called as make(depth, width, classes)"
    command.add_argument("network", nargs="?", help=words)
    command.add_argument("--family", help="a built-in family instead, such as MobileNetV3 (default: EfficientNet)")
    command.add_argument("--data", dest="dataset", help="a data set's name or a folder with train/ and val/")
    command.add_argument("--profile", default="cpu", help="smoke, cpu, photos, gpu: recipe, seeds, and data by default")
    command.add_argument("--cost", default="flops", help="flops, params, activations, memory or latency")
    command.add_argument("--at", type=float, default=2.0, help="the cost over the baseline's; below 1 shrinks")
    command.add_argument("--networks", type=int, help="candidates to train (default: the profile's, at least 6)")
    command.add_argument("--seeds", type=int, help="seeds a network (default: the profile's)")
    command.add_argument("--budget", help="45s, 90m, 2h: halving fits candidates and seeds into it")
    for name, words in (("depth", "multiplier"), ("width", "multiplier"), ("px", "input size")):
        kind = int if name == "px" else float
        command.add_argument(f"--{name}", type=kind, help=f"of the baseline: its {words}")
    command.add_argument("--workers", type=int, help="worker processes (default: one a core; 0: this process)")
    command.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")
    command.add_argument("--executor", default="local", help="local (worker processes) or ray (a Ray cluster)")
    command.add_argument("--dry-run", action="store_true", help="say what would be trained and what it takes, and stop")
    command.add_argument("--explain", action="store_true", help="say what depth and width do, stage by stage, and stop")
    command.add_argument("--to", type=Path, metavar="DIR", help="folder for the family as JSON and Python")


def scale(args: Namespace) -> int:
    """Plan, train, and answer; `--dry-run` stops after the plan, `--explain` before it."""
    from ..artefacts import plan, resolve
    from ..report.tables.scaling_answer import Answer
    from ..study.scaling_plan import ScalingPlan

    given: dict[str, Any] = {name: getattr(args, name) for name in (*COMMON, *GIVEN)}
    if args.family is None and args.network is None:
        given["family"] = "EfficientNet"
    made = plan("scale", resolve(given | {"dry_run": args.dry_run, "train": True}, "scale"))
    assert isinstance(made, ScalingPlan)
    if args.explain:
        from ..report.tables.stage_changes import stage_changes

        print(stage_changes(made.question.network).to_string(index=False))
        return 0
    print(made.summary())
    print(made.overview().to_string(index=False), flush=True)
    if args.dry_run:
        return 0
    results = made.run()
    if not made.artefact.drawable(results):
        print("nothing is trained yet: the budget ended before; the same command goes on")
        return 1
    answer = Answer(made.study, results)
    for line in answer.lines():
        print(line)
    folder = user_path("to", args.to) if args.to else paths.figures_root() / args.profile
    folder.mkdir(parents=True, exist_ok=True)
    print(answer.python())
    for name, content in (("scaled_family.json", answer.json_text()), ("scaled_family.py", answer.python())):
        write_aside(folder / name, content.encode())
        print(f"written: {short(folder / name)}")
    return 0
