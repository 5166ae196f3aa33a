"""AutoAugment on batches: torchvision's images bit for bit, whatever the batch, and its probabilities."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from torchvision.transforms import AutoAugment

from effnet_lib.training import autoaugment
from effnet_lib.training.autoaugment import Draws

torch.set_num_threads(1)

# Every sub-policy, with each of its operations applied or not and either sign.
FLAGS = list(product((False, True), repeat=4))
EVERY = Draws(
    np.repeat(np.arange(25), len(FLAGS)),
    np.array([flags[:2] for flags in FLAGS] * 25),
    np.array([flags[2:] for flags in FLAGS] * 25),
)


def photos(kind: str, height: int, width: int, count: int = len(EVERY)) -> torch.Tensor:
    """Return (count, 3, height, width) uint8 images, no two alike save the even ones."""
    rng = np.random.default_rng(height * width)
    shape, single = (count, 3, height, width), (count, 3, 1, 1)
    if kind == "noise":
        values = rng.integers(0, 256, shape)
    elif kind == "narrow":  # few levels: autocontrast stretches them, equalize finds large steps
        values = rng.integers(0, 200, single) + rng.integers(0, 6, shape)
    elif kind == "smooth":
        y, x = np.mgrid[:height, :width]
        values = (
            rng.integers(0, 100, single)
            + x * rng.uniform(0, 100 / width, single)
            + y * rng.uniform(0, 55 / height, single)
        )
    elif kind == "even":  # no contrast to stretch, no histogram to equalize
        values = np.broadcast_to(rng.integers(0, 256, single), shape)
    return torch.from_numpy(values.astype(np.uint8))


def alone(image: torch.Tensor, draws: Draws, i: int) -> torch.Tensor:
    """Return what torchvision makes of an image (3, h, w) by draw i."""
    policy = AutoAugment()
    # It applies what draws at most the probability, here always or never, and negates where the sign is 0.
    params = int(draws.policy[i]), 2.0 - 2.0 * draws.applied[i], 1 - draws.negative[i].astype(int)
    policy.get_params = lambda count: params
    return policy(image)


# One image --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, height, width", [
    ("noise", 24, 40), ("narrow", 40, 24), ("smooth", 33, 33), ("even", 24, 24), ("noise", 2, 3), ("noise", 1, 1),
])  # fmt: skip
def test_every_sub_policy_is_torchvisions_bit_for_bit(kind, height, width):
    images = photos(kind, height, width)
    changed = autoaugment.apply(images, EVERY)
    for i, image in enumerate(images):
        assert torch.equal(changed[i], alone(image, EVERY, i)), (EVERY.policy[i], EVERY.applied[i], EVERY.negative[i])


def test_operations_of_full_size_images_are_torchvisions():
    images = photos("noise", 224, 224, 50)
    both = Draws(np.arange(25).repeat(2), np.ones((50, 2), bool), np.array([[False] * 2, [True] * 2] * 25))
    changed = autoaugment.apply(images, both)
    assert all(torch.equal(changed[i], alone(image, both, i)) for i, image in enumerate(images))


def test_an_image_without_operations_stays_and_the_input_is_never_written():
    images = photos("noise", 16, 16)
    kept = images.clone()
    nothing = Draws(EVERY.policy, np.zeros_like(EVERY.applied), EVERY.negative)
    assert torch.equal(autoaugment.apply(images, nothing), images)
    assert autoaugment.apply(images, nothing).data_ptr() != images.data_ptr()
    changed = autoaugment.apply(images, EVERY)
    assert torch.equal(images, kept) and changed.is_contiguous() and changed.dtype == torch.uint8
    # Data sets hold (n, h, w, 3).
    last = images.to(memory_format=torch.channels_last)
    assert torch.equal(autoaugment.apply(last, EVERY), changed)


def test_draws_that_do_not_fit_are_refused():
    images = photos("noise", 8, 8)
    with pytest.raises(ValueError, match="399 draws cannot be applied to 400 images"):
        autoaugment.apply(images, EVERY.slice(0, 399))
    with pytest.raises(ValueError, match=r"float32"):
        autoaugment.apply(images.float(), EVERY)


# Batches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_an_image_does_not_depend_on_its_batch(kind):
    images = photos(kind, 20, 28)
    changed = autoaugment.apply(images, EVERY)
    for cuts in ([0, 200, 400], [0, 1, 3, 60, 61, 399, 400], range(0, 401, 16)):
        parts = [autoaugment.apply(images[a:b], EVERY.slice(a, b)) for a, b in pairwise(cuts)]
        assert torch.equal(torch.cat(parts), changed)
    shuffled = np.random.default_rng(0).permutation(400)[:123]
    draws = Draws(EVERY.policy[shuffled], EVERY.applied[shuffled], EVERY.negative[shuffled])
    assert torch.equal(autoaugment.apply(images[shuffled], draws), changed[shuffled])


def test_contrast_of_large_images_does_not_depend_on_their_batch():
    # Grey values above 256 px sum to more than float32 counts.
    images = 255 - photos("narrow", 300, 300, 6) // 4
    draws = Draws(np.full(6, 14), np.array([[False, True]] * 6), np.array([[False, sign] for sign in (0, 1) * 3], bool))
    changed = autoaugment.apply(images, draws)
    assert all(torch.equal(changed[i : i + 1], autoaugment.apply(images[i : i + 1], draws.slice(i, i + 1)))
               for i in range(6))  # fmt: skip


def test_an_empty_batch_stays_empty():
    draws = autoaugment.draw(np.random.default_rng(0), 0)
    assert len(draws) == 0 and autoaugment.apply(torch.empty((0, 3, 8, 8), dtype=torch.uint8), draws).shape[0] == 0


def test_the_host_reads_nothing_back():
    # A meta tensor holds no values, so whatever read one back would raise.
    changed = autoaugment.apply(torch.empty((400, 3, 16, 16), dtype=torch.uint8, device="meta"), EVERY)
    assert changed.shape == (400, 3, 16, 16) and changed.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("kind", ["noise", "smooth", "even"])
def test_a_gpu_makes_the_same_images_without_synchronising(kind):
    images = photos(kind, 96, 96)
    there = images.cuda()
    autoaugment.apply(there, EVERY)  # libraries may synchronise as they load
    torch.cuda.set_sync_debug_mode("error")
    try:
        changed = autoaugment.apply(there, EVERY)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(changed.cpu(), autoaugment.apply(images, EVERY))


# Draws ------------------------------------------------------------------------------------------------------


def test_draws_follow_the_policy():
    count = 200_000
    draws, policies = autoaugment.draw(np.random.default_rng(1), count), AutoAugment().policies

    def close(drawn: np.ndarray, chance: float) -> bool:
        return abs(drawn.mean() - chance) <= 5 * np.sqrt(chance * (1 - chance) / len(drawn))

    for number, pair in enumerate(policies):
        chosen = draws.policy == number
        assert close(chosen, 1 / len(policies))
        applied, negative = draws.applied[chosen], draws.negative[chosen]
        for slot, (_, chance, _) in enumerate(pair):
            assert close(applied[:, slot], chance) and close(negative[:, slot], 0.5)
        assert close(applied.all(axis=1), pair[0][1] * pair[1][1])  # drawn independently
        assert close(negative.all(axis=1), 0.25) and close((applied & negative)[:, 1], pair[1][1] / 2)
    assert len(policies) == 25 and set(draws.policy) == set(range(25))


def test_draws_come_from_the_generator_alone():
    before = torch.get_rng_state()
    draws, again, other = (autoaugment.draw(np.random.default_rng(seed), 64) for seed in (5, 5, 6))
    changed = autoaugment.apply(photos("noise", 8, 8, 64), draws)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(autoaugment.apply(photos("noise", 8, 8, 64), again), changed)
    for name in ("policy", "applied", "negative"):
        assert np.array_equal(getattr(draws, name), getattr(again, name))
        assert not np.array_equal(getattr(draws, name), getattr(other, name))
        assert np.array_equal(getattr(draws.slice(10, 20), name), getattr(draws, name)[10:20])
    assert len(draws) == 64 and len(draws.slice(60, 70)) == 4
