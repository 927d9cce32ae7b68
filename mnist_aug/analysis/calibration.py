"""How far the probabilities of both models can be trusted, on the test images.

All of both models, on the seeds they share.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from mnist_aug.analysis import metrics
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import estimate, mean_interval, spread
from mnist_aug.results.runs import BOTH, VariantResults

SCORES = ("loss", "brier", "ece")
SCORED = {True: SCORES, False: (*SCORES, "aurc")}  # scaling moves no score that is of the order
BINS = 10  # of the reliability diagram, of equal width over 0 to 1
BARS = 20  # of the histogram of confidences
COVERAGES = 100  # points of the risk-coverage curve


def scaled(variant: VariantResults) -> list[np.ndarray] | None:
    """The probabilities of each run at its own temperature; None where none was fitted."""
    if not np.isfinite(variant.temperatures).all():
        return None
    return [
        metrics.at_temperature(one, heat)
        for one, heat in zip(variant.log_probabilities, variant.temperatures, strict=True)
    ]


def scores(content: Comparison) -> pd.DataFrame:
    """Proper scores, calibration error and AURC of both models. Less is better in each row.

    Returns:
        score: "loss", "brier", "ece" or "aurc"; scaled, whether after temperature scaling, of which
        there are rows where both models have temperatures; mean and SD over seeds of baseline and
        augmented; difference, baseline minus augmented, so that a positive one is a gain of
        augmentation, with low and high, over paired seeds, NaN of a single one.
    """
    each = {False: [_by_seed(content, one) for one in content.both]}
    if all(scaled(one) is not None for one in content.both):
        each[True] = [_by_seed(content, one, scaled(one)) for one in content.both]
    rows = []
    for is_scaled, (first, second) in each.items():
        for name in SCORED[is_scaled]:
            one, two = first[name].to_numpy(), second[name].to_numpy()
            difference, low, high = estimate(one - two)
            row = {"score": name, "scaled": is_scaled}
            for model, own in zip(BOTH, (one, two), strict=True):
                row |= {model: float(own.mean()), f"{model}_sd": spread(own)}
            rows.append(row | {"difference": difference, "low": low, "high": high})
    return pd.DataFrame(rows)


def _by_seed(
    content: Comparison, variant: VariantResults, probabilities: Iterable[np.ndarray] | None = None
) -> pd.DataFrame:
    """The scores of each run; of the probabilities that were evaluated if no others are given."""
    if probabilities is None:
        found = variant.on_test[[*SCORES]].copy()
        found["aurc"] = [risk.mean() for risk in _risks(variant)]
        return found
    return pd.DataFrame([metrics.scores(content.labels, one) for one in probabilities])


def _risks(variant: VariantResults) -> Iterator[np.ndarray]:
    confidence = variant.probabilities.max(axis=2)
    for sure, correct in zip(confidence, variant.correct, strict=True):
        yield metrics.risk_coverage(sure, correct)


def overconfidence(content: Comparison) -> dict[str, float]:
    """Mean confidence minus accuracy of each model: above 0, it is surer than it should be."""
    return {
        one.name: float(one.probabilities.max(axis=2).mean(axis=1).mean() - one.accuracy.mean())
        for one in content.both
    }


def bins(content: Comparison) -> pd.DataFrame:
    """Confidence and accuracy in bins of equal width (the diagram of Guo et al. 2017).

    The images of all seeds are binned together.

    Returns:
        variant; scaled, whether after temperature scaling, where both models have temperatures;
        bin, from 1; images, of all seeds; share of all; confidence and accuracy, their means, NaN
        of an empty bin.
    """
    parts = []
    heated = [scaled(one) for one in content.both]
    kinds = (False, True) if all(one is not None for one in heated) else (False,)
    for variant, hot in zip(content.both, heated, strict=True):
        for is_scaled in kinds:
            every = np.stack(hot) if hot and is_scaled else variant.probabilities
            sure = every.max(axis=2).astype(float)
            right, count = every.argmax(axis=2) == content.labels, np.isfinite(sure)
            place = (np.nan_to_num(sure) * BINS).clip(0, BINS - 1).astype(int)
            sizes, sums, hits = (
                np.bincount(place[count], weights=own[count], minlength=BINS)
                for own in (np.ones_like(sure), sure, right)
            )
            with np.errstate(invalid="ignore"):
                part = {"confidence": sums / sizes, "accuracy": hits / sizes}
            parts.append(
                pd.DataFrame(
                    {
                        "variant": variant.name,
                        "scaled": is_scaled,
                        "bin": range(1, BINS + 1),
                        "images": sizes.astype(int),
                        "share": sizes / sure.size,
                    }
                    | part
                )
            )
    return pd.concat(parts, ignore_index=True)


def risk_coverage(content: Comparison) -> pd.DataFrame:
    """The error among the most confident share of the test images, mean over seeds.

    Returns:
        images, how many; coverage, their share; of both models the mean error, with `_low` and
        `_high`, a CI over seeds, NaN of a single one.
    """
    count = len(content.labels)
    taken = np.unique(np.ceil(np.linspace(0, count, COVERAGES + 1)[1:]).astype(int))
    frame = pd.DataFrame({"images": taken, "coverage": taken / count})
    for variant in content.both:
        every = np.stack([*_risks(variant)])[:, taken - 1]
        ends = np.array([mean_interval(own) for own in every.T])
        frame[variant.name] = every.mean(axis=0)
        frame[f"{variant.name}_low"], frame[f"{variant.name}_high"] = ends.T
    return frame


def mean_risks(content: Comparison) -> dict[str, np.ndarray]:
    """By model `metrics.risk_coverage`, float [N], mean over seeds."""
    return {one.name: np.mean([*_risks(one)], axis=0) for one in content.both}


def share_kept(risks: Mapping[str, np.ndarray]) -> tuple[str, float] | None:
    """How many images the less accurate model may keep to err as rarely as the other on all.

    Args:
        risks: of `mean_risks`.

    Returns:
        The name of the less accurate model; and the largest share of the images, the most
        confident, among which its error is at most that of the other on all images: less than 1,
        and 0 if there is none. None where both are equally accurate.
    """
    worse, better = sorted(risks, key=lambda name: -risks[name][-1])
    if risks[worse][-1] == risks[better][-1]:
        return None
    kept = np.flatnonzero(risks[worse] <= risks[better][-1])
    return worse, float((kept[-1] + 1) / len(risks[worse])) if len(kept) else 0.0
