"""The exploration: what the sliders show is what the library counts, and nothing a user does ends in a traceback."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support import thirty_lines
from support.fuzzing.values import ANYTHING, WORDS
from support.invented import study_of

from effnet_lib.apps.explore import networks, records, words
from effnet_lib.apps.explore.line import METHODS
from effnet_lib.apps.explore.panel import Explorer
from effnet_lib.apps.explore.parameters import PARAMETERS, resolve
from effnet_lib.apps.explore.plane import MARKERS, Plane
from effnet_lib.apps.explore.stages import stages
from effnet_lib.apps.gallery.index import listing
from effnet_lib.core.errors import EffnetError, ParameterError
from effnet_lib.models.archs import efficientnet, mnasnet
from effnet_lib.models.complexity import count
from effnet_lib.models.costs import BATCH
from effnet_lib.models.families import SCALABLE
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import Scaling, compound
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.study import proxy_families
from effnet_lib.study.scalable import Chosen, at_profile

YOURS, UNSCALED = f"{Path(thirty_lines.__file__)}:make", Scaling()


# Counting -----------------------------------------------------------------------------------------------------


def arch_of(family: str, scaling: Scaling = UNSCALED):
    return networks.full_size(Chosen(family=family)).scaled(scaling)


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_numbers_are_the_librarys(family):
    arch = arch_of(family, compound(1.5))
    found = networks.numbers(arch)
    assert found[1:4] == count(arch) and found.weights == 4 * found.params
    assert found.training == training_bytes(arch, BATCH)


def test_the_stage_table_is_table_1():
    from effnet_lib import paper

    ours, printed = stages(arch_of("EfficientNet")), paper.table(1)
    assert list(ours["input px"]) == list(printed["resolution"])
    assert list(ours["channels"]) == list(printed["channels"]) and list(ours["layers"]) == list(printed["layers"])


def test_runs_of_two_recipes_are_never_averaged(store, record_of):
    study = study_of()
    arch = efficientnet.scale(Scaling(0.5, 0.25), 64, study.dataset.classes)
    decided = study.recipe
    for made, bits in ((decided, [True, True]), (replace(decided, lr=0.05), [True, False]),
                       (replace(decided, batch=2 * decided.batch), [False, False])):  # fmt: skip
        store.put(record_of(RunSpec(arch, made, study.dataset.id, 0), bits))
    table = records.points(study).set_index("decided")
    assert table["top1"].to_dict() == {True: 75.0, False: 0.0}  # each method has a rate of its own
    said = records.nearest(table.reset_index(), count(arch).madds)
    assert said.startswith("nearest measured: 75.0 %") and said.endswith("2 seeds")
    alone = table.reset_index().query("~decided")
    assert records.nearest(alone, count(arch).madds).endswith("1 seed, another recipe")
    assert Plane(table.reset_index(), "photographs").at(10**9, 10**6).startswith(b"\x89PNG")


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_every_family_has_a_stage_table(family):
    arch = arch_of(family)
    table = stages(arch)
    assert len(table) == len(arch.stages) + 2 and table["input px"].iloc[-1] == arch.final_px
    assert table["input px"].iloc[0] == 224 and list(table["input px"]) == sorted(table["input px"], reverse=True)


def test_a_users_stage_table_has_its_modules():
    arch = networks.full_size(Chosen(YOURS, px=32), 7).scaled(Scaling(depth=2.0, width=2.0))
    table = stages(arch)
    assert len(table) == 13 and list(table["channels"])[:2] == ["32", "32"] and table["channels"].iloc[-1] == "7"
    assert sum(int(words.replace(",", "")) for words in table["parameters"]) == count(arch).params


@pytest.mark.parametrize(
    "madds, words",
    [("B0", "as much as B0"), ("B5", "as much as B5"), (5 * 10**7, "0.13 times B0"), (8 * 10**10, "2.1 times B7")],
)
def test_position_among_the_published(madds, words):
    assert networks.position(networks.published().get(madds, madds)) == words


def test_position_between_two():
    b1, b2 = networks.published()["B1"], networks.published()["B2"]
    assert networks.position((b1 + b2) // 2) == "between B1 and B2"


# Measured networks --------------------------------------------------------------------------------------------


def test_points_are_the_stored_runs_of_the_study(store, record_of, tiny_spec):
    study = records.study()
    arch = efficientnet.scale(Scaling(0.5, 0.25), 64, study.dataset.classes)
    recipe = study.profile.recipe
    for seed, bits in ((0, [True, False]), (1, [True, True])):
        store.put(record_of(RunSpec(arch, recipe, study.dataset.id, seed), bits))
    store.put(record_of(RunSpec(arch, recipe, study.dataset.id + "/holdout", 0)))  # the tuning's
    store.put(record_of(RunSpec(arch, replace(recipe, seen_px=32), study.dataset.id, 0)))  # blurred
    store.put(record_of(tiny_spec))  # of other data
    store.path("0" * 64).write_text("{")
    table = records.points(study)
    assert len(table) == 1 and table.iloc[0]["top1"] == 75 and table.iloc[0]["seeds"] == 2
    assert (
        records.nearest(table, count(arch).madds)
        == f"nearest measured: 75.0 % at {count(arch).madds / 1e6:.1f} M, 64 px, 2 seeds"
    )
    assert records.nearest(table, 10 * count(arch).madds) == "nothing is measured at about this cost"


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_every_family_has_a_proxy_of_about_one_cost(family):
    study = records.study()
    printed = ("EfficientNet", "MobileNetV1", "MobileNetV2", "ResNet")  # Table 3's
    ours, other = (count(records.stand_in(study, Chosen(family=f))(UNSCALED)).madds for f in ("EfficientNet", family))
    assert other == pytest.approx(ours, rel=0.15) or family not in printed


def test_the_proxy_is_what_the_study_trains():
    study = study_of()
    for scaling in (UNSCALED, Scaling(width=2.0), compound(1.0)):
        assert records.stand_in(study, Chosen())(scaling) == study.base.arch(study.dataset.classes, scaling)
    for family, printed in (("MobileNetV1", "MobileNetV1"), ("MobileNetV2", "MobileNetV2"), ("ResNet", "ResNet-50")):
        begun = records.stand_in(study, Chosen(family=family))(UNSCALED)
        assert begun == proxy_families.baseline(study, printed).arch
    yours = records.stand_in(study, Chosen(YOURS, px=224))
    assert yours(UNSCALED) == at_profile(study.profile, study.dataset.classes, Chosen(YOURS)).scaled(UNSCALED)
    assert yours(UNSCALED).classes == study.dataset.classes


def test_points_of_any_family_are_drawn(store, record_of):
    study = study_of()
    yours = records.stand_in(study, Chosen(YOURS))(UNSCALED)
    others = [records.stand_in(study, Chosen(family=family))(UNSCALED) for family in networks.FAMILIES]
    for arch in (yours, mnasnet.scale(mnasnet.A1, UNSCALED, 64), *others):
        store.put(record_of(RunSpec(arch, study.recipe, study.dataset.id, 0), [True, False]))
    table = records.points(study)
    assert set(table["family"]) == set(records.NAMES) and len(set(MARKERS.values())) == len(records.NAMES)
    assert Plane(table, "photographs").at(10**9, 10**6).startswith(b"\x89PNG")
    assert records.nearest(table, yours.madds, "regnet").endswith("1 seed, of networks of yours")


# The panel ----------------------------------------------------------------------------------------------------


@pytest.fixture
def explorer(store):
    return Explorer()


def test_a_movement_of_phi_sets_the_others_and_everything_follows(explorer):
    before = (explorer.numbers.value, explorer.table.value, explorer.image.value)
    explorer.phi.value = 1.0
    assert explorer.scaling == compound(1.0)
    assert [slider.value for slider in explorer.factors.values()] == [1.2, 1.1, 1.15]
    after = (explorer.numbers.value, explorer.table.value, explorer.image.value)
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert "258 px" in explorer.numbers.value and "993 M" in explorer.numbers.value
    assert Image.open(io.BytesIO(explorer.image.value)).format == "PNG"


def test_the_constraint_is_shown_live(explorer):
    assert "1.920" in explorer.rule.value and "about 2, as equation 3 asks" in explorer.rule.value
    explorer.triple["gamma"].value = 1.5
    assert "3.267" in explorer.rule.value and "equation 3 asks for about 2" in explorer.rule.value


def test_a_factor_by_hand_leaves_the_rule(explorer):
    explorer.phi.value = 1.0
    explorer.factors["width"].value = 2.0
    assert explorer.scaling == Scaling(1.2, 2.0, 1.15) and "by hand" in explorer.rule.value


def test_a_browser_that_sends_a_value_back_moves_nothing(explorer):
    explorer.phi.value = 1.0
    said = explorer.rule.value
    explorer.factors["depth"].value = 1.2000000000000002
    assert explorer.scaling == compound(1.0) and explorer.rule.value == said


def test_beyond_a_slider_the_numbers_are_the_exact_ones(explorer):
    explorer.triple["alpha"].value = 2.0
    explorer.phi.value = 4.0
    assert explorer.scaling.depth == 16.0 and explorer.factors["depth"].value == 5.0
    assert "d = 16.00" in explorer.rule.value


def test_a_network_that_cannot_be_is_a_message(explorer):
    explorer.factors["resolution"].value = 0.2  # the proxy of 64 px would be under 32
    assert "resolution=0.2 is not accepted" in explorer.numbers.value
    explorer.factors["resolution"].value = 1.0
    assert "224 px" in explorer.numbers.value


def test_every_family_and_budget(explorer):
    assert explorer.family.options == tuple(SCALABLE)
    for family in networks.FAMILIES:
        explorer.family.value = family
        assert list(explorer.fits.table.index) == list(METHODS)
        assert all(method in explorer.fits.answer.value for method in METHODS)
    explorer.fits.boxes["megabytes"].value = 0.01
    assert explorer.fits.answer.value.count("nothing fits") == 4
    for box in explorer.fits.asked.values():
        box.value = False
    assert "limit nothing" in explorer.fits.answer.value and explorer.fits.table.empty


@pytest.mark.slow
def test_your_own_network_is_under_the_sliders(store):
    explorer = Explorer(resolve({"network": YOURS, "px": 32, "classes": 10}))
    assert explorer.family.value == "yours" and "32 px" in explorer.numbers.value
    explorer.factors["resolution"].value = 2.0
    arch = networks.full_size(Chosen(YOURS, px=32), 10).scaled(Scaling(resolution=2.0))
    assert words.short(count(arch).madds) in explorer.numbers.value and "64 px" in explorer.numbers.value
    explorer.family.value = "ResNet"
    assert "bottleneck" in explorer.table.value and explorer.phi.continuous_update
    explorer.family.value = "yours"
    assert "bottleneck" not in explorer.table.value and not explorer.phi.continuous_update


@pytest.mark.slow
def test_a_network_that_breaks_under_a_slider_is_a_message(store, tmp_path):
    file = tmp_path / "mynet.py"
    text = Path(thirty_lines.__file__).read_text()
    file.write_text(text.replace("    rows, inside", "    assert width < 3, 'too wide'\n    rows, inside"))
    explorer = Explorer(resolve({"network": f"{file}:make", "px": 32, "flops": None}))
    explorer.factors["width"].value = 3.0
    assert "too wide (mynet.py, line 25)" in explorer.numbers.value
    assert "cannot be made" in explorer.fits.table["what ends it"]["width"]
    explorer.factors["width"].value = 2.0
    assert "32 px" in explorer.numbers.value


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"family": "VGG"}, "family='VGG' is not accepted; family takes one of EfficientNet,"),
        ({"network": YOURS, "family": "ResNet"}, "family='ResNet' .* no value where network is given"),
        ({"network": "nothing.py:make"}, "network='nothing.py:make' .* cannot be read"),
        ({"network": 7}, "network=7 "),
        ({"px": 16}, "px=16 .* 32 to 8,192"),
        ({"classes": 1}, "classes=1 .* 2 to 100,000"),
        ({"flops": 0}, "flops=0 .* billions of multiply-adds above 0"),
        ({"memory": float("nan")}, "memory=nan .* GiB"),
        ({"latency": 1e6}, "latency=1000000.0 .* milliseconds"),
        ({"profile": "smok"}, "profile='smok' .*did you mean smoke"),
        ({"seeds": 3}, "seeds=3 .* there is no such parameter"),
    ],
)
def test_a_bad_parameter_is_one_line(asked, said, store):
    with pytest.raises(ParameterError, match=said) as refused:
        Explorer(resolve(asked))
    assert "\n" not in str(refused.value)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(list(PARAMETERS)) | WORDS, ANYTHING, max_size=3))
def test_any_parameter_is_taken_or_refused_in_one_line(parameters):
    try:
        assert set(resolve(parameters).own) == set(PARAMETERS)
    except EffnetError as refused:
        assert "\n" not in str(refused)


def test_the_index_lists_every_artefact():
    from effnet_lib.artefacts import all_artefacts

    text = listing().data
    for module in all_artefacts().values():
        assert f"[{module.title}]({module.notebook}.ipynb)" in text
