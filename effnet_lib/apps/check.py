"""`effnet check`: does this machine reproduce the published runs of an artefact? What it says, and its exit code."""

import time
from collections.abc import Callable, Iterator, Sequence

from ..core.errors import ParameterError
from ..core.text import time_words
from ..core.user_paths import short
from ..runs.provenance import machine
from ..runs.reruns import device_words, other_data, rerun_store, what_differs
from ..runs.run_store import RunStore
from ..runs.sweep import SweepOptions
from ..study.counted_files import compare
from ..study.judged_reruns import Reproduction, Rerun, judge, rerun
from ..study.published_runs import PublishedRun, PublishedRuns, published_runs
from ..study.registry import Artefact, all_artefacts
from ..study.rerun_plan import Wanted, choose, makespan
from ..training.execution import Execution

INSIDE, UNFINISHED, OUTSIDE = 0, 1, 3  # exit codes; 2 is a refusal, as everywhere
CLOSING = 0.05  # of the budget: the imports before it, and saving what still runs after it
Say = Callable[[str], None]


def check(artefact: Artefact, profile: str, wanted: Wanted, dry_run: bool, say: Say) -> int:
    """Rerun published runs, or count once more what is counted, and say whether it is what is published.

    Args:
        wanted: how much is rerun, and by what.
        dry_run: say what would be rerun, and write nothing.
        say: takes each line.

    Returns:
        0 inside, 1 not finished (the same command goes on), 3 outside.

    Raises:
        ParameterError, DataError, StoreError: in one line, before anything is trained.
        Stopped: after SIGINT or SIGTERM; the same command goes on.
    """
    began = time.monotonic()
    if not artefact.trains:
        return _counted(artefact, profile, say)
    published = published_runs(artefact, profile)
    chosen = choose(published.runs, published.seconds(wanted.device), wanted)
    store = rerun_store(wanted.device)
    for line in _sides(published, chosen, wanted.device):
        say(line)
    for line in _plan(published, chosen, wanted, store):
        say(line)
    if dry_run:
        say("dry run: nothing is trained or written")
        return INSIDE
    left = (1 - CLOSING) * wanted.budget - (time.monotonic() - began)
    options = SweepOptions(wanted.workers, Execution(wanted.device), left, say=say)
    return _rerun(published, chosen, store, options)


def _rerun(published: PublishedRuns, chosen: Sequence[PublishedRun], store: RunStore, options: SweepOptions) -> int:
    say = options.say
    say(f"reruns are kept in {short(store.root)}, apart from your records")
    report = rerun(published, chosen, store, options)
    done = [(run, record) for run in chosen if (record := store.find(run.spec))]
    result = judge(published, done)
    for one in result.reruns:
        say(_verdict(one))
    if any(other_data(one.run.record, one.here) for one in result.reruns):
        say(f"the content of {published.study.dataset.label} is another one here than there")
    if len(done) < len(chosen):
        failed = f" and {len(report.failed)} failed ({store.failure(report.failed[0].key)})" if report.failed else ""
        say(f"not finished: {len(done)} of {len(chosen)} runs are done{failed}; the same command goes on from there")
        return UNFINISHED
    say(_overall(result))
    return INSIDE if result.reproduced else OUTSIDE


def _sides(published: PublishedRuns, chosen: Sequence[PublishedRun], device: str) -> Iterator[str]:
    """Say what is published, what it was made by, what is here, and what differs."""
    study, here = published.study, machine(device)
    made = [run.record.provenance for run in chosen]
    days = sorted({one["date"][:10] for one in made})
    networks = f"{len(published.runs)} published runs of {len(published.networks)} networks"
    yield f"{published.artefact}, profile {study.profile.name}: {networks} on {study.dataset.label}"
    yield f"there: {device_words(made)}, {' and '.join(days)}"
    differs = sorted({words for one in made for words in what_differs(one, here)})
    yield f"here:  {device_words([here])}; {'differs: ' + '; '.join(differs) if differs else 'all of it the same'}"


def _plan(published: PublishedRuns, chosen: Sequence[PublishedRun], wanted: Wanted, store: RunStore) -> Iterator[str]:
    """Say what is rerun, and how long it takes or when it was done."""
    seconds = published.seconds(wanted.device)
    together = time_words(makespan(map(seconds, chosen), wanted.workers))
    drawn = f"{len(chosen)} of at most {wanted.runs} runs, drawn by seed {wanted.seed} among those that fit"
    took = f"about {together} with {max(1, wanted.workers)} worker(s)"
    yield f"{drawn} into {time_words(wanted.budget)}; {took}:"
    for run in chosen:
        before = store.find(run.spec)
        length = f"rerun on {before.provenance['date'][:10]}" if before else f"about {time_words(seconds(run))}"
        yield f"  {_name(run)}: {length}"


def _name(run: PublishedRun) -> str:
    return f"{run.name}, seed {run.spec.seed} ({run.record.key[:8]})"


def _verdict(one: Rerun) -> str:
    name, here, there = _name(one.run), one.here.top1, one.run.record.top1
    if one.same:
        return f"{name}: {here:.2f} %, inside: same to the bit"
    between, spread = one.interval, one.interval.spread
    seeds = f"{between.seeds} published seed(s)" + (f", sd pooled on {spread.dof} d.f." if spread.pooled else "")
    word = "inside" if one.inside else "OUTSIDE"
    return f"{name}: {here:.2f} % here, {there:.2f} % there, {word} {between.low:.2f} to {between.high:.2f} % ({seeds})"


def _overall(result: Reproduction) -> str:
    if result.chance is None or result.shift is None:
        return f"overall: inside. All {len(result.reruns)} runs are the published ones to the bit"
    count, moved = result.chance, result.shift
    runs = sum(not one.same for one in result.reruns)
    beside = f" ({len(result.reruns) - runs} more are the same to the bit)" if runs < len(result.reruns) else ""
    word = "inside" if result.reproduced else "OUTSIDE"
    often = f", and as many or more in {100 * count.tail:.2g} % of checks" if count.outside else ""
    outside = f"{count.outside} of {runs} runs lie outside{beside}; by chance {count.expected:.2g} would{often}"
    mean = f"mean difference {moved.value:+.2f} points, 97.5 % interval {moved.low:+.2f} to {moved.high:+.2f}"
    return f"overall: {word}. {outside}; {mean}"


def _counted(artefact: Artefact, profile: str, say: Say) -> int:
    """Compare what is counted.

    Raises:
        ParameterError: the artefact has measurements, which say of a machine what it is and not that it is right.
    """
    if not artefact.counted:
        there = all_artefacts().values()
        trained, counted = ([one.id for one in there if getattr(one, what)] for what in ("trains", "counted"))
        accepted = f"one that trains networks ({', '.join(trained)}) or is counted alone ({', '.join(counted)})"
        raise ParameterError("artefact", artefact.id, accepted)
    compared = compare(artefact, profile)
    for file, same, cells in compared:
        what = "verdicts" if file.endswith(".json") else "cells"
        say(f"{file}: {same} of {cells} {what} counted here are the published ones")
    equal = all(same == cells for _, same, cells in compared)
    word = "inside" if equal else "OUTSIDE"
    say(f"overall: {word}. Nothing is trained for {artefact.id}, and counting has no interval")
    return INSIDE if equal else OUTSIDE
