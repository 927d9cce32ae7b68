"""The records: published marks of dense networks on MNIST, and what the same layers reach here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.experiments.published import ENSEMBLE, FOLDER, RECIPES, ROWS, names
from mnist_aug.formatting import listed, percent, points, span
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH, METRICS, read_runs, read_variant, trained_variants

TRAIN_ERROR, CORRUPTED, OTHER = "training", "corruption/", "other/"
MADE_ANEW = "`make published` makes it anew"


@dataclass(frozen=True)
class Published:
    """What `make published` left in a results folder.

    `scores` has a row for each run and a column for each evaluation set: accuracy, indexed by row
    and seed. `manifests` has each row's first manifest, `seconds` and `history` (last
    accuracy on training images, augmented where the row augments them) one of each run.
    `recipes` has variant, seed and validation accuracy.
    """

    scores: pd.DataFrame
    manifests: dict[str, dict]
    seconds: pd.Series
    history: pd.Series
    recipes: pd.DataFrame

    def error(self, name: str) -> np.ndarray:
        """float [S], of a row's runs on the test images."""
        return 1 - self.scores.loc[name]["test"].to_numpy()

    @property
    def rows(self) -> list[str]:
        return [name for name in (*ROWS, ENSEMBLE) if name in self.scores.index]

    @property
    def command(self) -> str:
        """What to give as ROW= to make them again; nothing for all."""
        own = [
            name
            for name in (RECIPES, *ROWS, ENSEMBLE)
            if name in self.rows or (name == RECIPES and len(self.recipes))
        ]
        return "" if own == names(None) else f" ROW={','.join(own)}"


def read(results: Path, content: Comparison) -> tuple[Published | None, list[str]]:
    """The published results in a results folder, and a sentence on each row that is left out.

    Raises:
        UserError: a file is missing or damaged.
    """
    scores, manifests, seconds, history, left_out = [], {}, {}, {}, []
    for name in (*ROWS, ENSEMBLE):
        folder = Path(results) / FOLDER / name
        if not (folder / METRICS).exists():
            continue
        variant = read_variant(folder)
        if variant.dataset["sha256"] != content.dataset["sha256"]:
            left_out.append(
                f"The row {name} is left out, as it is of another dataset: {MADE_ANEW}."
            )
            continue
        table = variant.metrics.pivot_table("accuracy", ["variant", "seed"], "eval_set")
        scores.append(table)
        for run in variant.runs:
            manifests.setdefault(name, run.manifest)
            seconds[name, run.seed] = run.manifest["seconds"]
            history[name, run.seed] = run.history["accuracy"].iloc[-1]
    recipes, reasons = _recipes(Path(results) / RECIPES, content)
    if "small" not in manifests and scores and scores[-1].index[0][0] == ENSEMBLE:
        scores.pop()  # its members are not there, or of another dataset
    if not scores and recipes.empty:
        return None, left_out + reasons
    return Published(
        pd.concat(scores) if scores else pd.DataFrame(),
        manifests,
        pd.Series(seconds),
        pd.Series(history),
        recipes,
    ), left_out + reasons


def _recipes(folder: Path, content: Comparison) -> tuple[pd.DataFrame, list[str]]:
    rows = []
    for name in trained_variants(folder):
        for run in read_runs(folder / name):
            if run.manifest["dataset"]["sha256"] != content.dataset["sha256"]:
                return pd.DataFrame(), [
                    f"The recipes are left out, as they are of another dataset: {MADE_ANEW}."
                ]
            rows.append(
                {
                    "recipe": name,
                    "seed": run.seed,
                    "validation": run.validation_accuracy,
                    "epochs": run.manifest["variant"]["epochs"],
                }
            )
    return pd.DataFrame(rows, columns=["recipe", "seed", "validation", "epochs"]), []


