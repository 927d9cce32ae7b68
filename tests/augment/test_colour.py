"""Colours: OpenCV's whole numbers, its rounding where that is right, and grey images."""

import albumentations as A
import cv2
import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.augment.engine import colour
from mnist_aug.errors import UserError
from tools import agreement

CASES = [t for t in agreement.cases() if type(t) in colour.TRANSFORMS]


def ids(t):
    return type(t).__name__


def images_of(*shape, dtype=np.uint8, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / np.float32(255)


def both(t, images, seed=5):
    """(the engine's images, those of 2.0.8's functions with the same parameters)."""
    engine = vectorize(t)
    shape = images.shape[1:]
    drawn = [engine.replay((seed, 0, i), shape, images.dtype)[0] for i in range(len(images))]
    theirs = [agreement.forced(t, image, d) for image, d in zip(images, drawn, strict=True)]
    return engine(images, (seed, 0, 0)), np.stack(theirs)


EXACT = [
    *(A.ToGray(method=m, p=1) for m in ("weighted_average", "from_lab", "average", "max")),
    A.ToGray(method="desaturation", p=1),
    A.ToSepia(p=1),
    A.ChannelShuffle(p=1),
    A.ChannelDropout((1, 2), fill=33, p=1),
    A.PlanckianJitter(p=1),
    A.PlanckianJitter("cied", sampling_method="gaussian", p=1),
    A.ISONoise(p=1),
    A.ColorJitter(0.5, 0, 0, 0, p=1),
    A.ColorJitter(0, 0.5, 0, 0, p=1),
    A.ColorJitter((0, 0), 0, 0, 0, p=1),
    A.ColorJitter(0, (0, 0), 0, 0, p=1),
    A.ColorJitter(0, 0, (0, 0), 0, p=1),
]


@pytest.mark.parametrize("t", EXACT, ids=ids)
def test_bytes_equal_those_of_albumentations(t):
    for width in (5, 32, 45):
        ours, theirs = both(t, images_of(8, 31, width, 3))
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("t", CASES, ids=ids)
def test_floats_agree_with_albumentations(t):
    ours, theirs = both(t, images_of(8, 31, 33, 3, dtype=np.float32))
    # HueSaturationValue goes through bytes, which OpenCV may cut; of ISONoise single values differ.
    limit = {A.HueSaturationValue: 1.01 / 255, A.ISONoise: 1e-3}.get(type(t), 1e-5)
    assert np.abs(ours - theirs).max() < limit


@pytest.mark.one_in(5)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("t", [*CASES, *EXACT], ids=ids)
def test_an_image_alone_is_as_in_a_batch(t, dtype):
    images = images_of(9, 40, 41, 3, dtype=dtype)
    engine = vectorize(t)
    whole = engine(images, (1, 2, 3))
    assert np.array_equal(engine(images[4:5], (1, 2, 7))[0], whole[4])
    assert engine(images[:0], (1, 2, 3)).shape == (0, 40, 41, 3)
    assert engine(images[:, :1, :1], (1, 2, 3)).shape == (9, 1, 1, 3)


def every_colour():
    """A third of all colours, [1, 256, 256, 3] at a time."""
    red, green = np.meshgrid(np.arange(256), np.arange(256))
    for blue in range(0, 256, 3):
        image = np.stack([red, green, np.full_like(red, blue)], axis=2)
        yield image.astype(np.uint8)


def test_hue_saturation_and_value_are_opencvs():
    """On the way to HSV every bit; on the way back OpenCV's or, where that cuts, one more."""
    t = A.HueSaturationValue((-50, -50), (40, 40), (-30, -30), p=1)
    engine = vectorize(t)
    for image in every_colour():
        ours = engine(image[None], (0, 0, 0))[0]
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(int)
        grey = hsv[..., 1] == 0
        hue = (hsv[..., 0] - 50) % 180
        sat = np.where(grey, 0, np.minimum(hsv[..., 1] + 40, 255))
        val = np.maximum(hsv[..., 2] - 30, 0)
        # The definition, in float64.
        exact = np.empty(image.shape)
        for c, offset in enumerate((150, 90, 30)):
            far = (hue + offset) % 180
            exact[..., c] = val - val * sat * np.clip(np.minimum(far, 120 - far), 0, 30) / 7650
        assert np.abs(ours - exact).max() <= 0.5 + 1e-4
        theirs = t.apply(image, -50, 40, -30)
        assert set(np.unique(ours.astype(int) - theirs)) <= {0, 1}


def test_no_shift_leaves_images_as_they_are():
    images = images_of(4, 20, 20, 3)
    for t in (A.HueSaturationValue(0, 0, 0, p=1), A.ColorJitter(0, 0, 0, 0, p=1)):
        assert np.array_equal(vectorize(t)(images, (0, 0, 0)), images)


def test_saturation_away_from_grey():
    """x f + grey (1 - f), rounded; OpenCV's fused products differ in single values."""
    images = images_of(40, 32, 32, 3)
    ours, theirs = both(A.ColorJitter(0, 0, 0.9, 0, p=1), images)
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.01


def test_each_order_of_a_jitter_is_as_likely():
    t = A.ColorJitter(p=1)
    engine = vectorize(t)
    orders = [tuple(engine.replay((0, 0, i), (4, 4, 3))[0]["order"]) for i in range(1200)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 50) ** 2 / 50).sum() < 52.6  # chi-squared with 23 degrees, 99.96 %


