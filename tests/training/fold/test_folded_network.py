"""Folded networks compute what their members compute, in every family that can be folded; the others are refused."""

import pytest
import torch
from torch import nn

from effnet_lib.core.errors import ParameterError
from effnet_lib.models.families import FAMILIES, SCALABLE
from effnet_lib.models.scaling import Scaling
from effnet_lib.models.zoo import NETWORKS
from effnet_lib.training.fold.known import unknown
from effnet_lib.training.fold.modules import criterion
from effnet_lib.training.fold.network import fold
from effnet_lib.training.fold.views import Views, member_state

torch.set_num_threads(1)

CPU = torch.device("cpu")
FOLDED = [name for name in SCALABLE if name != "ConvNeXt"]


def members(name: str, count: int = 2, dropout: float = 0.0) -> list[nn.Module]:
    """Networks of one architecture in double precision, with values that no initialisation gives."""
    arch = SCALABLE[name](Scaling(0.25, 0.25), 64, 5)
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        made.append(arch.build(dropout, dropout).double())
        for parameter in made[-1].parameters():
            nn.init.normal_(parameter, 0.1 * (parameter.dim() == 1), 0.1)
    return made


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, 64, 64, dtype=torch.float64)


def assert_near(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-10)


def test_every_family_of_table_3_can_be_folded():
    families = {SCALABLE[name] for name in FOLDED}
    assert {*FAMILIES.values(), SCALABLE["EfficientNet"]} <= families


@pytest.mark.parametrize("batched", [False, True], ids=["as on a CPU", "as on a GPU"])
@pytest.mark.parametrize("name", FOLDED)
def test_outputs_gradients_and_statistics_are_the_members_own(name, batched):
    models = members(name)
    folded = fold(models, CPU)
    if batched:
        folded.as_batches()
    x, y = images(4, 2), torch.randint(0, 5, (4, 2))
    losses = criterion(folded, x.flatten(1, 2), y, 0.1)
    losses.backward(torch.ones_like(losses))
    for member, model in enumerate(models):
        loss = nn.functional.cross_entropy(model(x[:, member]), y[:, member], label_smoothing=0.1)
        loss.backward()
        assert_near(losses[member], loss)
        for (_, whole), own in zip(folded.network.named_parameters(), model.parameters(), strict=True):
            assert_near(whole.grad.chunk(2)[member], own.grad)
        state = member_state(folded, member)
        assert list(state) == list(model.state_dict())
        for name, value in model.state_dict().items():
            assert_near(state[name], value)
    folded.eval()
    for member, model in enumerate(models):
        assert_near(folded(x[:, 0])[:, member], model.eval()(x[:, 0]))


@pytest.mark.parametrize("name", FOLDED)
def test_each_member_drops_what_it_would_drop_alone(name):
    models, seeds = members(name, dropout=0.4), [7, 2**61]
    folded, x = fold(models, CPU), images(6)
    folded.noise.seed(seeds)
    together = folded(x)
    for member, (model, seed) in enumerate(zip(models, seeds, strict=True)):
        torch.manual_seed(seed)
        assert_near(together[:, member], model(x))
    folded.noise.seed(seeds[::-1])
    assert not torch.allclose(folded(x)[:, 0], together[:, 0], rtol=0.1)


def test_a_member_is_changed_through_its_views_alone():
    models = members("EfficientNet", 3)
    folded = fold(models, CPU)
    before = [{name: value.clone() for name, value in member_state(folded, member).items()} for member in range(3)]
    views = Views(folded, models)
    criterion(folded, images(2, 3).flatten(1, 2), torch.zeros(2, 3, dtype=torch.int64), 0.0).sum().backward()
    views.take()
    torch.optim.SGD(views.members[1], lr=1.0).step()
    for member, old in enumerate(before):
        new = member_state(folded, member)
        moved = {name for name, _ in models[0].named_parameters() if not torch.equal(new[name], old[name])}
        assert bool(moved) == (member == 1)
    views.drop()
    assert all(parameter.grad is None for parameter in [*folded.parameters(), *views.members[1]])


class Shuffled(nn.Sequential):
    """A sequence that mixes its channels on the way."""

    def forward(self, x):
        return super().forward(x.flip(1))


REFUSALS = {
    "the network is a ConvNeXt": lambda: SCALABLE["ConvNeXt"](Scaling(0.25, 0.25), 64, 5).build(),
    "the network is a DenseNet": NETWORKS["DenseNet-169"].arch.build,  # its maps are joined along the channels
    "the network is a PolyNet": NETWORKS["PolyNet"].arch.build,
    "the network is a Shuffled": lambda: Shuffled(nn.Conv2d(3, 4, 1)),
    "0 is a GroupNorm": lambda: nn.Sequential(nn.GroupNorm(1, 3)),
    "0 is a BatchNorm2d without weights": lambda: nn.Sequential(nn.BatchNorm2d(3, momentum=None)),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_a_network_with_an_unknown_module_is_refused_in_a_line(words):
    with torch.device("meta"):
        model = REFUSALS[words]()
    with pytest.raises(ParameterError, match=f"^fold=3 is not accepted; fold takes 1 for a network of which {words}"):
        fold([model] * 3, CPU)


@pytest.mark.parametrize("name", ["ResNeXt-101", "ResNet-152", "EfficientNet-B7"])
def test_what_else_can_be_folded(name):
    with torch.device("meta"):
        assert unknown(NETWORKS[name].arch.build()) == ""
