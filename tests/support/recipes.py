"""Recipes at a size of seconds."""

import math
from dataclasses import replace

from effnet_lib.training.recipes import PAPER, Recipe

PAST = -math.inf  # a deadline before every step
# The paper's recipe, with all that has a state (averaged weights, dropout, AutoAugment, minival).
TINY_PAPER = replace(
    PAPER, epochs=3, batch=16, lr=0.256 * 16 / 4096, lr_decay_epochs=1.0, warmup=1 / 3, ema=0.9, minival=3
)
RECIPES = {"short": Recipe(epochs=3, lr=0.1, batch=16), "paper": TINY_PAPER}
