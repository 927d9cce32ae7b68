"""Accuracy on other images than the test images: corrupted, of other severities, other datasets.

All of both models, on the seeds they share. A difference is augmented minus baseline, so that a
positive one is a gain of augmentation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison, contrast, contrast_by_set
from mnist_aug.analysis.intervals import spread
from mnist_aug.data.corruptions import SIDE
from mnist_aug.data.eval_sets import SEVERITIES
from mnist_aug.results.runs import BOTH, VariantResults

# Which corruption types albumentations' transforms resemble; all others resemble none.
RESEMBLES = {
    name: kinds
    for names, kinds in (
        ("D4 RandomRotate90 Rotate SafeRotate SquareSymmetry", {"rotate"}),
        ("RandomScale", {"scale"}),
        ("RandomCrop", {"translate"}),
        ("RandomCropFromBorders RandomResizedCrop RandomSizedCrop", {"scale", "translate"}),
        ("Perspective", {"scale", "shear"}),
        (
            "AdditiveNoise GaussNoise ISONoise MultiplicativeNoise PixelDropout SaltAndPepper "
            "ShotNoise",
            {"shot_noise", "impulse_noise"},
        ),
        (
            "AdvancedBlur Blur Defocus GaussianBlur GlassBlur MedianBlur MotionBlur ZoomBlur",
            {"glass_blur", "motion_blur"},
        ),
        (
            "ColorJitter HueSaturationValue Illumination PlasmaBrightnessContrast RGBShift "
            "RandomBrightnessContrast RandomGamma RandomToneCurve",
            {"brightness", "fog"},
        ),
        ("RandomFog", {"fog"}),
        ("RandomRain Spatter", {"spatter"}),
        ("InvertImg", {"stripe"}),
    )
    for name in names.split()
}
# Of these it depends on which parameters change anything.
VARIED = {
    "Affine": {
        "rotate": {"rotate"},
        "scale": {"scale"},
        "translate_percent": {"translate"},
        "translate_px": {"translate"},
        "shear": {"shear"},
    },
    "ShiftScaleRotate": {
        "shift_limit_x": {"translate"},
        "shift_limit_y": {"translate"},
        "scale_limit": {"scale"},
        "rotate_limit": {"rotate"},
    },
    "CropAndPad": {"keep_size": {"scale", "translate"}},  # without it, a pad or a crop on its own
}
LIKE, UNLIKE = "like the policy", "unlike it"  # corruption types, by what it does
SIDES = ("first", "second")  # what `contrast_by_set` calls both models


def corruption_sets(content: Comparison, source: str = "corruption/") -> list[str]:
    """Evaluation sets of that source that both models have, in order of their names."""
    return shared_sets(*content.both, source)


def shared_sets(first: VariantResults, second: VariantResults, source: str) -> list[str]:
    """Evaluation sets of a source that both variants have, in order of their names."""
    return [name for name in first.scores if name.startswith(source) and name in second.scores]


def trained_on(transform: object) -> set[str]:
    """Corruption types that resemble what a policy does, by the classes of its transforms."""
    if isinstance(transform, list):
        return set().union(*map(trained_on, transform))
    if not isinstance(transform, dict):
        return set()
    name = str(transform.get("__class_fullname__", "")).split(".")[-1]
    if name in VARIED:
        kinds = VARIED[name].items()
        return set().union(*(own for key, own in kinds if _moves(key, transform.get(key))))
    inner = set().union(*(trained_on(value) for value in transform.values()))
    return inner | RESEMBLES.get(name, set())


def _moves(key: str, value: object) -> bool:
    """Whether a transform's parameter changes anything."""
    return any(number != (1 if key == "scale" else 0) for number in _numbers(value))


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for part in value for number in _numbers(part)]
    return [value] if isinstance(value, int | float) else []


def mean_accuracy(scores: pd.DataFrame, source: str) -> np.ndarray:
    """float [S], of each seed over the sets of a source, NaN if there are none.

    Args:
        scores: accuracy by seed (rows) and evaluation set (columns).
    """
    return scores[[name for name in scores if name.startswith(source)]].mean(axis=1).to_numpy()


