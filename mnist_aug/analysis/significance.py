"""Whether a difference could be chance. NumPy and SciPy only.

These answer by tests what `intervals` answers by intervals; a report gives both.
"""

import numpy as np
from scipy import stats

LEAST_SEEDS = 6  # the fewest whose permutation test can go below that: 2 / 2^6


def least_p(seeds: int) -> float:
    """The smallest p that the permutation test can give with so many pairs."""
    return 2 / 2**seeds


def permutation_test(differences: np.ndarray) -> float:
    """Exact two-sided p-value of the paired permutation test over seeds (Fisher 1935, section 21).

    If both models were alike, each seed's difference could as well have had the other sign. Of all
    2^S choices of signs, p is the share whose sum is at least as far from 0 as the one seen. The
    sums are whole numbers, so their distribution is built up seed by seed, exactly, for any S;
    with S seeds p can't be less than 2 / 2^S.

    Args:
        differences: int [S], correct test images of one model less those of the other.

    Raises:
        ValueError: the differences are not whole numbers.
    """
    counts = np.asarray(differences)
    if not np.array_equal(counts, np.rint(counts)):
        raise ValueError("the permutation test takes differences in counts of images")
    counts = counts.astype(np.int64)
    share = np.ones(1)  # of the choices of signs, for each sum from -reach to reach
    for count in np.abs(counts):
        longer = np.zeros(len(share) + 2 * count)
        longer[: len(share)] += share / 2
        longer[2 * count :] += share / 2
        share = longer
    reach = len(share) // 2
    sums = np.abs(np.arange(-reach, reach + 1))
    return float(min(share[sums >= abs(counts.sum())].sum(), 1))


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values [M] adjusted such that the chance of any false alarm among M is kept (Holm 1979).

    NaN, of what could not be tested, stays and does not count.
    """
    adjusted = np.array(p_values, float)
    order = np.argsort(adjusted)[: np.count_nonzero(~np.isnan(adjusted))]  # NaN is last
    tests = np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(adjusted[order] * tests).clip(max=1)
    return adjusted


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """McNemar's exact test (1947) of two given models on the same images.

    Args:
        first, second: bool [N], whether each model reads image i right.

    Returns:
        (images that only the second reads right, images that only the first does, two-sided p).
    """
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    if not gained + lost:
        return 0, 0, 1.0
    return gained, lost, float(stats.binomtest(gained, gained + lost).pvalue)


def probability_better(differences: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """How often the second beats the first, seed by seed, with Clopper and Pearson's interval.

    Args:
        differences: [S], the second model's score less the first's.
        level: coverage of the interval, in (0, 1), at least.

    Returns:
        (share, low, high). A tie counts half in the share, as a loss in `low`, as a win in `high`.
    """
    differences = np.asarray(differences)
    wins, ties, seeds = (differences > 0).sum(), (differences == 0).sum(), len(differences)
    low = stats.binomtest(int(wins), seeds).proportion_ci(level).low
    high = stats.binomtest(int(wins + ties), seeds).proportion_ci(level).high
    return float((wins + ties / 2) / seeds), float(low), float(high)