def beyond(records: Published, content: Comparison) -> Table:
    """Accuracy of the same runs on what they were not made for, and the arms' beside it."""
    arms = {arm.name: arm.scores for arm in content.both}
    every = arms | {name: records.scores.loc[name] for name in records.rows}
    first = arms[BOTH[1]]
    rows = []
    for name, scores in every.items():
        row = {
            "row": name,
            "seeds": len(scores),
            "error": 1 - scores["test"].mean(),
            "training_error": 1 - scores.get(TRAIN_ERROR, pd.Series(dtype=float)).mean(),
        }
        if name in records.manifests:
            row["fitted_error"] = 1 - records.history[name].mean()  # as augmented, if it is
        for what, start in (("corrupted", CORRUPTED), ("other", OTHER)):
            own, arm = (table.filter(regex=f"^{start}").mean(axis=1) for table in (scores, first))
            row |= {what: own.mean(), f"{what}_difference": own.mean() - arm.mean()}
            row |= dict(zip((f"{what}_low", f"{what}_high"), _welch(own, arm), strict=True))
        rows.append(row)
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "row": frame["row"],
            "runs": frame["seeds"].astype(str),
            "test error, %": frame["error"].map(percent),
            "error on training images, %": known(frame["training_error"]),
            **{
                f"{title}, %": known(frame[what])
                for what, title in (("corrupted", "corrupted accuracy"), ("other", "other digits"))
            },
            **{
                f"{title}, against {BOTH[1]}, pp (95 %)": [
                    "—"
                    if name == BOTH[1] or np.isnan(change)
                    else f"{points(change)} ({span(low, high)})"
                    for name, change, low, high in frame[
                        ["row", f"{what}_difference", f"{what}_low", f"{what}_high"]
                    ].itertuples(index=False)
                ]
                for what, title in (("corrupted", "corrupted"), ("other", "other digits"))
            },
        }
    )
    return Table(
        "records-beyond",
        "The same runs on corrupted images and other people's digits",
        frame,
        shown,
    )


def known(shares: pd.Series) -> list[str]:
    return ["—" if np.isnan(share) else percent(share) for share in shares]


def _welch(one: pd.Series, two: pd.Series) -> tuple[float, float]:
    """95 % interval of the difference of two means (Welch 1947); none for a single run."""
    parts = np.array([values.var() / len(values) for values in (one, two)])
    if np.isnan(parts).any() or not parts.sum() > 0:
        return np.nan, np.nan
    freedom = parts.sum() ** 2 / (parts**2 / (len(one) - 1, len(two) - 1)).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    difference = one.mean() - two.mean()
    return difference - half, difference + half


def words(table: Table) -> list[str]:
    """Which rows lose off the clean test images, and what bounds the others."""
    frame = table.frame.set_index("row").drop(list(BOTH))
    first = table.frame.set_index("row")["error"][BOTH[1]]
    said, fine = [], []
    for what, title in (("corrupted", "corrupted images"), ("other", "other people's digits")):
        better = frame[(frame["error"] < first) & frame[what].notna()]
        loses = better[better[f"{what}_high"] < 0]
        if len(loses):
            said.append(
                f"Better than {BOTH[1]} on the clean test images and worse on {title}: "
                f"{listed([*loses.index])}."
            )
        elif len(better):
            fine.append(title)
    if fine:
        said.append(
            f"No row that is better than {BOTH[1]} on the clean test images is worse on "
            f"{' or on '.join(fine)} by the whole interval; the rows have more training "
            "images than the arms, and most have more epochs."
        )
    known = frame.dropna(subset=["training_error"])
    share = known["training_error"] / known["error"]
    tight = known[share > 0.5]
    if len(tight):
        said.append(
            f"With {listed([*tight.index])}, the error on the training images, without "
            "augmentation, is more than half of that on the test images: longer training "
            "or a larger network could lower both."
        )
    if len(rest := share[share <= 0.5]):
        said.append(
            f"With {listed([*rest.index])}, it is at most {percent(rest.max(), 0)} % of "
            "that on the test images: what is left is what does not carry over from the "
            "training images, under the policy, to the test images."
        )
    return said
