"""A results folder as a comparison: baseline and augmented, evaluated on one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import contrasts, models
from mnist_aug.analysis.intervals import (
    LEVEL,
    Chance,
    Difference,
    compare,
    difference_interval,
    mean_interval,
    spread,
)
from mnist_aug.analysis.significance import permutation_test
from mnist_aug.data.dataset import DIGITS_SHA256, MNIST_SHA256
from mnist_aug.errors import UserError
from mnist_aug.results import extras, files, runs
from mnist_aug.results.runs import BOTH, VariantResults

ALPHA = 0.05  # level of the tests
FEW_RESAMPLES = 2000  # for each of many intervals; moves their ends by some hundredths of a pp
SMALL = 0.1  # of the baseline's error: a difference that counts as none where nobody sets one
DISPLAY_NAMES = {
    "mnist": "MNIST",
    "digits": "scikit-learn's digits",
    "fashion-mnist": "Fashion-MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "emnist": "EMNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}  # datasets whose usual name isn't the folder's


@dataclass(frozen=True)
class Comparison:
    """All evaluated variants of one dataset, baseline and augmented first.

    `benchmark` has a row for each measurement and `host` says where they were made. `given_margin`
    is what the user set for `margin`.
    """

    dataset: dict[str, Any]
    variants: dict[str, VariantResults]
    benchmark: pd.DataFrame | None = None
    host: dict[str, Any] | None = None
    given_margin: float | None = None

    @property
    def labels(self) -> np.ndarray:
        """int [N], of the test images."""
        return self.variants[BOTH[0]].labels

    @property
    def paired_seeds(self) -> list[int]:
        """The seeds that both models have."""
        return [s for s in self.variants[BOTH[0]].seeds if s in self.variants[BOTH[1]].seeds]

    @cached_property
    def pairs(self) -> dict[str, tuple[VariantResults, VariantResults]]:
        """Baseline and each other variant that shares seeds with it, cut to those, by its name."""
        first, *others = self.variants.values()
        pairs = {one.name: (first.only(one.seeds), one.only(first.seeds)) for one in others}
        return {name: pair for name, pair in pairs.items() if pair[0].seeds}

    @property
    def both(self) -> tuple[VariantResults, VariantResults]:
        """Baseline and augmented, cut to the seeds they share."""
        return self.pairs[BOTH[1]]

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """In accuracy on the test images, of each of `pairs`."""
        return {
            name: replace(
                compare(first.correct, second.correct), chance=self.chance, margin=self.margin
            )
            for name, (first, second) in self.pairs.items()
        }

    @property
    def difference(self) -> Difference:
        """Augmented minus baseline, in accuracy on the test images."""
        return self.differences[BOTH[1]]

    @property
    def margin(self) -> float:
        """Differences in accuracy up to this count as none; 0 where the baseline makes no error.

        Without one given, a tenth of the baseline's mean error on the test images.
        """
        return self.given_margin or SMALL * (1 - float(self.variants[BOTH[0]].accuracy.mean()))

    @property
    def validation_margin(self) -> float:
        """The same on the validation images, so that test images choose nothing.

        NaN where no images were held out.
        """
        accuracy = self.variants[BOTH[0]].validation_accuracy.mean()
        return self.given_margin or SMALL * (1 - float(accuracy))

    @property
    def is_idle(self) -> bool:
        """Whether the policy changes nothing: both models have the same weights with each seed."""
        first, second = (
            {run.seed: run.manifest.get("weights_sha256") for run in variant.runs}
            for variant in self.both
        )
        same = (first[seed] and first[seed] == second[seed] for seed in self.paired_seeds)
        return self.both[1].policy is not None and all(same)

    @cached_property
    def permutation_p(self) -> dict[str, float]:
        """Of the permutation test over seeds, for each of `pairs`."""
        return {
            name: permutation_test(second.correct.sum(axis=1) - first.correct.sum(axis=1))
            for name, (first, second) in self.pairs.items()
        }

    @cached_property
    def chance(self) -> Chance:
        """What always guessing the most frequent class of the test images gives."""
        counts = np.bincount(self.labels)
        return Chance(float(counts.max() / counts.sum()), len(self.labels))

    @property
    def gains(self) -> np.ndarray:
        """float [S], augmented minus baseline in accuracy on the test images, seed by seed."""
        first, second = self.both
        return second.accuracy - first.accuracy

    @cached_property
    def results(self) -> pd.DataFrame:
        """A row for each variant, over all its seeds: means, SDs and the CI of the accuracy."""
        rows = []
        for variant in self.variants.values():
            accuracy, loss = (variant.on_test[name].to_numpy() for name in ("accuracy", "loss"))
            low, high = mean_interval(accuracy)
            rows.append(
                {
                    "variant": variant.name,
                    "seeds": len(accuracy),
                    "accuracy": accuracy.mean(),
                    "accuracy_sd": spread(accuracy),
                    "accuracy_low": low,
                    "accuracy_high": high,
                    "errors": (1 - accuracy.mean()) * len(self.labels),
                    "loss": loss.mean(),
                    "loss_sd": spread(loss),
                    "parameters": variant.runs[0].manifest["parameters"],
                }
            )
        return pd.DataFrame(rows)

    @property
    def manifests(self) -> list[dict[str, Any]]:
        """Of all runs of all variants."""
        return [run.manifest for variant in self.variants.values() for run in variant.runs]

    @property
    def classes(self) -> int:
        return int(self.dataset["classes"])

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called, in order of their numbers; the numbers if nothing else."""
        names = self.dataset.get("class_names") or range(self.classes)
        return tuple(map(str, names))

    @property
    def is_named(self) -> bool:
        """Whether the classes are called otherwise than by their numbers."""
        return self.class_names != tuple(map(str, range(self.classes)))

    @property
    def kind(self) -> str:
        """What an image shows: "digit", "character" (drawn ones, both) or "image"."""
        known = {MNIST_SHA256, DIGITS_SHA256}
        usual = "digit" if self.dataset["sha256"] in known else "image"
        return str(self.dataset.get("kind", usual))

    @property
    def is_written(self) -> bool:
        """Whether the images show drawn characters, digits included, which a network reads."""
        return self.kind in ("digit", "character")

    @property
    def background(self) -> int | tuple[int, ...] | None:
        """The colour around what the images show, as in `Dataset`; black where nothing says it."""
        background = self.dataset.get("background", 0)
        return tuple(background) if isinstance(background, list) else background

    @property
    def is_light(self) -> bool:
        """Whether the images are dark on a light background."""
        return self.background is not None and float(np.mean(self.background)) > 127.5

    @property
    def in_colour(self) -> bool:
        return len(self.dataset["image_shape"]) == 3

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image in pixels."""
        height, width = self.dataset["image_shape"][:2]
        return height, width

    @property
    def label(self) -> str:
        """Which dataset this is, in the words that stand on every page and figure."""
        name = str(self.dataset["name"])
        return DISPLAY_NAMES.get(name, name)


def contrast(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Two models on the same images, as one of many comparisons; quicker than `compare`.

    Args:
        first, second: bool or float [S, N], or float [S], one number a seed, as for
            `contrasts.estimates`.

    Returns:
        first and second, the means; difference, second minus first, with low and high, over seeds
        and images; p by itself, of the same estimate. Where either has one seed, all is of the
        first seed of both, the interval covers the images alone, if any, and p is NaN.
    """
    if min(len(first), len(second)) == 1:
        first, second = first[:1], second[:1]
    found = {"first": float(np.mean(first)), "second": float(np.mean(second))}
    if len(first) > 1:
        estimates = contrasts.estimates({"first": first, "second": second})
        row = contrasts.against(estimates, "first").iloc[0]
        ends, p = (row["alone_low"], row["alone_high"]), row["p"]
    else:
        own = compare(first, second, FEW_RESAMPLES) if first.ndim > 1 else None
        ends, p = (own.low, own.high) if own else (np.nan, np.nan), np.nan
    return found | {
        "difference": found["second"] - found["first"],
        "low": float(ends[0]),
        "high": float(ends[1]),
        "p": float(p),
    }


