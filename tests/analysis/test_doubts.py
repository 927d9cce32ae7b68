"""Doubts: calibration, distances to training images, and the estimated probability of an error."""

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.analysis import doubts


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (5, 30), (31, 17), (32, 32, 3)])
def test_thumbnails_are_averages(shape):
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    height, width = (min(side, 8) for side in shape[:2])
    expected = [
        cv2.resize(one.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        for one in images
    ]
    found = doubts.thumbnails(images)
    assert found.dtype == np.uint8
    assert np.abs(found - np.array(expected)).max() <= 0.51
    if shape == (8, 8):
        np.testing.assert_array_equal(found, images)


def simulated(count=20_000, heat=1.0, seed=0):
    """Probabilities of classes and labels drawn by them, the probabilities then sharpened."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(5, 0.3), count)
    labels = (true.cumsum(1) > rng.random((count, 1))).argmax(1)
    sharpened = true**heat
    return sharpened / sharpened.sum(1, keepdims=True), labels, true


@pytest.mark.parametrize("heat", [0.6, 1.0, 2.5])
def test_the_temperature_undoes_what_makes_probabilities_too_sure(heat):
    sharpened, labels, true = simulated(heat=heat)
    found = doubts.temperature(sharpened, labels)
    assert found == pytest.approx(heat, rel=0.05)
    np.testing.assert_allclose(doubts.calibrated(sharpened, heat), true, atol=1e-4)


@given(st.floats(0.2, 5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_calibration_keeps_the_order(heat, seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(6, 0.2), 20)
    found = doubts.calibrated(probabilities, heat)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_array_equal(found.argmax(1), probabilities.argmax(1))
    np.testing.assert_allclose(doubts.calibrated(probabilities, 1), probabilities, atol=1e-9)


def test_distances_are_means_over_the_nearest_of_a_class():
    levels = np.array([0, 51, 102, 153, 255], np.uint8)
    images = np.broadcast_to(levels[:, None, None], (5, 8, 8))
    known = doubts.Known(images, np.array([3, 3, 3, 3, 4]), 1.0)
    found = known.distances(images[[0, 0, 0]], np.array([3, 4, 9]))
    # Thumbnails of 64 values, whose levels differ by 0, 0.2 and 0.4; all black from all white.
    np.testing.assert_allclose(found, [8 * 0.2, 8, 8])


def test_the_first_training_images_of_each_class_are_known():
    images = np.random.default_rng(0).integers(0, 256, (500, 8, 8), np.uint8)
    labels = np.where(np.arange(500) < 450, 0, 1)
    known = doubts.known(images, labels, images, labels)
    assert np.bincount(known.labels).tolist() == [doubts.PER_CLASS, 50]
    np.testing.assert_array_equal(known.thumbnails[:100], images[:100])
    distances = known.distances(images, labels)
    assert (distances > known.far).mean() <= 0.002
    assert known.far in distances


def judged_sets(noise, count=6000, seed=0):
    """Runs that are wrong more often where they disagree and where images are far."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = np.full((count, 8, 8), 80 * labels[:, None, None], np.uint8)
    images = (images + rng.integers(0, 1 + noise, images.shape)).astype(np.uint8)
    logits = 2.5 * np.eye(3)[labels] + rng.normal(0, 1 + noise / 60, (count, 3))
    runs = np.stack([logits + rng.normal(0, 0.7, logits.shape) for _ in range(4)])
    return images, labels, np.exp(runs) / np.exp(runs).sum(2, keepdims=True)


def test_doubts_are_the_share_of_errors():
    images, labels, _ = judged_sets(0)
    known = doubts.known(images, labels, images, labels)
    judge = doubts.fitted(known, [judged_sets(0), judged_sets(60, seed=1)])
    for noise in 0, 60:
        images, labels, probabilities = judged_sets(noise, seed=2)
        mean, doubt, distances = judge.judged(probabilities, images)
        wrong = mean.argmax(1) != labels
        assert doubt.mean() == pytest.approx(wrong.mean(), abs=0.02)
        sure = doubt < 0.1
        assert wrong[sure].mean() < 0.1 < wrong[~sure].mean()
        assert distances.shape == doubt.shape == (len(images),)
    again = doubts.Judge.load(known.arrays() | judge.arrays("some"), "some")
    np.testing.assert_array_equal(again.judged(probabilities, images)[1], doubt)
    assert doubts.Judge.load(known.arrays(), "some") is None


def test_runs_that_are_never_wrong_are_judged_by_their_probability():
    images = np.zeros((4, 8, 8), np.uint8)
    labels = np.array([0, 1, 0, 1])
    probabilities = np.stack([0.9 * np.eye(2)[labels] + 0.05])
    known = doubts.known(images, labels, images, labels)
    judge = doubts.fitted(known, [(images, labels, probabilities)])
    mean, doubt, _ = judge.judged(probabilities, images)
    np.testing.assert_allclose(doubt, 1 - mean.max(1), atol=1e-6)


@given(
    st.lists(st.sampled_from([0.0, 1e-30, 0.3, 1.0]), min_size=3, max_size=3),
    st.lists(st.floats(-50, 50), min_size=4, max_size=4),
)
@settings(max_examples=50, deadline=None)
def test_any_answer_has_a_doubt(values, coefficients):
    probabilities = np.array([[values]], np.float32)
    known = doubts.Known(np.zeros((1, 8, 8), np.uint8), np.array([1]), 0.5)
    judge = doubts.Judge(known, 1.5, tuple(coefficients))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, doubt, _ = judge.judged(probabilities, np.full((1, 28, 28), 255, np.uint8))
    assert np.isfinite(mean).all()
    assert 0 <= doubt[0] <= 1


def test_what_is_said():
    judge = doubts.Judge(doubts.Known(np.zeros((1, 8, 8)), np.zeros(1), 2.0), 1, (0, 1, 0, 0))
    assert judge.reasons(0.09, 1.9, "7") == ()
    assert judge.reasons(0.352, 1.9, "7") == ("about 35 % of such answers are wrong",)
    assert judge.reasons(0.01, 2.1, "shoe") == (
        "it is unlike all training images of shoe, and may be something else",
    )
