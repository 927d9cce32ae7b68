"""Crops, paddings and enlargements: boxes, sizes and pixels of albumentations 2.0.8."""

import albumentations as A
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_aug import vectorize
from mnist_aug.augment.engine import sizes
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.errors import UserError
from tools import agreement

MODES = (
    cv2.BORDER_REPLICATE,
    cv2.BORDER_REFLECT,
    cv2.BORDER_WRAP,
    cv2.BORDER_REFLECT_101,
)
CASES = [
    A.RandomCrop(20, 24),
    A.RandomCrop(34, 20, pad_if_needed=True, fill=(1, 250.6, 3)),
    A.RandomCrop(40, 41, pad_if_needed=True, pad_position="random", border_mode=cv2.BORDER_WRAP),
    A.CenterCrop(21, 28),
    A.CenterCrop(33, 15, pad_if_needed=True, pad_position="bottom_right", fill=7),
    A.Crop(3, 4, 20, 28),
    A.Crop(3, 4, 40, 33, pad_if_needed=True, border_mode=cv2.BORDER_REPLICATE),
    A.Crop(3, 4, 40, 33, pad_if_needed=True, pad_position="random", fill=9),
    A.RandomCropFromBorders(0.3, 0.2, 0.1, 0.4),
    A.Pad(5, fill=90.6),
    A.Pad((1, 2), border_mode=cv2.BORDER_REFLECT),
    *(A.Pad((60, 0, 1, 70), border_mode=mode) for mode in MODES),
    A.PadIfNeeded(40, 33, fill=(10, 20, 30)),
    A.PadIfNeeded(40, 33, position="top_right"),
    A.PadIfNeeded(40, 20, position="random", border_mode=cv2.BORDER_REFLECT_101),
    A.PadIfNeeded(None, None, pad_height_divisor=16, pad_width_divisor=7),
    A.Resize(40, 20),
    A.Resize(28, 28, interpolation=cv2.INTER_LANCZOS4),
    A.Resize(14, 40, area_for_downscale="image"),
    A.RandomScale((-0.4, 0.6), p=1),
    A.RandomScale((-0.4, 0.6), area_for_downscale="image_mask", p=1),
    A.LongestMaxSize(50),
    A.LongestMaxSize([20, 30, 40], interpolation=cv2.INTER_NEAREST),
    A.LongestMaxSize(max_size_hw=(20, None)),
    A.SmallestMaxSize(35, interpolation=cv2.INTER_LANCZOS4),
    A.SmallestMaxSize(max_size_hw=(10, 12), area_for_downscale="image"),
    A.RandomSizedCrop((10, 40), (20, 22), w2h_ratio=1.3),
    A.RandomResizedCrop((17, 30)),
    A.RandomResizedCrop((28, 28), scale=(0.9, 1), ratio=(2, 3)),
    A.RandomResizedCrop((28, 28), scale=(0.9, 1), ratio=(0.2, 0.3)),
    A.CropAndPad(px=(-9, 9), p=1),
    A.CropAndPad(px=4, keep_size=False, fill=3, p=1),
    A.CropAndPad(px=(-5, 4), sample_independently=False, keep_size=False, p=1),
    A.CropAndPad(
        px=([1, -3, 2], [0, 0, 1], [-2, 5, 0], [4, 4, 5]), border_mode=cv2.BORDER_REPLICATE, p=1
    ),
    A.CropAndPad(percent=-0.6, p=1),
    A.CropAndPad(percent=(0.1, -0.55, -0.5, -0.6), keep_size=False, p=1),
    A.CropAndPad(percent=((0, 0.3), (-0.2, 0), (-0.1, 0.1), (0, 0.2)), p=1),
]


def names(t):
    return type(t).__name__


def noise(*shape, dtype=np.uint8):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / 255


def made(t, images, seed=0, first=0):
    """(box, size or None, result) for each image."""
    draws = Draws(image_keys(seed, 0, first + np.arange(len(images))), 1)
    drawn = sizes.TRANSFORMS[type(t)](t, draws, images.shape[1:3])
    out = [None] * len(images)
    for chosen, group in sizes.cut_and_scaled(t, images, np.arange(len(images)), drawn):
        for i, image in zip(chosen, group, strict=True):
            out[i] = drawn["box"][i], drawn["size"][i] if "size" in drawn else None, image
    return out


