"""Map transforms: pixels and parameters of albumentations 2.0.8, and the one sampling."""

import albumentations as A
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug import vectorize
from mnist_aug.augment.engine import geometry, resample
from mnist_aug.errors import UserError
from tools import agreement, differences

CASES = [t for t in agreement.cases() if type(t) in geometry.TRANSFORMS]


def ids(t):
    return f"{type(t).__name__}-{getattr(t, 'interpolation', 0)}-{getattr(t, 'border_mode', 0)}"


def noise(*shape, dtype=np.uint8, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return images if dtype == np.uint8 else images.astype(np.float32) / 255


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, None), (np.float32, 3)])
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_pixels_agree_under_forced_parameters(t, dtype, channels):
    # OpenCV and the engine round places to 1/32 px each in its own way for Lanczos weights.
    lanczos = getattr(t, "interpolation", None) == cv2.INTER_LANCZOS4
    agreeing = agreement.pixel_agreement(t, dtype, channels)
    assert agreeing >= (0.97 if lanczos else 0.999)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("t", CASES, ids=ids)
def test_parameters_come_from_the_same_distribution(t):
    values = agreement.parameter_agreement(t, count=700)
    assert min(values.values(), default=1) > 0.01


def test_forced_parameters_can_disagree():
    """The comparison itself: a tenth of a pixel is seen."""
    t = A.Affine(rotate=(-40, 40), p=1)
    image = noise(28, 28)
    drawn = vectorize(t).replay((0, 0, 0))[0]
    right = agreement.forced(t, image, drawn)
    wrong = agreement.forced(t, image, drawn | {"shift_x_px": 0.1})
    assert (np.abs(right.astype(int) - wrong) > 1).mean() > 0.5


@pytest.mark.parametrize("difference", differences.ALL, ids=lambda f: f.__name__)
def test_where_albumentations_is_wrong(difference):
    theirs, ours = difference()
    limits = {  # theirs at least, ours at most
        "seeded_children_are_correlated": (0.999, 0.1),
        "elastic_fields_leak": (0.9, 0.15),
        "one_sided_shear_has_two_sides": (0.99, 0),
        "perspective_zooms_twice": (1.5, 1e-9),
        "grid_loses_the_last_columns": (2, 1),
        "noise_repeats": (20, 0),
        "erasing_fails_where_nothing_fits": (1, 0),
        "colours_are_cut": (0.2, 0.01),
        "gamma_of_one_darkens": (1, 0),
        "sharpening_bytes_wraps_around": (200, 89),
        "equalizing_lights_black": (100, 0),
        "contrast_overlooks_white": (127, 50),
    }
    if difference.__name__ in limits:
        at_least, at_most = limits[difference.__name__]
        assert theirs >= at_least
        assert abs(ours) <= at_most
    else:  # more is right: different shifts, channels filled
        assert ours > 2.5 * theirs


def test_where_a_chain_read_once_differs():
    (blurred, sharp), (lost, kept), (corner, other) = (f() for f in differences.JOINED)
    assert blurred < 0.6
    assert abs(sharp - 1) < 0.01
    assert (lost, kept) == (10, 0)
    assert abs(corner - other) > 5


def test_affine_then_elastic_is_composed_exactly():
    """One sampling at A(p + d(p)), by a separate computation in float64."""
    policy = A.Compose(
        [
            A.Affine(rotate=(-30, 30), scale=(0.8, 1.2), p=1),
            A.ElasticTransform(alpha=60, sigma=4, p=1),
        ]
    )
    images, engine = noise(6, 28, 28), vectorize(policy)
    result = engine(images, (4, 0, 0))
    x, y = np.meshgrid(np.arange(28.0), np.arange(28.0))
    for i, image in enumerate(images):
        affine, elastic = engine.replay((4, 0, i))
        angle = np.deg2rad(affine["rotate_degrees"])
        scale = np.diag([affine["scale_x"], affine["scale_y"]])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        place = np.stack([x + elastic["dx_px"], y + elastic["dy_px"]]) - 13.5
        place = np.einsum("ij,jyx->iyx", np.linalg.inv(turn @ scale), place) + 13.5
        exact = cv2.remap(image, *place.astype(np.float32), cv2.INTER_LINEAR)
        assert np.abs(result[i].astype(int) - exact).max() <= 1


