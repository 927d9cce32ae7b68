"""Whether results reproduce others: both models and their difference, within the noise of seeds."""

from pathlib import Path

import numpy as np

from mnist_aug.analysis import comparison, models
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import welch_interval
from mnist_aug.analysis.robustness import corruption_sets, mean_accuracy
from mnist_aug.errors import UserError
from mnist_aug.formatting import percent, points
from mnist_aug.results.runs import Run

LEVEL = 0.99  # of an interval, so that an honest repetition rarely fails
# What weights depend on; other packages do not touch them.
PACKAGES = ("tensorflow", "keras", "numpy", "albumentations", "opencv-python-headless")


def check(results: Path, reference: Path) -> tuple[bool, list[str]]:
    """Compare the accuracies of a comparison with those of the reference.

    For each model, and for augmented minus baseline seed by seed, Welch's interval (Welch 1947) of
    the difference between the two means over seeds; it is reproduced if 0 lies within.
    Both are judged on the same test images, so only seeds make noise. Where both have
    scores on corrupted images, the difference of both there is compared as well.

    The last line says how many runs have the same weights, byte for byte; it decides nothing.

    Returns:
        Whether all are reproduced, and a line on each.

    Raises:
        UserError: results are missing, damaged or has one seed, or the two are not of the same
            dataset and settings.
    """
    ours, theirs = comparison.load(results), comparison.load(reference)
    if ours.dataset["sha256"] != theirs.dataset["sha256"]:
        raise UserError(
            f"{results} is of dataset {ours.label}, {reference} of {theirs.label}: give "
            "the DATA= of the reference"
        )
    for model, reference_model in zip(ours.both, theirs.both, strict=True):
        own, wanted = model.settings, reference_model.settings
        if models.unlike(own, wanted):
            raise UserError(
                f"{results} is of model {models.label(own)}, {reference} of "
                f"{models.label(wanted)}: give the MODEL= of the reference"
            )
        for key, value in wanted.items():
            if key != "model" and own.get(key) != value:
                raise UserError(
                    f"{model.name} in {results} has other {key} than in {reference}: "
                    "only the same settings can reproduce it"
                )
    if min(len(ours.paired_seeds), len(theirs.paired_seeds)) < 2:
        raise UserError(f"{results} has one seed: at least two are needed, SEEDS=2 or more")
    lines, reproduced = [], True
    for (name, mine), other in zip(_scores(ours).items(), _scores(theirs).values(), strict=False):
        low, high = welch_interval(mine, other, LEVEL)
        inside = low <= 0 <= high
        reproduced &= inside
        lines.append(
            f"{name}: {'reproduced' if inside else 'NOT reproduced'}: difference "
            f"{points(mine.mean() - other.mean())} pp, {'within' if inside else 'outside'} the "
            f"CI of ±{percent((high - low) / 2)} pp ({LEVEL:.0%}, {len(mine)} seeds against "
            f"{len(other)})"
        )
    return reproduced, [*lines, _weights(ours, theirs)]


def _weights(ours: Comparison, theirs: Comparison) -> str:
    """How many runs of the same variant and seed have the same weights, and why others do not."""
    pairs = [
        (mine, other)
        for model, reference in zip(ours.both, theirs.both, strict=True)
        for mine in model.runs
        for other in reference.runs
        if mine.seed == other.seed
    ]
    if not pairs:
        return "weights: no run has the seed of one in the reference"
    differ = [
        (mine, other)
        for mine, other in pairs
        if mine.manifest["weights_sha256"] != other.manifest["weights_sha256"]
    ]
    line = f"weights: {len(pairs) - len(differ)} of {len(pairs)} runs the same, byte for byte"
    if not differ:
        return line
    reasons = dict.fromkeys(reason for pair in differ for reason in _why_weights_differ(*pair))
    why = ", ".join(reasons) or "the manifests don't say why"
    return f"{line}; the others differ ({why}), which the CIs allow for"


def _why_weights_differ(mine: Run, other: Run) -> list[str]:
    """What the two runs' manifests say that may change the last bits of weights."""
    here, there = mine.manifest, other.manifest
    reasons = []
    if here["fingerprint"] != there["fingerprint"]:
        reasons.append("training code changed")
    for package in PACKAGES:
        versions = [one.get("versions", {}).get(package) for one in (here, there)]
        if versions[0] != versions[1]:
            reasons.append(f"{package} {versions[0]}, not {versions[1]}")
    unpinned = [
        where
        for where, one in (("here", here), ("in the reference", there))
        if not one.get("pinned")
    ]
    if unpinned:
        reasons.append(f"TensorFlow not pinned {' and '.join(unpinned)}")
        processors = [one.get("device", {}).get("processor") for one in (here, there)]
        if processors[0] != processors[1]:
            reasons.append(f"processor {processors[0]}, not {processors[1]}")
    return reasons


def _scores(content: Comparison) -> dict[str, np.ndarray]:
    """What is compared, float [S] each; the corrupted images last, where they were scored."""
    baseline, augmented = (one.accuracy for one in content.both)
    scores = {
        "baseline": baseline,
        "augmented": augmented,
        "augmented minus baseline": content.gains,
    }
    if corruption_sets(content):
        plain, other = (mean_accuracy(one.scores, "corruption/") for one in content.both)
        scores["augmented minus baseline, corrupted images"] = other - plain
    return scores
