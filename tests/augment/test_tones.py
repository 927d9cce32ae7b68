"""Values by value: exact results, whatever the size, channels and cut of the batch."""

import albumentations as A
import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.augment.engine import tones
from mnist_aug.errors import UserError
from tools import agreement

CASES = [t for t in agreement.cases() if type(t) in tones.TRANSFORMS]


def ids(t):
    return type(t).__name__


def levels(*channels):
    """An image of all grey levels, [1, 16, 16, *channels]."""
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, *(1 for _ in channels))
    return np.tile(image, (1, 1, 1, *channels)) if channels else image


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def augmented(t, images):
    return vectorize(t)(images, (0, 0, 0))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_bytes_equal_those_of_albumentations(t, channels):
    """Every bit, for 2.0.8's rounding as well, on images with few levels too."""
    if channels == 4 and isinstance(t, (A.Equalize, A.CLAHE)):
        pytest.skip("for one or three channels")
    images = noise(12, 19, 23, *([channels] if channels else []))
    images[::3] = images[::3] // 50 * 50
    images[1] = 7
    images[4] = 255
    engine = vectorize(t)
    ours = engine(images, (5, 0, 0))
    for i, image in enumerate(images):
        image = image[..., 0] if channels == 1 else image  # as the engine gives it
        drawn = engine.replay((5, 0, i), images.shape[1:])[0]
        assert np.array_equal(agreement.forced(t, image, drawn), ours[i].reshape(image.shape))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_an_image_alone_is_as_in_a_batch(t, dtype):
    images = noise(9, 5, 7, 3)
    images = images if dtype == np.uint8 else images.astype(np.float32) / 255
    engine = vectorize(t)
    whole = engine(images, (1, 2, 3))
    assert np.array_equal(engine(images[4:5], (1, 2, 7))[0], whole[4])
    assert engine(images[:0], (1, 2, 3)).shape == (0, 5, 7, 3)
    assert engine(images[:, :1, :1], (1, 2, 3)).shape == (9, 1, 1, 3)


@pytest.mark.parametrize(
    "t",
    [
        A.RandomBrightnessContrast((0, 0), (0, 0), p=1),
        A.RandomGamma((100, 100), p=1),
        A.Solarize((1, 1), p=1),
        A.Posterize((8, 8), p=1),
    ],
    ids=ids,
)
def test_no_strength_leaves_images_as_they_are(t):
    images = levels(3)
    if not isinstance(t, A.Solarize):
        assert np.array_equal(augmented(t, images), images)
    else:  # white is at the threshold
        assert np.array_equal(augmented(t, images), np.where(images == 255, 0, images))
    floats = np.minimum(images, 254).astype(np.float32) / np.float32(255)
    assert np.array_equal(augmented(t, floats), floats)


def test_values_that_can_be_worked_out():
    images = levels()
    flat = images.ravel().astype(int)
    assert np.array_equal(augmented(A.InvertImg(p=1), images).ravel(), 255 - flat)
    assert np.array_equal(augmented(A.Posterize(3, p=1), images).ravel(), flat // 32 * 32)
    gamma = augmented(A.RandomGamma((200, 200), p=1), images).ravel()
    assert np.array_equal(gamma, flat * flat // 255)
    root = augmented(A.RandomGamma((50, 50), p=1), images).ravel()
    assert np.array_equal(root, np.floor(np.sqrt(flat * 255)))
    # One value at each level is even as it is; the darker half, in PIL's way, is stretched.
    assert np.array_equal(augmented(A.Equalize(p=1), images).ravel(), flat)
    half = images // 2 + 20
    stretched = augmented(A.AutoContrast(method="pil", p=1), half).ravel()
    assert np.array_equal(stretched, np.rint((flat // 2) * (255 / 127)))
    brighter = A.RandomBrightnessContrast((0.1, 0.1), (0.5, 0.5), p=1)
    expected = np.minimum(np.float32(flat) * np.float32(1.5) + np.float32(25.5), 255)
    assert np.array_equal(augmented(brighter, images).ravel(), expected.astype(np.uint8))


def test_powers_of_float_images_are_those_of_float64():
    images = np.linspace(-0.2, 1.2, 3000, dtype=np.float32).reshape(1, 50, 60)
    for gamma in (0.1, 0.8, 1, 1.7, 9, 90):
        t = A.RandomGamma((1, 1), p=1)
        t.gamma_limit = (100 * gamma, 100 * gamma)
        expected = np.maximum(images, 0).astype(np.float64) ** gamma
        assert np.allclose(augmented(t, images), expected, rtol=1e-7, atol=1e-37)


def test_channels_have_bits_of_their_own():
    images = levels(3)
    out = augmented(A.Posterize([(1, 1), (4, 4), (7, 7)], p=1), images)
    for c, bits in enumerate((1, 4, 7)):
        step = 2 ** (8 - bits)
        assert np.array_equal(out[..., c], images[..., c] // step * step)
    with pytest.raises(UserError, match="Posterize needs images of 3 channels, not 4"):
        augmented(A.Posterize([(1, 1), (4, 4), (7, 7)], p=1), levels(4))


def test_equalize_says_which_images_it_takes():
    with pytest.raises(UserError, match="Equalize needs images of 1 or 3 channels, not 2"):
        augmented(A.Equalize(p=1), levels(2))


@pytest.mark.parametrize("t", [A.Equalize(by_channels=False, p=1), A.AutoContrast(ignore=0, p=1)])
def test_what_only_albumentations_serves(t):
    with pytest.warns(UserWarning, match=type(t).__name__):
        engine = vectorize(t)
    image = noise(6, 6, 3)
    assert np.array_equal(engine(image[None], (0, 0, 0))[0], t(image=image)["image"])
