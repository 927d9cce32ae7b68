"""The studies beside the comparison of the arms: each a section when its results are there.

A study is judged by its runs' accuracies, paired with the arms' by seed. Its intervals are
Student's t over seeds, for these images.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import paired_interval, spread
from mnist_aug.formatting import points, span
from mnist_aug.results.runs import BOTH, METRICS, Run, read_variant

NAMES = ("ablation", "strength", "data-efficiency", "automatic", "epochs", "tuned")


@dataclass(frozen=True)
class Runs:
    """The runs of a study, and those of the arms with the same seeds.

    `frame` has a row for each run: variant, seed, validation and test accuracy, policy,
    training_images, epochs. `curves` has one for each run and epoch: variant, seed, epoch,
    val_accuracy.
    """

    frame: pd.DataFrame
    curves: pd.DataFrame

    def paired(self, first: str, second: str, column: str) -> np.ndarray:
        """float [S], second less first in `column`, on the seeds both have."""
        one, two = (
            self.frame[self.frame["variant"] == name].set_index("seed")[column]
            for name in (first, second)
        )
        return (two - one).dropna().to_numpy()


def read(
    results: Path, content: Comparison, best: dict[str, dict] | None = None
) -> tuple[dict[str, Runs], list[str]]:
    """The studies in a results folder by name, and a sentence on each that is left out.

    Left out is what can't be compared with the arms: trained on another dataset, by other code,
    with other epochs, or about another policy, or of settings that a search has found no more.
    Of the study `tuned`, a variant that the searches did not find is left out alone.

    Args:
        best: the settings that the searches found, by variant of the study `tuned`; without any,
            its variants are taken as they are.

    Raises:
        UserError: a file is missing or damaged.
    """
    found, left_out = {}, []
    for name in NAMES:
        folders = sorted(path.parent for path in (Path(results) / name).glob(f"*/{METRICS}"))
        if name == "tuned" and best:
            left_out += [
                f"The variant {folder.name} of the study tuned is left out, as no search "
                "in these results found its settings: delete its folder, or search "
                "again (`make tune`)."
                for folder in folders
                if folder.name not in best
            ]
            folders = [folder for folder in folders if folder.name in best]
        if not folders:
            continue
        rows, curves, reasons = [], [], []
        for folder in folders:
            variant = read_variant(folder)
            for run, accuracy in zip(variant.runs, variant.accuracy, strict=True):
                reasons.append(_unlike(name, run.manifest, content, best or {}))
                rows.append(_row(variant.name, run, accuracy))
                curves.append(run.history.assign(variant=variant.name, seed=run.seed))
        if any(reasons):
            left_out.append(
                f"The study {name} is left out, as {next(filter(None, reasons))}: "
                f"`make {name}` with the arms' settings makes it anew."
            )
            continue
        seeds = {row["seed"] for row in rows}
        arms = of_arms(content)
        found[name] = Runs(
            pd.concat([pd.DataFrame(rows), arms[arms["seed"].isin(seeds)]], ignore_index=True),
            pd.concat(curves)[["variant", "seed", "epoch", "val_accuracy"]],
        )
    return found, left_out


def of_arms(content: Comparison) -> pd.DataFrame:
    """The arms' own runs, as rows of `Runs.frame`."""
    return pd.DataFrame(
        [
            _row(arm.name, run, accuracy)
            for arm in content.both
            for run, accuracy in zip(arm.runs, arm.accuracy, strict=True)
        ]
    )


def _row(variant: str, run: Run, accuracy: float) -> dict:
    settings = run.manifest["variant"]
    return {
        "variant": variant,
        "seed": run.seed,
        "test": accuracy,
        "validation": run.validation_accuracy,
        "policy": (settings.get("policy") or {}).get("name"),
        "training_images": settings.get("training_images") or run.manifest["dataset"]["train"],
        "epochs": settings["epochs"],
    }


def _unlike(name: str, manifest: dict, content: Comparison, best: dict[str, dict]) -> str | None:
    """Why a run of a study can't be compared with the arms, or None if it can."""
    arm = content.both[1].runs[0].manifest
    for key, what, words in (
        ("dataset", "sha256", "it is of another dataset"),
        ("fingerprint", "training", "other code trained it"),
    ):
        if (manifest.get(key) or {}).get(what) != (arm.get(key) or {}).get(what):
            return words
    own, arms = manifest["variant"], arm["variant"]
    if name != "epochs" and own["epochs"] != arms["epochs"]:
        return f"its runs have {own['epochs']} epochs and the arms {arms['epochs']}"
    if name == "tuned" and any(
        own.get(key) != value for key, value in best.get(own["name"], {}).items()
    ):
        return "the search has found other settings since"
    if name in ("automatic", "tuned"):  # other policies than the arm's are what they are about
        return None
    if name in ("ablation", "strength"):
        same = content.both[1].policy == "default"
    else:
        same = own["policy"] in (None, arms["policy"])
    return None if same else "it is about another policy"


def seeds_words(runs: Runs, content: Comparison) -> list[str]:
    """What augmentation gains on a study's seeds, where these are not all."""
    own, every = (one.paired(*BOTH, "test") for one in (runs, Runs(of_arms(content), runs.curves)))
    if not 0 < len(own) < len(every):
        return []
    return [
        f"This study has {len(own)} of the arms' {len(every)} seeds. On these, augmentation "
        f"gains {points(own.mean())} pp; over all, {points(every.mean())} pp. So compare "
        "within the study."
    ]


def summary(runs: Runs, names: list[str], against: tuple[str, ...]) -> pd.DataFrame:
    """A row for each variant: means, SDs, and paired differences with intervals."""
    rows = []
    for name in names:
        own = runs.frame[runs.frame["variant"] == name]
        row = {"variant": name, "seeds": len(own)}
        for part in ("validation", "test"):
            row |= {part: own[part].mean(), f"{part}_sd": spread(own[part])}
        for other in against:
            gains = runs.paired(other, name, "test")
            low, high = paired_interval(gains)
            row |= {
                f"against_{other}": gains.mean(),
                f"against_{other}_low": low,
                f"against_{other}_high": high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def against(frame: pd.DataFrame, other: str) -> list[str]:
    """Differences and intervals of a `summary` as text."""
    columns = frame[[f"against_{other}", f"against_{other}_low", f"against_{other}_high"]]
    return [
        "—" if name == other else f"{points(mean)} ({span(low, high)})"
        for name, (mean, low, high) in zip(frame["variant"], columns.to_numpy(), strict=True)
    ]
