"""What a run costs in training time, with and without augmentation, and on what condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import pareto
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.results.runs import BOTH

WRITTEN = "%Y-%m-%dT%H:%M:%S%z"  # how manifests have times
SHORTEST = 2.0  # seconds of a run that starts, known to the second, can place among others


@dataclass(frozen=True)
class Cost:
    """Wall-clock training time of a run of both models.

    Attributes:
        seconds_baseline, seconds_augmented: medians over runs.
        ratio: of these, augmented over baseline.
        overlap: whether a run of the one model took as long as a run of the other, so that there
            is no detectable difference.
        runs: of each model; of the one with fewer where they differ.
        in_parallel: how many runs were trained at once, each in a process of its own; None where
            manifests do not tell it.
        cores: of the machine; None where it is not recorded or differs.
        same_machine: whether all runs were made with the same device.
        compiling: whether the times hold compiling, as those of a single epoch do.
    """

    seconds_baseline: float
    seconds_augmented: float
    ratio: float
    overlap: bool
    runs: int
    in_parallel: int | None
    cores: int | None
    same_machine: bool
    compiling: bool


def cost(content: Comparison) -> Cost:
    """Training time of both models, from their manifests."""
    frame = times(content).set_index("variant")
    one, two = (frame.loc[name] for name in BOTH)
    manifests = [[run.manifest for run in content.variants[name].runs] for name in BOTH]
    devices = [manifest.get("device", {}) for own in manifests for manifest in own]
    counts = {device.get("cores") for device in devices}
    cores = counts.pop() if len(counts) == 1 else None
    at_once = {_in_parallel(own) for own in manifests}
    in_parallel = at_once.pop() if len(at_once) == 1 else None
    if in_parallel is not None and cores is not None and in_parallel > cores:
        in_parallel = None  # of several machines, it is not known how many each had
    return Cost(
        float(one["seconds"]),
        float(two["seconds"]),
        float(two["seconds"] / one["seconds"]),
        pareto.overlap(one, two),
        int(min(one["runs"], two["runs"])),
        in_parallel,
        cores,
        all(device == devices[0] for device in devices),
        bool(one["epochs"] < 2),
    )


def times(content: Comparison) -> pd.DataFrame:
    """A row for each variant.

    Returns:
        variant; runs; epochs; seconds, the median over runs, with seconds_least and seconds_most;
        images_per_second, the median.
    """
    rows = []
    for variant in content.variants.values():
        seconds = variant.seconds
        speed = [run.manifest["images_per_second"] for run in variant.runs]
        rows.append(
            {
                "variant": variant.name,
                "runs": len(seconds),
                "epochs": variant.settings.get("epochs"),
                "seconds": np.median(seconds),
                "seconds_least": seconds.min(),
                "seconds_most": seconds.max(),
                "images_per_second": np.median(speed),
            }
        )
    return pd.DataFrame(rows)


def _in_parallel(manifests: Sequence[dict[str, Any]]) -> int | None:
    """How many runs were in training at the middle of a run: the median over runs, rounded up.

    A run that went on from a checkpoint seems to end later than it did; the median bears a few.
    """
    try:
        starts = np.array([datetime.strptime(m["started"], WRITTEN).timestamp() for m in manifests])
    except (KeyError, TypeError, ValueError):
        return None
    seconds = np.array([m["seconds"] for m in manifests], float)
    if not len(starts) or np.median(seconds) < SHORTEST:
        return None
    middles = (starts + seconds / 2)[:, None]
    at_once = ((starts <= middles) & (middles <= starts + seconds)).sum(axis=1)
    return int(np.ceil(np.median(at_once)))
