"""The networks that test what later work predicts: dWr and the blur control, and where the queue has them."""

import pytest
from support.invented import study_of

from effnet_lib import artefacts  # noqa: F401 (fills the registry, which the queue asks)
from effnet_lib.models.complexity import count
from effnet_lib.models.scaling import Scaling
from effnet_lib.report.tables.accuracy import ratio
from effnet_lib.study.controls import blur_control, fast_compound
from effnet_lib.study.profiles import PROFILES, ProxyBaseline
from effnet_lib.study.queue import stages
from effnet_lib.study.training_plan import merged


def test_dwr_has_the_multipliers_of_its_paper_and_compounds_rate():
    study = study_of(ProxyBaseline(1, 1, 224), rates={"baseline": 0.1, "compound": 0.4})
    model = fast_compound(study)
    assert (model.name, model.scaling) == ("dWr fine", Scaling(1.13, 1.61, 1.06))
    assert study.spec(model, 0).recipe.lr == 0.4
    wide = count(model.arch).activations / count(study.baseline.arch).activations
    assert ratio(study, model) == pytest.approx(3.3, rel=0.05) and wide < 0.6 * ratio(study, model)


def test_the_blur_control_is_the_same_network_on_other_images():
    study = study_of()
    blurred, plain = blur_control(study), study.model("resolution", 1.7)
    assert (blurred.name, blurred.arch) == ("r=1.7 blurred", plain.arch) and blurred != plain
    one, other = study.spec(blurred, 0), study.spec(plain, 0)
    assert one.key != other.key and (one.recipe.seen_px, other.recipe.seen_px) == (96, 0)
    assert merged([plain, blurred], []) == [plain, blurred]


def test_the_queue_has_them_after_figure_3():
    found = {stage.name: stage for stage in stages(study_of(quintet=True)) if stage.number == 5}
    assert list(found) == [
        "Figure 3, 3 seeds",
        "Figure 3, the widest, 3 seeds",
        "blur control, 3 seeds",
        "dWr, 5 seeds",
    ]
    assert [spec.seed for spec in found["dWr, 5 seeds"].specs] == [*range(5)]
    assert {spec.recipe.seen_px for spec in found["blur control, 3 seeds"].specs} == {96}
    smoke = stages(study_of(PROFILES["smoke"].candidates[0], profile="smoke"))
    assert not any("dWr" in stage.name for stage in smoke)