@pytest.mark.one_in(3)
@pytest.mark.parametrize("t", CASES, ids=names)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((28, 28, 3), np.uint8), ((30, 29, 3), np.uint8), ((28, 31, 3), np.float32)],
)
def test_images_equal_those_of_albumentations_for_the_same_box(t, shape, dtype):
    images = noise(30, *shape, dtype=dtype)
    for image, (box, size, result) in zip(images, made(t, images), strict=True):
        expected = agreement.cut_and_scaled(t, image, box, size)
        assert result.dtype == expected.dtype
        if dtype == np.float32:  # 2.0.8's own depend on the processor
            np.testing.assert_allclose(result, expected, atol=1e-5)
        else:
            assert np.array_equal(result, expected)


def test_cubic_scaling_is_within_a_grey_level_of_albumentations():
    t = A.Resize(41, 23, interpolation=cv2.INTER_CUBIC)
    images = noise(10, 28, 28, 3)
    for image, (_, _, result) in zip(images, made(t, images), strict=True):
        assert np.abs(result.astype(int) - t.apply(image)).max() <= 1


def test_how_opencv_computes_elsewhere_is_left_as_it_was():
    before = cv2.ipp.useIPP()
    try:
        cv2.ipp.setUseIPP(True)
        expected = cv2.ipp.useIPP()
        made(A.Resize(20, 20), noise(2, 28, 28, 1))
        assert cv2.ipp.useIPP() == expected
    finally:
        cv2.ipp.setUseIPP(before)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("t", CASES, ids=names)
def test_boxes_and_sizes_come_from_the_same_distribution(t):
    t.p = 1
    values = agreement.parameter_agreement(t, count=400)
    assert min(values.values()) > 0.005


@pytest.mark.one_in(3)
@pytest.mark.parametrize("t", [c for c in CASES if not isinstance(getattr(c, "fill", 0), tuple)])
def test_an_image_alone_is_as_in_a_batch_with_any_number_of_channels(t):
    for channels in (1, 2, 4):
        images = noise(6, 28, 28, channels)
        together = made(t, images)
        for i in range(6):
            alone = made(t, images[i : i + 1], first=i)[0]
            assert np.array_equal(alone[2], together[i][2])


@given(
    st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99)
)
def test_crops_are_parts_of_the_padded_image(height, width, high, wide, seed):
    t = A.RandomCrop(high, wide, pad_if_needed=True, pad_position="random", fill=200)
    image = 1 + np.arange(height * width, dtype=np.uint8).reshape(1, height, width, 1)
    ((_, _, crop),) = made(t, image, seed)
    padded = np.pad(image[0, ..., 0], ((high, high), (wide, wide)), constant_values=200)
    parts = np.lib.stride_tricks.sliding_window_view(padded, (high, wide)).reshape(-1, high, wide)
    assert (parts == crop[..., 0]).all((1, 2)).any()
    assert (crop != 200).sum() == min(height, high) * min(width, wide)


POLICIES = {
    "pad, crop, flip": [A.PadIfNeeded(40, 40), A.RandomCrop(32, 32), A.HorizontalFlip()],
    "pad, flip, crop": [A.PadIfNeeded(40, 40), A.HorizontalFlip(), A.RandomCrop(32, 32)],
    "crop, rotate, resize": [A.RandomCrop(28, 28), A.Rotate(10), A.Resize(32, 32)],
    "one of two crops": [
        A.OneOf([A.RandomCrop(28, 28), A.CenterCrop(26, 26)], p=0.7),
        A.Resize(32, 32),
    ],
    "scale, blur, pad, crop": [
        A.RandomScale(0.2, p=0.7),
        A.GaussianBlur(),
        A.PadIfNeeded(32, 32),
        A.RandomCrop(32, 32),
    ],
    "crop from borders, resize": [A.RandomCropFromBorders(), A.Resize(32, 32)],
}


