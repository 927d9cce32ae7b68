"""Where the variance of an accuracy comes from: weights and order, training images, test images.

Which images train is a larger source than initial weights on many data sets (Bouthillier et al.
2021). It is seen where each seed draws its own training part from the images there are; but such
parts share most of their images. To first order, what training images do is a sum over them: m
drawn without replacement from n then show 1 - f of the variance that wholly new training images
would have, with f = m/n, and the mean of S draws keeps f of it, whatever S, as all are from one
pool:

    weights / S + training ((1 - f) / S + f) + test

(compare Nadeau and Bengio 2003, who count the overlap of resampled training sets in the same way).
NumPy and SciPy only.
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import LEVEL, RULE_OF_THREE, Crossed
from mnist_aug.results.runs import BOTH, VariantResults

DRAWS = 10_000  # of variances; they move the ends of an interval by about 1 % of its width


def components(
    content: Comparison, resampled: tuple[VariantResults, VariantResults]
) -> pd.DataFrame:
    """The variance of the accuracy on the test images by source, and intervals that cover all.

    Args:
        content: with baseline and augmented, all of whose runs train on the same images.
        resampled: the two, each of whose seeds draws its own training images, the same for both.

    Returns:
        A row for baseline, augmented, and the difference, augmented minus baseline with the same
        seed: model; seeds and resampled_seeds, how many; mean, over resampled runs; weights,
        training and test, the variance of one run with all of these new; weights_share,
        training_share and test_share, of their sum; training_share_low and training_share_high, the
        95 % interval of that share for these test images; clipped, whether resampled runs vary no
        more than others, so that `training` would be less than 0; low and high. NaN where there is
        a single seed of either kind, or no image was held out, so that all drew the same.
    """
    dataset = resampled[0].runs[0].manifest["dataset"]
    drawn = dataset["train"] / (dataset["train"] + dataset["validation"])
    rows = [
        {"model": model} | _split(content.variants[model].accuracy, own.correct, drawn, 0.0)
        for model, own in zip(BOTH, resampled, strict=True)
    ]
    first, second = resampled
    first, second = first.only(second.seeds), second.only(first.seeds)
    own = np.subtract(second.correct, first.correct, dtype=np.float32)
    rows.append({"model": "difference"} | _split(content.gains, own, drawn, -1.0))
    return pd.DataFrame(rows)


def _split(
    fixed: np.ndarray, resampled: np.ndarray, drawn: float, least: float
) -> dict[str, object]:
    """A row of `components` without its model.

    Args:
        fixed: float [T], means of runs on the same training images.
        resampled: [S, N], scores of runs on training images of their own.
        drawn: the share of the images that a run draws, in (0, 1].
        least: that a mean can be; 1 is the most.
    """
    by_run = resampled.mean(axis=1, dtype=float)
    test = Crossed.of(resampled).image / resampled.shape[1]
    row: dict[str, object] = {
        "seeds": len(fixed),
        "resampled_seeds": len(by_run),
        "mean": float(by_run.mean()),
    }
    names = ("weights", "training", "test")
    if min(len(fixed), len(by_run)) < 2 or drawn == 1:
        shares_of = [f"{name}_share" for name in names]
        intervals = ["training_share_low", "training_share_high", "low", "high"]
        return row | dict.fromkeys([*names, *shares_of, *intervals], np.nan) | {"clipped": False}
    variances = np.array([fixed.var(ddof=1), by_run.var(ddof=1)])
    freedom = np.array([len(fixed), len(by_run)]) - 1
    clipped = bool(variances[1] < variances[0])
    weights = float(np.average(variances, weights=freedom) if clipped else variances[0])
    training = 0.0 if clipped else float((variances[1] - variances[0]) / (1 - drawn))
    parts = np.array([weights, training, test])
    shares = parts / parts.sum() if parts.any() else np.full(3, np.nan)
    ends = _training_share(variances, freedom, drawn, test)
    half = _half_width(variances, freedom, len(by_run), drawn, test)
    half = max(half, RULE_OF_THREE / resampled.shape[1])
    mean = float(by_run.mean())
    return (
        row
        | dict(zip(names, parts.tolist(), strict=True))
        | {f"{name}_share": share for name, share in zip(names, shares.tolist(), strict=True)}
        | dict(zip(("training_share_low", "training_share_high"), ends, strict=True))
        | {"clipped": clipped, "low": max(mean - half, least), "high": min(mean + half, 1.0)}
    )


def _drawn_variances(
    variances: np.ndarray, freedom: np.ndarray, drawn: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both as they could be by what was seen, its chi square turned round, and `training` of them.

    Each float [DRAWS]. Arguments as for `_half_width`.
    """
    even = (np.arange(DRAWS) + 0.5) / DRAWS
    other = np.random.default_rng(0).permutation(even)
    fixed, own = (
        variance * df / stats.chi2.ppf(chance, df)
        for variance, df, chance in zip(variances, freedom, (even, other), strict=True)
    )
    return fixed, own, np.maximum(own - fixed, 0) / (1 - drawn)


def _training_share(
    variances: np.ndarray, freedom: np.ndarray, drawn: float, test: float
) -> tuple[float, float]:
    """The ends of a generalized confidence interval of the share; arguments as for `_half_width`.

    That of `test` has none: it would be too narrow where training images do nothing.
    """
    fixed, _, training = _drawn_variances(variances, freedom, drawn)
    total = fixed + training + test
    shares = np.divide(training, total, out=np.zeros_like(total), where=total > 0)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return (float(low), float(high)) if total.any() else (np.nan, np.nan)


def _half_width(
    variances: np.ndarray, freedom: np.ndarray, seeds: int, drawn: float, test: float
) -> float:
    """Half the width of the interval of the mean of resampled runs.

    A difference of two variances, each estimated from a few seeds, has no chi-square distribution,
    so Student's t does not apply. The mean is taken to be normal, with a variance drawn from the
    values of both that agree with the data (a generalized confidence interval; Weerahandi 1993).
    Where `training` would be negative it is set to 0, and the draw counts half.

    Args:
        variances: float [2], between runs on the same and on their own training images.
        freedom: int [2], of these.
        seeds: how many runs the mean is of.
        drawn: as in `_split`.
        test: the variance from test images.
    """
    fixed, own, training = _drawn_variances(variances, freedom, drawn)
    counts = np.where(own < fixed, 0.5, 1.0)
    deviations = np.sqrt(own / seeds + drawn * training + test)
    if not deviations.any():
        return 0.0
    deviations = deviations.clip(1e-9 * deviations.max())

    def outside(half: float) -> float:
        chances = 2 * stats.norm.sf(half / deviations)
        return float(np.average(chances, weights=counts) - (1 - LEVEL))

    normal = stats.norm.ppf((1 + LEVEL) / 2)
    ends = normal * deviations.min(), normal * deviations.max()
    return ends[0] if ends[0] == ends[1] else float(optimize.brentq(outside, *ends, rtol=1e-6))