def contrast_by_set(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], same_images: bool = True
) -> pd.DataFrame:
    """Two models on each of several sets of images, with simultaneous intervals.

    Args:
        first, second: of each set, as for `contrast`.
        same_images: whether image i of one set is a version of image i of all others.

    Returns:
        first and second, the means; difference, second minus first; low and high, over seeds and
        images, which all cover with 95 % (`contrasts.by_set`); side, 1 where they lie above 0, -1
        below, else 0. Where either has one seed, all is of the first seed of both, the intervals
        cover the images alone, if there are any, each at a level that makes them simultaneous
        (Bonferroni), and side is 0.
    """
    seeds = min(len(first[0]), len(second[0]))
    low = high = np.full(len(first), np.nan)
    if seeds == 1:
        first, second = ([one[:1] for one in every] for every in (first, second))
    if seeds > 1:
        low, high = contrasts.by_set(first, second, same_images)
    elif first[0].ndim > 1:
        level = 1 - (1 - LEVEL) / len(first)
        ends = [
            difference_interval(np.subtract(two, one, dtype=np.float32), level, FEW_RESAMPLES)
            for one, two in zip(first, second, strict=True)
        ]
        low, high = np.transpose(ends)
    means = [np.array([float(np.mean(one)) for one in every]) for every in (first, second)]
    side = np.where(low > 0, 1, np.where(high < 0, -1, 0)) * (seeds > 1)
    return pd.DataFrame(
        {
            "first": means[0],
            "second": means[1],
            "difference": means[1] - means[0],
            "low": low,
            "high": high,
            "side": side.astype(int),
        }
    )


