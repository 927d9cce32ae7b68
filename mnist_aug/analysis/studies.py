"""What the runs of a study say. They are paired by seed with those of baseline and augmented.

Intervals are Student's t over seeds, for the same test images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import estimate, spread
from mnist_aug.results.runs import BOTH, VariantResults

SETTLED = 0.0005  # a mean validation accuracy that near to its peak counts as there


@dataclass(frozen=True)
class StudyRuns:
    """The runs of a study, and those of baseline and augmented with the same seeds.

    `frame` has a row for each run: variant, seed, validation and test accuracy, policy,
    training_images, epochs. `curves` has one for each run and epoch: variant, seed, epoch,
    val_accuracy.
    """

    frame: pd.DataFrame
    curves: pd.DataFrame

    def accuracy(self, variant: str) -> float:
        """The mean on the test images of a variant's runs here."""
        return float(self.frame.loc[self.frame["variant"] == variant, "test"].mean())

    def paired(self, first: str, second: str, column: str) -> np.ndarray:
        """float [S], second less first in `column`, on the seeds both have."""
        one, two = (
            self.frame[self.frame["variant"] == name].set_index("seed")[column]
            for name in (first, second)
        )
        return (two - one).dropna().to_numpy()


def study_runs(variants: Sequence[VariantResults], content: Comparison) -> StudyRuns:
    """The runs of a study's variants and, as far as they have the same seeds, of both models."""
    seeds = [seed for variant in variants for seed in variant.seeds]
    curves = [
        run.history.assign(variant=variant.name, seed=run.seed)
        for variant in variants
        for run in variant.runs
    ]
    return StudyRuns(
        _frame([*variants, *(one.only(seeds) for one in content.both)]),
        pd.concat(curves)[["variant", "seed", "epoch", "val_accuracy"]],
    )


def runs_of_both(content: Comparison) -> StudyRuns:
    """The runs of baseline and augmented alone."""
    return StudyRuns(_frame(content.both), pd.DataFrame())


def _frame(variants: Sequence[VariantResults]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "variant": variant.name,
                "seed": run.seed,
                "test": accuracy,
                "validation": run.validation_accuracy,
                "policy": variant.policy,
                "training_images": variant.settings.get("training_images")
                or run.manifest["dataset"]["train"],
                "epochs": variant.settings["epochs"],
            }
            for variant in variants
            for run, accuracy in zip(variant.runs, variant.accuracy, strict=True)
        ]
    )


def summary(runs: StudyRuns, names: Sequence[str], against: Sequence[str]) -> pd.DataFrame:
    """A row for each variant: means, SDs, and paired differences with intervals.

    Returns:
        variant, seeds; validation and test, the mean accuracy, each with `_sd`; for each variant
        of `against` the difference in test accuracy `against_<name>`, with `_low` and `_high`.
    """
    rows = []
    for name in names:
        own = runs.frame[runs.frame["variant"] == name]
        row = {"variant": name, "seeds": len(own)}
        for part in ("validation", "test"):
            row |= {part: own[part].mean(), f"{part}_sd": spread(own[part])}
        for other in against:
            columns = (f"against_{other}{end}" for end in ("", "_low", "_high"))
            row |= zip(columns, estimate(runs.paired(other, name, "test")), strict=True)
        rows.append(row)
    return pd.DataFrame(rows)


def data_efficiency(runs: StudyRuns) -> pd.DataFrame:
    """Errors of both models against the number of training images.

    Returns:
        training_images; the mean error of both models, each with `_sd`; seeds; difference, low and
        high; worth, how many times the images the baseline needs for the error of augmented, inf
        beyond all there are; lead, by how much augmented is more accurate than the baseline with
        all images, with `_low` and `_high`.
    """
    sizes = sorted({*runs.frame["training_images"]})
    models = np.where(runs.frame["policy"].isna(), *BOTH)
    accuracy = (
        runs.frame.assign(model=models)
        .pivot_table("test", "seed", ["model", "training_images"])
        .reindex(columns=pd.MultiIndex.from_product([BOTH, sizes]))
    )
    rows = []
    for size in sizes:
        first, second = (accuracy[model, size] for model in BOTH)
        row: dict[str, object] = {"training_images": size}
        for model, own in zip(BOTH, (first, second), strict=True):
            row |= {model: 1 - own.mean(), f"{model}_sd": spread(own.dropna())}
        gains = (first - second).dropna()
        row["seeds"] = len(gains)
        row["difference"], row["low"], row["high"] = estimate(gains)
        lead = (second - accuracy[BOTH[0], sizes[-1]]).dropna()
        rows.append(row | dict(zip(("lead", "lead_low", "lead_high"), estimate(lead), strict=True)))
    frame = pd.DataFrame(rows)
    errors = frame[BOTH[0]].to_numpy()
    worth = [_size(sizes, errors, error) for error in frame[BOTH[1]]] / np.array(sizes)
    frame.insert(9, "worth", worth)
    return frame


def _size(sizes: list[int], errors: np.ndarray, error: float) -> float:
    """The number of images with which a model has that error; inf beyond all there are.

    Linear between the sizes measured, in the logarithms of both.
    """
    below = np.flatnonzero(errors <= error)
    if not len(below):
        return np.inf
    end = below[0]
    around = slice(max(end - 1, 0), end + 1)
    logarithm = np.interp(np.log(error), np.log(errors[around][::-1]), np.log(sizes[around][::-1]))
    return float(np.exp(logarithm))


def by_epoch(runs: StudyRuns) -> pd.DataFrame:
    """Validation accuracy of both models by epoch: variant, epoch, mean, least, most, seeds."""
    names = [BOTH[not name.startswith(BOTH[0])] for name in runs.curves["variant"]]
    groups = runs.curves.assign(variant=names).groupby(["variant", "epoch"])["val_accuracy"]
    return (
        groups.agg(validation="mean", validation_least="min", validation_most="max", seeds="count")
        .loc[list(BOTH)]
        .reset_index()
    )


def settled(curve: pd.DataFrame) -> int:
    """Where a model's accuracy in `by_epoch`, smoothed over five epochs, first nears its peak."""
    smooth = curve["validation"].rolling(5, center=True, min_periods=1).mean()
    return int(curve["epoch"][smooth >= smooth.max() - SETTLED].min())
