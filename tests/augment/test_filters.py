"""Filters of neighbourhoods: kernels and pixels of albumentations 2.0.8."""

import albumentations as A
import cv2
import numpy as np
import pytest
from albumentations.augmentations.blur import functional as a_blur

from mnist_aug import vectorize
from mnist_aug.augment.engine import filters
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.errors import UserError
from tools import agreement, differences

CASES = [t for t in agreement.cases() if type(t) in filters.TRANSFORMS]

# Those that keep the brightness and can do with a single pixel.
NEUTRAL = [
    t
    for t in CASES
    if not isinstance(t, A.Downscale) and getattr(t, "method", "gaussian") == "gaussian"
]


def names(t):
    return type(t).__name__


def noise(*shape, dtype=np.uint8, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / np.float32(255)


def sampled(t, count, shape=(28, 28, 1)):
    draws = Draws(image_keys(0, 0, np.arange(count)), 1)
    return filters.TRANSFORMS[type(t)][0](t, draws, shape, np.uint8)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("t", CASES, ids=names)
@pytest.mark.parametrize("shape", [(28, 28), (17, 40, 3), (9, 9, 4)])
def test_values_equal_those_of_albumentations_but_for_ties(t, shape):
    """2.0.8's own sums of motion blur end on either side of a half; its threshold likewise."""
    images = noise(20, *shape)
    engine = vectorize(t)
    ours = engine(images, (0, 0, 0)).astype(int)
    theirs = [
        agreement.forced(t, image, engine.replay((0, 0, i), shape)[0])
        for i, image in enumerate(images)
    ]
    off = np.abs(ours - np.stack(theirs))
    ties = isinstance(t, (A.MotionBlur, A.UnsharpMask))
    assert (off == 0).mean() >= (0.97 if ties else 0.9995)
    assert (off <= 1).mean() >= 0.999


@pytest.mark.parametrize("t", CASES, ids=names)
def test_float_images_differ_by_no_more_than_rounding(t):
    images = noise(20, 20, 28, 3, dtype=np.float32)
    engine = vectorize(t)
    ours = engine(images, (0, 0, 0))
    theirs = [
        agreement.forced(t, image, engine.replay((0, 0, i), (20, 28, 3), np.float32)[0])
        for i, image in enumerate(images)
    ]
    off = np.abs(ours - np.stack(theirs))
    assert ours.dtype == np.float32
    assert (off <= 1e-5).mean() >= (0.99 if isinstance(t, A.UnsharpMask) else 1)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("t", CASES, ids=names)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_each_image_and_channel_is_filtered_alone(t, channels):
    images = noise(6, 13, 16, channels)
    engine = vectorize(t)
    together = engine(images, (0, 0, 0))
    for i in range(6):
        assert np.array_equal(engine(images[i : i + 1], (0, 0, i))[0], together[i])
    for c in range(channels):
        alone = engine(np.ascontiguousarray(images[..., c]), (0, 0, 0))
        assert np.array_equal(alone, together[..., c])


@pytest.mark.one_in(4)
@pytest.mark.parametrize("t", NEUTRAL, ids=names)
@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
def test_even_images_stay_as_they_are_however_small(t, value, size):
    image = np.full((3, *size), value, np.uint8)
    assert np.array_equal(vectorize(t)(image, (0, 0, 0)), image)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("angle", [0, 30, 45, 90, 133, 270, 301.7])
@pytest.mark.parametrize("direction", [-1, -0.4, 0, 0.5, 1])
def test_motion_kernels_are_the_lines_of_albumentations(angle, direction):
    for size in (3, 5, 9, 21):
        t = A.MotionBlur((size, size), False, (angle, angle), (direction, direction), p=1)
        ours = sampled(t, 1)["kernel"][0]
        theirs = a_blur.create_motion_kernel(size, angle, direction, False, None)
        assert np.array_equal(ours > 0, theirs > 0)
        np.testing.assert_allclose(ours.sum(), 1, atol=1e-6)


def test_shifted_motion_kernels_move_by_up_to_half_the_line():
    kernels = sampled(A.MotionBlur((9, 9), angle_range=(0, 0), p=1), 500)["kernel"]
    rows = kernels.sum(2).argmax(1)
    assert (rows.min(), rows.max()) == (2, 6)


@pytest.mark.parametrize("size", [3, 5, 7, 9, 15, 17, 21])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_medians_are_those_of_numpy(size, channels):
    images = noise(2, 30, 25, channels)
    out = vectorize(A.MedianBlur((size, size), p=1))(images, (0, 0, 0))
    r = size // 2
    padded = np.pad(images, ((0, 0), (r, r), (r, r), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    assert np.array_equal(out, np.median(windows, axis=(4, 5)))


def test_a_bright_pixel_becomes_the_gaussian_kernel():
    image = np.zeros((1, 21, 21), np.float32)
    image[0, 10, 10] = 1
    t = A.GaussianBlur(blur_limit=(7, 7), sigma_limit=(1.3, 1.3), p=1)
    kernel = a_blur.create_gaussian_kernel_1d(1.3, 7)
    out = vectorize(t)(image, (0, 0, 0))[0]
    np.testing.assert_allclose(out[7:14, 7:14], np.outer(kernel, kernel), atol=1e-7)
    assert out.sum() == pytest.approx(1, abs=1e-6)
    assert out[:7].max() == 0


def test_a_tiny_sigma_leaves_the_image_as_it_is():
    images = noise(3, 12, 12)
    t = A.GaussianBlur(blur_limit=(3, 3), sigma_limit=(1e-4, 1e-4), p=1)
    assert np.array_equal(vectorize(t)(images, (0, 0, 0)), images)


def test_extremes_are_those_of_the_neighbours():
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 4, 4] = 200
    grown = vectorize(A.Morphological((3, 3), "dilation", p=1))(image, (0, 0, 0))[0]
    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    assert np.array_equal(grown[3:6, 3:6], cross * 200)
    assert grown.sum() == 200 * cross.sum()
    gone = vectorize(A.Morphological((3, 3), "erosion", p=1))(image, (0, 0, 0))
    assert gone.max() == 0


def test_sharpening_darkens_what_is_darker_than_its_surroundings():
    theirs, ours = differences.sharpening_bytes_wraps_around()
    assert ours < 90 < theirs


def test_unsharp_mask_leaves_small_differences_alone():
    image = np.full((1, 16, 16), 100, np.uint8)
    image[0, 8, 8] = 108  # less than a threshold of 10 above
    t = A.UnsharpMask(alpha=(1, 1), threshold=10, p=1)
    assert np.array_equal(vectorize(t)(image, (0, 0, 0)), image)
    image[0, 8, 8] = 140
    assert vectorize(t)(image, (0, 0, 0))[0, 8, 8] > 140


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (A.Downscale((0.01, 0.02), p=1), "Downscale.*28 x 28.*scale_range"),
        (A.Sharpen(method="gaussian", kernel_size=4, p=1), "Sharpen.*kernel_size=4.*odd"),
    ],
    ids=names,
)
def test_what_can_not_be_done_is_one_line(t, words):
    with pytest.raises(UserError, match=words) as error:
        vectorize(t)(noise(4, 28, 28), (0, 0, 0))
    assert "\n" not in str(error.value)
