"""What test-time augmentation is worth: the same runs with it and without it.

A run with it and without it are paired by image; the interval and the test are those of the main
result.
"""

from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import significance
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import compare, outcome
from mnist_aug.results.runs import VariantResults


def described(variant: VariantResults) -> dict[str, Any] | None:
    """How a variant was evaluated with it, as in its `evaluation.json`; None if it was not."""
    return variant.evaluation.get("tta")


def gains(content: Comparison) -> pd.DataFrame:
    """What it gains for each variant evaluated with it, on validation and test images.

    Returns:
        variant; images, "validation" or "test"; count; seeds; views; the mean accuracy without it,
        `plain`, and with it, `tta`; difference, low and high, over seeds and images; outcome, as
        that of `Difference`, but "no verdict" only if the variant's plain test accuracy is at
        chance; permutation_p and holm_p, over all rows; seconds_plain and
        seconds_tta for 1,000 images on one thread, and times, how many times as long it takes.
    """
    rows = []
    for variant in content.variants.values():
        if (used := described(variant)) is None:
            continue
        seconds = used["seconds_per_1000_images"]
        for images in ("validation", "test"):
            if f"tta/{images}" not in variant.images:  # no image was held out
                continue
            plain = variant.correct if images == "test" else variant.correct_on(images)
            with_views = variant.correct_on(f"tta/{images}")
            found = compare(plain, with_views)
            ends = (found.low, found.high) if found.seeds > 1 else (np.nan, np.nan)
            counts = with_views.sum(axis=1) - plain.sum(axis=1)
            rows.append(
                {
                    "variant": variant.name,
                    "images": images,
                    "count": found.examples,
                    "seeds": found.seeds,
                    "views": used["views"],
                    "plain": found.first,
                    "tta": found.second,
                    "difference": found.mean,
                    "low": found.low,
                    "high": found.high,
                    "outcome": outcome(*ends, [variant.accuracy.mean()], content.chance),
                    "permutation_p": significance.permutation_test(counts),
                    "seconds_plain": seconds["plain"],
                    "seconds_tta": seconds["tta"],
                    "times": seconds["tta"] / seconds["plain"] if seconds["plain"] else np.nan,
                }
            )
    frame = pd.DataFrame(rows)
    if rows:
        frame.insert(12, "holm_p", significance.holm(frame["permutation_p"]))
    return frame
