"""Networks of the MnasNet space: every kind of block counted, built and read back; what is the same is equal."""

import json
from dataclasses import replace

import pytest
import torch
from support.learning import losses
from support.torch_counts import measured
from torch import nn

from effnet_lib.core.errors import ParameterError, StoreError
from effnet_lib.models.archs import from_data, mnasnet, to_data
from effnet_lib.models.archs.efficientnet import EfficientNet
from effnet_lib.models.archs.mnasnet import A1, MnasNet, MnasStage, plain
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import training_bytes
from effnet_lib.models.scaling import Scaling
from effnet_lib.runs.record_checks import architecture

KINDS = (
    MnasStage(1, 3, 1, 16, 2, "separable", "none", "none"),
    MnasStage(3, 5, 2, 24, 2, squeeze="none"),
    MnasStage(6, 3, 2, 24, 2, skip="none"),
    MnasStage(1, 5, 1, 24, 2),
)
ARCH = MnasNet(32, 10, 16, KINDS, 64)


def built(arch):
    with torch.device("meta"):
        return arch.build()


def test_every_kind_of_block_is_counted_as_torch_counts_it():
    assert count(ARCH) == measured(ARCH)
    assert count(replace(ARCH, padding="same")) == measured(replace(ARCH, padding="same"))


def test_each_stage_has_the_blocks_that_its_data_say():
    stages = [list(stage) for stage in built(ARCH).blocks]
    assert [[block.has_skip for block in stage] for stage in stages] == [
        [False, False], [False, True], [False, False], [True, True],
    ]  # fmt: skip
    squeezed = [not isinstance(block.se, nn.Identity) for stage in stages for block in stage]
    assert squeezed == [False] * 4 + [True] * 4
    assert isinstance(stages[0][0].bn2.act, nn.SiLU) and isinstance(stages[3][0].bn2.act, nn.Identity)
    assert [stage[0].conv_dw.kernel_size[0] for stage in stages] == [3, 5, 3, 5]


def test_json_and_back():
    again = from_data(json.loads(json.dumps(to_data(ARCH))))
    assert again == ARCH and hash(again) == hash(ARCH) and again.family == "mnasnet"
    architecture(again)
    with pytest.raises(StoreError):
        architecture(replace(ARCH, stages=()))


def test_a_network_of_b0s_blocks_is_an_efficientnet():
    stages = tuple(MnasStage(s.expand, s.kernel, s.stride, s.channels, s.repeats) for s in KINDS[1:])
    same = plain(replace(ARCH, stages=stages))
    assert isinstance(same, EfficientNet) and count(same) == count(replace(ARCH, stages=stages))
    assert plain(ARCH) == ARCH and plain(same) is same  # scaled and strided, it may be one already


def test_a_skip_without_effect_is_written_in_one_way():
    single = replace(ARCH, stages=(replace(KINDS[1], repeats=1, skip="none"), *KINDS[2:]))
    assert plain(single).stages[0].skip == "identity"
    assert plain(replace(ARCH, stages=(replace(KINDS[0], skip="identity"),))).stages[0].skip == "none"
    keeps = replace(ARCH, stem=24, stages=(replace(KINDS[3], repeats=1, skip="none"),))
    assert plain(keeps).stages[0].skip == "none"  # there is a place for one: it is a choice


@pytest.mark.parametrize(
    "given, words",
    [
        ({"block": "mbconf"}, r"block='mbconf'.*did you mean mbconv"),
        ({"squeeze": 0.25}, "squeeze=0.25 is not accepted"),
        ({"skip": True}, "skip=True is not accepted"),
        ({"block": "separable", "expand": 6}, "expand=6 is not accepted; expand takes 1 in a separable block"),
    ],
)
def test_an_unknown_block_is_refused(given, words):
    with pytest.raises(ParameterError, match=words):
        MnasStage(**({"expand": 1, "kernel": 3, "stride": 1, "channels": 8, "repeats": 1} | given))


def test_mnasnet_a1_scales_as_b0_does():
    small = mnasnet.scale(A1, Scaling(0.5, 0.25, 0.5), 224, 10)
    assert (small.px, small.stem, small.head) == (112, 8, 320) and small.final_px == 4
    assert [stage.repeats for stage in small.stages] == [1, 1, 2, 2, 1, 2, 1]
    assert training_bytes(small, 8) > 8 * count(small).activations


def test_it_learns():
    torch.manual_seed(0)
    found = losses(ARCH.build(), ARCH.px, images=10, classes=10, steps=20)
    assert found[-1] < found[0] / 2
