"""Holes: where they are, as in albumentations 2.0.8, and what they are filled with."""

import albumentations as A
import numpy as np
import pytest
from albumentations.augmentations.dropout import functional as a_dropout
from hypothesis import given
from hypothesis import strategies as st

from mnist_aug import vectorize
from mnist_aug.augment.engine import holes
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.errors import UserError
from tools import agreement

CASES = [t for t in agreement.cases() if type(t) in holes.TRANSFORMS]
FILLS = ["random", "random_uniform", "inpaint_telea", "inpaint_ns", 0, 93.7]


def names(t):
    return type(t).__name__


def noise(*shape, dtype=np.uint8):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / np.float32(255)


def boxes_of(t, count, shape=(28, 28, 1)):
    draws = Draws(image_keys(0, 0, np.arange(count)), 1)
    return holes.TRANSFORMS[type(t)][0](t, draws, shape, np.uint8)["holes"]


@pytest.mark.parametrize("t", CASES, ids=names)
@pytest.mark.parametrize("shape", [(28, 28), (21, 40, 3), (33, 17, 4)])
def test_images_equal_those_of_albumentations_with_the_same_holes(t, shape):
    images = noise(20, *shape)
    engine = vectorize(t)
    theirs = [
        agreement.forced(t, image, engine.replay((0, 0, i), shape)[0])
        for i, image in enumerate(images)
    ]
    assert np.array_equal(engine(images, (0, 0, 0)), np.stack(theirs))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("t", CASES, ids=names)
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_image_alone_is_as_in_a_batch(t, fill, dtype):
    alike = type(t)(**t.get_transform_init_args() | {"fill": fill, "p": 1})
    if dtype == np.float32 and fill == 93.7:
        alike.fill = 0.4
    engine = vectorize(alike)
    images = noise(5, 20, 28, 3, dtype=dtype)
    together = engine(images, (0, 0, 0))
    assert together.dtype == dtype
    for i in range(5):
        assert np.array_equal(engine(images[i : i + 1], (0, 0, i))[0], together[i])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", ["inpaint_telea", "inpaint_ns"])
def test_inpainting_is_that_of_albumentations(fill, channels, dtype):
    t = A.CoarseDropout((2, 3), (4, 8), (4, 8), fill=fill, p=1)
    images = noise(6, 28, 28, channels, dtype=dtype)
    engine = vectorize(t)
    ours = engine(images, (0, 0, 0))
    for i, image in enumerate(images):
        boxes = np.array(engine.replay((0, 0, i), image.shape, dtype)[0]["holes"])
        theirs = a_dropout.apply_inpainting(image if channels > 1 else image[..., 0], boxes, fill)
        np.testing.assert_allclose(ours[i], theirs.reshape(image.shape), atol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_random_values_are_uniform_and_differ_by_pixel_and_channel(dtype):
    t = A.Erasing(scale=(0.3, 0.3), ratio=(1, 1), fill="random", p=1)
    engine = vectorize(t)
    images = np.zeros((200, 28, 28, 3), dtype)
    out = engine(images, (0, 0, 0))
    values = out[out > 0].astype(np.float64) / (255 if dtype == np.uint8 else 1)
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.std() - 12**-0.5) < 0.01
    assert values.max() <= 1
    box = np.array(engine.replay((0, 0, 0), (28, 28, 3), dtype)[0]["holes"][0])
    hole = out[0, box[1] : box[3], box[0] : box[2]]
    assert np.std(hole, axis=(0, 1)).min() > 0.1
    assert abs(np.corrcoef(hole[..., 0].ravel(), hole[..., 1].ravel())[0, 1]) < 0.2