def _mean_correct(
    models: tuple[VariantResults, VariantResults], eval_sets: list[str]
) -> list[np.ndarray]:
    """Of both models float [S, N], the share of the versions of each image classified correctly."""
    return [np.mean([one.correct_on(name) for name in eval_sets], axis=0) for one in models]


def _of_mean(
    models: tuple[VariantResults, VariantResults], eval_sets: list[str]
) -> dict[str, float]:
    """The contrast of two models in their mean over evaluation sets, with side and without p."""
    correct = _mean_correct(models, eval_sets)
    found = contrast(*correct)
    del found["p"]
    many = min(map(len, correct)) > 1
    return found | {"side": (int(found["low"] > 0) - int(found["high"] < 0)) * many}


def resembling(variant: VariantResults, eval_sets: Sequence[str]) -> list[str]:
    """The sets whose corruption type a transform of the variant's policy resembles."""
    known = trained_on(variant.settings["policy"])
    return [name for name in eval_sets if name.partition("/")[2] in known]


def corruption_accuracy(content: Comparison, source: str) -> pd.DataFrame:
    """Accuracy on the corruption types of a source, the largest gain first, and means of several.

    Returns:
        corruption; policy, "like the policy", "unlike it" or, of a mean, ""; the accuracy of
        baseline and augmented; difference, with low and high, over seeds and images: of types
        simultaneous over all of them (`comparison.contrast_by_set`), of a mean by itself; side, 1
        where that interval lies above 0, -1 below, else 0, as with a single seed; relative_error,
        the error of augmented over that of baseline, NaN where this is 0, and in means the mean of
        those: the mean corruption error of Hendrycks and Dietterich (2019) with the baseline as
        their reference.
    """
    like = trained_on(content.both[1].settings["policy"])
    names = corruption_sets(content, source)
    first, second = ([one.correct_on(name) for name in names] for one in content.both)
    single = contrast_by_set(first, second).rename(columns=dict(zip(SIDES, BOTH, strict=True)))
    types = [name.removeprefix(source) for name in names]
    single.insert(0, "corruption", types)
    single.insert(1, "policy", [LIKE if one in like else UNLIKE for one in types])
    errors = 1 - single[[*BOTH]]
    single["relative_error"] = errors[BOTH[1]] / errors[BOTH[0]].where(errors[BOTH[0]] > 0)
    single = single.sort_values("difference", ascending=False, kind="stable")

    def mean(title: str, rows: pd.DataFrame) -> dict[str, object]:
        found = _of_mean(content.both, sorted(source + rows["corruption"]))
        named = dict(zip(SIDES, BOTH, strict=True))
        return {
            "corruption": title,
            "policy": "",
            **{named.get(key, key): value for key, value in found.items()},
            "relative_error": rows["relative_error"].mean(),
        }

    means = []
    for part in (LIKE, UNLIKE):
        own = single[single["policy"] == part]
        if 0 < len(own) < len(single):
            means.append(mean(f"mean of {len(own)} {part}", own))
    means.append(mean(f"mean of all {len(single)}", single))
    return pd.concat([single, pd.DataFrame(means)], ignore_index=True)


def by_likeness(first: VariantResults, second: VariantResults) -> dict[str, dict[str, Any]]:
    """The difference in mean accuracy on corruption types by whether the policy resembles them.

    Args:
        second: whose policy it is.

    Returns:
        "like", the types that a transform of the policy resembles, and "unlike", the others; "all"
        in place of both where one of them would be empty; nothing where no type was evaluated. Of
        each: types, how many; first and second, the means; difference, second minus first, with low
        and high, over seeds and images; side, as in `corruption_accuracy`.
    """
    every = shared_sets(first, second, "corruption/")
    like = resembling(second, every)
    unlike = [name for name in every if name not in like]
    parts = {"like": like, "unlike": unlike} if like and unlike else {"all": every}
    return {
        name: {"types": len(own), **_of_mean((first, second), sorted(own))}
        for name, own in parts.items()
        if own
    }


def accuracy_by_type(first: VariantResults, second: VariantResults) -> pd.DataFrame:
    """The difference in accuracy on each corruption type that both have, by name.

    Returns:
        corruption, in words; difference, second minus first; low, high and side, as in
        `corruption_accuracy`.
    """
    both = shared_sets(first, second, "corruption/")
    if not both:
        return pd.DataFrame(columns=["corruption", "difference", "low", "high", "side"])
    one, two = ([own.correct_on(name) for name in both] for own in (first, second))
    found = contrast_by_set(one, two)
    found = found.drop(columns=[*SIDES])
    found.insert(0, "corruption", [n.removeprefix("corruption/").replace("_", " ") for n in both])
    return found