def test_elastic_then_affine_reads_the_field_where_the_affine_leads():
    policy = A.Compose([A.ElasticTransform(alpha=60, sigma=4, p=1), A.Affine(rotate=(20, 20), p=1)])
    smooth = cv2.GaussianBlur(noise(28, 28), (0, 0), 3)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    result = vectorize(policy)(smooth[None], (0, 0, 0))[0].astype(float)
    drawn, turned = vectorize(policy).replay((0, 0, 0))
    chain = agreement.forced(policy[1], agreement.forced(policy[0], smooth, drawn), turned)
    other = agreement.forced(policy[0], agreement.forced(policy[1], smooth, turned), drawn)
    middle = (slice(8, 20), slice(8, 20))  # away from borders, where a chain loses what it cuts off
    assert np.abs(result - chain)[middle].max() <= 6  # the chain interpolates twice
    assert np.abs(result - other)[middle].max() > 15  # the order matters


def test_a_chain_is_sampled_once_and_stays_sharp():
    back_and_forth = A.Compose([A.Affine(rotate=(17, 17), p=1), A.Affine(rotate=(-17, -17), p=1)])
    image = noise(1, 28, 28)
    ours = vectorize(back_and_forth)(image, (0, 0, 0))[0].astype(int)
    theirs = back_and_forth(image=image[0])["image"].astype(int)
    middle = (slice(6, 22), slice(6, 22))
    assert np.abs(ours - image[0])[middle].max() <= 1
    assert np.abs(theirs - image[0])[middle].mean() > 20


@pytest.mark.parametrize(
    "t",
    [
        A.Affine(rotate=(20, 20), interpolation=0, p=1),
        A.Rotate((-70, 50), interpolation=0, p=1),
        A.SafeRotate((30, 30), interpolation=0, p=1),
        A.ElasticTransform(alpha=60, sigma=4, interpolation=0, p=1),
        A.GridDistortion(interpolation=0, p=1),
        A.OpticalDistortion((0.4, 0.4), interpolation=0, p=1),
        A.Perspective(interpolation=0, p=1),
    ],
    ids=lambda t: type(t).__name__,
)
def test_nearest_pixels_with_the_default_border(t):
    assert agreement.pixel_agreement(t) > 0.99  # but for places halfway between two pixels
    images = noise(4, 28, 28)
    assert (vectorize(t)(images, (0, 0, 0)) != images).mean() > 0.3


def test_other_fill_or_interpolation_is_not_merged():
    policy = A.Compose(
        [
            A.Affine(translate_px=(20, 20), fill=50, p=1),
            A.Affine(translate_px=(-20, -20), fill=90, p=1),
        ]
    )
    image = noise(1, 28, 28)
    out = vectorize(policy)(image, (0, 0, 0))[0]
    assert np.array_equal(out[:8, :8], image[0, :8, :8])
    assert (out[8:, 8:] == 90).all()


def test_fill_for_each_channel_and_rounded():
    t = A.Affine(translate_px=(99, 99), fill=(10, 20.6, 300), p=1)
    out = vectorize(t)(noise(2, 9, 9, 3), (0, 0, 0))
    assert (out == [10, 21, 255]).all()


@pytest.mark.parametrize("border", range(5))
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 3), (33, 20)])
def test_any_size_and_far_displacement(border, shape):
    t = A.Affine(rotate=(-180, 180), translate_px=(-70, 70), border_mode=border, p=1)
    images = noise(4, *shape)
    out = vectorize(t)(images, (0, 0, 0))
    for i, image in enumerate(images):
        drawn = vectorize(t).replay((0, 0, i), shape)[0]
        expected = agreement.forced(t, image, drawn)
        assert (np.abs(out[i].astype(int) - expected) <= 1).mean() >= 0.99


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(2, 40), st.integers(2, 40))
def test_flips_are_exact(seed, channels, height, width):
    for dtype in (np.uint8, np.float32):
        images = noise(3, height, width, channels, dtype=dtype, seed=seed)
        both = A.Compose([A.HorizontalFlip(p=1), A.VerticalFlip(p=1)])
        assert np.array_equal(vectorize(both)(images, (seed, 0, 0)), images[:, ::-1, ::-1])


