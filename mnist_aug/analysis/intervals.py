"""How large the difference between two models is, and how sure we are. NumPy and SciPy only.

Models are paired: seed s gives both the same initial weights and the same order of examples, and
both read the same test examples. Scores keep their (seeds, examples) shape until the last
function, as rliable keeps (runs, tasks) (Agarwal et al. 2021).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
RULE_OF_THREE = 3  # what happens to none of N images may happen to 3 / N of them
RESAMPLES = 20_000  # moves the ends of an interval by some thousandths of a pp for 30 seeds
FEW_SEEDS = 5  # below this the page says in words that the seeds are few
ABOVE_CHANCE = 3  # standard errors by which a model that has learned is better than guessing
FEWEST_GAINED = 3  # images, below which standard deviations say little


def mean_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Student's t interval of a mean accuracy over seeds.

    It answers "what would other seeds give on these test examples": seeds are independent draws
    and their scores, means over thousands of examples, are close to normal.

    Args:
        values: float [S] in [0, 1], the accuracy of each seed.
        level: coverage wanted, in (0, 1).

    Returns:
        (low, high), cut to [0, 1]; (nan, nan) for S < 2, when no interval exists.
    """
    low, high = paired_interval(np.asarray(values, float), level)
    return max(low, 0.0), min(high, 1.0)