@pytest.mark.parametrize("steps", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_policies_that_end_with_the_old_size_run_and_cut_anyhow(steps, dtype):
    engine = vectorize(A.Compose(steps))
    images = noise(24, 32, 32, 3, dtype=dtype)
    out = engine(images, (0, 0, 0))
    assert (out.shape, out.dtype) == (images.shape, dtype)
    parts = [engine(images[i : i + 7], (0, 0, i)) for i in range(0, 24, 7)]
    assert np.array_equal(np.concatenate(parts), out)


APART = {
    "scale, pad, crop": [
        A.RandomScale(0.3, p=0.7),
        A.PadIfNeeded(34, 36, border_mode=cv2.BORDER_REFLECT_101, position="random", p=0.8),
        A.RandomCrop(30, 30, pad_if_needed=True, fill=9),
        A.Resize(32, 32, area_for_downscale="image"),
    ],
    "crop from borders, crops, resize": [
        A.RandomCropFromBorders(0.2, 0.2, 0.2, 0.2),
        A.RandomCropFromBorders(0.1, 0.1, 0.3, 0.1, p=0.5),
        A.CropAndPad(percent=(-0.1, 0.1), keep_size=False, fill=3, p=0.6),
        A.RandomSizedCrop((5, 30), (20, 20), p=0.5),
        A.LongestMaxSize([20, 40]),
        A.Crop(2, 3, 35, 36, pad_if_needed=True, pad_position="random", p=0.3),
        A.SmallestMaxSize(33),
        A.RandomResizedCrop((32, 32)),
    ],
    "drawn sides": [A.SmallestMaxSize([32, 40]), A.CenterCrop(32, 32)],
}


@pytest.mark.parametrize("steps", APART.values(), ids=APART)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_different_sizes_come_out_as_they_would_in_groups(
    steps, dtype, channels, monkeypatch
):
    images = noise(40, 32, 32, channels, dtype=dtype)
    joined = vectorize(A.Compose(steps))
    out = joined(images, (0, 0, 0))
    assert np.array_equal(joined(images[7:12], (0, 0, 7)), out[7:12])
    monkeypatch.setattr(sizes, "changes_sizes_apart", lambda t: False)
    assert np.array_equal(vectorize(A.Compose(steps))(images, (0, 0, 0)), out)


def test_replay_shows_the_boxes_of_images_of_different_sizes():
    engine = vectorize(A.Compose([A.RandomCropFromBorders(), A.Resize(32, 32)]))
    crop, resize = engine.replay((0, 0, 3), (32, 32))
    left, top, right, bottom = crop["box"]
    assert resize["box"] == [0, 0, right - left, bottom - top]
    image = noise(1, 32, 32)
    part = np.ascontiguousarray(image[0, top:bottom, left:right])
    out = engine(image, (0, 0, 3))[0]
    assert np.array_equal(out, cv2.resize(part, (32, 32)))


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (A.RandomCrop(40, 20), "RandomCrop.*40 x 20.*32 x 32.*pad_if_needed"),
        (A.CenterCrop(20, 33), "CenterCrop.*pad_if_needed"),
        (A.Crop(0, 0, 40, 10), "Crop.*column 40.*pad_if_needed"),
        (A.Pad(-1), "Pad.*negative"),
        (A.RandomScale((-0.99, -0.98), p=1), "RandomScale.*nothing"),
        (A.RandomSizedCrop((1, 2), (32, 32), w2h_ratio=0.1), "RandomSizedCrop.*w2h_ratio"),
        (A.CropAndPad(px=(3, 3), p=1), "CropAndPad.*upper limit"),
        (A.RandomResizedCrop((32, 32), ratio=(0, 1)), "RandomResizedCrop.*ratio"),
        (A.Pad(3, fill=(1, 2)), "fill.*2 values"),
        (A.Resize(31, 32), "Resize turns 32 x 32 images into 31 x 32"),
    ],
    ids=names,
)
def test_what_can_not_be_done_is_one_line(t, words):
    with pytest.raises(UserError, match=words) as error:
        vectorize(t)(noise(4, 32, 32, 3), (0, 0, 0))
    assert "\n" not in str(error.value)


def test_what_stays_with_albumentations_gives_its_images():
    t = A.CropAndPad(px=(-6, 7), fill=(10, 20), p=1)
    with pytest.warns(UserWarning, match="CropAndPad"):
        engine = vectorize(t)
    out = engine(np.full((50, 28, 28), 200, np.uint8), (0, 0, 0))
    assert 10 <= out.min() <= 20
    assert out.max() == 200
