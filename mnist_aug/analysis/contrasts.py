"""Many means compared: many variants with one, all pairs, ranks, and which are the best.

Each variant has been trained with its own seeds, and all read the same test images. A mean accuracy
varies by two sources:

- seeds: s^2 / S, with s^2 the variance over S seeds of a run's accuracy. Runs of different
  variants are independent, with the same seed too, as far as matters (a correlation of about 0.1).
  With few seeds s^2 says little by itself, so it is moderated: shrunk towards what is usual among
  the variants compared (Smyth 2004, Statistical Applications in Genetics and Molecular Biology
  3:3; limma).
- images: the covariance over images of the per-image means, divided by the number of images, less
  the noise of single cells, which s^2 holds already. Images that are hard for one variant are hard
  for the others, so this part is shared and largely cancels in differences.

Degrees of freedom are Satterthwaite's (1946). Simultaneous intervals take the correlations of all
differences into account (Hothorn, Bretz and Westfall 2008, Biometrical Journal 50:346): with one
variance for all, pooled over all runs, they would be Dunnett's and Tukey's. NumPy and SciPy only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from mnist_aug.analysis.intervals import LEVEL, RULE_OF_THREE, Crossed, crossed_quantile
from mnist_aug.analysis.significance import holm

MOST_PRIOR = 4.0  # degrees of freedom that the usual variance counts for at most, see `moderated`
LEAST_USUAL = 4.0  # degrees of freedom, below which the usual variance is of no use
DRAWS = 100_000  # of the joint distribution: the ends of intervals vary by 0.3 % of the width
BLOCK = 2_000  # of them at once, for memory

_ESTIMATED = ("mean", "se", "df")  # of each of `_Differences`

Scores = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Mean accuracies of V variants and how they vary.

    Attributes:
        names: of the variants.
        means: float [V].
        seeds: int [V], how many.
        seed_variances: float [V], of the means, from seeds; NaN for a single seed.
        freedom: float [V], degrees of freedom of these, were the usual variance known.
        shared: float [V] in [0, 1], the share of each that comes from the usual variance.
        shared_freedom: degrees of freedom of the usual variance.
        image_covariance: float [V, V], of the means, from images; 0 where they are given.
        images: how many, N; None where they are given. A difference reaches 3/N to each side at
            least, as in `intervals.difference_interval`.
        bound: 1 where all scores lie in [0, 1], so that differences lie in [-1, 1]; inf elsewhere.
    """

    names: tuple[str, ...]
    means: np.ndarray
    seeds: np.ndarray
    seed_variances: np.ndarray
    freedom: np.ndarray
    shared: np.ndarray
    shared_freedom: float
    image_covariance: np.ndarray
    images: int | None
    bound: float = np.inf


def estimates(scores: Scores, over_images: bool = True) -> Estimates:
    """The means and their variances.

    Args:
        scores: by variant, bool or float [S, N], how right the run with seed s is on image i; or,
            of all variants, float [S], one number a seed. S may differ, N may not.
        over_images: whether other test images are to be covered; where one number a seed is given
            they are not.

    Raises:
        ValueError: the variants have different images, one of them no run, or a score isn't finite.
    """
    arrays = {name: np.asarray(own) for name, own in scores.items()}
    shapes = {own.shape[1:] for own in arrays.values()}
    if len(shapes) != 1 or not all(map(len, arrays.values())):
        raise ValueError("each variant needs a run, and all of them the same images")
    if not all(np.isfinite(own).all() for own in arrays.values()):
        raise ValueError("each score must be a finite number")
    over_images = over_images and shapes != {()}
    by_seed = [own.mean(axis=1) if own.ndim > 1 else own.astype(float) for own in arrays.values()]
    seeds = np.array([len(own) for own in by_seed])
    variances = np.array([own.var(ddof=1) if len(own) > 1 else np.nan for own in by_seed])
    variances, freedom, shared, shared_freedom = moderated(variances, seeds - 1)
    return Estimates(
        tuple(arrays),
        np.array([own.mean() for own in by_seed]),
        seeds,
        variances / seeds,
        freedom,
        shared,
        shared_freedom,
        _image_covariance([*arrays.values()]) if over_images else np.zeros((len(seeds),) * 2),
        shapes.pop()[0] if over_images else None,
        1.0 if all(own.min() >= 0 and own.max() <= 1 for own in arrays.values()) else np.inf,
    )


