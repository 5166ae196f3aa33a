"""What a notebook does between its parameters and its figure: plan, say what will run, run, collect, save."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ..runs.run_store import RunStore
from ..stats.verdicts import Judged
from . import figure_files
from .decided_study import Study
from .parameters import Parameters
from .profiles import Profile, profile
from .registry import Artefact

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANGES = ("widths", "depths", "resolutions", "phis", "alphas", "betas", "gammas", "tolerance", "rounding", "seeds")


class Plan(ABC):
    """An artefact's plan under a notebook's parameters: what is stored, what is missing."""

    def __init__(self, artefact: Artefact, study: Study):
        self.artefact, self.study = artefact, study

    @classmethod
    def of(cls, artefact: Artefact, parameters: Parameters) -> Self:
        """Plan an artefact.

        Raises:
            ParameterError or DataError: before anything is trained, measured or written.
        """
        chosen = changed(artefact.adapted(profile(parameters.profile)), parameters)
        store = RunStore(published=chosen.published and not parameters.fresh)
        return cls(artefact, artefact.study(chosen, artefact.dataset(chosen, parameters), store, parameters))

    @property
    def parameters(self) -> Parameters:
        return self.study.parameters

    @property
    def trains(self) -> bool:
        """Whether `run` makes what is missing: parameter `train`, or else what the profile does."""
        return self.study.trains

    @abstractmethod
    def missing(self) -> list:
        """Return what no record answers yet."""

    @abstractmethod
    def summary(self) -> str:
        """Say what will run, what is stored already and how long it may take."""

    @abstractmethod
    def overview(self) -> pd.DataFrame:
        """Return the plan as a table."""

    @abstractmethod
    def run(self) -> Mapping:
        """Make what is missing where the parameters say so, and return every stored result; a dry run, none."""

    @abstractmethod
    def results(self) -> Mapping:
        """Return what is stored."""

    @abstractmethod
    def evidence(self) -> bool:
        """Say whether what is stored is a figure of this profile, worth publishing."""

    def table(self, results: Mapping) -> pd.DataFrame:
        """Return the results as the artefact's table."""
        return self.artefact.table(self.study, results)

    def claims(self, results: Mapping) -> Sequence[Judged]:
        """Judge what the paper claims."""
        return self.artefact.claims(self.study, results)

    def draw(self, results: Mapping, rows: pd.DataFrame) -> "Figure":
        """Draw the artefact from its table."""
        return self.artefact.draw(self.study, results, rows)

    def save(self, figure: "Figure", rows: pd.DataFrame, judged: Sequence[Judged]) -> Path:
        """Write picture, table and claims under figures/<profile>/ with the notebook's name; return the folder."""
        folder = figure_files.save(self.artefact.notebook, self.study.profile.name, figure, rows, judged)
        for write in self.artefact.beside():
            write(folder)
        return folder


def changed(chosen: Profile, parameters: Parameters) -> Profile:
    """Return a profile with what the parameters say in place of its own."""
    given: dict[str, Any] = {name: value for name in CHANGES if (value := getattr(parameters, name))}
    return replace(chosen, **given)
