"""Any parameters of any notebook, up to its plan: resolved, planned, summed up, shown as a table; nothing is made."""

import contextlib
import io
from typing import Any

from hypothesis import strategies as st
from support.fuzzing.guard import checked
from support.fuzzing.values import ANYTHING, WORDS, numbers

import effnet_lib as eff
from effnet_lib.artefacts import all_artefacts
from effnet_lib.data.datasets import FRACTALS, PHOTOS
from effnet_lib.data.transfer_datasets import SETS
from effnet_lib.measure.latency.runtimes import RUNTIMES
from effnet_lib.measure.maps.cam import METHODS
from effnet_lib.models.pretrained import NAMES
from effnet_lib.models.zoo import NETWORKS
from effnet_lib.study.parameters import CHECKS
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.ranges import RANGES

FLAGS = st.sampled_from([True, False, "auto", "true", "False", "AUTO", "yes", 1])
LISTED = ("widths", "depths", "resolutions", "phis", "alphas", "betas", "gammas")


def _names(*known: str) -> st.SearchStrategy:
    some = st.lists(st.sampled_from(known), max_size=4)
    return some | some.map(",".join) | st.sampled_from(known) | WORDS


def _near(folders: list[str]) -> dict[str, st.SearchStrategy]:
    """Return for each parameter what it takes, or nearly."""
    near: dict[str, st.SearchStrategy] = {
        "profile": st.sampled_from([*PROFILES, "smok", "Smoke"]),
        "dataset": st.sampled_from([*folders, *FRACTALS, *PHOTOS, *SETS, "scenes-10/holdout"]) | WORDS,
        "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:99", "mps", "cpu:0", "cuda:٣", "cuda:"]),
        "rounding": st.sampled_from(["fine", "paper", "Fine"]),
        "tolerance": st.floats(0, 1) | numbers(0, 1, whole=False),
        "method": _names(*METHODS),
        "layer": st.sampled_from(["bn2", "blocks.0", "blocks", "conv_head", "bn1", ""]) | WORDS,
        "images": st.sampled_from([*folders, f"{folders[-1]}/train/blue", f"{folders[-1]}/train/blue/0.png"]) | WORDS,
        "label": st.sampled_from(["tabby", "n02124075", "crane", "TABBY", "Egyptian cat"]) | WORDS,
        "models": _names(*NAMES, *NETWORKS),
        "methods": _names("probe", "finetune", "scratch"),
        "runtimes": _names(*RUNTIMES),
    }
    for name, limits in RANGES.items():
        one = numbers(limits.least, limits.most, limits.whole)
        near[name] = st.lists(one, max_size=5) | st.lists(one, min_size=90, max_size=102) if name in LISTED else one
    return near


def strategy(folders: list[str]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Return artefacts and some of their parameters; most fit, or nearly."""
    near = _near(folders)

    def of(id_: str) -> st.SearchStrategy:
        own = [*CHECKS, *all_artefacts()[id_].parameters]
        some = st.sets(st.sampled_from(own), max_size=4).map(sorted)
        chosen = some.flatmap(lambda names: st.fixed_dictionaries({one: near.get(one, FLAGS) for one in names}))
        odd = st.dictionaries(st.sampled_from(own) | WORDS, ANYTHING, max_size=2)
        return st.tuples(st.just(id_), st.builds(lambda one, other: one | other, chosen, odd) | chosen | chosen)

    return st.sampled_from(list(all_artefacts())).flatmap(of)


def check(given: tuple[str, dict[str, Any]]) -> str:
    """Plan as a notebook's first cells do."""
    id_, parameters = given

    def act() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            plan = eff.plan(id_, eff.resolve(parameters, id_))
            assert plan.summary() and plan.overview() is not None

    return checked(act)
