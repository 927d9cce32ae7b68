"""Doubts: calibration, distances to training images, and the estimated probability of an error."""

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.analysis import doubts, metrics


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
    np.testing.assert_array_equal(doubts.thumbnails(found), found)


def test_thumbnails_are_the_same_to_the_bit_however_they_are_summed(monkeypatch):
    """Averages that lie half-way between two levels are rounded alike."""
    images = np.zeros((9, 28, 28), np.uint8)
    images[:, :14] = np.arange(1, 10)[:, None, None]  # a row of thumbnails is half of it
    images[:, 13] = 0
    rows = doubts.thumbnails(images)[:, :, 0]
    # Rows 10.5 to 14 are covered: 2.5 of 3.5 have the level, 5 / 7 of it.
    np.testing.assert_array_equal(rows[:, 3], np.rint(np.arange(1, 10) * 5 / 7))
    monkeypatch.setattr(doubts, "BATCH_VALUES", 2 * 28 * 28 + 1)
    np.testing.assert_array_equal(doubts.thumbnails(images)[:, :, 0], rows)
    assert doubts.thumbnails(images[:0]).shape == (0, 8, 8)
    largest = np.full((1, 256, 256, 3), 255, np.uint8)
    largest[0, ::2] = 254  # an average of 254.5, to the even level
    assert (doubts.thumbnails(largest) == 254).all()


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
    found = metrics.temperature(labels, np.log(sharpened.clip(1e-12)))
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
    np.testing.assert_allclose(found, [8 * 0.2, 8, 8], rtol=1e-15)
    few = doubts.Known(images[:2], np.array([3, 3]), 1.0)
    np.testing.assert_allclose(few.distances(images[:1], np.array([3])), [8 * 0.1], rtol=1e-15)


def test_distances_in_colour_count_every_channel():
    images = np.zeros((2, 10, 12, 3), np.uint8)
    images[1, ..., 2] = 255
    known = doubts.known(images[:1], np.array([0]), images[:1], np.array([0]))
    assert known.thumbnails.shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(known.distances(images, np.array([0, 0])), [0, 8])
    np.testing.assert_allclose(known.distances(images, np.array([1, 1])), 8 * np.sqrt(3))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_validation_images_of_a_class_without_training_images_are_far(dtype):
    images = np.zeros((4, 8, 8), np.uint8)
    labels = np.array([0, 0, 0, 1], dtype)
    known = doubts.known(images[:3], labels[:3], images, labels)
    assert known.far == 0  # the quantile of 0, 0, 0 and 8 that is among them
    probabilities = np.array([[[0.9, 0.1]] * 3 + [[0.2, 0.8]]], np.float32)
    judge = doubts.fitted(known, [(images, labels, probabilities)])
    _, doubt, distances = judge.judged(probabilities, images)
    assert np.isfinite(doubt).all()
    np.testing.assert_array_equal(distances, [0, 0, 0, 8])


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


def test_what_errors_are_drawn_by_is_found():
    rng = np.random.default_rng(0)
    count, runs = 30_000, 10
    levels = rng.integers(0, 100, count)
    images = np.broadcast_to(levels.astype(np.uint8)[:, None, None], (count, 8, 8))
    strength = rng.uniform(0.6, 0.99, count)[:, None] * np.ones(runs)
    disagreeing = rng.integers(0, 6, count)
    strength[np.arange(runs) < disagreeing[:, None]] = 0.49  # of runs that answer 1 instead of 0
    probabilities = np.stack([strength, 1 - strength], axis=2).swapaxes(0, 1)
    chance = probabilities[..., 0].mean(0)
    fit = np.where(rng.random(300) < chance[:300], 0, 1)
    heat = metrics.temperature(fit, np.log(probabilities.mean(0)[:300]))
    odds = -np.log(chance / (1 - chance)) / heat
    true = [-2, 0.8, 3, 0.5]
    logits = true @ np.stack([np.ones(count), odds, disagreeing / runs, 8 * levels / 255])
    wrong = rng.random(count) < 1 / (1 + np.exp(-logits))
    known = doubts.Known(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), 1.0)
    judge = doubts.fitted(
        known,
        [(images[:300], fit, probabilities[:, :300]), (images, wrong.astype(int), probabilities)],
    )
    assert judge.temperature == heat
    assert judge.coefficients == pytest.approx(true, abs=0.25)
    _, doubt, distances = judge.judged(probabilities, images)
    np.testing.assert_allclose(distances, 8 * levels / 255)
    np.testing.assert_allclose(doubt, 1 / (1 + np.exp(-logits)), atol=0.03)


def test_thumbnails_fit_the_same_judge_as_their_images():
    sets = [judged_sets(0), judged_sets(60, seed=1)]
    images, labels, _ = sets[0]
    large = [(one.repeat(3, axis=1).repeat(2, axis=2), *rest) for one, *rest in sets]
    known = doubts.known(images, labels, images, labels)
    assert doubts.fitted(known, large) == doubts.fitted(known, sets)


def test_nothing_judges_a_run_that_diverged():
    images, labels, probabilities = judged_sets(0, count=50)
    known = doubts.known(images, labels, images, labels)
    changed = probabilities.copy()
    changed[1, 7] = np.nan
    assert doubts.fitted(known, [(images, labels, probabilities)]) is not None
    assert doubts.fitted(known, [(images, labels, p) for p in (probabilities, changed)]) is None


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
