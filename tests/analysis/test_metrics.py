"""Scores against values by hand and by scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from mnist_aug.analysis import metrics
from mnist_aug.analysis.metrics import (
    brier,
    expected_calibration_error,
    mean_confusion,
    reliability,
    scores,
)


def test_by_hand():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.5, 0.25, 0.25], [0.2, 0.8, 0], [0, 1, 0], [0, 1, 0]])
    row = scores(labels, probabilities)
    assert row["images"] == 4
    assert row["accuracy"] == 0.75
    assert np.isclose(row["loss"], -(np.log(0.5) + np.log(0.2)) / 4)
    predictions = np.stack([probabilities.argmax(1), labels])
    assert mean_confusion(labels, predictions, 3).tolist() == [[1.5, 0.5, 0], [0, 2, 0], [0, 0, 0]]


def test_a_certain_mistake_costs_what_keras_says():
    import keras

    labels, probabilities = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    expected = keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)
    assert np.isclose(scores(labels, probabilities)["loss"], expected, rtol=1e-4)


def test_calibration_by_hand():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    assert np.isclose(brier(labels, probabilities), 2 * (0.01 + 0.36 + 0.09 + 0.04) / 4)
    sure, right, counts = reliability(labels, probabilities, bins=2)
    assert np.allclose(sure, [0.65, 0.85])  # the least sure first
    assert right.tolist() == [0.5, 1]
    assert counts.tolist() == [2, 2]
    # four bins of one image: distances 0.1, 0.6, 0.3 and 0.2
    assert np.isclose(expected_calibration_error(labels, probabilities), 1.2 / 4)


def test_probabilities_drawn_from_are_calibrated():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), 20_000)
    labels = (random.random((20_000, 1)) > probabilities.cumsum(1)[:, :2]).sum(1)
    assert expected_calibration_error(labels, probabilities) < 0.02
    sure, right, counts = reliability(labels, probabilities)
    assert len(sure) == 15
    assert np.ptp(counts) <= 1
    assert np.abs(sure - right).max() < 0.05


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_as_scikit_learn(classes, count, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    probabilities = random.dirichlet(np.ones(classes), count)
    row = scores(labels, probabilities)
    predicted = probabilities.argmax(1)
    every = np.arange(classes)
    assert np.isclose(row["accuracy"], accuracy_score(labels, predicted))
    assert np.isclose(
        row["loss"], log_loss(labels, probabilities.clip(1e-7), labels=every), rtol=1e-5
    )
    assert np.isclose(row["brier"], ((probabilities - np.eye(classes)[labels]) ** 2).sum(1).mean())
    counts = mean_confusion(labels, predicted[None], classes)
    assert counts.tolist() == confusion_matrix(labels, predicted, labels=every).tolist()


def made_logits(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the softmax of logits, for which the right temperature is 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, classes))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    return labels, logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_temperature_undoes_a_factor(factor):
    labels, logs = made_logits(40_000, 5)
    fitted = metrics.temperature(labels, logs)
    assert fitted == pytest.approx(1, abs=0.02)
    assert metrics.temperature(labels, factor * logs) == pytest.approx(factor * fitted, abs=2e-4)
    assert metrics.temperature(labels, factor * logs + 7) == pytest.approx(
        factor * fitted, abs=2e-4
    )


def test_temperature_of_two_classes_by_hand():
    # With three of four right, the probability must be 3/4: odds of 3, so log-odds of log 3.
    labels, logits = np.array([0, 0, 0, 1]), np.array([[2.0, 0.0]] * 4)
    assert metrics.temperature(labels, logits) == round(2 / np.log(3), 4)
    scaled = metrics.at_temperature(logits, 2 / np.log(3))
    np.testing.assert_allclose(scaled, [[0.75, 0.25]] * 4)


def test_temperature_has_the_least_loss():
    labels, logs = made_logits(2_000, 10, seed=1)
    fitted = metrics.temperature(labels, 2.5 * logs)
    least = metrics.loss(labels, metrics.at_temperature(2.5 * logs, fitted))
    for other in (fitted - 0.05, fitted + 0.05):
        assert least < metrics.loss(labels, metrics.at_temperature(2.5 * logs, other))


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([[3.0, 0.0], [0.0, 3.0]], 1),  # all right
        ([[0.0, 0.0], [0.0, 0.0]], 1),  # uniform
        ([[0.0, 3.0], [3.0, 0.0]], metrics.TEMPERATURES[1]),  # all wrong
        ([[np.nan, 0.0], [0.0, 3.0]], np.nan),
        ([[-np.inf, 0.0], [-np.inf, 0.0], [0.0, -np.inf]], metrics.TEMPERATURES[1]),
    ],
)
def test_temperature_at_the_ends(logits, expected):
    labels = np.array([0, 1, 1][: len(logits)])
    np.testing.assert_equal(metrics.temperature(labels, np.array(logits)), expected)


def test_temperature_of_half_precision_is_that_of_the_same_numbers():
    labels, logs = made_logits(500, 10)
    half = logs.astype(np.float16)
    assert metrics.temperature(labels, half) == metrics.temperature(labels, half.astype(float))
