"""The premise of a profile's study: the slope of each dimension, from the single-dimension runs that are stored."""

from dataclasses import replace
from math import log2

from ...runs.run_store import RunRecord
from ...stats.premise import Premise, premise
from ...study.decided_study import Study
from ...study.protocol import PREDECLARED, declared
from ...study.scaled_model import ScaledModel, at_budget
from .accuracy import outcomes, ratio

Runs = dict[ScaledModel, dict[int, RunRecord]]


def single_dimension_runs(study: Study, budget: str) -> Runs:
    """Return the stored runs of the baseline and of each dimension's two predeclared points at one training budget.

    Each has as many seeds as are stored of those that any set of claims declares for it.
    """
    points = [study.model(method, c) for method, coefficients in PREDECLARED.items() for c in coefficients]
    seeds = max(declared(study.profile, claims).seeds for claims in ("predeclared", "level A"))
    found: Runs = {}
    for model in {model.name: model for model in (study.baseline, *points)}.values():
        at = replace(model, budget=budget)
        specs = {seed: study.spec(at, seed) for seed in range(seeds)}
        runs = {seed: record for seed, spec in specs.items() if (record := study.store.find(spec))}
        if runs:
            found[at] = runs
    return found


def doublings(study: Study, records: Runs) -> dict[str, dict[str, float]]:
    """Return dimension -> model name -> log2 of its FLOPS over the baseline's, for the points that are stored.

    A dimension without both of its points is left with the names that it needs, so that its slope is "not measured".
    """
    drawn = {model.arch: model.name for model in records}  # a network may stand under another coefficient's name
    found = {}
    for method, coefficients in PREDECLARED.items():
        models = [study.model(method, coefficient) for coefficient in coefficients]
        found[method] = {"baseline": 0.0} | {drawn.get(m.arch, m.name): log2(ratio(study, m)) for m in models}
    return found


def premise_of(study: Study) -> Premise:
    """Return the premise at the budget that decides the profile's claims."""
    records = at_budget(single_dimension_runs(study, study.profile.deciding), study.profile.deciding)
    return premise(outcomes(records), doublings(study, records), "; ".join(study.edges))
