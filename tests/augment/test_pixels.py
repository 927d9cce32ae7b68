"""Pixel transforms: pixels and parameters of albumentations 2.0.8."""

import albumentations as A
import numpy as np
import pytest
from scipy.stats import kstest

from mnist_aug import vectorize
from mnist_aug.augment.engine import pixels
from mnist_aug.errors import UserError
from tools import agreement

CASES = [t for t in agreement.cases() if type(t) in pixels.TRANSFORMS]


def ids(t):
    return type(t).__name__


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, None), (np.float32, None), (np.uint8, 3), (np.float32, 4)]
)
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_pixels_agree_under_forced_parameters(t, dtype, channels):
    if channels == 4 and isinstance(t, A.CLAHE):
        pytest.skip("for one or three channels")
    assert agreement.pixel_agreement(t, dtype, channels) >= 0.999


@pytest.mark.one_in(2)
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_parameters_come_from_the_same_distribution(t):
    values = agreement.parameter_agreement(t, count=700)
    assert min(values.values(), default=1) > 0.01


@pytest.mark.one_in(2)
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_it_changes_images_and_not_the_ones_given(t):
    images = noise(20, 28, 28, *([3] if isinstance(t, agreement.OF_COLOUR) else []))
    before = images.copy()
    out = vectorize(t)(images, (0, 0, 0))
    assert np.array_equal(images, before)
    assert (out != images).mean() > 0.005


def test_noise_of_one_channel_is_shared():
    grey = np.full((4, 28, 28, 3), 128, np.uint8)
    shared = vectorize(A.GaussNoise(p=1, per_channel=False))(grey, (0, 0, 0))
    assert (shared == shared[..., :1]).all()
    apart = vectorize(A.GaussNoise(p=1))(grey, (0, 0, 0))
    assert (apart != apart[..., :1]).any()


def test_random_fill_is_uniform_over_grey_levels():
    t = A.CoarseDropout((1, 1), (28, 28), (28, 28), fill="random", p=1)
    out = vectorize(t)(np.zeros((50, 28, 28), np.uint8), (0, 0, 0))
    assert kstest((out.ravel() + 0.5) / 256, "uniform").pvalue > 1e-3


def test_random_uniform_fill_is_one_value_a_hole():
    t = A.Erasing(fill="random_uniform", p=1)
    images = np.zeros((40, 28, 28, 3), np.float32)
    out = vectorize(t)(images, (0, 0, 0))
    values = [len(np.unique(image[..., 0][image[..., 0] > 0])) for image in out]
    assert values == [1] * 40


def test_replay_shows_the_hole():
    t = A.Erasing(fill=255, p=1)
    engine = vectorize(t)
    out = engine(np.zeros((1, 28, 28), np.uint8), (0, 0, 5))
    ((x_min, y_min, x_max, y_max),) = engine.replay((0, 0, 5))[0]["holes"]
    assert (out[0, y_min:y_max, x_min:x_max] == 255).all()
    assert (out == 255).sum() == (y_max - y_min) * (x_max - x_min)


@pytest.mark.parametrize(
    ("t", "word"),
    [
        (A.GaussianBlur(sigma_limit=0, p=1), "sigma_limit"),
        (A.CoarseDropout(hole_height_range=(0.1, 0.2), hole_width_range=(2, 5), p=1), "both"),
    ],
)
def test_nonsense_is_refused(t, word):
    with pytest.raises(UserError, match=word):
        vectorize(t)
