"""Scores of predicted probabilities. NumPy alone."""

import numpy as np

CALIBRATION_BINS = 15
LOG_2 = 0.6931471805599453
LEAST_PROBABILITY = 1e-7  # Keras clips at the same value before it takes the logarithm
LEAST_LOG = -104.0  # below the logarithm of the least float32
TEMPERATURES = (0.05, 20.0)  # between which one is looked for
TEMPERATURE_DECIMALS = 4  # those that don't depend on the processor


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """A row of `metrics.csv`, without the columns that say which run and test set it is of.

    Args:
        labels: int `[N]`, 0 to K - 1.
        probabilities: float `[N, K]` in [0, 1].

    Returns:
        `accuracy` in [0, 1]; `loss`, the mean negative log-likelihood in nats; `brier` in [0, 2];
        `ece` in [0, 1]; `images`, N.
    """
    return {
        "accuracy": (probabilities.argmax(1) == labels).mean(),
        "loss": loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "images": len(labels),
    }


def loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -logarithm(likelihood.clip(LEAST_PROBABILITY, 1)).mean()


def logarithm(values: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive float64, to 1e-15; by sums and products alone.

    The last bit of `numpy.log` depends on the processor.
    """
    mantissa, exponent = np.frexp(values)
    low = mantissa < np.sqrt(0.5)
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    ratio = (mantissa - 1) / (mantissa + 1)  # log m = 2 artanh of it
    series = np.zeros_like(ratio)
    for power in range(23, 0, -2):
        series = series * ratio * ratio + 1 / power
    return exponent * LOG_2 + 2 * ratio * series


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over images of the squared distance to the truth, summed over classes (Brier 1950)."""
    probabilities = probabilities.astype(np.float64)
    chance = probabilities[np.arange(len(labels)), labels]
    return ((probabilities**2).sum(1) - 2 * chance + 1).mean()


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How sure the predictions are and how often they are right, in bins of equal mass.

    The images are put in order of their largest probability, ties in order of the images, and cut
    into bins whose sizes differ by at most one (Nguyen and O'Connor 2015). Of fewer images than
    bins each makes a bin.

    Returns:
        Mean largest probability, accuracy, and number of images of each bin: float, float, int [B].
    """
    sure = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    parts = np.array_split(np.argsort(sure, kind="stable"), min(bins, len(labels)))
    return (
        np.array([sure[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        np.array([len(p) for p in parts]),
    )


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance between confidence and accuracy (Naeini et al. 2015), bins of equal mass."""
    sure, right, counts = reliability(labels, probabilities)
    return float(np.average(np.abs(sure - right), weights=counts))


def temperature(labels: np.ndarray, log_probabilities: np.ndarray) -> float:
    """The temperature at which predictions have the least loss (Guo et al. 2017).

    To be fitted on validation images. The loss, that of `loss`, is convex in the temperature's
    inverse, so the one root of the derivative is found.

    Args:
        labels: int `[N]`, 0 to K - 1.
        log_probabilities: float `[N, K]`; logits give the same.

    Returns:
        Within `TEMPERATURES`, rounded to `TEMPERATURE_DECIMALS`: above 1 where predictions are too
        sure. 1 where no prediction is wrong, as the loss then has no minimum, and where all
        are uniform. NaN where a prediction is not a number, as those of a run that diverged.
    """
    from scipy.optimize import brentq

    logits = log_probabilities.astype(np.float64).clip(min=LEAST_LOG)
    if not np.isfinite(logits).all():
        return float("nan")
    logits -= logits.max(axis=1, keepdims=True)
    truth = logits[np.arange(len(labels)), labels]
    if (truth == 0).all():
        return 1.0

    def slope(log_temperature: float) -> float:
        powers = np.exp(logits * np.exp(-log_temperature))
        return float(((powers * logits).sum(1) / powers.sum(1) - truth).mean())

    sharp, flat = np.log(TEMPERATURES)
    if slope(flat) >= 0:  # guessing would be better
        return TEMPERATURES[1]
    if slope(sharp) <= 0:
        return TEMPERATURES[0]
    return round(float(np.exp(brentq(slope, sharp, flat, xtol=1e-10))), TEMPERATURE_DECIMALS)


def at_temperature(log_probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities float64 `[..., K]` of log-probabilities or logits divided by a temperature."""
    logits = log_probabilities.astype(np.float64).clip(min=LEAST_LOG) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scaled: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def mean_confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Mean counts over runs, float `[K, K]`: row, true class; column, predicted class.

    Args:
        labels: int `[N]`; predictions: int `[S, N]`, the class that each run predicts.
    """
    pairs = labels.astype(np.int64) * classes + predictions
    counts = np.bincount(pairs.ravel(), minlength=classes**2)
    return counts.reshape(classes, classes) / len(predictions)


def roc_area(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive example scores above a negative one.

    A tie counts half (Mann and Whitney 1947).

    Args:
        scores: float `[N]`.
        positive: bool `[N]`.

    Returns:
        In [0, 1]; NaN where there are none of one kind.
    """
    scores, positive = np.asarray(scores), np.asarray(positive, bool)
    ours, others = scores[positive], np.sort(scores[~positive])
    if not len(ours) or not len(others):
        return float("nan")
    below = np.searchsorted(others, ours, side="left")
    up_to = np.searchsorted(others, ours, side="right")
    return float((below + up_to).sum() / (2 * len(ours) * len(others)))


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The error among so many of the most confident images (Geifman and El-Yaniv 2017).

    Images of equal confidence are in no order: as many of them as are taken hold errors in the
    proportion of all of them.

    Args:
        confidence: float `[N]`; those that are not a number come last.
        correct: bool `[N]`.

    Returns:
        float `[N]` in [0, 1], of the 1, 2, ... N most confident images. Its mean is the area under
        the risk-coverage curve, AURC (Geifman, Uziel and El-Yaniv 2019): less is better.
    """
    confidence = np.nan_to_num(np.asarray(confidence, float), nan=-np.inf)
    _, group, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(group, weights=~np.asarray(correct, bool))
    ends = np.concatenate([[0], sizes.cumsum()])
    taken = np.arange(1, len(confidence) + 1)
    return np.interp(taken, ends, np.concatenate([[0], wrong.cumsum()])) / taken
