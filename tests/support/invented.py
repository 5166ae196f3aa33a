"""Studies and records made up for the figures' tests: nothing is trained, and the effects are known."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from support.readable import assert_readable, labels

from effnet_lib.report.tables.accuracy import ratio
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.protocol import SHORT
from effnet_lib.study.scaled_model import ScaledModel
from effnet_lib.study.training_plan import Records, TrainingPlan, merged

IMAGES = 2000
BASE = ProxyBaseline(0.25, 0.5, 96)
# `photos` with the baseline and the learning rate fixed, which step 0 and the tuning would choose, and one budget.
DECIDED = replace(PROFILES["photos"], candidates=(BASE,), learning_rates=(), deciding=SHORT)


def study_of(
    base: ProxyBaseline = BASE, quintet: bool = False, profile: str = "photos", rates: dict | None = None, **changes
) -> Study:
    """Open a study with its baseline and learning rate fixed.

    Args:
        quintet: as in a profile that chooses its baseline, which trains the protocol's quintet.
        rates: learning rate by method; None: the profile's.
        changes: of the profile; by default it has one training budget.
    """
    candidates = (base, PROFILES["photos"].candidates[0]) if quintet else (base,)
    changes = {"deciding": SHORT} | changes
    chosen = replace(PROFILES[profile], candidates=candidates, learning_rates=(), **changes)
    return Study.of(chosen, RunStore(), base=base, learning_rates=rates)


def invent(
    study: Study,
    models: Iterable[ScaledModel],
    record_of: Callable,
    accuracy: Callable[[ScaledModel], float | None],
    seeds: int = 5,
    jitter: float = 0.2,
) -> Records:
    """Return a record a network and seed: `accuracy` in percent (None: no record), which seeds spread by `jitter`.

    Each model is spread in its own way, around a mean that stays where it is. d = 8 fits worse than the baseline.
    """
    kept = [model for model in merged(models, []) if accuracy(model) is not None]
    noise = np.random.default_rng(1).uniform(-jitter, jitter, (len(kept), seeds))
    noise -= noise.mean(axis=1, keepdims=True)
    records: Records = {}
    for model, shifts in zip(kept, noise, strict=True):
        px = min(224, round(1.7 * model.arch.px))
        made = {"train_loss": 1.0 + (model.name == "d=8"), "top1_larger_test": 1.0, "source_px": px}
        for seed, shift in enumerate(shifts):
            correct = np.arange(IMAGES) < round(IMAGES * (accuracy(model) + shift) / 100)
            records.setdefault(model, {})[seed] = record_of(study.spec(model, seed), correct, **made)
    return records


def fill(plan: TrainingPlan, record_of: Callable, accuracy: Callable, jitter: float = 0.2, store=None) -> TrainingPlan:
    """Store `invent`'s records of a plan, in its own store or another; return the plan."""
    for runs in invent(plan.study, plan.models, record_of, accuracy, len(plan.seeds), jitter).values():
        for record in runs.values():
            (store or plan.study.store).put(record)
    return plan


def finished(plan) -> tuple:
    """Return the figure, the table and the claims of what a plan has stored."""
    results = plan.results()
    rows = plan.table(results)
    return plan.draw(results, rows), rows, plan.claims(results)


def growing(study: Study, slopes: dict[str, float]) -> Callable[[ScaledModel], float]:
    """Return accuracies of a baseline at 60 % that gains its method's slope with every doubling of FLOPS."""
    return lambda model: 60 + slopes.get(model.method, 0.0) * np.log2(ratio(study, model))


def drawn(artefact, study: Study, record_of: Callable, accuracy: Callable, seeds: int = 3) -> tuple:
    """Return an artefact's figure of a study, with its records and its table."""
    records = invent(study, artefact.plan(study), record_of, accuracy, seeds)
    rows = artefact.table(study, records)
    plt.close("all")  # earlier tests' figures
    return artefact.draw(study, records, rows), records, rows


def read(figure) -> str:
    """Return all words of a figure, after checking that all can be read: on the page, none over another."""
    everything, renderer = labels(figure), figure.canvas.get_renderer()
    for i, axes in enumerate(figure.axes):
        ticks = [tick for tick in axes.get_yticklabels() if not tick.get_text().lstrip("−").replace(".", "").isdigit()]
        everything[f"panel {i}"] += [(tick.get_text(), tick.get_window_extent(renderer)) for tick in ticks]
        legend = axes.get_legend()
        if legend:  # above its panel, and not over the next
            box = legend.get_window_extent(renderer)
            assert box.y0 >= axes.bbox.y1 - 1 and box.x1 <= figure.axes[i + 1].bbox.x0
            everything[f"panel {i}"].append(("legend", box))
    # Marks are of networks of nearly one cost and accuracy.
    assert_readable(figure, everything, over=frozenset({"†", "‡", "†‡"}))
    return " ".join(text for texts in everything.values() for text, _ in texts)


def points(axes) -> list[tuple[float, float]]:
    """Return where a panel shows a network: markers and crosses, not caps, legends, dots or what is pale."""
    shown = [line for line in axes.lines if line.get_marker() in "osD^P*x" and len(line.get_xdata()) == 1]
    shown = [line for line in shown if line.get_alpha() is None]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in shown]


def luminance(colour) -> float:
    """Return how light a colour is in grey, 0 to 1."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))