def severity_accuracy(
    content: Comparison, models: tuple[VariantResults, VariantResults] | None = None
) -> pd.DataFrame:
    """Accuracy at each severity of each axis, the unchanged test images included.

    Args:
        models: the first and the second in place of both models; columns are named as for those.

    Returns:
        axis, unit, severity; of both models the mean accuracy, the least and the most over seeds;
        difference, with low and high, over seeds, simultaneous over all severities of all axes;
        side, as in `corruption_accuracy`. Of the unchanged images, low and high are NaN, and side
        is 0: the main result has them.
    """
    models = models or content.both
    rows, clean = [], []
    scores: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for name, axis in SEVERITIES.items():
        found = {float(s.split("/")[1]): s for s in shared_sets(*models, f"{name}/")}
        scaled = name == "shift" and min(content.size) != SIDE
        unit = f"1/{SIDE} of the shorter side" if scaled else axis.unit
        for severity, eval_set in sorted((found | {axis.clean: "test"}).items() if found else ()):
            row = {"axis": axis.title, "unit": unit, "severity": severity}
            for model, one, every in zip(BOTH, models, scores, strict=True):
                accuracy = one.scores[eval_set].to_numpy()
                every.append(accuracy)
                row |= {
                    model: accuracy.mean(),
                    f"{model}_least": accuracy.min(),
                    f"{model}_most": accuracy.max(),
                }
            rows.append(row)
            clean.append(severity == axis.clean)
    frame = pd.DataFrame(rows)
    if not rows:
        return frame
    changed = np.flatnonzero(~np.array(clean))
    frame["difference"] = frame[BOTH[1]] - frame[BOTH[0]]
    before, after = ([every[i] for i in changed] for every in scores)
    own = contrast_by_set(before, after)[["low", "high", "side"]].set_index(changed)
    frame = frame.join(own)
    return frame.assign(side=frame["side"].fillna(0).astype(int))


def transfer(content: Comparison) -> pd.DataFrame:
    """Accuracy on the training images, the test images and those of other datasets.

    Returns:
        images, which; count; of both models mean and SD; difference, low and high, over seeds and
        images, but for the training images over seeds alone.
    """
    rows = []
    for eval_set in ("training", "test", *corruption_sets(content, "other/")):
        if eval_set not in content.both[0].scores:
            continue
        first, second = (one.scores[eval_set].to_numpy() for one in content.both)
        found = contrast(first, second)  # many training images make an interval over them pointless
        if eval_set == "test":
            found |= {"low": content.difference.low, "high": content.difference.high}
        elif eval_set != "training":
            found = contrast(*_mean_correct(content.both, [eval_set]))
        row = {"images": eval_set.removeprefix("other/"), "count": content.both[0].images[eval_set]}
        for model, accuracy in zip(BOTH, (first, second), strict=True):
            row |= {model: accuracy.mean(), f"{model}_sd": spread(accuracy)}
        rows.append(row | {key: found[key] for key in ("difference", "low", "high")})
    return pd.DataFrame(rows)


def generalisation_gap(frame: pd.DataFrame) -> dict[str, float]:
    """The accuracy on training images less that on test images, of both models.

    Args:
        frame: of `transfer`.

    Returns:
        By model; empty if the training images were not scored.
    """
    rows = frame.set_index("images")
    if "training" not in rows.index:
        return {}
    return {model: float(rows.at["training", model] - rows.at["test", model]) for model in BOTH}


def underfitting(frame: pd.DataFrame) -> float | None:
    """By how much augmentation changes accuracy on the unchanged training images if it underfits.

    Args:
        frame: of `transfer`.

    Returns:
        A fraction below 0; None unless both lose detectably, and the training images more.
    """
    rows = frame.set_index("images")
    if "training" not in rows.index or not (rows.loc[["training", "test"], "high"] < 0).all():
        return None
    lost = rows["difference"]
    return float(lost["training"]) if lost["training"] < lost["test"] else None
