"""What protocol 2 declared: seeds and budgets of each set of claims, by profile."""

import pytest
from support.invented import study_of

from effnet_lib.artefacts import fig3
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.protocol import DECLARED, EQUIVALENCE, LONG, PREDECLARED, PROTOCOL, Declared, declared
from effnet_lib.study.queue import stages


def test_the_declared_numbers_are_the_protocols():
    assert (PROTOCOL, EQUIVALENCE) == (2, 1.0) and fig3.PREDECLARED is PREDECLARED
    assert {claims: (one.seeds, one.budget) for claims, one in DECLARED.items()} == {
        "level A": (5, "long"), "predeclared": (3, "long"), "level A, short": (6, "short"), "fig3": (3, "short"),
        "blur control": (3, "short"), "dWr": (5, "short"),
        "fig4": (5, "short"), "fig7": (5, "long"), "grid_search": (3, "short"), "grid_search, fresh": (5, "short"),
        "table3": (5, "short"), "level B": (6, "short"),
    }  # fmt: skip
    assert DECLARED["table3"].needed == 11


@pytest.mark.parametrize("profile, budget", [("photos", "long"), ("gpu", "long")])
def test_profiles_that_decide_have_two_budgets(profile, budget):
    assert declared(PROFILES[profile], "level A") == Declared(5, budget)


@pytest.mark.parametrize("profile", ["smoke", "cpu", "imagenet"])
def test_the_others_have_one_number_and_one_budget(profile):
    chosen = PROFILES[profile]
    assert chosen.deciding == "short"
    for claims in ("level A", "predeclared", "fig4", "table3", "level B"):
        assert declared(chosen, claims) == Declared(chosen.seeds)
    assert declared(chosen, "fig7").seeds == chosen.map_seeds
    with pytest.raises(KeyError):
        declared(chosen, "fig9")


@pytest.mark.parametrize("number, claims", [(2, "level A"), (3, "predeclared"), (4, "level A, short"), (9, "level B")])
def test_the_queue_plans_the_declared_seeds(number, claims):
    study = study_of(quintet=True, deciding=LONG)
    (stage,) = [stage for stage in stages(study) if stage.number == number]
    epochs = 36 if DECLARED[claims].budget == "long" else 12
    assert {spec.seed for spec in stage.specs} == {*range(DECLARED[claims].seeds)}
    assert {spec.recipe.epochs for spec in stage.specs} == {epochs}


def test_predeclared_points_that_level_a_has_already_are_not_trained_twice():
    study = study_of(quintet=True)
    by_order = {stage.number: {spec.arch for spec in stage.specs} for stage in stages(study) if stage.number in (2, 3)}
    points = {study.model(method, c).arch for method, two in PREDECLARED.items() for c in two}
    assert not by_order[2] & by_order[3] and by_order[3] <= points <= by_order[2] | by_order[3]
