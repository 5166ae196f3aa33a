"""The search in which every candidate is trained: which runs it needs next, and what the stored ones say.

Everything is read from the run store, so it may be stopped anywhere, go on on another machine, and be shared: with the
same records two people stand at the same place.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import mean

from ..data.splits import HOLDOUT
from ..models import complexity
from ..models.archs import Architecture
from ..models.scaling import compound
from ..runs.run_spec import RunSpec
from ..runs.run_store import RunRecord
from ..study.decided_study import Study
from ..study.profiles import UNSCALED, ProxyBaseline
from .mnasnet_space import B0, MnasNetSpace
from .objective import Objective, Score, W
from .replay import Progress, replay
from .settings import SearchSetting
from .space import Candidate

FULL = ProxyBaseline(1, 1, 224)
# Of the candidates' runs, of evolution, and of the draw of B0's neighbours: evolution may begin with some of these.
SEED = 0
Runs = dict[int, RunRecord]  # by seed


@dataclass(frozen=True)
class TrainedSearch:
    """A profile's search on the study's data set, with the study's store."""

    study: Study
    setting: SearchSetting

    @cached_property
    def space(self) -> MnasNetSpace:
        setting = self.setting
        return MnasNetSpace(setting.base, self.study.dataset.classes, self.study.profile.padding, setting.operators)

    @cached_property
    def b0(self) -> Architecture:
        """B0 at the proxy's size."""
        return self.space.arch(B0)

    def objective(self, w: float) -> Objective:
        """Return the objective with T scaled as B0 is, whose full size has 386 M multiply-adds."""
        full = complexity.count(MnasNetSpace(FULL, 1000).arch(B0)).madds
        return Objective(w, self.setting.target * complexity.count(self.b0).madds / full)

    def spec(self, arch: Architecture, seed: int = SEED, factor: int = 1, held_out: bool = True) -> RunSpec:
        """Return the run of a network: on the tuning split, or on the whole training set and the validation images.

        Args:
            factor: times the epochs of the setting.
        """
        recipe = replace(self.setting.recipe, epochs=factor * self.setting.recipe.epochs)
        return RunSpec(arch, recipe, self.study.dataset.id + (HOLDOUT if held_out else ""), seed)

    def _score(self, arch: Architecture, _candidate: Candidate) -> Score | None:
        """Return a network's score on the tuning split; one that diverged knows no more than who guesses."""
        spec = self.spec(arch)
        if record := self.study.store.find(spec):
            return Score(record.top1, complexity.count(arch).madds)
        if self.study.store.diverged(spec.key):
            return Score(100 / arch.classes, complexity.count(arch).madds)
        return None

    def progress(self, w: float) -> Progress[Architecture]:
        """Return how far evolution for one exponent is."""
        setting = self.setting
        searcher = setting.searcher.start(self.space.space, self.objective(w), SEED)
        return replay(searcher, self.space.arch, self._score, setting.evaluations, setting.batch)

    def asked(self, w: float) -> dict[Architecture, Candidate]:
        """Return the networks that evolution has asked for so far, in its order, evaluated or not."""
        done = self.progress(w)
        return done.found | done.pending

    @cached_property
    def neighbours(self) -> dict[Architecture, Candidate]:
        """Random networks of B0's FLOPS, within 10 %, and their candidates."""
        drawn = self.space.neighbours(self.setting.neighbours, seed=SEED)
        return {self.space.arch(one): one for one in drawn}

    def fixed(self) -> list[RunSpec]:
        """Return the runs that nothing decides: B0, MnasNet-A1 and B0's neighbours."""
        b0 = [self.spec(self.b0, seed) for seed in range(self.setting.b0_seeds)]
        return [*b0, self.spec(self.space.mnasnet_a1), *map(self.spec, self.neighbours)]

    def longer(self) -> dict[Architecture, RunSpec]:
        """Return the longer runs of the first neighbours."""
        first = list(self.neighbours)[: self.setting.long]
        return {arch: self.spec(arch, factor=self.setting.long_factor) for arch in first}

    def searched(self) -> list[RunSpec]:
        """Return the runs that the searches have asked for so far, in their order."""
        return list(dict.fromkeys(self.spec(arch) for w in self.setting.ws for arch in self.asked(w)))

    def winner(self, w: float) -> Candidate | None:
        """Return the best candidate for an exponent; None before its search has ended."""
        done = self.progress(w)
        best = done.best(self.objective(w))
        return None if done.pending or best is None else done.found[best]

    def finals(self) -> list[RunSpec]:
        """Return the runs of winner and B0, as they are and scaled, on the validation images; none before the end."""
        return [spec for runs in self.final_specs().values() for spec in runs]

    def final_specs(self) -> dict[tuple[str, float], list[RunSpec]]:
        """Return (network, phi) -> runs, a seed each; the network is "winner" or "B0"."""
        won = self.winner(self.chosen_w)
        if won is None:
            return {}
        made = {}
        for name, candidate in (("winner", won), ("B0", B0)):
            for phi in (0.0, self.setting.phi):
                arch = self.space.arch(candidate, compound(phi) if phi else UNSCALED)
                made[name, phi] = [self.spec(arch, seed, held_out=False) for seed in range(self.setting.seeds)]
        return made

    @property
    def chosen_w(self) -> float:
        """The exponent whose winner is scaled: the paper's where it is searched, else the first."""
        return W if W in self.setting.ws else self.setting.ws[0]

    def known(self) -> list[RunSpec]:
        """Return the runs that are known so far, stored or not; once all are stored, the search has ended."""
        return list(dict.fromkeys([*self.fixed(), *self.searched(), *self.longer().values(), *self.finals()]))

    def runs(self, specs: Iterable[RunSpec]) -> Runs:
        """Return the stored records of some runs of one network, by seed."""
        return {spec.seed: record for spec in specs if (record := self.study.store.find(spec))}

    def b0_top1(self) -> float | None:
        """Return B0's mean accuracy on the tuning split, in percent."""
        found = self.runs(self.spec(self.b0, seed) for seed in range(self.setting.b0_seeds))
        return mean(record.top1 for record in found.values()) if found else None
