"""What the runs of a study say, compared with all runs of baseline and augmented.

Intervals are those of `contrasts` over seeds, for the same test images: a variant's few seeds
borrow the spread that is usual among the variants of its study.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import LEVEL, mean_interval, spread
from mnist_aug.results.runs import BOTH, VariantResults

SETTLED = 0.0005  # a mean validation accuracy that near to its peak counts as there


@dataclass(frozen=True)
class StudyRuns:
    """The runs of a study, and those of baseline and augmented.

    `frame` has a row for each run: variant, seed, validation and test accuracy, policy,
    training_images, epochs. `curves` has one for each run and epoch: variant, seed, epoch,
    val_accuracy.
    """

    frame: pd.DataFrame
    curves: pd.DataFrame

    def accuracy(self, variant: str) -> float:
        """The mean on the test images of a variant's runs here."""
        return float(self.values(variant).mean())

    def values(self, variant: str, column: str = "test") -> np.ndarray:
        """float [S], what the runs of a variant have in `column`, but for NaN."""
        own = self.frame.loc[self.frame["variant"] == variant, column]
        return own.dropna().to_numpy(float)

    def estimates(self, column: str = "test") -> contrasts.Estimates:
        """The means in `column` of the variants that have a number there."""
        found = {name: self.values(name, column) for name in self.frame["variant"].unique()}
        return contrasts.estimates(
            {name: own for name, own in found.items() if len(own)}, over_images=False
        )

    def difference(
        self, first: str, second: str, column: str = "test"
    ) -> tuple[float, float, float]:
        """The second's mean less the first's in `column`, and the ends of its 95 % interval.

        NaN where either has no number there; the ends are where one has a single seed.
        """
        found = self.estimates(column)
        if not {first, second} <= {*found.names}:
            return (float("nan"),) * 3
        return contrasts.difference(found, first, second)


def study_runs(variants: Sequence[VariantResults], content: Comparison) -> StudyRuns:
    """The runs of a study's variants and all of both models."""
    curves = [
        run.history.assign(variant=variant.name, seed=run.seed)
        for variant in variants
        for run in variant.runs
    ]
    return StudyRuns(
        _frame([*variants, *(content.variants[name] for name in BOTH)]),
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
                "validation": validation,
                "policy": variant.policy,
                "training_images": variant.settings.get("training_images")
                or run.manifest["dataset"]["train"],
                "epochs": variant.settings["epochs"],
            }
            for variant in variants
            for run, accuracy, validation in zip(
                variant.runs, variant.accuracy, variant.validation_accuracy, strict=True
            )
        ]
    )


def summary(runs: StudyRuns, names: Sequence[str], against: Sequence[str]) -> pd.DataFrame:
    """A row for each variant: means, SDs, and differences with intervals.

    Returns:
        variant, seeds; validation and test, the mean accuracy, each with `_sd` and the ends of its
        95 % interval by itself, `_low` and `_high`; for each variant of `against` the difference in
        test accuracy `against_<name>`, `_low` and `_high`, simultaneous over all variants.
    """
    frame, found = _means(runs, names), runs.estimates()
    for other in against:
        differences = contrasts.against(found, other).set_index("variant").reindex(names)
        itself = frame["variant"].to_numpy() == other
        for end, column in (("", "difference"), ("_low", "low"), ("_high", "high")):
            values = differences[column].to_numpy()
            frame[f"against_{other}{end}"] = np.where(itself, 0.0, values)
    return frame


def _means(runs: StudyRuns, names: Sequence[str]) -> pd.DataFrame:
    """The first columns of `summary`."""
    counts = runs.frame["variant"].value_counts().reindex(names)
    frame = pd.DataFrame({"variant": names, "seeds": counts.to_numpy()})
    for part in ("validation", "test"):
        own = [runs.values(name, part) for name in names]
        frame[part] = [one.mean() if len(one) else np.nan for one in own]
        frame[f"{part}_sd"] = [spread(one) for one in own]
        ends = mean_intervals(runs.estimates(part)) if any(map(len, own)) else pd.DataFrame()
        for end in ("low", "high"):
            frame[f"{part}_{end}"] = frame["variant"].map(ends.get(end, {}))
    return frame


def mean_intervals(found: contrasts.Estimates, level: float = LEVEL) -> pd.DataFrame:
    """The interval of each mean by itself, over seeds: low and high by variant.

    As in `contrasts` a variance that is shrunk towards the usual one has the degrees of freedom of
    both. NaN for a single seed.
    """
    freedom = 1 / (1 / found.freedom + found.shared**2 / found.shared_freedom)
    half = stats.t.isf((1 - level) / 2, freedom) * np.sqrt(found.seed_variances)
    low, high = (found.means + sign * half for sign in (-1, 1))
    if np.isfinite(found.bound):  # accuracies
        low, high = low.clip(0, 1), high.clip(0, 1)
    return pd.DataFrame({"low": low, "high": high}, index=[*found.names])


