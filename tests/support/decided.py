"""Records made up for every trial that a study asks for, so that its decisions come out as a test wants them."""

from collections.abc import Callable

import numpy as np

from effnet_lib import artefacts  # noqa: F401 (fills the registry, which the queue asks)
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.study.queue import stages


def bits(right: int, of: int = 400, shift: int = 0) -> np.ndarray:
    """Return `right` right images out of `of`, another pattern for every shift."""
    return np.roll(np.arange(of) < right, shift)


def put_candidates(study: Study, record_of: Callable, best: ProxyBaseline) -> None:
    """Store step 0's records, of which one candidate is far the best."""
    for base, specs in study.candidates().items():
        for spec in specs:
            study.store.put(record_of(spec, bits(300 if base == best else 100, shift=spec.seed)))


def put_trials(study: Study, record_of: Callable, loss: Callable[[RunSpec], float]) -> Study:
    """Store what the queue asks for to decide recipe and rates, round after round; return the study that has decided.

    A run that step 0 has made already keeps its bits.
    """
    while True:
        study = study.again()
        asked = [spec for stage in stages(study, ["study"]) if stage.rank for spec in stage.specs]
        if not (missing := [spec for spec in asked if not _known(study, spec, loss)]):
            return study
        for spec in missing:
            stored = study.store.get(spec.key)
            study.store.put(record_of(spec, stored.correct if stored else bits(200), loss=loss(spec)))


def _known(study: Study, spec: RunSpec, loss: Callable[[RunSpec], float]) -> bool:
    stored = study.store.get(spec.key)
    return stored is not None and stored.result["loss"] == loss(spec)


def parabola(rate: float, batch: int = 32) -> Callable[[RunSpec], float]:
    """Return losses with their least at one rate and batch, with crops as they are and no averaged weights."""

    def loss(spec: RunSpec) -> float:
        recipe = spec.recipe
        steps = abs(np.log2(recipe.lr / rate)) + abs(np.log2(recipe.batch / batch))
        return 1.0 + 0.1 * float(steps) + 0.01 * (recipe.min_area != 0.35) + 0.01 * (recipe.ema != 0)

    return loss
