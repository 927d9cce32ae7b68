"""How many seeds, or how many test images, would tell a difference like the one seen.

The variance is that of `intervals.difference_interval`, split into what more seeds make smaller and
what only more test images do. NumPy and SciPy only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mnist_aug.analysis.intervals import FEW_SEEDS, LEVEL, RULE_OF_THREE, Crossed, crossed_quantile

POWER = 0.8
MOST_SEEDS = 1000  # more than that are no advice
MOST_IMAGES = 10**9


@dataclass(frozen=True)
class Advice:
    """What would detect a difference of the size seen, with probability `POWER`.

    Attributes:
        seeds: how many; with the present test images if `images` is None. None if no number of
            seeds up to `MOST_SEEDS` is enough with these images.
        images: how many test images; with the present seeds if `seeds` is None. None if the test
            images are enough, and more of them would not save most of the seeds. Both are None if
            the observed difference is 0, or with a single seed.
    """

    seeds: int | None
    images: int | None


def advice(
    first: np.ndarray, second: np.ndarray, power: float = POWER, level: float = LEVEL
) -> Advice:
    """What would find a difference like this one.

    Args:
        first, second: bool or float [S, N], as for `intervals.compare`.
        power: the chance wanted that the interval leaves 0 out, in (0, 1).
        level: of the interval, in (0, 1).
    """
    differences = np.subtract(second, first, dtype=float)
    difference, (seeds, images) = float(differences.mean()), differences.shape
    if difference == 0 or seeds < 2 or images < 2:
        return Advice(None, None)
    variance = Crossed.of(differences)

    def seeds_for(images: int) -> int | None:
        return _least(lambda n: _power(variance, difference, n, images, level) >= power, MOST_SEEDS)

    def images_for(seeds: int) -> int | None:
        return _least(lambda n: _power(variance, difference, seeds, n, level) >= power, MOST_IMAGES)

    if (enough := seeds_for(images)) is not None:
        by_seed = variance.seed / enough + variance.cell / (enough * images)
        if enough <= seeds or variance.image / images <= by_seed:
            return Advice(enough, None)
        # If most of the remaining variance is from images, the number of seeds explodes with the
        # least change of the difference; with twice the images it is small.
        return Advice(seeds_for(2 * images), 2 * images)
    few = seeds < FEW_SEEDS  # whose wide quantiles images would have to make up for
    if (enough := images_for(FEW_SEEDS if few else seeds)) is not None:
        return Advice(FEW_SEEDS if few else None, enough)
    # Neither will do alone: twice the images that the most seeds need leave room for fewer seeds.
    least = images_for(MOST_SEEDS)
    return Advice(None, None) if least is None else Advice(seeds_for(2 * least), 2 * least)


def _power(
    variance: Crossed, difference: float, seeds: int, images: int, level: float = LEVEL
) -> float:
    """The chance that the interval at that level over S seeds and N images leaves 0 out."""
    if abs(difference) <= RULE_OF_THREE / images:  # which every interval reaches
        return 0.0
    by_seed = variance.seed / seeds + variance.cell / (seeds * images)
    by_image = variance.image / images
    total = by_seed + by_image
    if total < 1e-24 * difference**2:
        return 1.0
    df = total**2 / (by_seed**2 / (seeds - 1) + by_image**2 / (images - 1))
    size = abs(difference) / total**0.5
    critical = crossed_quantile(level, df, by_seed / total, seeds)
    if df > 1000:  # where SciPy's noncentral t fails
        return float(stats.norm.sf(critical - size))
    return float(stats.nct.sf(critical, df, size))


def _least(is_enough: Callable[[int], bool], most: int) -> int | None:
    """The least number from 2 to about `most` that is enough, if any; more are so, too."""
    few, many = 1, 2
    while not is_enough(many):
        if many >= most:
            return None
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if is_enough(middle) else (middle, many)
    return many
