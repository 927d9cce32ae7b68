"""Corruptions: what can be worked out by hand, and a second implementation of the warping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from mnist_aug.data import corruptions
from mnist_aug.data.corruptions import CORRUPTIONS, corrupt

BLACK_STAYS = (
    "shot_noise",
    "glass_blur",
    "motion_blur",
    "shear",
    "scale",
    "rotate",
    "translate",
    "fog",
    "canny_edges",
)
WHITE_STAYS = ("glass_blur", "motion_blur", "brightness", "dotted_line", "zigzag")


def spots(count, rows, columns):
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, rows, columns] = 255
    return images


@pytest.mark.one_in(3)
@pytest.mark.parametrize("shape", [(30, 28, 28), (2, 64, 64), (3, 9, 12), (3, 12, 9), (1, 5, 7)])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_type_changes_images_of_any_size_the_same_way_again(corruption, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images[:, :, shape[2] // 2] = 0  # lines show there
    before = images.copy()
    first = corrupt(images, corruption)
    np.testing.assert_array_equal(images, before)
    assert first.shape == shape
    assert first.dtype == np.uint8
    if shape != (1, 5, 7):  # where some have no place
        assert (first != images).any((1, 2)).all()
    np.testing.assert_array_equal(corrupt(images, corruption), first)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("side", [8, 20, 28, 64])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_grey_in_three_channels_stays_grey_but_for_noise_and_mud(corruption, side):
    grey = np.random.default_rng(0).integers(0, 256, (3, side, side + 4), np.uint8)
    found = corrupt(np.stack([grey] * 3, -1), corruption)
    assert found.shape == (*grey.shape, 3)
    assert found.dtype == np.uint8
    alike = np.ptp(found, axis=-1).max() == 0
    assert alike == (corruption not in ("shot_noise", "impulse_noise", "spatter"))
    if alike and corruption != "canny_edges":  # whose grey is rounded otherwise
        np.testing.assert_array_equal(found[..., 0], corrupt(grey, corruption))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_dark_on_light_is_corrupted_as_its_negative(corruption):
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 9, 3), np.uint8)
    np.testing.assert_array_equal(
        255 - corrupt(255 - images, corruption, (255, 245, 155)),
        corrupt(images, corruption, (0, 10, 100)),
    )


@pytest.mark.parametrize("corruption", sorted(corruptions.MOVES))
@pytest.mark.parametrize("fill", [40, 200, (10, 60, 110), (255, 180, 220)])
def test_what_moves_in_is_background(corruption, fill):
    shape = (5, 11, 8, 3) if isinstance(fill, tuple) else (5, 11, 8)
    images = np.broadcast_to(np.uint8(fill), shape)
    np.testing.assert_array_equal(corrupt(images, corruption, fill), images)
    assert (corrupt(images, corruption) != images).any()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_enlarged_images_are_corrupted_about_as_much(corruption, digits):
    """By the mean change of a pixel; what is noise in each pixel is left out."""
    images = digits.x_test[:40]
    large = images.repeat(2, 1).repeat(2, 2)
    small_change, large_change = (
        np.abs(corrupt(one, corruption).astype(float) - one).mean() for one in (images, large)
    )
    assert large_change == pytest.approx(small_change, rel=0.35)


def test_lines_are_as_thick_on_small_images():
    for corruption in ("dotted_line", "zigzag"):
        shares = [
            corrupt(np.zeros((200, side, side), np.uint8), corruption).mean()
            for side in (28, 8, 13, 56)
        ]
        np.testing.assert_allclose(shares, shares[0], rtol=0.1)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 200, 90), (1, 16, 40, 3)])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_sizes_from_8_up(corruption, shape):
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert corrupt(images, corruption).shape == shape


def test_draws_depend_on_the_place_and_not_on_the_pixels():
    first, second = (
        corrupt(np.full((50, 28, 28), grey, np.uint8), "impulse_noise") != grey
        for grey in (100, 200)
    )
    np.testing.assert_array_equal(first, second)
    assert not (first[0] == first[1]).all()


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_blank_images(corruption):
    black, white = (corrupt(np.full((20, 28, 28), grey, np.uint8), corruption) for grey in (0, 255))
    assert black.any() == (corruption not in BLACK_STAYS)
    assert (white < 255).any() == (corruption not in WHITE_STAYS)


def test_what_corruptions_never_do(digits):
    images = digits.x_test // 2  # no image reaches white
    for corruption in ("dotted_line", "zigzag", "brightness"):
        assert (corrupt(images, corruption) >= images).all()
    assert (corrupt(images, "fog").max((1, 2)) <= images.max((1, 2))).all()
    spattered = corrupt(images, "spatter")
    assert (spattered >= np.minimum(images, 63)).all()
    assert (spattered <= np.maximum(images, 63)).all()
    assert set(np.unique(corrupt(0 * images, "spatter"))) == {0, *range(50, 64)}  # 0.8 of 63 on
    assert set(np.unique(corrupt(images, "canny_edges"))) == {0, 255}


def test_stripe_inverts_the_outer_quarters(digits):
    outer = (np.arange(28) < 7) | (np.arange(28) >= 21)
    np.testing.assert_array_equal(
        corrupt(digits.x_test, "stripe"), np.where(outer, 255 - digits.x_test, digits.x_test)
    )


def test_brightness_adds_half_and_clips():
    greys = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    brighter = corrupt(greys, "brightness")
    assert np.abs(brighter - np.minimum(greys + 127.5, 255)).max() <= 0.5


def test_translate_moves_three_pixels_along_both_axes():
    moved = corrupt(spots(40, 10, 15), "translate")
    assert (moved.sum((1, 2), dtype=int) == 255).all()
    assert {(int(row), int(column)) for _, row, column in np.argwhere(moved == 255)} == {
        (7, 12),
        (7, 18),
        (13, 12),
        (13, 18),
    }


def test_scale_shrinks_to_seven_tenths():
    scaled = corrupt(spots(1, slice(4, 24), slice(4, 24)), "scale")[0].astype(float)
    assert np.isclose(scaled.sum() / (255 * 400), 0.49, atol=0.005)
    assert np.isclose(scaled[14].sum() / 255, 14, atol=0.1)
    assert np.isclose(scaled.sum(1) @ np.arange(28) / scaled.sum(), 13.5, atol=0.02)


def test_rotate_turns_and_shear_tilts_either_way():
    bars = spots(40, slice(7, 21), slice(13, 15))
    place = np.arange(28) - 13.5

    def moments(corruption):
        weights = corrupt(bars, corruption) / 1.0
        return (
            np.einsum("nrc,r,c->n", weights, *powers)
            for powers in ((place, place), (place**2, place**0), (place**0, place**2))
        )

    both, down, across = moments("rotate")
    angle = np.arctan2(2 * both, down - across) / 2
    np.testing.assert_allclose(np.abs(angle), 0.4, atol=0.01)
    both, down, _ = moments("shear")
    np.testing.assert_allclose(np.abs(both / down), np.sin(0.4), atol=0.01)
    assert set(np.sign(angle)) == set(np.sign(both)) == {-1, 1}


def test_impulse_noise_hits_its_share_half_white_half_black():
    noisy = corrupt(np.full((500, 28, 28), 100, np.uint8), "impulse_noise")
    assert set(np.unique(noisy)) == {0, 100, 255}
    assert abs((noisy != 100).mean() - 0.17) < 0.005
    assert abs((noisy == 255).mean() - 0.085) < 0.0025


@pytest.mark.parametrize("grey", [0.1, 0.5, 1])
def test_shot_noise_counts_as_poisson_does(grey):
    shot = CORRUPTIONS["shot_noise"](np.full((500, 28, 28), grey), np.random.default_rng(0))
    assert np.isclose(shot.mean(), grey, rtol=0.01)
    assert np.isclose(shot.var(), grey / 3, rtol=0.02)


def test_motion_blur_smears_one_way_and_keeps_the_light():
    images = spots(40, 14, 14).astype(np.float32) / 255
    blurred = CORRUPTIONS["motion_blur"](images, np.random.default_rng(0))
    np.testing.assert_allclose(blurred.sum((1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(
        blurred[:, 14, 14], 1 / np.exp(-(np.arange(11) ** 2) / 18).sum(), 1e-4
    )
    assert blurred[:, :, 15:].max() < 1e-6
    reach = [np.hypot(*(np.argwhere(image > 1e-6) - 14).T).max() for image in blurred]
    np.testing.assert_allclose(reach, 10, atol=0.71)  # places are rounded to pixels


def test_dotted_lines_fill_every_other_pair_of_columns():
    lines = corrupt(np.zeros((30, 28, 28), np.uint8), "dotted_line")
    drawn = [column for column in range(27) if column % 4 > 1]
    assert np.flatnonzero(lines.any((0, 1))).tolist() == drawn
    rows = lines[:, :, drawn].argmax(1)
    ends = rows[:, [0, -1]].T
    chord = ends[0] + np.subtract(*ends[::-1]) * (np.array(drawn)[:, None] - 2) / 24
    assert np.abs(rows.T - chord).max() <= 1  # both are rounded to pixels


def test_zigzags_turn_every_four_columns():
    lines = corrupt(np.zeros((100, 28, 28), np.uint8), "zigzag")
    rows = lines[:, :, 2:23].argmax(1)
    inside = (rows.min(1) > 1) & (rows.max(1) < 26)
    assert inside.sum() > 30
    for way in np.sign(np.diff(rows[inside])):
        assert np.count_nonzero(np.diff(way[way != 0])) == 5


def test_glass_blur_moves_light_about_and_keeps_it():
    images = spots(20, slice(10, 14), slice(10, 14))
    blurred = corrupt(images, "glass_blur").astype(int)
    np.testing.assert_allclose(blurred.sum((1, 2)), 16 * 255, rtol=0.02)
    assert len({image.tobytes() for image in blurred}) == 20


def test_edges_are_steps_steep_enough_or_joined_to_such():
    height = np.linspace(40, 0, 28)[:, None]  # of a step; times 4 (Φ(1.5) - Φ(-0.5)) its gradient
    steps = np.where(np.arange(28) < 14, 0, [height, np.minimum(height, 18)]).round()
    edges = corrupt(steps.astype(np.uint8), "canny_edges")
    np.testing.assert_array_equal(edges[0, :, 13:15].any(1), 2.5 * height[:, 0] > 25.5)
    assert not edges[1].any()


def test_fog_is_one_part_image_and_three_parts_height_map():
    light = corrupt(spots(20, 3, 3), "fog") / 255 * 4 - spots(20, 3, 3) / 255
    assert light.min() > -0.02
    assert light.max() < 3.02
    assert 0.3 < light.mean() / 3 < 0.7


def test_height_maps_reach_from_0_to_1():
    maps = corruptions._height_maps(np.random.default_rng(0), 8, side=64)
    assert maps.shape == (8, 64, 64)
    assert (maps.min((1, 2)) == 0).all()
    assert (maps.max((1, 2)) == 1).all()


@settings(max_examples=100, deadline=None)
@given(
    height=st.integers(2, 20),
    width=st.integers(2, 20),
    seed=st.integers(0, 1000),
    turn=arrays.arrays(np.int64, (2, 2), elements=st.integers(-32, 32)),
    shift=arrays.arrays(np.int64, 2, elements=st.integers(-96, 96)),
)
def test_warping_is_that_of_scipy(height, width, seed, turn, shift):
    image = np.random.default_rng(seed).random((1, height, width), np.float32)
    matrix = np.hstack([turn / 16, shift[:, None] / 32])  # places that OpenCV 4 doesn't round
    centre = (np.array([height, width]) - 1) / 2
    by_row = matrix[::-1, 1::-1]
    expected = ndimage.affine_transform(
        image[0], by_row, matrix[::-1, 2] + centre - by_row @ centre, order=1, mode="grid-constant"
    )
    found = corruptions.warped(image, matrix[None])[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
