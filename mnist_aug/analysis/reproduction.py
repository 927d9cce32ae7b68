"""Whether results reproduce others: all accuracies, within the noise of seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mnist_aug.analysis import comparison, models
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import welch_interval
from mnist_aug.analysis.robustness import corruption_sets, mean_accuracy
from mnist_aug.errors import UserError
from mnist_aug.formatting import counted, percent, points
from mnist_aug.results import runs
from mnist_aug.results.runs import BOTH, Run

LEVEL = 0.99  # of an interval, so that an honest repetition rarely fails
CONFIDENCE = f"{100 * LEVEL:g} %"
# What weights depend on; other packages do not touch them.
PACKAGES = ("tensorflow", "keras", "numpy", "albumentations", "opencv-python-headless")


def check(results: Path, references: Path) -> tuple[bool, list[str]]:
    """Compare results with the reference of the same dataset and model.

    Of both models, and of augmented minus baseline seed by seed, Welch's interval (Welch 1947) of
    the difference between the two means over seeds; it is reproduced if 0 lies within. Both are
    judged on the same test images, so only seeds make noise. Where both have scores on corrupted
    images, the difference of both there is compared as well. Of each study that both have, the
    same is done with each variant's accuracy. All intervals of one kind hold together.

    The last line says how many runs have the same weights, byte for byte. Where all have, they are
    no sample of their own, and are compared with the reference's runs of the same seeds.

    Args:
        results: a results folder; or one that holds several, each named as its reference is.
        references: the same of the reference.

    Returns:
        Whether all are reproduced, and a line on each.

    Raises:
        UserError: results are missing, damaged or has one seed, or the reference has none of the
            same dataset and settings.
    """
    pairs = {
        results / theirs.name: theirs
        for theirs in _folders(references)
        if (results / theirs.name).is_dir()
    }
    if (results / BOTH[0]).is_dir() or not pairs:
        pairs = {results: _same_kind(comparison.load(results), results, references), **pairs}
    outcomes = [_check(ours, theirs) for ours, theirs in pairs.items()]
    lines = [
        f"{ours.name}: {line}" if len(pairs) > 1 else line
        for ours, (_, own) in zip(pairs, outcomes, strict=True)
        for line in own
    ]
    return all(reproduced for reproduced, _ in outcomes), lines


def _folders(references: Path) -> list[Path]:
    """The results folders of a reference: itself, or those in it."""
    if (references / BOTH[0]).is_dir():
        return [references]
    return sorted(path.parent for path in references.glob(f"*/{BOTH[0]}"))


def _same_kind(ours: Comparison, results: Path, references: Path) -> Path:
    """The reference that is of the dataset and the model of some results."""
    other = {path: comparison.load(path) for path in _folders(references)}
    same = {
        path: one for path, one in other.items() if one.dataset["sha256"] == ours.dataset["sha256"]
    }
    if not same:
        known = ", ".join(f"{one.label} in {path}" for path, one in other.items())
        raise UserError(
            f"{results} is of dataset {ours.label}, which has no reference: give the DATA= of one "
            f"({known or f'none in {references}'})"
        )
    model = ours.both[0].settings
    for path, one in same.items():
        if not models.unlike(model, one.both[0].settings):
            return path
    path, one = next(iter(same.items()))
    raise UserError(
        f"{results} is of model {models.label(model)}, {path} of "
        f"{models.label(one.both[0].settings)}: give the MODEL= of the reference"
    )


def _check(results: Path, reference: Path) -> tuple[bool, list[str]]:
    ours, theirs = comparison.load(results), comparison.load(reference)
    for model, reference_model in zip(ours.both, theirs.both, strict=True):
        if key := _other_setting(model.settings, reference_model.settings):
            raise UserError(
                f"{model.name} in {results} has other {key} than in {reference}: "
                "only the same settings can reproduce it"
            )
    if min(len(ours.paired_seeds), len(theirs.paired_seeds)) < 2:
        raise UserError(f"{results} has one seed: at least two are needed, SEEDS=2 or more")
    lines, reproduced = [], True
    same = all(
        _same(one.runs, other.runs) for one, other in zip(ours.both, theirs.both, strict=True)
    )
    scores = [*zip(_scores(ours).items(), _scores(theirs).values(), strict=False)]
    level = _simultaneous(len(scores))
    for (name, mine), other in scores:
        if same:
            other = other[mine.index]
        low, high = welch_interval(mine, other, level)
        inside = low <= 0 <= high
        reproduced &= inside
        seeds = f"the same {len(mine)} seeds" if same else f"{len(mine)} seeds against {len(other)}"
        lines.append(
            f"{name}: {'reproduced' if inside else 'NOT reproduced'}: difference "
            f"{points(mine.mean() - other.mean())} pp, {'within' if inside else 'outside'} the "
            f"simultaneous CI of ±{percent((high - low) / 2)} pp ({CONFIDENCE}, {seeds})"
        )
    pairs = [
        pair
        for model, other in zip(ours.both, theirs.both, strict=True)
        for pair in _same_seeds(model.runs, other.runs)
    ]
    for study in sorted(path.name for path in reference.iterdir() if path.is_dir()):
        own, others = (runs.trained_runs(folder / study) for folder in (results, reference))
        if study in BOTH or not own or not others:
            continue
        inside, line, of_study = _study(own, others)
        reproduced &= inside
        lines.append(f"{study}: {line}")
        pairs += of_study
    return reproduced, [*lines, _weights(pairs)]


def _other_setting(own: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """In what two variants differ, or None if they are alike."""
    if models.unlike(own, wanted):
        return "model"
    return next((k for k, value in wanted.items() if k != "model" and own.get(k) != value), None)


def _same_seeds(ours: Sequence[Run], theirs: Sequence[Run]) -> list[tuple[Run, Run]]:
    others = {run.seed: run for run in theirs}
    return [(run, others[run.seed]) for run in ours if run.seed in others]


def _same(ours: Sequence[Run], theirs: Sequence[Run]) -> bool:
    """Whether all runs have the weights of their seed in the reference."""
    pairs = _same_seeds(ours, theirs)
    return len(pairs) == len(ours) and not _differing(pairs)


def _differing(pairs: Sequence[tuple[Run, Run]]) -> list[tuple[Run, Run]]:
    """Those that have other weights than each other."""
    return [
        (mine, other)
        for mine, other in pairs
        if mine.manifest["weights_sha256"] != other.manifest["weights_sha256"]
    ]


def _simultaneous(count: int) -> float:
    """The level of each of so many intervals that hold together at `LEVEL` (Bonferroni's)."""
    return 1 - (1 - LEVEL) / max(1, count)


def _study(
    ours: dict[str, list[Run]], theirs: dict[str, list[Run]]
) -> tuple[bool, str, list[tuple[Run, Run]]]:
    """Whether a study is reproduced, a line on it, and the runs of the same variant and seed."""
    compared, unlike, single, pairs = {}, [], [], []
    for name in [name for name in theirs if name in ours]:
        if _other_setting(*(one[name][0].manifest["variant"] for one in (ours, theirs))):
            unlike.append(name)
            continue
        pairs += _same_seeds(ours[name], theirs[name])
        mine, other = _accuracies(ours[name], theirs[name])
        if _same(ours[name], theirs[name]):
            shared = mine.index.intersection(other.index)
            mine, other = mine[shared], other[shared]
        if min(len(mine), len(other)) < 2:
            single.append(name)
        else:
            compared[name] = mine, other
    level = _simultaneous(len(compared))
    outside = []
    for name, (mine, other) in compared.items():
        low, high = welch_interval(mine, other, level)
        if not low <= 0 <= high:
            outside.append(
                f"{name} by {points(mine.mean() - other.mean())} pp, outside the CI of "
                f"±{percent((high - low) / 2)} pp"
            )
    parts = [
        f"{len(compared) - len(outside)} of {counted(len(compared), 'variant')} within the "
        f"simultaneous CIs ({CONFIDENCE})",
        *outside,
    ]
    if single:
        parts.append(f"of one run, so only their weights are compared: {', '.join(single)}")
    if unlike:
        parts.append(f"with other settings, so not compared: {', '.join(unlike)}")
    outcome = "NOT reproduced" if outside else "reproduced" if compared else "not judged"
    return not outside, f"{outcome}: {'; '.join(parts)}", pairs


def _accuracies(ours: list[Run], theirs: list[Run]) -> tuple[pd.Series, pd.Series]:
    """By seed, on the test images where both were evaluated, else on the validation images."""
    folders = [runs_of[0].folder.parent for runs_of in (ours, theirs)]
    if all((folder / runs.EVALUATION).exists() for folder in folders):
        mine, other = (runs.read_variant(folder) for folder in folders)
        return pd.Series(mine.accuracy, mine.seeds), pd.Series(other.accuracy, other.seeds)
    first, second = ({run.seed: run.validation_accuracy for run in one} for one in (ours, theirs))
    return pd.Series(first), pd.Series(second)


def _weights(pairs: Sequence[tuple[Run, Run]]) -> str:
    """How many runs of the same variant and seed have the same weights, and why others do not."""
    if not pairs:
        return "weights: no run has the seed of one in the reference"
    differ = _differing(pairs)
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


def _scores(content: Comparison) -> dict[str, pd.Series]:
    """What is compared, by seed; the corrupted images last, where they were scored."""
    baseline, augmented = (one.accuracy for one in content.both)
    scores = {
        "baseline": baseline,
        "augmented": augmented,
        "augmented minus baseline": content.gains,
    }
    if corruption_sets(content):
        plain, other = (mean_accuracy(one.scores, "corruption/") for one in content.both)
        scores["augmented minus baseline, corrupted images"] = other - plain
    return {name: pd.Series(values, content.paired_seeds) for name, values in scores.items()}
