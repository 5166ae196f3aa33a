"""What `effnet pack` and `effnet queue --pack` do with their parsed arguments."""

from argparse import Namespace
from collections.abc import Callable

from ... import artefacts  # noqa: F401 (fills the registry, which the queue asks)
from ...core import paths
from ...core.errors import ParameterError
from ...core.user_paths import short, user_path
from ...study.decided_study import Study
from ...study.queue import check_plans
from .contents import contents
from .unpack import opened
from .write import limit_of, write

Say = Callable[[str], None]


def make(args: Namespace, study: Callable[[Namespace], Study], say: Say) -> int:
    """Write a pack of a study's pending runs; return the exit code."""
    limit, folder = limit_of(args.limit), user_path("out", args.out)
    check_plans(args.artefact)
    made = write(contents(study(args), args.artefact), folder, limit, say)
    say(f"{short(folder)}: {made.summary}; send manifest.json and every part, and see docs/running.md")
    return 0


def within(args: Namespace, work: Callable[[Namespace], int], say: Say) -> int:
    """Work through the queue, inside the pack where one is given; return the exit code."""
    if args.pack is None:
        args.profile = args.profile or "photos"
        return work(args)
    if given := [name for name in ("profile", "dataset") if getattr(args, name) is not None]:
        raise ParameterError(given[0], getattr(args, given[0]), "nothing beside --pack, which has its own")
    if args.executor != "local":
        raise ParameterError("executor", args.executor, "local with --pack")
    with opened(user_path("pack", args.pack), say) as (manifest, dataset):
        args.profile, args.dataset = manifest.profile, dataset
        args.artefact = args.artefact or list(manifest.artefacts)
        code = work(args)
    say(f"to send home for `effnet publish --from`: {short(paths.results_root() / 'records')}")
    return code
