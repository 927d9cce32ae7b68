"""Whether a study reproduces another: its arms and their difference, within the noise of seeds."""

from pathlib import Path

import numpy as np
from scipy import stats

from mnist_aug.analysis import comparison as study
from mnist_aug.errors import UserError
from mnist_aug.report.robustness import families
from mnist_aug.report.tables import percent, points

LEVEL = 0.99  # of an interval, so that an honest repetition rarely fails


def check(results: Path, reference: Path) -> tuple[bool, list[str]]:
    """Compare the accuracies of a study with those of the reference.

    For each arm, and for augmented minus baseline seed by seed, Welch's interval (Welch 1947) of
    the difference between the two studies' means over seeds; it is reproduced if 0 lies within.
    Both studies are judged on the same test images, so only seeds make noise. Where both have
    scores on corrupted images, the arms' difference there is compared as well.

    Returns:
        Whether all are reproduced, and a line on each.

    Raises:
        UserError: a study is missing, damaged or has one seed, or the two are not of the same
            dataset and settings.
    """
    ours, theirs = study.load(results), study.load(reference)
    if ours.dataset["sha256"] != theirs.dataset["sha256"]:
        raise UserError(
            f"{results} is of dataset {ours.mark}, {reference} of {theirs.mark}: give "
            "the DATA= of the reference"
        )
    for mine, other in zip(ours.arms, theirs.arms, strict=True):
        for key, value in other.settings.items():
            if mine.settings[key] != value:
                raise UserError(
                    f"{mine.name} in {results} has other {key} than in {reference}: "
                    "only the same settings can reproduce it"
                )
    if min(len(ours.paired_seeds), len(theirs.paired_seeds)) < 2:
        raise UserError(f"{results} has one seed: at least two are needed, SEEDS=2 or more")
    lines, reproduced = [], True
    for (name, mine), other in zip(_scores(ours).items(), _scores(theirs).values(), strict=False):
        low, high = welch_interval(mine, other)
        inside = low <= 0 <= high
        reproduced &= inside
        lines.append(
            f"{name}: {'reproduced' if inside else 'NOT reproduced'}: difference "
            f"{points(mine.mean() - other.mean())} pp, {'within' if inside else 'outside'} the "
            f"interval of ±{percent((high - low) / 2)} pp ({LEVEL:.0%}, {len(mine)} seeds against "
            f"{len(other)})"
        )
    return reproduced, lines


def welch_interval(
    first: np.ndarray, second: np.ndarray, level: float = LEVEL
) -> tuple[float, float]:
    """Interval of mean(first) - mean(second) for samples of unequal variance.

    Args:
        first, second: float [S] and [T], S and T at least 2.
        level: coverage wanted, in (0, 1).
    """
    if np.ptp(first) == np.ptp(second) == 0:  # SciPy's interval is undefined without any spread
        difference = float(first[0] - second[0])
        return difference, difference
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(level)
    return float(interval.low), float(interval.high)


def _scores(content: study.Study) -> dict[str, np.ndarray]:
    """What is compared, float [S] each; the corrupted images last, where they were scored."""
    baseline, augmented = (arm.accuracy for arm in content.arms)
    scores = {
        "baseline": baseline,
        "augmented": augmented,
        "augmented minus baseline": augmented - baseline,
    }
    if wanted := families(content):
        plain, other = (arm.scores[wanted].to_numpy().mean(axis=1) for arm in content.arms)
        scores["augmented minus baseline, corrupted images"] = other - plain
    return scores