def test_an_identity_affine_leaves_float_images_bit_for_bit():
    images = np.random.default_rng(0).random((5, 28, 28), dtype=np.float32)
    t = A.Affine(p=1, interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(vectorize(t)(images, (0, 0, 0)), images)


def test_field_factors_keep_the_variance_of_the_blur():
    kernel = cv2.getGaussianKernel(33, 4)
    white = np.zeros((28 * 28, 28, 28))
    white.reshape(784, 784)[np.diag_indices(784)] = 1
    exact = np.stack(
        [cv2.sepFilter2D(w, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE) for w in white]
    ).reshape(784, 784)
    left, _ = geometry._blur_basis(28, 4.0, False)
    kept = np.kron(left, left) @ np.kron(left, left).T
    assert np.abs(kept - exact.T @ exact).max() < 2e-3 * kept.max()


@pytest.mark.parametrize("how", [0, 1, 2, 4])
def test_a_shift_of_whole_pixels_is_exact(how):
    """Weights of every interpolation are 1 at a pixel's own place."""
    images = noise(3, 9, 11, 2)
    shift = np.array([[[1.0, 0, 2], [0, 1, -3], [0, 0, 1]]]).repeat(3, axis=0)
    out = images.copy()
    no_factors = resample.no_factors(9, 11)
    no_field, no_points = np.empty((0, 2, 0, 0), np.float32), np.empty((0, 2, 0, 0), np.float32)
    resample.read(out, np.arange(3), shift, True, no_factors, no_field, no_points, (how, 0, (7, 8)))
    assert np.array_equal(out[:, 3:, :9], images[:, :6, 2:])
    assert (out[:, :3] == [7, 8]).all()
    assert (out[:, :, 9:] == [7, 8]).all()


def test_products_of_any_inner_length_are_right():
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 1, 1), (5, 12, 7), (28, 13, 28), (3, 40, 64)):
        left, right = rng.normal(size=(m, k)), rng.normal(size=(k, n))
        padded = resample.grown(left, 1, resample.TERMS), resample.grown(right, resample.TERMS, 8)
        out = np.empty((m, padded[1].shape[1]), np.float32)
        resample.product(*padded, out)
        np.testing.assert_allclose(out[:, :n], left @ right, rtol=1e-5, atol=1e-5)


TURNS = [A.HorizontalFlip, A.VerticalFlip, A.Transpose, A.RandomRotate90, A.D4, A.SquareSymmetry]


@pytest.mark.parametrize("shape", [(6, 6), (5, 5, 3), (4, 7), (7, 4, 2)])
@pytest.mark.parametrize("turn", TURNS)
def test_turns_are_those_of_albumentations(turn, shape):
    t = turn(p=1)
    images = noise(24, *shape)
    square = shape[0] == shape[1]
    engine = vectorize(t)
    out = engine(images, (0, 0, 0)) if square else images
    seen = set()
    for i, image in enumerate(images):
        drawn = engine.replay((0, 0, i), shape)[0]
        way = drawn.get("way", geometry._WAY_OF.get(turn))
        group = ["e", "r90", "r180", "r270", "v", "hvt", "h", "t"][way]
        seen.add(group)
        expected = A.D4(p=1).apply(image, group_element=group)
        if square:
            assert np.array_equal(out[i], expected)
        else:
            chosen = {"way": np.array([way])} if "way" in drawn else {}
            matrix = geometry.way_map(t, chosen, shape[:2])
            four = image.reshape(1, *shape[:2], -1)
            turned = resample.turned(four, np.arange(1), matrix, expected.shape[:2])
            assert np.array_equal(turned[0], expected.reshape(*expected.shape[:2], -1))
    assert len(seen) == {A.RandomRotate90: 4, A.D4: 8, A.SquareSymmetry: 8}.get(turn, 1)


def test_a_turn_back_and_forth_of_an_image_that_is_not_square():
    images = noise(5, 4, 9)
    there_and_back = A.Compose([A.Transpose(p=1), A.Affine(p=1), A.Transpose(p=1)])
    assert np.array_equal(vectorize(there_and_back)(images, (0, 0, 0)), images)
    in_between = A.Compose([A.Transpose(p=0.5), A.HorizontalFlip(p=1), A.Transpose(p=0)])
    with pytest.raises(UserError, match="Transpose turns 4 x 9 images into 9 x 4"):
        vectorize(in_between)(images, (0, 0, 0))


@pytest.mark.parametrize("mode", ["camera", "fisheye"])
def test_optical_distortion_at_exact_places(mode):
    """The map of 2.0.8's functions, from a column's image that holds each pixel's own x."""
    t = A.OpticalDistortion(distort_limit=(0.3, 0.3), mode=mode, border_mode=1, p=1)
    ramp = np.tile(np.arange(40, dtype=np.float32) / 40, (30, 1))
    ours = vectorize(t)(ramp[None], (0, 0, 0))[0]
    t(image=ramp)
    x, y = t.params["map_x"], t.params["map_y"]
    inside = (x > 0) & (x < 39) & (y > 0) & (y < 29)
    assert inside.mean() > 0.7
    assert np.abs(ours - x / 40)[inside].max() < 1e-3 / 40 * 2
