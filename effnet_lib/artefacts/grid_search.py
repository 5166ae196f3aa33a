"""The grid search as an artefact: its plan, table, claims and drawing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..report.tables import accuracy
from ..report.tables.coefficient_search import Search, bits_of, found_of, ranking, regret_of, surface_of
from ..report.tables.premises import premise_of
from ..runs.run_spec import RunSpec
from ..stats import regret as regrets
from ..stats import response_surface
from ..stats.claims import DELTA, Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..study.coefficient_grid import BUDGET, PAPER, candidate, points
from ..study.coefficient_search import Candidate, Point, label, spread
from ..study.decided_study import QueueStage, Study
from ..study.protocol import declared
from ..study.queue import blocks, seed_words
from ..study.registry import Artefact, Needs
from ..study.scaled_model import ScaledModel
from ..study.training_plan import Records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRESH = 100  # the first fresh seed: no seed that chose the winner judges it
SEARCHED = 30  # rank of the queue's stage that completes the search; what has a higher one depends on its records
STEP_2 = 2.0  # phi at which winner and paper's triple are compared once more


def chosen(study: Study) -> list[Point]:
    """Return the points of the grid that are trained, the paper's triple first."""
    return spread(points(study), study.profile.networks)


def candidates(study: Study) -> list[Candidate]:
    """Return the networks of the search, the paper's triple first."""
    return [point.candidate for point in chosen(study)]


def _seeds(study: Study) -> range:
    return range(study.parameters.seeds or declared(study.profile, "grid_search").seeds)


def rival(study: Study) -> Candidate | None:
    """Return the best of all networks but the paper's triple; None while undecided, or where that triple diverged."""
    networks = candidates(study)
    ranked = ranking(found_of(study, networks, _seeds(study)), _seeds(study))
    if ranked is None or networks[0] not in ranked:
        return None
    return next((network for network in ranked if network.triple != PAPER), None)


def search(study: Study) -> Search:
    """Return every stored record of the search's own seeds."""
    found = found_of(study, candidates(study), _seeds(study))
    return {network: runs for network, runs in found.items() if runs}


def duels(study: Study) -> dict[float, list[Candidate]]:
    """Return phi -> [the rival, the paper's triple], to be compared on fresh seeds; empty while undecided.

    Where both round to one network at phi = 2 there is nothing to compare there.
    """
    other = rival(study)
    if other is None:
        return {}
    pairs = {phi: [candidate(study, triple, phi) for triple in (other.triple, PAPER)] for phi in (1.0, STEP_2)}
    return {phi: pair for phi, pair in pairs.items() if pair[0].arch != pair[1].arch}


def _fresh_seeds(study: Study) -> range:
    return range(FRESH, FRESH + declared(study.profile, "grid_search, fresh").seeds)


def fresh_specs(study: Study, phi: float) -> tuple[RunSpec, ...]:
    """Return the fresh runs at one phi; none while undecided."""
    pair, seeds = duels(study).get(phi, []), _fresh_seeds(study)
    return tuple(study.spec(network, seed) for seed in seeds for network in pair)


def regret(study: Study) -> regrets.Regret | None:
    """Return the regret of the paper's triple against the best on the search's seeds; None without its records."""
    return regret_of(search(study), label(PAPER))


def surface(study: Study) -> response_surface.Surface | None:
    """Return the response surface of the search's networks; None where they are too few for a quadratic."""
    return surface_of(search(study), BUDGET)


def fresh(study: Study) -> dict[float, Estimate]:
    """Return phi -> accuracy of the rival minus that of the paper's triple on fresh seeds, in points.

    The seed spread is pooled over these and all runs of the search.
    """
    searched, found = bits_of(search(study)), {}
    rows = {phi: bits_of(_fresh_runs(study, pair)) for phi, pair in duels(study).items()}
    everything = searched | {f"fresh {name}": runs for bits in rows.values() for name, runs in bits.items()}
    for phi, (one, paper) in duels(study).items():
        found[phi] = contrast(everything, {f"fresh {one.name}": 1.0, f"fresh {paper.name}": -1.0})
    return found


def _fresh_runs(study: Study, pair: list[Candidate]) -> Search:
    runs = found_of(study, pair, _fresh_seeds(study))
    return {network: some for network, some in runs.items() if some}


