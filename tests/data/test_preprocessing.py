"""Pictures of digits brought to MNIST's form: what comes out, what is doubted, what is refused."""

import handwriting
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mnist_aug.data import preprocessing
from mnist_aug.data.preprocessing import prepare, read
from mnist_aug.errors import UserError


def centre_of_mass(image):
    rows, columns = np.indices(image.shape)
    return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()


@pytest.mark.parametrize("kind", handwriting.PICTURES)
def test_every_kind_of_picture_looks_like_the_plain_one(kind):
    for digit in range(10):
        options = handwriting.PICTURES[kind]
        one = prepare(handwriting.drawn(digit, 1, **options))
        image = one.image
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        assert max(abs(c - 14) for c in centre_of_mass(image)) <= 0.52
        assert image.max() == 255
        assert image[0].max() == 0
        assert one.doubts == ()
        if not {"tilt", "shape"} & {*options}:  # another turn and other strokes are no fault
            plain = prepare(handwriting.drawn(digit, 1)).image
            alike = np.corrcoef(image.ravel(), plain.ravel())[0, 1]
            assert alike > 0.65, (kind, digit)


@given(
    seed=st.integers(0, 99),
    digit=st.integers(0, 9),
    gain=st.floats(0.5, 1),
    offset=st.integers(0, 60),
)
@settings(max_examples=25, deadline=None)
def test_polarity_and_exposure_do_not_matter(seed, digit, gain, offset):
    picture = handwriting.drawn(digit, seed, noise=0).astype(float)
    image = prepare(picture).image.astype(int)
    assert np.abs(prepare(255 - picture).image - image).max() <= 3
    exposed = prepare((picture - 30) * gain * 0.85 + offset).image
    assert np.abs(exposed - image).max() <= 6


def test_mnist_images_stay_as_they_are(mnist):
    images = mnist.x_test[:200]
    alike = [np.corrcoef(prepare(image).image.ravel(), image.ravel())[0, 1] for image in images]
    assert np.median(alike) > 0.95


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_picture_is_prepared_or_refused(picture):
    try:
        image = prepare(picture).image
    except UserError:  # no digit; any other exception is a fault
        return
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8


def rectangle(height, width):
    picture = np.full((480, 400), 240.0)
    picture[200 : 200 + height, 50 : 50 + width] = 20
    return picture


@pytest.mark.parametrize(
    ("picture", "doubt"),
    [
        (np.hstack([handwriting.drawn(3, 0)] * 2), "there are 2 marks, and the largest is read"),
        (rectangle(90, 80), "it is a blot rather than strokes"),
        (rectangle(20, 200), "it is wider than a digit"),
        (handwriting.drawn(7, 0)[:240], "it runs out of the picture"),
    ],
)
def test_doubts(picture, doubt):
    assert doubt in prepare(picture).doubts


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture(level):
    noise = np.random.default_rng(0).normal(0, 2, (300, 300))
    with pytest.raises(UserError, match="no digit in the picture"):
        prepare(np.clip(level + noise, 0, 255))


def test_files_of_all_kinds_are_the_same_picture(tmp_path):
    picture = Image.fromarray(handwriting.drawn(5, 0))
    expected = np.asarray(picture, float)
    saved = {
        "grey.png": picture,
        "colour.png": picture.convert("RGB"),
        "sixteen.png": Image.fromarray(np.asarray(picture).astype(np.uint16) * 257),
        "palette.gif": picture.convert("P"),
        "lossless.webp": picture.convert("RGB"),
    }
    clear = Image.new("RGBA", picture.size, (9, 9, 9, 0))
    clear.putalpha(Image.eval(picture, lambda v: 255 - v))
    for name, image in saved.items():
        image.save(tmp_path / name, **({"lossless": True} if "webp" in name else {}))
        np.testing.assert_allclose(read(tmp_path / name), expected, atol=0.51, err_msg=name)
    clear.save(tmp_path / "clear.png")  # ink of 9 by its alpha, over white
    np.testing.assert_allclose(read(tmp_path / "clear.png"), 9 + expected * 246 / 255, atol=0.51)
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    turned.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    assert np.abs(read(tmp_path / "phone.jpg") - expected).mean() < 3


def test_files_that_are_no_pictures(tmp_path, monkeypatch):
    whole = tmp_path / "whole.png"
    Image.fromarray(handwriting.drawn(5, 0)).save(whole)
    for name, content in {
        "text.png": b"a letter",
        "empty.jpg": b"",
        "cut.png": whole.read_bytes()[:3000],
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name} is not a readable picture"):
            read(tmp_path / name)
    with pytest.raises(UserError, match="is not there"):
        read(tmp_path / "none.png")
    with pytest.raises(UserError, match="as it is a folder"):
        read(tmp_path)
    monkeypatch.setattr(preprocessing, "MAX_PIXELS", 1000)
    with pytest.raises(UserError, match="has 400 by 480 pixels"):
        read(whole)