def test_grains_follow_poissons_law():
    """Their mean number is the lightness's deviation times the intensity; each adds its share."""
    image = np.zeros((1, 100, 100, 3), np.float32)
    image[:, :50] = 0.5
    out = vectorize(A.ISONoise((0, 0), (0.4, 0.4), p=1))(image, (0, 0, 0))
    mean = 0.25 * 0.4
    counts = np.rint(out[0, 50:, :, 0] / 0.4).astype(int)
    shares = np.bincount(counts.ravel(), minlength=3)[:3] / counts.size
    expected = np.exp(-mean) * np.array([1, mean, mean**2 / 2])
    assert np.abs(shares - expected).max() < 4 * np.sqrt(mean / counts.size)


@pytest.mark.parametrize(
    "t",
    [
        *(A.ToGray(p=1), A.ToSepia(p=1), A.ChannelShuffle(p=1)),
        *(A.HueSaturationValue(40, 50, 0, p=1), A.ColorJitter(0, 0, 0.9, 0.5, p=1)),
    ],
    ids=ids,
)
def test_grey_images_stay_as_they_are(t):
    for channels in ((), (1,)):
        images = images_of(5, 9, 8, *channels)
        assert np.array_equal(vectorize(t)(images, (0, 0, 0)), images)


@pytest.mark.filterwarnings("ignore:HueSaturationValue")
def test_grey_images_get_brighter():
    images = images_of(5, 9, 8)
    for t in (A.HueSaturationValue(p=1), A.ColorJitter(0.4, 0.4, p=1)):
        ours, theirs = both(t, images)
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("t", "channels", "words"),
    [
        (A.HueSaturationValue(p=1), 4, "HueSaturationValue needs images of 1 or 3 channels, not 4"),
        (A.ToGray(1, p=1), 3, "set num_output_channels=3"),
        (A.ISONoise(p=1), 1, "ISONoise needs images of 3 channels, not 1"),
        (A.PlanckianJitter(p=1), 1, "PlanckianJitter needs images of 3 channels, not 1"),
        (A.ChannelDropout((1, 3), p=1), 3, "can drop all of 3 channels"),
    ],
)
def test_what_does_not_fit_is_said(t, channels, words):
    with pytest.raises(UserError, match=words):
        vectorize(t)(images_of(2, 6, 6, channels), (0, 0, 0))
