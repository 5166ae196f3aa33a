"""Optimiser and schedule: the rate of every step, also of a resumed run; what weight decay acts on."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.recipes import PAST, RECIPES
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.runs.worker import PAUSED, STORED, execute
from effnet_lib.training import build_model
from effnet_lib.training import optimizer as optim
from effnet_lib.training.execution import Execution
from effnet_lib.training.monitor import Monitor
from effnet_lib.training.recipes import PAPER, Recipe

torch.set_num_threads(1)


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimizer = optim.optimiser(recipe, nn.Linear(2, 2))
    scheduler = optim.schedule(recipe, optimizer, steps)
    listed = []
    for number in range(recipe.epochs * steps):
        scheduler.step_update(number)
        listed.append(optimizer.param_groups[0]["lr"])
    return listed


def test_cosine_schedule_warms_up_and_ends_near_zero():
    listed = rates(Recipe(epochs=10, lr=0.2, warmup=0.2), 10)
    np.testing.assert_allclose(listed[:20], 0.2 * np.arange(20) / 20)
    assert listed[20] == max(listed) == 0.2
    np.testing.assert_allclose(listed[20:], 0.1 * (1 + np.cos(np.pi * np.arange(80) / 80)))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_step_of_a_run_has_its_rate(monkeypatch, tiny_spec, tiny_data, store, recipe):
    """Also of one that is resumed."""
    taken, make = [], optim.optimiser

    def spied(recipe, model):
        optimizer = make(recipe, model)
        optimizer.register_step_pre_hook(lambda *_: taken.append(optimizer.param_groups[0]["lr"]))
        return optimizer

    with monkeypatch.context() as patch:
        patch.setattr(optim, "optimiser", spied)
        spec = replace(tiny_spec, recipe=recipe)
        hows = [
            execute(spec, tiny_data, store, Execution(step="eager"), Monitor(deadline))
            for deadline in (PAST, PAST, PAST, math.inf)
        ]
    assert hows == [PAUSED, PAUSED, PAUSED, STORED] and taken == rates(recipe, 2)


def test_step_schedule_decays_as_the_papers():
    recipe = replace(PAPER, epochs=20, warmup=5 / 20)
    listed = rates(recipe, 10)
    after = np.arange(150)  # steps since the warm-up
    np.testing.assert_allclose(listed[50:], 0.256 * 0.97 ** (after // 24))
    assert listed[0] < 1e-5 and sorted(listed[:51]) == listed[:51]


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ParameterError, match=r"schedule='linear' .* cosine or step"):
        rates(Recipe(epochs=1, lr=0.1, schedule="linear"), 1)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_weight_decay_acts_on_matrices_only(tiny_spec, recipe):
    model = build_model.build(tiny_spec)
    groups = optim.optimiser(recipe, model).param_groups
    decayed = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for parameter in model.parameters():
        assert decayed[id(parameter)] == (recipe.weight_decay if parameter.ndim > 1 else 0)
