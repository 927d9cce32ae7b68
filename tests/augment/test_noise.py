"""Noise: exact sums for the noise drawn, and noise of the right kind."""

import albumentations as A
import cv2
import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.augment.engine import noise
from mnist_aug.errors import UserError
from tools import agreement

CASES = [t for t in agreement.cases() if type(t) in noise.TRANSFORMS] + [
    A.GaussNoise(per_channel=False, p=1),
    A.GaussNoise((0, 0.01), (0.9, 1), p=1),
    A.AdditiveNoise("gaussian", p=1),
    A.AdditiveNoise(spatial_mode="per_pixel", p=1),
    A.MultiplicativeNoise((0, 3), per_channel=True, p=1),
    A.PixelDropout(0.4, drop_value=(3,), p=1),
    A.SaltAndPepper((0, 1), (0, 1), p=1),
]


def ids(t):
    return type(t).__name__


def images_of(*shape, dtype=np.uint8):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / 255


def forced(t, image, drawn):
    if isinstance(t, A.GaussNoise):
        return agreement.forced(t, image, drawn)
    return agreement.recoloured(t, image, {k: np.array(drawn[k]) for k in drawn})


@pytest.mark.one_in(5)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [None, 3, 4])
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_sums_and_products_equal_those_of_albumentations(t, channels, dtype):
    if isinstance(t, A.RGBShift) and channels == 4:
        pytest.skip("for at most three channels")
    images = images_of(6, 11, 14, *([channels] if channels else []), dtype=dtype)
    engine = vectorize(t)
    ours = engine(images, (5, 0, 0))
    for i, image in enumerate(images):
        drawn = engine.replay((5, 0, i), image.shape, dtype)[0]
        drawn.pop("transform")
        assert np.array_equal(forced(t, image, drawn), ours[i])


@pytest.mark.parametrize("t", CASES, ids=ids)
def test_an_image_alone_is_as_in_a_batch(t):
    images = images_of(9, 5, 7, 3)
    engine = vectorize(t)
    whole = engine(images, (1, 2, 3))
    assert np.array_equal(engine(images[4:5], (1, 2, 7))[0], whole[4])
    assert engine(images[:0], (1, 2, 3)).shape == (0, 5, 7, 3)
    assert engine(images[:, :1, :1], (1, 2, 3)).shape == (9, 1, 1, 3)


def test_noise_darkens_nothing():
    grey = np.full((400, 28, 28), 128, np.uint8)
    out = vectorize(A.GaussNoise((0.1, 0.1), p=1))(grey, (0, 0, 0))
    error = 25.5 / np.sqrt(out.size)
    assert abs(out.mean() - 128) < 4 * error
    # On average half a level is cut off the noise's size: E[(|x| - 1/2)**2] = 25.08**2.
    assert abs(out.std() - 25.08) < 0.1


@pytest.mark.parametrize(("few", "many"), [((3, 5), (28, 28)), ((1, 1), (4, 9)), ((7, 6), (13, 6))])
def test_coarse_noise_is_enlarged_as_by_opencv(few, many):
    coarse = np.random.default_rng(0).normal(size=(4, *few, 3)).astype(np.float32)
    ours = noise._enlarge(coarse, *many)
    theirs = [cv2.resize(one, many[::-1], interpolation=cv2.INTER_LINEAR) for one in coarse]
    assert np.allclose(ours, np.stack(theirs).reshape(ours.shape), atol=1e-6)


def test_shares_of_dropped_pixels():
    images = np.full((200, 28, 28, 3), 9, np.uint8)
    together = vectorize(A.PixelDropout(0.2, p=1))(images, (0, 0, 0)) == 0
    assert (together == together[..., :1]).all()
    assert abs(together.mean() - 0.2) < 0.005
    apart = vectorize(A.PixelDropout(0.2, per_channel=True, p=1))(images, (0, 0, 0)) == 0
    assert abs(apart.mean() - 0.2) < 0.003
    assert abs((apart[..., 0] & apart[..., 1]).mean() - 0.04) < 0.003


def test_salt_and_pepper_are_counted():
    images = np.full((50, 20, 30), 9, np.uint8)
    out = vectorize(A.SaltAndPepper((0.1, 0.1), (0.25, 0.25), p=1))(images, (0, 0, 0))
    assert ((out == 255).sum((1, 2)) == 15).all()
    assert ((out == 0).sum((1, 2)) == 45).all()
    # Anywhere: each pixel is as likely as any other.
    places = (out != 9).mean(0)
    assert np.abs(places - 0.1).max() < 6 * np.sqrt(0.09 / 50)
    everywhere = vectorize(A.SaltAndPepper((1, 1), (1, 1), p=1))(images, (0, 0, 0))
    assert (everywhere == 255).all()


def test_a_shift_is_one_number_for_each_channel():
    images = np.full((30, 6, 6, 3), 100, np.uint8)
    t = A.RGBShift((10, 20), (-5, -5), (0, 0), p=1)
    out = vectorize(t)(images, (0, 0, 0)).astype(int) - 100
    assert (out == out[:, :1, :1]).all()
    red, green, blue = out[:, 0, 0].T
    assert set(red) == set(range(10, 20))
    assert set(green) == {-5}
    assert set(blue) == {0}


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (A.RGBShift(p=1), "RGBShift needs images of 1 or 2 or 3 channels, not 4"),
        (
            A.PixelDropout(drop_value=(1, 2), p=1),
            "PixelDropout: drop_value=.1.0, 2.0. has 2 numbers",
        ),
    ],
)
def test_what_does_not_fit_is_said(t, words):
    with pytest.raises(UserError, match=words):
        vectorize(t)(images_of(2, 6, 6, 4), (0, 0, 0))


@pytest.mark.parametrize("kind", ["laplace", "beta"])
def test_what_only_albumentations_serves(kind):
    with pytest.warns(UserWarning, match="AdditiveNoise"):
        engine = vectorize(A.AdditiveNoise(kind, "per_pixel", p=1))
    assert (engine(images_of(2, 6, 6), (0, 0, 0)) != images_of(2, 6, 6)).any()
