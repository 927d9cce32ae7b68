"""Scores of predicted probabilities. NumPy alone."""

import json

import numpy as np

LEAST_PROBABILITY = 1e-7  # Keras clips at the same value before it takes the logarithm


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """A row of `metrics.csv`, without the columns that say which run and test set it is of.

    Args:
        labels: int `[N]`, 0 to K - 1.
        probabilities: float `[N, K]` in [0, 1].

    Returns:
        `accuracy` in [0, 1]; `loss`, the mean negative log-likelihood in nats; `accuracy_<k>`,
        the accuracy on the images of class k (NaN where there are none); `confusion`, JSON of the
        `[K, K]` counts, a row for each true class.
    """
    counts = confusion(labels, probabilities.argmax(1), probabilities.shape[1])
    with np.errstate(invalid="ignore"):
        per_class = counts.diagonal() / counts.sum(1)
    return {
        "accuracy": counts.trace() / len(labels),
        "loss": loss(labels, probabilities),
        **{f"accuracy_{k}": value for k, value in enumerate(per_class)},
        "confusion": json.dumps(counts.tolist(), separators=(",", ":")),
    }


def loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(likelihood.clip(LEAST_PROBABILITY, 1)).mean()


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts int `[K, K]`: row, true class; column, predicted class."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
