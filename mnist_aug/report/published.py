"""The records: published marks of dense networks on MNIST, and what the same layers reach here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mnist_aug.analysis.comparison import ARMS, Study
from mnist_aug.experiments.published import COMMITTEE, RECIPES, ROWS, names
from mnist_aug.report.tables import Table, listed, percent, points, span
from mnist_aug.results import files as result_files

TRAIN_ERROR, CORRUPTED, OTHER = "training", "corruption/", "other/"
MADE_ANEW = "`make records` makes it anew"


@dataclass(frozen=True)
class Records:
    """What `make records` left in a results folder.

    `scores` has a row for each run and a column for each test set: accuracy, indexed by row of
    the records and seed. `manifests` has each row's first manifest, `seconds` and `history` (last
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
        return [name for name in (*ROWS, COMMITTEE) if name in self.scores.index]

    @property
    def command(self) -> str:
        """What to give as ROW= to make them again; nothing for all."""
        own = [
            name
            for name in (RECIPES, *ROWS, COMMITTEE)
            if name in self.rows or (name == RECIPES and len(self.recipes))
        ]
        return "" if own == names(None) else f" ROW={','.join(own)}"


def read(results: Path, content: Study) -> tuple[Records | None, list[str]]:
    """The records in a results folder, and a sentence on each row that is left out.

    Raises:
        UserError: a file is missing or damaged.
    """
    scores, manifests, seconds, history, left_out = [], {}, {}, {}, []
    for name in (*ROWS, COMMITTEE):
        folder = Path(results) / "records" / name
        if not (folder / "metrics.csv").exists():
            continue
        metrics = result_files.read_scores(folder / "metrics.csv")
        table = metrics.pivot_table("accuracy", ["variant", "seed"], "test_set")
        own = (
            []
            if name == COMMITTEE
            else [
                result_files.read_manifest(folder / f"seed-{seed:02d}", seed)
                for _, seed in table.index
            ]
        )
        if any(m["dataset"]["sha256"] != content.dataset["sha256"] for m in own):
            left_out.append(
                f"The record {name} is left out, as it is of another dataset: {MADE_ANEW}."
            )
            continue
        scores.append(table)
        for manifest, key in zip(own, table.index, strict=False):
            manifests.setdefault(name, manifest)
            seconds[key] = manifest["seconds"]
            place = folder / f"seed-{key[1]:02d}"
            history[key] = result_files.read_history(place, manifest)["accuracy"].iloc[-1]
    recipes, reasons = _recipes(Path(results) / RECIPES, content)
    if "small" not in manifests and scores and scores[-1].index[0][0] == COMMITTEE:
        scores.pop()  # its members are not there, or of another dataset
    if not scores and recipes.empty:
        return None, left_out + reasons
    return Records(
        pd.concat(scores) if scores else pd.DataFrame(),
        manifests,
        pd.Series(seconds),
        pd.Series(history),
        recipes,
    ), left_out + reasons


def _recipes(folder: Path, content: Study) -> tuple[pd.DataFrame, list[str]]:
    rows = []
    for path in sorted(folder.glob("*/seed-*/manifest.json")):
        manifest = result_files.read_manifest(path.parent)
        if manifest["dataset"]["sha256"] != content.dataset["sha256"]:
            return pd.DataFrame(), [
                f"The recipes are left out, as they are of another dataset: {MADE_ANEW}."
            ]
        history = result_files.read_history(path.parent, manifest)
        if "val_accuracy" not in history:
            raise result_files.damaged(path)
        rows.append(
            {
                "recipe": path.parent.parent.name,
                "seed": manifest["seed"],
                "validation": history["val_accuracy"].iloc[-1],
                "epochs": manifest["variant"]["epochs"],
            }
        )
    return pd.DataFrame(rows, columns=["recipe", "seed", "validation", "epochs"]), []


def beyond(records: Records, content: Study) -> Table:
    """Accuracy of the same runs on what they were not made for, and the arms' beside it."""
    arms = {arm.name: arm.scores for arm in content.arms}
    every = arms | {name: records.scores.loc[name] for name in records.rows}
    first = arms[ARMS[1]]
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
                f"{title}, against {ARMS[1]}, pp (95 %)": [
                    "—"
                    if name == ARMS[1] or np.isnan(change)
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
    frame = table.frame.set_index("row").drop(list(ARMS))
    first = table.frame.set_index("row")["error"][ARMS[1]]
    said, fine = [], []
    for what, title in (("corrupted", "corrupted images"), ("other", "other people's digits")):
        better = frame[(frame["error"] < first) & frame[what].notna()]
        loses = better[better[f"{what}_high"] < 0]
        if len(loses):
            said.append(
                f"Better than {ARMS[1]} on the clean test images and worse on {title}: "
                f"{listed([*loses.index])}."
            )
        elif len(better):
            fine.append(title)
    if fine:
        said.append(
            f"No row that is better than {ARMS[1]} on the clean test images is worse on "
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
