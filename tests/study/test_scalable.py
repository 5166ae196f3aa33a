"""What is scaled: one list of families and one loader for `effnet scale`, its notebook and the sliders."""

from pathlib import Path

import pytest
from support import thirty_lines

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.scaling import Scaling, compound
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.scalable import Chosen, at_profile, built_in, by_paper, check_one, family_name

YOURS = f"{Path(thirty_lines.__file__)}:make"


@pytest.mark.parametrize("family", SCALABLE)
def test_a_family_is_found_in_any_capitals(family):
    assert family_name(family.upper()) == family_name(family.lower()) == family
    assert by_paper(family.lower(), 64, 10).scaled(Scaling()) == built_in(family, px=64, classes=10).scaled(Scaling())


@pytest.mark.parametrize("value", ["VGG", "", 7, None, ["ResNet"]])
def test_another_family_is_refused(value):
    with pytest.raises(ParameterError, match=r"^family=.* one of EfficientNet, EfficientNet-Lite"):
        by_paper(value)


def test_the_papers_rounding_is_that_of_b0s_own_table():
    b0 = by_paper("EfficientNet")
    for phi in (-1.0, 0.5, 1.0, 3.0):
        assert b0.scaled(compound(phi)) == efficientnet.scale(compound(phi))
    fine = built_in("EfficientNet").scaled(compound(1.0))
    assert fine != b0.scaled(compound(1.0)) and "the paper's" in b0.rounding


def test_a_network_and_a_family_are_one_too_many():
    check_one(None, None), check_one(YOURS, None), check_one(None, "ResNet")
    with pytest.raises(ParameterError, match=r"^family='ResNet' .* no value where network is given"):
        check_one(YOURS, "ResNet")


def test_a_baseline_is_the_profiles_unless_it_was_chosen():
    smoke, photos = PROFILES["smoke"], PROFILES["photos"]
    assert at_profile(smoke, 10, Chosen()).scaled(Scaling()) == smoke.candidates[0].arch(10)
    for profile, half in ((smoke, 0.5), (photos, 1.0)):  # a family at half its size where machinery is tested
        begun = at_profile(profile, 10, Chosen(family="MobileNetV3"))
        assert begun.base == Scaling(half, half) and begun.px == profile.candidates[0].px
    assert at_profile(smoke, 10, Chosen(YOURS, width=2.0, px=48)).scaled(Scaling()).width == 2.0
    assert at_profile(smoke, 10, Chosen(family="ResNet", depth=1.0, px=64)).base == Scaling(1.0, 0.5)