class GridSearch(Artefact[Records]):
    """The grid search of section 3.3: does it find (1.2, 1.1, 1.15), and what is lost by taking that triple?"""

    id = "grid_search"
    notebook = "grid_search"
    title = "Grid search: (α, β, γ) at twice the baseline's FLOPS"
    covers = ("Grid search",)
    needs = Needs("embedded fractals; Imagenette in photos", "profile gpu", "", "6 min")

    def plan(self, study: Study) -> list[ScaledModel]:
        """List the baseline and the networks of the search."""
        return [study.baseline, *candidates(study)]

    def stages(self, study: Study) -> Iterator[QueueStage]:
        """Yield order 8 of the queue; whom the later stages train is decided by the stored results of the earlier."""
        seeds = _seeds(study)
        first = blocks(study, candidates(study), seeds)
        yield QueueStage(8, SEARCHED, f"grid search, {seed_words(len(seeds))}", self.id, first)
        for i, (phi, words) in enumerate(((1.0, "fresh seeds"), (STEP_2, f"step 2 at phi = {STEP_2:g}")), 1):
            yield QueueStage(8, SEARCHED + i, f"grid search, {words}", self.id, fresh_specs(study, phi))

    def later(self, study: Study) -> list[RunSpec]:
        """Return the runs, beyond models x seeds, that the stored results ask for."""
        return [spec for stage in self.stages(study) if stage.rank > SEARCHED for spec in stage.specs]

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return `accuracy.table`'s row a model, with its triple, and its difference to the paper's triple.

        All columns are of the search's own seeds: the fresh ones judge the claims and are in no column.
        `over_paper`, in points, has an interval that holds for all networks together at 95 %. `triples`: how many
        round to the network.
        """
        results = {model: {s: run for s, run in runs.items() if s < FRESH} for model, runs in results.items()}
        results = {model: runs for model, runs in results.items() if runs}
        rows = accuracy.table(study, results)
        if rows.empty:
            return rows
        found = regret(study)
        merged: dict[ScaledModel, int] = {point.candidate: len(point.triples) for point in chosen(study)}
        over = found.differences if found else {}
        triples = [getattr(model, "triple", None) for model in results]
        for name, attribute in (("alpha", "depth"), ("beta", "width"), ("gamma", "resolution")):
            rows[name] = [getattr(triple, attribute) if triple else np.nan for triple in triples]
        rows["triples"] = [merged.get(model, 0) for model in results]
        for i, name in enumerate(("over_paper", "over_paper_low", "over_paper_high")):
            rows[name] = [over.get(model, (np.nan,) * 3)[i] for model in rows["model"]]
        return rows

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge "the search finds (1.2, 1.1, 1.15)" on fresh seeds, and the same after step 2.

        The effect is the minimum effect (1 point) minus what the triple loses to the best other one: above 0 where it
        loses less than a point for certain, below 1 where it loses something for certain.
        """
        found, named, listed = fresh(study), duels(study), []
        for phi, words in ((1.0, "The grid search finds"), (STEP_2, f"Scaling to phi = {STEP_2:g} is best with")):
            effect, against = found.get(phi, Estimate()), "the best other triple"
            if phi in named:
                # Both counts: the paper's triple need not cost 2x, and what costs more has it easier.
                costs = [f"{one.name}, {accuracy.ratio(study, one):.2f}x" for one in named[phi]]
                against = f"{costs[0]}, which it meets at {costs[1].rpartition(', ')[2]}"
            if effect.value is not None:
                effect = replace(effect, value=DELTA - effect.value)
            text = f"{words} {label(PAPER)} ({DELTA:g} point minus its loss to {against}, fresh seeds)"
            seeds = declared(study.profile, "grid_search, fresh").seeds
            claim = Claim(text, effect, label(PAPER), delta=DELTA, declared=seeds, premise=premise_of(study))
            listed.append(claim)
        return judge(listed)

    def grid(self, study: Study) -> pd.DataFrame:
        """Return the distinct networks of the grid, best match first: counted FLOPS, triples that round to each."""
        return pd.DataFrame(
            {"(α, β, γ)": p.candidate.name, "px": p.candidate.arch.px, "x baseline": p.ratio, "triples": len(p.triples)}
            for p in points(study)
        )

    def regret_and_surface(self, study: Study) -> str:
        """Say what the paper's triple loses and where the response surface has its maximum."""
        loss, fitted = regret(study), surface(study)
        lines = []
        if loss:
            interval = "{:.2f} to {:.2f}".format(*loss.interval) if loss.interval else "none, one seed"
            lines.append(
                f"regret of the paper's triple: {loss.value:.2f} points (95 % interval {interval}); best: {loss.best}"
            )
        if fitted is None:
            lines.append("response surface: too few networks")
        elif fitted.maximum is None:
            lines.append("response surface: no maximum inside")
        else:
            lines.append("response surface: maximum at ({:.2f}, {:.2f}, {:.2f})".format(*fitted.maximum))
        return "\n".join(lines)

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw the networks on the constraint surface, and every network's difference to the paper's triple."""
        from ..report.figures import accuracy_curves, grid_plane

        figure, panels = accuracy_curves.panels(self.title, accuracy_curves.subtitle(study, results), widths=[1.35, 1])
        asked = grid_plane.Search(candidates(study)[0], rival(study), points(study))
        grid_plane.plane(panels[0], asked, search(study), surface(study), regret(study))
        named = {f"best other, fresh seeds, φ = {phi:g}": effect for phi, effect in fresh(study).items()}
        grid_plane.differences(panels[1], regret(study), named, {p.candidate.name: p.ratio for p in chosen(study)})
        panels[1].set_xlabel(f"{panels[1].get_xlabel()}\n{premise_of(study).brief}")
        grid_plane.footnote(figure, study, surface(study), rows)
        return figure