def _image_covariance(scores: Sequence[np.ndarray]) -> np.ndarray:
    """float [V, V], of means [S, N], from images; positive semidefinite."""
    images = scores[0].shape[1]
    by_image = np.stack([own.mean(axis=0) for own in scores])
    if images < 2:
        return np.zeros((len(scores),) * 2)
    covariance = np.atleast_2d(np.cov(by_image)) / images
    for at, own in enumerate(scores):
        covariance[at, at] -= Crossed.of(own).cell / own.size
    values, vectors = np.linalg.eigh(covariance)
    found: np.ndarray = (vectors * values.clip(0)) @ vectors.T
    return found


def moderated(
    variances: np.ndarray, freedom: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Variances shrunk towards the usual one (Smyth 2004), where that makes them larger.

    The true variances are taken to be scaled inverse chi squares around a usual one, s0^2, that
    counts for d0 degrees of freedom. Both are found from the logarithms of the sample variances
    (his section 6.2), with three differences (docs/statistics.md has the simulations that ask for
    them). d0 is `MOST_PRIOR` at most: a dozen variances of three seeds each can't tell that they
    are all alike, and those of real runs are not. A variance above the usual one stays as it is,
    with fewer degrees of freedom from the usual one the larger it is: what runs with a large
    spread would lose in coverage is more than others need. And s0^2 has degrees of freedom of its
    own, from the standard error of the mean logarithm, and is enlarged such that the mean of its
    reciprocal is right, as too small a variance does more harm than too large a one.

    Args:
        variances: float [V], of samples; NaN where there is none.
        freedom: float [V], the degrees of freedom of each.

    Returns:
        The moderated variances, float [V]; their degrees of freedom were s0^2 known, float [V]; the
        share of each that is s0^2's; and the degrees of freedom of s0^2.
    """
    variances, freedom = np.asarray(variances, float), np.asarray(freedom, float)
    known = freedom > 0
    prior, usual, usual_freedom = _prior(variances[known], freedom[known])
    every = np.where(known, freedom, np.nan)
    if usual == 0:
        return variances, every, np.zeros(len(variances)), np.inf
    found = np.fmax((prior * usual + every * variances) / (prior + every), variances)
    shared = prior * usual / ((prior + every) * found)
    own = every + prior * np.fmin(usual / variances.clip(usual), 1)
    return found, own, shared, usual_freedom


def _prior(variances: np.ndarray, freedom: np.ndarray) -> tuple[float, float, float]:
    """d0, s0^2, and the degrees of freedom of the latter; 0, 0 and inf if there is none.

    There is none where too few variances, or of too few seeds, are known to say what is usual.
    """
    if len(variances) < 2 or not variances.any():
        return 0.0, 0.0, np.inf
    # Runs that are alike by chance, on few images, have a logarithm that would outweigh all others.
    floor = 0.01 * (np.median(variances) or variances.max())
    half = freedom / 2
    logs = np.log(variances.clip(floor)) - special.digamma(half) + np.log(half)
    noise, least = special.polygamma(1, half), special.polygamma(1, MOST_PRIOR / 2)
    if 2 * len(logs) ** 2 / (noise + least).sum() < LEAST_USUAL:
        return 0.0, 0.0, np.inf
    between = max(logs.var(ddof=1) - noise.mean(), least)
    prior = 2 * _inverse_trigamma(between)
    usual_freedom = 2 * len(logs) ** 2 / (noise + between).sum()
    log_usual = logs.mean() + special.digamma(prior / 2) - np.log(prior / 2)
    log_usual += 1 / usual_freedom  # so that the mean of its reciprocal is right
    return prior, float(np.exp(log_usual)), float(usual_freedom)


def _inverse_trigamma(value: float) -> float:
    """Where the trigamma function has that value, by Newton's method (Smyth 2004, appendix)."""
    at = 0.5 + 1 / value
    for _ in range(50):
        trigamma = special.polygamma(1, at)
        step = trigamma * (1 - trigamma / value) / special.polygamma(2, at)
        at += step
        if -step < 1e-10 * at:
            break
    return float(at)


@dataclass(frozen=True, eq=False)
class _Differences:
    """J differences between variants: which, their standard errors and degrees of freedom."""

    found: Estimates
    first: np.ndarray  # int [J], positions of variants
    second: np.ndarray
    mean: np.ndarray  # float [J], second minus first
    se: np.ndarray
    df: np.ndarray
    image_variance: np.ndarray  # float [J], of the mean, from images

    @classmethod
    def of(cls, found: Estimates, one: np.ndarray, two: np.ndarray) -> "_Differences":
        own = found.seed_variances[np.stack([one, two])]  # [2, J]
        image = np.diag(found.image_covariance)
        images = (image[one] + image[two] - 2 * found.image_covariance[one, two]).clip(0)
        variance = own.sum(axis=0) + images
        below = (own**2 / found.freedom[np.stack([one, two])]).sum(axis=0)
        below += (own * found.shared[np.stack([one, two])]).sum(axis=0) ** 2 / found.shared_freedom
        if found.images is not None and found.images > 1:
            below += images**2 / (found.images - 1)
        df = np.divide(variance**2, below, out=np.full(len(one), np.inf), where=below > 0)
        df = np.fmax(df, 1)  # a usual variance of next to nothing is worth less than a run
        df[np.isnan(variance)] = np.nan
        mean = found.means[two] - found.means[one]
        se = np.sqrt(variance)
        # Where neither varies, what is known is how many runs there were of each: the exact
        # permutation test (Fisher 1935) has the least p that these can give.
        runs = found.seeds[np.stack([one, two])]
        never = (variance == 0) & (mean != 0)
        df = np.where(never, runs.sum(axis=0) - 2, df)
        least_p = 2 / special.comb(runs.sum(axis=0), runs[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.where(never, np.abs(mean) / stats.t.isf(least_p / 2, df), se)
        if found.images is not None:
            least = RULE_OF_THREE / found.images / stats.t.ppf((1 + LEVEL) / 2, df)
            se = np.fmax(se, least) + 0 * variance  # NaN stays
        return cls(found, one, two, mean, se, df, images)

    @property
    def p(self) -> np.ndarray:
        """float [J], two-sided, each by itself; 1 for no difference, NaN for a single seed."""
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.where(self.mean == 0, 0, np.abs(self.mean) / self.se) + 0 * self.se
        found: np.ndarray = 2 * stats.t.sf(size, self.df)
        return found

    def alone(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the interval of each by itself."""
        return self._ends(1 - level)

    def simultaneous(self, *levels: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """At each level the ends of intervals that all cover with that probability.

        Each difference has the same probability to lie outside its own (Beran 1988), by its own t
        distribution; which, is known from the largest of normal variates with the correlations of
        the differences.
        """
        used = self.se > 0
        most = self._largest(used) if used.sum() > 1 else None
        return [
            self._ends(
                1 - level
                if most is None or not most.any()
                else 2 * stats.norm.sf(np.quantile(most, level))
            )
            for level in levels
        ]

    def _ends(self, error: float) -> tuple[np.ndarray, np.ndarray]:
        half = np.where(self.se > 0, stats.t.isf(error / 2, self.df) * self.se, self.se)
        if self.found.images is not None:
            half = np.fmax(half, RULE_OF_THREE / self.found.images) + 0 * self.se  # NaN stays
        bound = self.found.bound
        return np.maximum(self.mean - half, -bound), np.minimum(self.mean + half, bound)

    def _largest(self, used: np.ndarray) -> np.ndarray:
        """float32 [draws], the largest magnitude of the differences in their standard deviations.

        Correlations are those with a variance over seeds that is the same for all: one that is
        large by chance would make its differences look alike, and the largest of them smaller.
        Those without variance, which are not chance, don't count.
        """
        found = self.found
        order = np.argsort(found.names)  # the same draws for a variant wherever it stands
        place = np.argsort(order)
        one, two = place[self.first[used]], place[self.second[used]]
        rng = np.random.default_rng(0)
        values, vectors = np.linalg.eigh(found.image_covariance[np.ix_(order, order)])
        usual = np.nanmean(found.seed_variances * found.seeds) / found.seeds[order]
        root = np.concatenate([(vectors * np.sqrt(values.clip(0))).T, np.diag(np.sqrt(usual))])
        weights = (root[:, two] - root[:, one]).astype(np.float32)
        weights = weights[:, weights.any(axis=0)]
        if not weights.size:
            return np.zeros(1, np.float32)
        weights /= np.sqrt((weights**2).sum(axis=0))
        most = [
            np.abs(rng.standard_normal((BLOCK, len(root)), np.float32) @ weights).max(axis=1)
            for _ in range(DRAWS // BLOCK)
        ]
        return np.concatenate(most)


def by_set(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    same_images: bool = True,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of the difference between two variants on each of several sets, simultaneous.

    The differences share their seeds and, as versions of the same images do, their images. Each has
    the standard error and degrees of freedom that it has by itself, and all have the same chance to
    lie outside (Beran 1988): that of the largest of normal variates with the differences'
    correlations. These are the data's own, from images as they are and from seeds shrunk towards
    none (Schaefer and Strimmer 2005, Statistical Applications in Genetics and Molecular Biology
    4:32), as those of few seeds look too large; without any, intervals are widest (Sidak 1967).
    That far out, Satterthwaite's degrees of freedom alone are too many for few seeds, so
    `intervals.crossed_quantile` is taken. docs/statistics.md says how often any of them misses.

    Args:
        first, second: of each set, as `estimates` takes them: at least one set.
        same_images: whether image i of one set is a version of image i of all others.
        level: the probability with which all intervals together cover.

    Returns:
        The ends, float [J] each; NaN where either variant has a single seed.
    """
    each = [
        _Differences.of(estimates({"first": one, "second": two}), np.array([0]), np.array([1]))
        for one, two in zip(first, second, strict=True)
    ]
    mean, se, df = (np.concatenate([getattr(one, part) for one in each]) for part in _ESTIMATED)
    error = np.full(1, 1 - level)
    if len(each) > 1 and np.isfinite(se).all():
        covariance = _seed_covariance(first) + _seed_covariance(second)
        covariance = _shrunk(covariance, len(first[0]) + len(second[0]) - 2)
        if same_images and first[0].ndim > 1:
            parts = _image_covariance([*first, *second]).reshape(2, len(each), 2, len(each))
            signs = np.array([-1, 1])
            covariance += np.einsum("a,aibj,b->ij", signs, parts, signs)
        elif first[0].ndim > 1:
            covariance += np.diag([one.image_variance[0] for one in each])
        if covariance.diagonal().any():
            error = 2 * stats.norm.sf(np.quantile(_largest_of(covariance), [level]))
    images = np.concatenate([one.image_variance for one in each])
    share = 1 - np.divide(images, se**2, out=np.zeros_like(se), where=se > 0)
    seeds = min(len(first[0]), len(second[0]))
    reach = [
        crossed_quantile(float(1 - error[0]), *own, seeds) for own in zip(df, share, strict=True)
    ]
    half = np.where(se > 0, reach, 1) * se
    bound = min(one.found.bound for one in each)
    return np.maximum(mean - half, -bound), np.minimum(mean + half, bound)


def _seed_covariance(scores: Sequence[np.ndarray]) -> np.ndarray:
    """float [J, J], of means on J sets, from the seeds that all share."""
    by_seed = [own.mean(axis=1) if own.ndim > 1 else own for own in scores]
    return np.atleast_2d(np.cov(by_seed)) / len(by_seed[0])


def _shrunk(covariance: np.ndarray, freedom: int) -> np.ndarray:
    """A covariance whose correlations are as much smaller as their sampling error asks for."""
    sd = np.sqrt(covariance.diagonal())
    scale = np.outer(sd, sd)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    others = correlation[~np.eye(len(sd), dtype=bool)] ** 2
    noise = ((1 - others.clip(max=1)) ** 2).sum() / freedom
    keep = 1 - min(noise / others.sum(), 1) if others.any() else 0
    return np.where(np.eye(len(sd), dtype=bool), covariance, keep * covariance)


def _largest_of(covariance: np.ndarray) -> np.ndarray:
    """float32 [draws], the largest magnitude of normal variates in their standard deviations."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values.clip(0))
    weights = root.T.astype(np.float32)[:, covariance.diagonal() > 0]
    weights /= np.sqrt((weights**2).sum(axis=0))
    rng = np.random.default_rng(0)
    most = [
        np.abs(rng.standard_normal((BLOCK, len(root)), np.float32) @ weights).max(axis=1)
        for _ in range(DRAWS // BLOCK)
    ]
    return np.concatenate(most)


def difference(
    found: Estimates, first: str, second: str, level: float = LEVEL
) -> tuple[float, float, float]:
    """The second's mean minus the first's, and its interval by itself; NaN for a single seed."""
    one, two = (np.array([found.names.index(name)]) for name in (first, second))
    differences = _Differences.of(found, one, two)
    (low,), (high,) = differences.alone(level)
    return float(differences.mean[0]), float(low), float(high)


def against(found: Estimates, reference: str, level: float = LEVEL) -> pd.DataFrame:
    """Each other variant against one.

    Args:
        reference: the name of that one.
        level: the probability with which all intervals together cover.

    Returns:
        variant; difference, its mean minus the reference's; se; df; low and high, simultaneous
        (like Dunnett's); alone_low and alone_high, each by itself;
        within_low and within_high, simultaneous at 2 `level` - 1, for two one-sided tests; p of
        each by itself; holm_p. NaN where either has a single seed.
    """
    at = found.names.index(reference)
    others = np.delete(np.arange(len(found.names)), at)
    differences = _Differences.of(found, np.full_like(others, at), others)
    (low, high), (within_low, within_high) = differences.simultaneous(level, 2 * level - 1)
    alone_low, alone_high = differences.alone(level)
    return pd.DataFrame(
        {
            "variant": [found.names[one] for one in others],
            "difference": differences.mean,
            "se": differences.se,
            "df": differences.df,
            "low": low,
            "high": high,
            "alone_low": alone_low,
            "alone_high": alone_high,
            "within_low": within_low,
            "within_high": within_high,
            "p": differences.p,
            "holm_p": holm(differences.p),
        }
    )


def all_pairs(found: Estimates, level: float = LEVEL) -> pd.DataFrame:
    """Each variant against each other.

    Args:
        level: the probability with which all intervals together cover.

    Returns:
        first; second; difference, the second's mean minus the first's; low and high, simultaneous
        (like Tukey and Kramer's); p of each by itself; holm_p. NaN where
        either has a single seed.
    """
    first, second = np.triu_indices(len(found.names), 1)
    differences = _Differences.of(found, first, second)
    ((low, high),) = differences.simultaneous(level)
    return pd.DataFrame(
        {
            "first": [found.names[one] for one in first],
            "second": [found.names[two] for two in second],
            "difference": differences.mean,
            "low": low,
            "high": high,
            "p": differences.p,
            "holm_p": holm(differences.p),
        }
    )


def ranks(found: Estimates, level: float = LEVEL) -> pd.DataFrame:
    """Ranks by mean, 1 the highest, with simultaneous intervals.

    A variant ranks below those that are better by the intervals of `all_pairs`, and above those
    that are worse (Al Mohamad, Goeman and van Zwet 2022, Biometrics 78:1073; Mogstad, Romano,
    Shaikh and Wilhelm 2024, Review of Economic Studies 91:476). All intervals together hold the
    true ranks with probability `level` at least.

    Returns:
        variant; mean; rank, the mean of theirs for ties; rank_low and rank_high.
    """
    better = _better(found, level)
    return pd.DataFrame(
        {
            "variant": list(found.names),
            "mean": found.means,
            "rank": stats.rankdata(-found.means),
            "rank_low": 1 + better.sum(axis=0),
            "rank_high": len(found.names) - better.sum(axis=1),
        }
    )


def best(found: Estimates, level: float = LEVEL) -> list[str]:
    """The variants that no other beats by its interval in `all_pairs`, by mean, best first."""
    unbeaten = ~np.any(_better(found, level), axis=0)
    order = np.argsort(-found.means, kind="stable")
    return [found.names[one] for one in order[unbeaten[order]]]


def _better(found: Estimates, level: float) -> np.ndarray:
    """bool [V, V], whether the first is better than the second by the interval."""
    pairs = all_pairs(found, level)
    first, second = np.triu_indices(len(found.names), 1)
    better = np.zeros((len(found.names),) * 2, bool)
    better[second, first] = pairs["low"] > 0
    better[first, second] = pairs["high"] < 0
    return better