def grid(runs: StudyRuns) -> pd.DataFrame:
    """Each part of the policy alone at each strength, against no augmentation.

    Returns:
        variant, part, factor, and the means of `summary`; `validation_difference` and
        `test_difference` in accuracy to the baseline, each with `_low` and `_high`, simultaneous
        over all rows, and `_holm_p`. By part, the one with the most accurate row on validation
        first, and factor.
    """
    own = replace(runs, frame=runs.frame[runs.frame["variant"] != BOTH[1]])
    names = [name for name in own.frame["variant"].unique() if name != BOTH[0]]
    frame = _means(own, names)
    cells = [name.partition("-") for name in names]
    frame.insert(1, "part", [part for part, *_ in cells])
    frame.insert(2, "factor", [float(times.rstrip("x") or 1) for *_, times in cells])
    for part in ("validation", "test"):
        rows = pd.DataFrame()
        if len(own.values(BOTH[0], part)):
            rows = contrasts.against(own.estimates(part), BOTH[0]).set_index("variant")
        for column in ("difference", "low", "high", "holm_p"):
            end = "" if column == "difference" else f"_{column}"
            frame[f"{part}_difference{end}"] = frame["variant"].map(rows.get(column, {}))
    best = frame.groupby("part")["validation"].transform("max")
    order = frame.assign(best=-best).sort_values(["best", "part", "factor"]).index
    return frame.loc[order].reset_index(drop=True)


def data_efficiency(runs: StudyRuns) -> pd.DataFrame:
    """Errors of both models against the number of training images.

    Returns:
        training_images; the mean error of both models, each with `_sd` and, as `_low` and `_high`,
        Student's t interval over its seeds; seeds, the fewest of the two; difference, low and high;
        worth, how many times the images the baseline needs for the error of augmented, inf beyond
        all there are and 0 below all measured; lead, by how much augmented is more accurate than
        the baseline with all images, with `_low` and `_high`.
    """
    sizes = sorted({*runs.frame["training_images"]})
    models = np.where(runs.frame["policy"].isna(), *BOTH)
    named = StudyRuns(
        runs.frame.assign(variant=models + "-" + runs.frame["training_images"].astype(str)),
        runs.curves,
    )
    rows = []
    for size in sizes:
        one, two = (f"{model}-{size}" for model in BOTH)
        row: dict[str, object] = {"training_images": size}
        for model, name in zip(BOTH, (one, two), strict=True):
            own = named.values(name)
            ends = mean_interval(1 - own)
            row |= {
                model: 1 - own.mean() if len(own) else np.nan,
                f"{model}_sd": spread(own),
                f"{model}_low": ends[0],
                f"{model}_high": ends[1],
            }
        row["seeds"] = min(len(named.values(name)) for name in (one, two))
        gain, low, high = named.difference(one, two)
        row |= {"difference": -gain, "low": -high, "high": -low}
        lead = named.difference(f"{BOTH[0]}-{sizes[-1]}", two)
        rows.append(row | dict(zip(("lead", "lead_low", "lead_high"), lead, strict=True)))
    frame = pd.DataFrame(rows)
    errors = frame[BOTH[0]].to_numpy()
    worth = [_size(sizes, errors, error) for error in frame[BOTH[1]]] / np.array(sizes)
    frame.insert(frame.columns.get_loc("lead"), "worth", worth)
    return frame


@dataclass(frozen=True)
class Worth:
    """What augmentation is worth in training images.

    Attributes:
        every: all training images.
        images: the fewest, of the sizes measured, with which augmented is on average as accurate as
            the baseline with all; None if there are none.
        lead, lead_low, lead_high: its lead there.
        detectable: the fewest with which the whole interval of the lead is above 0; None if none.
        factors: how many times the images the baseline needs, least and most over the sizes
            measured where that can be told, by interpolation; None if it can't.
        sizes: the least and the largest of these.
    """

    every: int
    images: int | None = None
    lead: float = np.nan
    lead_low: float = np.nan
    lead_high: float = np.nan
    detectable: int | None = None
    factors: tuple[float, float] | None = None
    sizes: tuple[int, int] | None = None


def worth(frame: pd.DataFrame) -> Worth:
    """What augmentation is worth, from the frame of `data_efficiency`."""
    sizes = frame["training_images"]
    every = int(sizes.max())
    level, ahead = frame[frame["lead"] >= 0], frame[frame["lead_low"] > 0]
    known = frame[np.isfinite(frame["worth"]) & (frame["worth"] > 0)]
    factors = ends = None
    if len(known):
        factors = float(known["worth"].min()), float(known["worth"].max())
        ends = int(known["training_images"].min()), int(known["training_images"].max())
    detectable = int(ahead["training_images"].iloc[0]) if len(ahead) else None
    if level.empty:
        return Worth(every, detectable=detectable, factors=factors, sizes=ends)
    first = level.iloc[0]
    return Worth(
        every,
        int(first["training_images"]),
        float(first["lead"]),
        float(first["lead_low"]),
        float(first["lead_high"]),
        detectable,
        factors,
        ends,
    )


def _size(sizes: list[int], errors: np.ndarray, error: float) -> float:
    """The number of images with which a model has that error; inf beyond all, 0 below the fewest.

    Linear between the sizes measured, in the logarithms of both.
    """
    below = np.flatnonzero(errors <= error)
    if not len(below):
        return np.inf
    if error > errors[0]:
        return 0.0
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


def smoothed(curve: pd.DataFrame) -> pd.Series:
    """A model's accuracy in `by_epoch`, by epoch, the mean over five; NaN where fewer are around.

    Means over the last three epochs alone would vary more, and be a peak by chance.
    """
    accuracy = curve.set_index("epoch")["validation"]
    return accuracy.rolling(min(5, len(accuracy)), center=True).mean()


def settled(curve: pd.DataFrame) -> int:
    """The epoch where a model's `smoothed` accuracy first nears its peak."""
    smooth = smoothed(curve)
    return int(smooth.index[smooth >= smooth.max() - SETTLED].min())