def paired_interval(gains: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Student's t interval of the mean of paired differences over seeds, for these examples.

    Args:
        gains: float [S], the difference of each seed.
        level: coverage wanted, in (0, 1).

    Returns:
        (low, high); (nan, nan) for S < 2, when no interval exists.
    """
    if len(gains) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + level) / 2, len(gains) - 1) * stats.sem(gains)
    return float(np.mean(gains) - half), float(np.mean(gains) + half)


def estimate(gains: np.ndarray) -> tuple[float, float, float]:
    """Mean of paired differences over seeds, float [S], and the ends of its `paired_interval`."""
    return (float(np.mean(gains)) if len(gains) else float("nan"), *paired_interval(gains))


def welch_interval(
    first: np.ndarray, second: np.ndarray, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of mean(first) - mean(second) for samples of unequal variance (Welch 1947).

    Args:
        first, second: float [S] and [T], not paired.
        level: coverage wanted, in (0, 1).

    Returns:
        (low, high), both the difference itself where neither varies; (nan, nan) where S or T is 1.
    """
    if min(len(first), len(second)) < 2:
        return float("nan"), float("nan")
    difference = float(np.mean(first) - np.mean(second))
    parts = np.array([np.var(values, ddof=1) / len(values) for values in (first, second)])
    if not parts.any():
        return difference, difference
    freedom = parts.sum() ** 2 / (parts**2 / (len(first) - 1, len(second) - 1)).sum()
    half = stats.t.ppf((1 + level) / 2, freedom) * float(parts.sum()) ** 0.5
    return difference - half, difference + half


@dataclass(frozen=True)
class Crossed:
    """Components of the variance of scores of runs on images, [S, N] (Cornfield and Tukey 1956).

    A score is a mean, plus what is its seed's, what is its image's, and what is the cell's alone.
    The mean of S runs on N images has variance seed/S + image/N + cell/(S N). None is less than 0.
    """

    seed: float
    image: float
    cell: float

    @classmethod
    def of(cls, scores: np.ndarray) -> "Crossed":
        """By the analysis of variance. From one seed or one image, `cell` is 0."""
        scores = np.asarray(scores)
        (seeds, images), mean = scores.shape, float(scores.mean())
        by_seed, by_image = (((scores.mean(axis=a) - mean) ** 2).sum() for a in (1, 0))
        every = np.square(scores, dtype=float).sum() - scores.size * mean**2
        rest = max(float(every - images * by_seed - seeds * by_image), 0.0)
        cell = rest / max((seeds - 1) * (images - 1), 1)
        return cls(
            max(float(by_seed) / max(seeds - 1, 1) - cell / images, 0.0),
            max(float(by_image) / max(images - 1, 1) - cell / seeds, 0.0),
            cell,
        )


def crossed_bootstrap(
    differences: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Means of `differences` under resampling of seeds and, independently, of examples.

    The pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1:386): a resample weighs
    cell (s, i) by (times seed s was drawn) x (times example i was drawn). Its variance counts the
    seed and the example components once and what is left, the noise of single cells, up to three
    times (Owen's theorem 3; McCullagh 2000 shows that no bootstrap of crossed data is exact);
    `difference_interval` makes up for that. Seeds are few, and drawing S of S would shrink their
    component by (S - 1)/S; S - 1 are drawn instead (Rao and Wu 1988). With S = 1 only the
    examples vary.

    Args:
        differences: [S, N], correctness of one model minus that of the other: -1, 0 or 1.
        resamples: how many resamples.
        seed: of the generator; the same arguments give the same result.

    Returns:
        float64 [resamples], in the units of `differences`.
    """
    differences = np.asarray(differences)
    seeds, examples = differences.shape
    rng = np.random.default_rng(seed)
    draws = max(seeds - 1, 1)
    # An example on which both agree for every seed adds nothing however often it is drawn, so
    # only the draws of the others are made, as many as fall on them. That is exact.
    active = differences[:, differences.any(axis=0)].astype(float)
    count = active.shape[1]
    means = np.zeros(resamples)
    block = 100  # bounds memory
    for start in range(0, resamples if count else 0, block):
        size = min(block, resamples - start)
        by_seed = rng.multinomial(draws, np.full(seeds, 1 / seeds), size=size) / draws
        drawn = rng.binomial(examples, count / examples, size=size)
        example = rng.integers(count, size=drawn.sum(), dtype=np.int32)
        rows = zip(by_seed @ active, drawn.cumsum() - drawn, drawn, strict=True)
        # Row by row, as one row of means by example stays in the processor's cache.
        means[start : start + size] = [row[example[at : at + n]].sum() for row, at, n in rows]
    return means / examples


def crossed_quantile(level: float, freedom: float, share: float, seeds: int) -> float:
    """How many standard errors an interval over seeds and examples reaches to each side.

    For a part that is known from few seeds and one that is known well, Student's t with
    Satterthwaite's degrees of freedom (1946) is too small, by 2 to 3 % of coverage for three seeds,
    and Cochran and Cox's (1950), the quantile of each part weighted by its share, too large by
    about as much. This is the mean of the two (docs/statistics.md has the simulations).

    Args:
        level: coverage wanted, in (0, 1).
        freedom: Satterthwaite's.
        share: of the variance, what is known from seeds, in [0, 1]; if more, all of it is.
        seeds: S; with a single one Satterthwaite's is taken.
    """
    chance = (1 + level) / 2
    pooled = stats.t.ppf(chance, freedom)
    if seeds < 2:
        return float(pooled)
    share = min(share, 1.0)
    weighted = share * stats.t.ppf(chance, seeds - 1) + (1 - share) * stats.norm.ppf(chance)
    return float(pooled + weighted) / 2


def difference_interval(
    differences: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Interval of the mean difference over seeds and examples, from the crossed bootstrap.

    Mean plus and minus Student's t quantile times a standard error: with few seeds the
    bootstrap's own quantiles take few values and lie too close. The bootstrap's variance counts
    the noise of single cells three times, so twice that component, known from the residuals of
    the two-way layout, is taken off; what remains is never less than the seeds' or the examples'
    own part. The quantile is `crossed_quantile`, for S - 1 degrees of freedom when seeds make the
    noise, for many when test examples do.

    However alike the cells are, it reaches 3/N to each side: what happens to none of N examples
    may still happen to that share (the rule of three; Hanley and Lippman-Hand 1983).

    Args:
        differences: [S, N], as for `crossed_bootstrap`.
        level: coverage wanted, in (0, 1).
        resamples: of the bootstrap.

    Returns:
        (low, high) in the units of `differences`, cut to [-1, 1]. With S = 1 it covers the
        examples alone.
    """
    return _difference_intervals(differences, resamples, level)[0]


def _difference_intervals(
    differences: np.ndarray, resamples: int, *levels: float
) -> list[tuple[float, float]]:
    """`difference_interval` at each level, from one bootstrap."""
    differences = np.asarray(differences, float)
    mean, (seeds, examples) = differences.mean(), differences.shape
    parts = [
        (differences.mean(axis=1 - axis).var(ddof=1) / size, size - 1)
        for axis, size in enumerate(differences.shape)
        if size > 1
    ]
    variance = crossed_bootstrap(differences, resamples).var()
    if min(seeds, examples) > 1:
        cells = Crossed.of(differences).cell / differences.size
        variance = max(variance - 2 * cells, *(part for part, _ in parts))
        parts.append((cells, (seeds - 1) * (examples - 1)))
    below = sum(part**2 / df for part, df in parts)
    freedom = variance**2 / below if below > 0 else np.inf
    share = parts[0][0] / variance if variance > 0 and seeds > 1 else 0.0
    halves = [
        max(
            crossed_quantile(level, freedom, share, seeds) * variance**0.5, RULE_OF_THREE / examples
        )
        for level in levels
    ]
    return [(float(max(mean - half, -1)), float(min(mean + half, 1))) for half in halves]


@dataclass(frozen=True)
class Chance:
    """What a model reaches that always guesses the most frequent class of the test images.

    A model has learned to tell the classes apart if its mean accuracy over seeds is above that,
    and not by luck: by more than three binomial standard errors, sqrt(p (1 - p) / N), for
    frequency p and N test images; or if it is right on every image of more than one class.

    Where most images are of one class, less is needed. Who guesses another class for m images
    without looking loses m (2 p - 1) of them in the mean, with a standard deviation of
    2 sqrt(m p (1 - p)), so that for no m three of these gain more than 9 p (1 - p) / (2 p - 1).

    Attributes:
        accuracy: p, in (0, 1].
        images: N.
    """

    accuracy: float
    images: int

    @property
    def limit(self) -> float:
        """The accuracy above which a model has learned; more than 1 for a handful of images."""
        p = self.accuracy
        variance = p * (1 - p)
        spread = ABOVE_CHANCE * (variance / self.images) ** 0.5
        if p <= 0.5:
            return p + spread
        lucky = max(FEWEST_GAINED, ABOVE_CHANCE**2 * variance / (2 * p - 1))
        return p + min(spread, lucky / self.images)

    def beaten_by(self, accuracy: float) -> bool:
        """Whether a model of that mean accuracy, in [0, 1], has learned."""
        return accuracy > self.limit or accuracy == 1 > self.accuracy


@dataclass(frozen=True)
class Difference:
    """The second model minus the first, on the seeds both have.

    Accuracies and the difference are fractions in [0, 1] and [-1, 1]; `low` and `high` bound the
    95 % interval of the difference, `within_low` and `within_high` the 90 % interval, which lies
    within plus and minus `margin` where two one-sided tests at 5 % find the models equivalent
    (Schuirmann 1987). Without `chance`, both are taken to have learned.
    """

    seeds: int
    examples: int
    first: float
    second: float
    low: float
    high: float
    chance: Chance | None = None
    within_low: float = np.nan
    within_high: float = np.nan
    margin: float | None = None

    @property
    def mean(self) -> float:
        return self.second - self.first

    @property
    def error_reduction(self) -> float | None:
        """Share of the first model's errors that the second avoids; None when it makes none."""
        return self.mean / (1 - self.first) if self.first < 1 else None

    @property
    def is_within_margin(self) -> bool:
        """Whether the difference, if any, is smaller than the margin; it may still help or hurt."""
        return self.seeds > 1 and lies_within((self.within_low, self.within_high), self.margin)

    @property
    def outcome(self) -> str:
        """As `outcome` says; "too few seeds" for S < 2."""
        ends = (self.low, self.high, self.within_low, self.within_high)
        low, high, *within = ends if self.seeds > 1 else (np.nan,) * 4
        models = (self.first, self.second)
        return outcome(low, high, models, self.chance, (within[0], within[1]), self.margin)


def outcome(
    low: float,
    high: float,
    accuracies: Iterable[float] = (),
    chance: Chance | None = None,
    within: tuple[float, float] | None = None,
    margin: float | None = None,
) -> str:
    """What an interval says of a difference.

    Args:
        low, high: of the difference; NaN where seeds are too few.
        accuracies: mean test accuracy of the models compared.
        chance: what they must beat; nothing if None.
        within: the ends of the 90 % interval, for two one-sided tests.
        margin: the largest difference that does not matter; None where that isn't known.

    Returns:
        "helps", "hurts", "equivalent" (neither, and the 90 % interval lies within the margin),
        "no detectable difference", "too few seeds", or "no verdict", where a model has not learned.
    """
    if chance is not None and not all(map(chance.beaten_by, accuracies)):
        return "no verdict"
    if np.isnan(low):
        return "too few seeds"
    if low > 0 or high < 0:
        return "helps" if low > 0 else "hurts"
    return "equivalent" if lies_within(within, margin) else "no detectable difference"


def lies_within(ends: tuple[float, float] | None, margin: float | None) -> bool:
    """Whether an interval lies inside plus and minus a margin; not if either is unknown."""
    return ends is not None and margin is not None and bool(-margin < ends[0] <= ends[1] < margin)


def compare(first: np.ndarray, second: np.ndarray, resamples: int = RESAMPLES) -> Difference:
    """The difference in accuracy between two models.

    Args:
        first, second: bool [S, N], whether the run with seed s reads test example i right, or
            float [S, N] in [0, 1], the share of its versions read right; the same seeds and
            examples in the same order.
        resamples: of the bootstrap.

    Raises:
        ValueError: the shapes differ or hold no seed or no example.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"scores of shapes {first.shape} and {second.shape} can't be paired")
    (low, high), (within_low, within_high) = _difference_intervals(
        np.subtract(second, first, dtype=np.float32), resamples, LEVEL, 2 * LEVEL - 1
    )
    seeds, examples = first.shape
    return Difference(
        seeds,
        examples,
        float(first.mean()),
        float(second.mean()),
        low,
        high,
        within_low=within_low,
        within_high=within_high,
    )


def spread(values: np.ndarray) -> float:
    """The standard deviation of a sample, NaN for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def proportion_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a proportion of independent trials (Wilson 1927).

    Returns:
        (low, high) in [0, 1]; (nan, nan) for no trials.
    """
    if not trials:
        return float("nan"), float("nan")
    found = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def roc_area_interval(
    area: float, positives: int, negatives: int, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of an area under the ROC curve.

    It holds the areas whose standard error, by Hanley and McNeil's formula for exponential
    distributions with both numbers less one set to their mean, reaches to the one seen (Newcombe
    2006, Statistics in Medicine 25:559, method 5). Unlike DeLong's, it has a width where the two
    kinds are apart.

    Args:
        area: in [0, 1], as `metrics.roc_area` gives it.
        positives, negatives: how many of each kind there were.
        level: coverage wanted, in (0, 1).

    Returns:
        (low, high) in [0, 1]; (nan, nan) where there are none of one kind.
    """
    if not positives or not negatives:
        return float("nan"), float("nan")
    quantile = stats.norm.ppf((1 + level) / 2)
    others = (positives + negatives) / 2 - 1

    def end(outer: float) -> float:
        inner = area  # within the interval
        for _ in range(60):
            middle = (inner + outer) / 2
            spread = (1 - middle) / (2 - middle) + middle / (1 + middle)
            variance = middle * (1 - middle) * (1 + others * spread) / (positives * negatives)
            if abs(area - middle) <= quantile * variance**0.5:
                inner = middle
            else:
                outer = middle
        return inner

    return end(0.0), end(1.0)
