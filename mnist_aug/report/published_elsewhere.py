"""What the runs of the published rows reach on images that they were not made for."""

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import welch_interval
from mnist_aug.analysis.models import DENSE, name_of
from mnist_aug.analysis.robustness import mean_accuracy
from mnist_aug.formatting import estimated, listed, percent
from mnist_aug.report.published import Reached, known
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

SOURCES = {"corrupted": "corruption/", "other": "other/"}


def table(reached: Reached, content: Comparison) -> Table:
    """Accuracy on corrupted images and other datasets, of both models as well."""
    every = {variant.name: variant.scores for variant in content.both}
    every |= {name: reached.scores.loc[name] for name in reached.rows}
    rows = []
    for name, scores in every.items():
        row = {
            "row": name,
            "seeds": len(scores),
            "error": 1 - scores["test"].mean(),
            "training_error": 1 - scores.get("training", pd.Series(dtype=float)).mean(),
        }
        if name in reached.manifests:
            row["fitted_error"] = 1 - reached.history[name].mean()  # as augmented, if it is
        for what, source in SOURCES.items():
            own, augmented = (mean_accuracy(one, source) for one in (scores, every[BOTH[1]]))
            row |= {what: own.mean(), f"{what}_difference": own.mean() - augmented.mean()}
            row[f"{what}_low"], row[f"{what}_high"] = welch_interval(own, augmented)
        rows.append(row)
    frame = pd.DataFrame(rows)

    def against(what: str) -> list[str]:
        columns = ["row", *(f"{what}_{part}" for part in ("difference", "low", "high"))]
        return [
            "—" if name == BOTH[1] or np.isnan(change) else estimated(change, low, high)
            for name, change, low, high in frame[columns].itertuples(index=False)
        ]

    display = pd.DataFrame(
        {
            "row": frame["row"].replace(_arms(content)),
            "runs": frame["seeds"].astype(str),
            "test error, %": frame["error"].map(percent),
            "error on training images, %": known(frame["training_error"]),
            "corrupted accuracy, %": known(frame["corrupted"]),
            f"other {content.kind}s, %": known(frame["other"]),
            f"corrupted, against {BOTH[1]}, pp (95 %)": against("corrupted"),
            f"other {content.kind}s, against {BOTH[1]}, pp (95 %)": against("other"),
        }
    )
    title = f"The same runs on corrupted images and {_others(content)}"
    return Table("published-elsewhere", title, frame, display)


def _others(content: Comparison) -> str:
    return f"other people's {content.kind}s" if content.is_written else "images of other datasets"


def _arms(content: Comparison) -> dict[str, str]:
    """Both models as they are displayed next to dense networks."""
    name = name_of(content.both[1].settings)
    return {} if name == DENSE else {arm: f"{arm} ({name})" for arm in BOTH}


def sentences(table: Table, content: Comparison) -> list[str]:
    """Which rows are worse on other than the clean test images, and what bounds the others."""
    frame = table.frame.set_index("row").drop(list(BOTH))
    first = table.frame.set_index("row")["error"][BOTH[1]]
    sentences, fine = [], []
    for what, title in (("corrupted", "corrupted images"), ("other", _others(content))):
        better = frame[(frame["error"] < first) & frame[what].notna()]
        loses = better[better[f"{what}_high"] < 0]
        if len(loses):
            sentences.append(
                f"Better than {BOTH[1]} on the clean test images and worse on {title}: "
                f"{listed([*loses.index])}."
            )
        elif len(better):
            fine.append(title)
    if fine:
        sentences.append(
            f"No row that is better than {BOTH[1]} on the clean test images is worse on "
            f"{' or on '.join(fine)} by the whole interval; the rows "
            f"{'are dense networks, ' if _arms(content) else ''}have more training "
            "images than the arms, and most have more epochs."
        )
    share = (frame["training_error"] / frame["error"]).dropna()
    if len(tight := share[share > 0.5]):
        sentences.append(
            f"With {listed([*tight.index])}, the error on the training images, without "
            "augmentation, is more than half of that on the test images: longer training "
            "or a larger network could lower both."
        )
    if len(rest := share[share <= 0.5]):
        sentences.append(
            f"With {listed([*rest.index])}, it is at most {percent(rest.max(), 0)} % of "
            "that on the test images: what is left is what does not carry over from the "
            "training images, under the policy, to the test images."
        )
    return sentences
