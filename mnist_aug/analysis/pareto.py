"""What accuracy takes in training time."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mnist_aug.analysis.intervals import spread
from mnist_aug.results.runs import VariantResults


def trained(variants: Mapping[str, Mapping[str, VariantResults]]) -> pd.DataFrame:
    """A row for each variant, the shortest training first.

    Args:
        variants: by study and name.

    Returns:
        study; variant; policy, its name or None; seeds; epochs; minutes, the median time that
        training a run took, with minutes_least and minutes_most; validation and error, the mean
        accuracy on the validation images and the mean error on the test images, each with `_sd`.
    """
    rows = []
    for study, own in variants.items():
        for name, variant in own.items():
            minutes, validation = variant.seconds / 60, variant.validation_accuracy
            rows.append(
                {
                    "study": study,
                    "variant": name,
                    "policy": variant.policy,
                    "seeds": len(variant.runs),
                    "epochs": variant.settings["epochs"],
                    "minutes": np.median(minutes),
                    "minutes_least": minutes.min(),
                    "minutes_most": minutes.max(),
                    "validation": validation.mean(),
                    "validation_sd": spread(validation),
                    "error": 1 - variant.accuracy.mean(),
                    "error_sd": spread(variant.accuracy),
                }
            )
    return pd.DataFrame(rows).sort_values("minutes", kind="stable", ignore_index=True)


def overlap(first: pd.Series, second: pd.Series) -> bool:
    """Whether training times of two variants overlap, by `seconds_least` and `seconds_most`."""
    return bool(
        first["seconds_least"] <= second["seconds_most"]
        and second["seconds_least"] <= first["seconds_most"]
    )


def front(minutes: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Which are on the Pareto front: no other is as quick and as accurate, and better in either.

    Args:
        minutes, errors: float [V].

    Returns:
        bool [V].
    """
    minutes, errors = np.asarray(minutes, float), np.asarray(errors, float)
    as_good = (minutes <= minutes[:, None]) & (errors <= errors[:, None])  # [V, by whom]
    better = (minutes < minutes[:, None]) | (errors < errors[:, None])
    beaten: np.ndarray = np.any(as_good & better, axis=1)
    return ~beaten