def load(results: Path, margin: float | None = None) -> Comparison:
    """The comparison in a results folder.

    Args:
        margin: as `Comparison.margin`, in (0, 1].

    Raises:
        UserError: baseline or augmented is missing, a file is missing or damaged, or the two differ
            in more than the policy.
    """
    results = Path(results)
    with files.locked(results):
        variants = runs.read_variants(results)
    for name in BOTH:
        if name not in variants:
            raise UserError(
                f"{results / name / runs.METRICS} is missing, so there is nothing to compare: run "
                "`make report`, which trains and evaluates both models"
            )
    _check_comparable(results, *(variants[name] for name in BOTH))
    ordered = {name: variants[name] for name in (*BOTH, *sorted({*variants} - {*BOTH}))}
    dataset = variants[BOTH[0]].dataset
    benchmark, host = extras.read_benchmark(results, dataset["sha256"]) or (None, None)
    content = Comparison(dataset, ordered, benchmark, host, margin)
    if not content.paired_seeds:
        raise UserError(
            f"{BOTH[0]} and {BOTH[1]} in {results} share no seed, so they can't be paired: train "
            "both with the same SEEDS"
        )
    return content


def _check_comparable(results: Path, first: VariantResults, second: VariantResults) -> None:
    """The two may differ in their policy alone, or the difference is not the policy's."""
    if models.unlike(first.settings, second.settings):
        raise UserError(
            f"{results}: the model is {models.label(first.settings)} for {BOTH[0]} and "
            f"{models.label(second.settings)} for {BOTH[1]}, so the difference would not be the "
            "policy's: `make report` trains both alike"
        )
    settings = [
        {
            key: value
            for key, value in one.settings.items()
            if key not in ("name", "policy", "model")
        }
        for one in (first, second)
    ]
    for key in {**settings[0], **settings[1]}:
        one, two = (setting.get(key) for setting in settings)
        if one != two:
            raise UserError(
                f"{results}: {key} is {one} for {BOTH[0]} and {two} for {BOTH[1]}, so the "
                "difference would not be the policy's: `make report` trains both alike"
            )
    codes = {run.manifest["fingerprint"]["training"] for run in (*first.runs, *second.runs)}
    if len(codes) > 1:
        raise UserError(
            f"{results}: {BOTH[0]} and {BOTH[1]} were trained by different code, so the difference "
            "would not be the policy's: `make report` trains both alike"
        )
