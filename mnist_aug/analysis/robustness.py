"""Errors on corrupted images and at each severity, accuracy on other images than the test images.

All of both models, on the seeds they share.
"""

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison, contrast
from mnist_aug.analysis.intervals import spread
from mnist_aug.analysis.significance import holm
from mnist_aug.data.corruptions import SIDE
from mnist_aug.data.eval_sets import SEVERITIES
from mnist_aug.results.runs import BOTH, VariantResults

# Which corruption types a policy's transforms resemble; an Affine by the parameters it is given.
RESEMBLES = {
    "Rotate": {"rotate"},
    "SafeRotate": {"rotate"},
    "RandomScale": {"scale"},
    "ShiftScaleRotate": {"translate", "scale", "rotate"},
    "GaussNoise": {"shot_noise", "impulse_noise"},
    "ShotNoise": {"shot_noise", "impulse_noise"},
    "SaltAndPepper": {"shot_noise", "impulse_noise"},
    "MultiplicativeNoise": {"shot_noise", "impulse_noise"},
    "Blur": {"glass_blur", "motion_blur"},
    "GaussianBlur": {"glass_blur", "motion_blur"},
    "MotionBlur": {"glass_blur", "motion_blur"},
    "GlassBlur": {"glass_blur", "motion_blur"},
    "RandomBrightnessContrast": {"brightness", "fog"},
    "ColorJitter": {"brightness", "fog"},
    "RandomFog": {"fog"},
    "Spatter": {"spatter"},
    "InvertImg": {"stripe"},
}
AFFINE = {
    "rotate": "rotate",
    "scale": "scale",
    "translate_percent": "translate",
    "translate_px": "translate",
    "shear": "shear",
}


def corruption_sets(content: Comparison, source: str = "corruption/") -> list[str]:
    """Evaluation sets of that source that both models have, in order of their names."""
    first, second = content.both
    return [name for name in first.scores if name.startswith(source) and name in second.scores]


def trained_on(transform: object) -> set[str]:
    """Corruption types that resemble what a policy does, by the classes of its transforms."""
    if isinstance(transform, list):
        return set().union(*map(trained_on, transform))
    if not isinstance(transform, dict):
        return set()
    name = str(transform.get("__class_fullname__", "")).split(".")[-1]
    if name == "Affine":
        return {corruption for key, corruption in AFFINE.items() if _moves(key, transform.get(key))}
    inner = set().union(*(trained_on(value) for value in transform.values()))
    return inner | RESEMBLES.get(name, set())


def _moves(key: str, value: object) -> bool:
    """Whether an Affine's parameter changes anything."""
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


def _mean_correct(content: Comparison, eval_sets: list[str]) -> list[np.ndarray]:
    """Of both models float [S, N], the share of the versions of each test image read right."""
    return [np.mean([one.correct_on(name) for name in eval_sets], axis=0) for one in content.both]


def corruption_errors(content: Comparison, source: str) -> pd.DataFrame:
    """Errors on the corruption types of a source, the largest gain first, and means of several.

    Returns:
        corruption; policy, "resembles the policy", "unseen" or, of a mean, ""; the error of
        baseline and augmented, difference, low and high, over seeds and images; p, and holm_p, over
        all corruption types, NaN of a mean; relative, the error of augmented over that of baseline,
        NaN where this is 0, and in means the mean of those.
    """
    like, rows = trained_on(content.both[1].settings["policy"]), []
    for eval_set in corruption_sets(content, source):
        corruption = eval_set.removeprefix(source)
        part = "resembles the policy" if corruption in like else "unseen"
        rows.append(_errors(content, [eval_set], corruption, part))
    single = pd.DataFrame(rows).sort_values("difference", kind="stable")
    single.insert(8, "holm_p", holm(single["p"]))

    def mean(title: str, rows: pd.DataFrame) -> dict[str, object]:
        found = _errors(content, list(source + rows["corruption"]), title, "")
        return found | {"relative": rows["relative"].mean()}

    means = []
    for title, part in (("resembling", "resembles the policy"), ("unseen", "unseen")):
        own = single[single["policy"] == part]
        if 0 < len(own) < len(single):
            means.append(mean(f"mean of {len(own)} {title}", own))
    means.append(mean(f"mean of all {len(single)}", single))
    return pd.concat([single, pd.DataFrame(means)], ignore_index=True)


def accuracy_by_type(first: VariantResults, second: VariantResults) -> pd.DataFrame:
    """The difference in accuracy on each corruption type that both have, by name.

    Returns:
        corruption, in words; difference, second minus first; holm_p, NaN with a single seed.
    """
    names = [name for name in first.scores if name.startswith("corruption/")]
    both = [name for name in names if name in second.scores]
    found = [contrast(first.correct_on(name), second.correct_on(name)) for name in both]
    return pd.DataFrame(
        {
            "corruption": [n.removeprefix("corruption/").replace("_", " ") for n in both],
            "difference": [one["difference"] for one in found],
            "holm_p": holm(np.array([one["p"] for one in found])),
        }
    )


def _errors(
    content: Comparison, eval_sets: list[str], corruption: str, policy: str
) -> dict[str, object]:
    found = contrast(*_mean_correct(content, eval_sets))
    first, second = 1 - found["first"], 1 - found["second"]
    return {
        "corruption": corruption,
        "policy": policy,
        BOTH[0]: first,
        BOTH[1]: second,
        "difference": -found["difference"],
        "low": -found["high"],
        "high": -found["low"],
        "p": found["p"],
        "relative": second / first if first else np.nan,
    }


def severity_errors(content: Comparison) -> pd.DataFrame:
    """Errors at each severity of each axis, the unchanged test images included.

    Returns:
        axis, unit, severity; of both models the mean error, the least and the most over seeds;
        difference, low and high, over seeds; p, and holm_p, over all severities of all axes, NaN of
        the unchanged images.
    """
    rows = []
    for name, axis in SEVERITIES.items():
        found = {float(s.split("/")[1]): s for s in corruption_sets(content, f"{name}/")}
        scaled = name == "shift" and min(content.size) != SIDE
        unit = f"1/{SIDE} of the shorter side" if scaled else axis.unit
        for severity, eval_set in sorted((found | {axis.clean: "test"}).items() if found else ()):
            row = {"axis": axis.title, "unit": unit, "severity": severity}
            errors = [1 - one.scores[eval_set].to_numpy() for one in content.both]
            for model, error in zip(BOTH, errors, strict=True):
                row |= {
                    model: error.mean(),
                    f"{model}_least": error.min(),
                    f"{model}_most": error.max(),
                }
            own = contrast(*errors)
            row |= {key: own[key] for key in ("difference", "low", "high", "p")}
            rows.append(row | {"clean": severity == axis.clean})
    frame = pd.DataFrame(rows)
    if rows:
        clean = frame.pop("clean")
        frame.loc[~clean, "holm_p"] = holm(frame.loc[~clean, "p"])
    return frame


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
            found = contrast(*_mean_correct(content, [eval_set]))
        row = {"images": eval_set.removeprefix("other/"), "count": content.both[0].images[eval_set]}
        for model, accuracy in zip(BOTH, (first, second), strict=True):
            row |= {model: accuracy.mean(), f"{model}_sd": spread(accuracy)}
        rows.append(row | {key: found[key] for key in ("difference", "low", "high")})
    return pd.DataFrame(rows)
