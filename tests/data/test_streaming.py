"""Streamed images: the same crops whoever decodes them, the same as from memory, one line of error, no orphans."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.killing import until
from support.processes import lives

from effnet_lib.core.errors import DataError, ParameterError
from effnet_lib.data import image_folder
from effnet_lib.data.array_cache import load
from effnet_lib.data.datasets import DataSet, declare
from effnet_lib.data.splits import HOLDOUT, minival
from effnet_lib.data.streaming import Stream, box
from effnet_lib.training import augment

torch.set_num_threads(1)

WHOLE = (1.0, 0.0, 1.0, 0.0)


def matrices(*crops: tuple[float, float, float, float]) -> torch.Tensor:
    """Crops of (width, x, height, y) in augment's frame, where an image spans [-1, 1]."""
    return torch.tensor([[[width, 0, x], [0, height, y]] for width, x, height, y in crops])


def steps(stream: Stream, first: int = 0, batch: int = 8, micro: int = 3) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """The micro-batches of epoch 2 from a step on, drawn as the training loop draws them."""
    visit = augment.order(5, 2, len(stream))
    for step in range(first, len(stream) // batch):
        chosen = visit[step * batch : (step + 1) * batch]
        drawn = augment.crop_matrices(augment.rng(5, augment.CROP, 2, step), batch, 0.35)
        for start in range(0, batch, micro):
            yield chosen[start : start + micro], drawn[start : start + micro]


def alike(batches, expected) -> None:
    for (pixels, labels), (expected_pixels, expected_labels) in zip(batches, expected, strict=True):
        assert torch.equal(pixels, expected_pixels) and torch.equal(labels, expected_labels)


@pytest.fixture
def stream(tiny_data) -> Stream:
    return Stream.of(tiny_data, "train", 24)


@pytest.fixture
def photo(tmp_path) -> tuple[Stream, np.ndarray]:
    """A stream at 16 px of two different images of 32 x 16 px of noise, and the first one's pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 32, 3), np.uint8)
    for index, pixels in enumerate(noise):
        file = tmp_path / "set" / "train" / "ab"[index % 2] / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return Stream.of(DataSet("noise", folder=tmp_path / "set"), "train", 16), noise[0]


# What is listed ---------------------------------------------------------------------------------------------


def test_the_parts_are_those_that_are_loaded_into_memory(tiny_data):
    for dataset in (tiny_data, replace(tiny_data, id=tiny_data.id + HOLDOUT)):
        for part in ("train", "val", "train_eval"):
            memory, stream = load(dataset, part, 24), Stream.of(dataset, part, 24)
            np.testing.assert_array_equal(stream.labels, memory.labels)
            pixels = torch.cat([pixels for pixels, _ in stream.whole(7, workers=0)])
            np.testing.assert_array_equal(pixels.permute(0, 2, 3, 1), memory.pixels[memory.rows])
    assert (len(stream), stream.image_size, stream.classes) == (6, 24, ("blue", "green", "red"))
    assert stream.labels.dtype == np.int64


def test_rows_restrict_a_part_in_their_order(tiny_data, stream):
    rows = np.array([30, 2, 17])
    for some in (stream.only(rows), Stream.of(tiny_data, "train", 24, rows)):
        assert some.files.tolist() == stream.files[rows].tolist() and some.labels.tolist() == [2, 0, 1]
    assert stream.only(slice(30, None)).labels.tolist() == [2] * 6


def test_what_cannot_be_streamed_is_said_in_one_line(folder, tmp_path):
    dataset = declare(str(folder))
    (folder / "train" / "red" / "00.jpg").unlink()
    absent = DataSet("absent", folder=tmp_path / "absent")
    for wrong, said in ((dataset, "fingerprint"), (absent, "absent"), (declare("fractals-10"), "generated")):
        with pytest.raises(DataError, match=said) as caught:
            Stream.of(wrong, "train", 24)
        assert "\n" not in str(caught.value)


def test_minival_is_reserved_once_for_all():
    rest, reserved = minival(1000, 40)
    assert len(reserved) == 40 and sorted([*rest, *reserved]) == list(range(1000))
    assert (np.diff(rest) > 0).all() and (np.diff(reserved) > 0).all()
    assert 300 < reserved.mean() < 700  # from everywhere
    np.testing.assert_array_equal(reserved, minival(1000, 40)[1])
    assert reserved.tolist() != minival(1000, 40, seed=1)[1].tolist()
    for count in (0, -1, 1000, 1001):
        with pytest.raises(ParameterError, match="minival="):
            minival(1000, count)


# Crops ------------------------------------------------------------------------------------------------------


def test_loader_processes_change_nothing(stream):
    state = torch.get_rng_state()
    cropped = list(stream.crops(steps(stream), workers=0))
    assert [tuple(pixels.shape) for pixels, _ in cropped[:3]] == [(3, 3, 24, 24), (3, 3, 24, 24), (2, 3, 24, 24)]
    assert cropped[0][0].dtype == torch.uint8 and cropped[0][0].is_contiguous(memory_format=torch.channels_last)
    assert cropped[0][1].dtype == torch.int64
    assert torch.cat([labels for _, labels in cropped]).tolist() == stream.labels[augment.order(5, 2, 36)[:32]].tolist()
    alike(stream.crops(steps(stream), workers=2), cropped)
    alike(stream.whole(5, workers=2), stream.whole(5, workers=0))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_later_start_is_the_tail_of_an_earlier_one(stream):
    whole = list(stream.crops(steps(stream), workers=0))
    alike(stream.crops(steps(stream, first=2), workers=0), whole[-len(list(steps(stream, first=2))) :])


def test_crops_of_squares_are_those_of_the_in_memory_path(photo):
    """Where nothing is reduced, Pillow's antialiased filter is the bilinear one."""
    stream, _ = photo
    for file in stream.files:
        Image.open(file).crop((0, 0, 16, 16)).save(file)
    stream = replace(stream, image_size=40)
    drawn = augment.crop_matrices(np.random.default_rng(3), 64, 0.08)
    rows = np.arange(64) % 4
    ((streamed, _),) = stream.crops([(rows, drawn)], workers=0)
    held = torch.from_numpy(image_folder.decode(stream.files, 16)[rows])
    assert (streamed - augment.sample(held, drawn, 40)).abs().max() <= 1.5  # Pillow rounds twice


def test_a_crop_is_the_part_it_says(photo):
    stream, pixels = photo
    upper = (1.0, 0.0, 0.5, -0.5)  # of 32 x 16: half of the area at 2 : 1, 22.6 x 11.3, from the upper edge on
    left, top, right, bottom = box(matrices(upper)[0].numpy(), 32, 16)
    assert (left, top, right, bottom) == pytest.approx((16 - 128**0.5, 0, 16 + 128**0.5, 128**0.5))
    quarter = (0.5, -0.5, 0.5, 0.5)
    Image.fromarray(pixels[:, :16]).save(stream.files[0])
    ((cropped, _),) = replace(stream, image_size=8).crops([(np.zeros(1, int), matrices(quarter))], workers=0)
    np.testing.assert_array_equal(cropped[0].permute(1, 2, 0), pixels[8:, :8])


@settings(deadline=None, max_examples=60)
@given(width=st.integers(8, 900), height=st.integers(8, 900), seed=st.integers(0, 2**32))
def test_a_crop_has_the_area_and_the_aspect_ratio_of_its_matrix(width, height, seed):
    for matrix in augment.crop_matrices(np.random.default_rng(seed), 8, 0.08).numpy():
        wide, high = abs(float(matrix[0, 0])), float(matrix[1, 1])
        left, top, right, bottom = box(matrix, width, height)
        assert 0 <= left < right <= width + 1e-6 and 0 <= top < bottom <= height + 1e-6
        area, aspect = (right - left) * (bottom - top), (right - left) / (bottom - top)
        if right - left < width - 1e-6 and bottom - top < height - 1e-6:  # nothing was cut
            assert area == pytest.approx(wide * high * width * height) and aspect == pytest.approx(wide / high)
        if width == height:
            assert (left + right) / width - 1 == pytest.approx(matrix[0, 2], abs=1e-5)
            assert (top + bottom) / height - 1 == pytest.approx(matrix[1, 2], abs=1e-5)


def test_a_negative_width_mirrors(photo):
    stream, _ = photo
    crops = matrices(WHOLE, (-1.0, 0.0, 1.0, 0.0), (0.4, 0.3, 0.7, -0.3), (-0.4, 0.3, 0.7, -0.3))
    ((cropped, _),) = stream.crops([(np.zeros(4, int), crops)], workers=0)
    assert torch.equal(cropped[1], cropped[0].flip(2)) and torch.equal(cropped[3], cropped[2].flip(2))
    assert not torch.equal(cropped[2], cropped[0])


def test_a_reduction_is_antialiased(photo):
    stream, _ = photo
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(stream.files[0])
    ((cropped, _),) = stream.crops([(np.zeros(1, int), matrices(WHOLE))], workers=0)
    assert (cropped.float() - 127.5).abs().max() <= 16


@pytest.mark.parametrize("edge", [1 / 3, 0.1, 0.7, 0.9999999])
def test_rounding_never_leaves_the_image(photo, edge):
    stream, _ = photo
    corners = [(edge, x * (1 - edge), edge, y * (1 - edge)) for x in (-1.0000001, 1.0000001) for y in (-1, 1.0000001)]
    ((cropped, _),) = stream.crops([(np.zeros(4, int), matrices(*corners))], workers=0)
    assert cropped.shape == (4, 3, 16, 16)


# Errors and processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_an_undecodable_image_is_named_in_one_line(folder, workers):
    stream = Stream.of(declare(str(folder)), "train", 24)
    path = Path(stream.files[20])
    path.write_bytes(path.read_bytes()[:300])
    for batches in (stream.whole(4, workers), stream.crops(steps(stream), workers)):
        with pytest.raises(DataError, match=r"green/08\.jpg") as caught:
            list(batches)
        assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
        assert not multiprocessing.active_children()  # although the exception, and its frames, are still alive


def test_workers_are_checked(stream):
    with pytest.raises(ParameterError, match="workers=-1"):
        next(stream.whole(4, workers=-1))


def test_no_process_is_left_behind(stream):
    for end in (list, next, lambda batches: next(batches) and batches.close()):
        batches = stream.crops(steps(stream), workers=2)
        assert not multiprocessing.active_children()  # none before the first batch is asked for
        end(batches)
        del batches
        assert not multiprocessing.active_children()


def test_a_terminals_interrupt_does_not_end_the_loader(stream):
    """Ctrl-C reaches every process of the terminal; the parent decides whether to finish its step."""
    batches = stream.crops(steps(stream, micro=1), workers=2)
    first = [next(batches), next(batches)]  # one of each process, so both listen
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGINT)
    alike([*first, *batches], stream.crops(steps(stream, micro=1), workers=0))


def stall(folder: Path, pipe: Connection) -> None:
    """Open a stream, tell who its loader processes are, and wait."""
    batches = Stream.of(DataSet("any", folder=folder), "train", 24).whole(2, workers=2)
    next(batches)
    pipe.send([child.pid for child in multiprocessing.active_children()])
    pipe.recv()


def test_loader_processes_end_with_a_killed_parent(images):
    """The parent is itself a worker process, as in a sweep."""
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    parent = context.Process(target=stall, args=(images, there))
    parent.start()
    assert here.poll(60)
    children = here.recv()
    assert len(children) == 2 and all(map(lives, children))
    parent.kill()
    parent.join()
    until(lambda: not any(map(lives, children)), 10)