def test_one_value_a_hole_and_channel():
    t = A.XYMasking((1, 1), (1, 1), (5, 5), (6, 6), fill="random_uniform", p=1)
    engine = vectorize(t)
    out = engine(np.zeros((3, 28, 28, 3), np.uint8), (0, 0, 0))
    for i in range(3):
        _, (left, top, right, bottom) = engine.replay((0, 0, i), (28, 28, 3))[0]["holes"]
        later = out[i, top:bottom, left:right].reshape(-1, 3)
        assert len(np.unique(later, axis=0)) == 1
    assert len(np.unique(out)) > 6


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0.05, 1), st.booleans(), st.integers(0, 9))
def test_each_cell_of_a_grid_has_its_hole(height, width, ratio, shifted, seed):
    t = A.GridDropout(ratio, shifted, shift_xy=(0, 0), p=1)
    draws = Draws(image_keys(seed, 0, np.arange(3)), 1)
    drawn = holes.sample_grid_dropout(t, draws, (height, width, 1), np.uint8)["holes"]
    rows, columns = height // max(2, height // 10), width // max(2, width // 10)
    assert drawn.shape == (3, rows * columns, 4)
    inside = np.zeros((height, width), int)
    for left, top, right, bottom in drawn[0]:
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height
        inside[top:bottom, left:right] += 1
    assert inside.max() == 1
    tall, wide = drawn[0, :, 3] - drawn[0, :, 1], drawn[0, :, 2] - drawn[0, :, 0]
    assert set(tall) <= {
        int(np.clip(side * ratio, 1, side - 1)) for side in (height // rows, -(-height // rows))
    }
    assert wide.min() >= 1


def test_longer_rows_of_a_grid_are_drawn_evenly():
    t = A.GridDropout(holes_number_xy=(4, 3), random_offset=False, ratio=1, p=1)
    drawn = boxes_of(t, 4000, (30, 30, 1))  # two of four rows have 8 pixels, the others 7
    tall = drawn[:, ::3, 3] - drawn[:, ::3, 1] + 1
    assert (tall.sum(1) == 30).all()
    np.testing.assert_allclose((tall == 8).mean(0), 0.5, atol=0.03)
    pairs = np.unique(tall, axis=0, return_counts=True)[1]
    assert len(pairs) == 6
    np.testing.assert_allclose(pairs / 4000, 1 / 6, atol=0.03)


def test_stripes_reach_from_side_to_side():
    boxes = boxes_of(A.XYMasking((2, 2), (1, 1), (3, 5), (4, 4), p=1), 50, (20, 30, 1))
    left, top, right, bottom = np.moveaxis(boxes, 2, 0)
    assert (top[:, :2] == 0).all()
    assert (bottom[:, :2] == 20).all()
    assert (left[:, 2] == 0).all()
    assert (right[:, 2] == 30).all()
    assert set((right - left)[:, :2].ravel()) == {3, 4, 5}
    assert set((bottom - top)[:, 2]) == {4}


def test_a_fill_is_cut_to_a_whole_number():
    t = A.CoarseDropout(fill=(90.9, 3.2, 255), p=1)
    image = np.full((1, 28, 28, 3), 7, np.uint8)
    out = vectorize(t)(image, (0, 0, 0))[0].reshape(-1, 3)
    assert {tuple(v) for v in np.unique(out, axis=0).tolist()} == {(7, 7, 7), (90, 3, 255)}


def test_no_hole_leaves_the_image_as_it_is():
    t = A.CoarseDropout(hole_height_range=(0.01, 0.02), hole_width_range=(0.01, 0.02), p=1)
    images = noise(3, 8, 8)
    assert np.array_equal(vectorize(t)(images, (0, 0, 0)), images)


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (A.CoarseDropout(fill="inpaint_ns", p=1), "CoarseDropout.*1 or 3 channels, not 4"),
        (A.CoarseDropout(fill=(1, 2), p=1), "fill.*2 values.*4 channel"),
        (A.GridDropout(unit_size_range=(5, 5), p=1), "GridDropout.*must rise"),
        (A.GridDropout(unit_size_range=(5, 60), p=1), "GridDropout.*28 pixels"),
        (A.GridDropout(holes_number_xy=(60, 2), p=1), "GridDropout.*60 x 2.*28 x 28"),
        (A.XYMasking((1, 2), (1, 1), (3, 40), (3, 4), p=1), "XYMasking.*mask_x_length.*28"),
        (A.CoarseDropout((1, 1), (30, 40), (3, 4), p=1), "CoarseDropout.*don't fit 28"),
    ],
    ids=names,
)
def test_what_can_not_be_done_is_one_line(t, words):
    with pytest.raises(UserError, match=words) as error:
        vectorize(t)(noise(4, 28, 28, 4), (0, 0, 0))
    assert "\n" not in str(error.value)
