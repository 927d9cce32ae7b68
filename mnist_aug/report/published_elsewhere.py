"""What the runs of the published rows reach on images that they were not made for."""

from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import welch_interval
from mnist_aug.analysis.models import DENSE, name_of
from mnist_aug.analysis.robustness import mean_accuracy
from mnist_aug.experiments.published import ROWS
from mnist_aug.formatting import estimated, percent, points
from mnist_aug.report.published import Reached, known
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

TIGHT = 0.5  # of the test error; a training error above shows that training is not at its end
NOTE = (
    "Corrupted, other: mean accuracy over these sets. Differences: from augmented, with Welch's "
    "CIs over seeds, not adjusted for multiple comparisons. Training error: without augmentation."
)
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
            row["epochs"] = reached.manifests[name]["variant"]["epochs"]
        for what, source in SOURCES.items():
            own, augmented = (mean_accuracy(one, source) for one in (scores, every[BOTH[1]]))
            row |= {what: own.mean(), f"{what}_difference": own.mean() - augmented.mean()}
            row[f"{what}_low"], row[f"{what}_high"] = welch_interval(own, augmented)
        rows.append(row)
    frame = pd.DataFrame(rows)

    def against(what: str) -> list[str]:
        columns = ["row", *(f"{what}_{part}" for part in ("difference", "low", "high"))]
        return [
            "—"
            if name == BOTH[1] or np.isnan(change)
            else points(change)
            if np.isnan(low)
            else estimated(change, low, high)
            for name, change, low, high in frame[columns].itertuples(index=False)
        ]

    display = pd.DataFrame(
        {
            "row": frame["row"].replace(_with_model(content)),
            "test error, %": frame["error"].map(percent),
            "training error, %": known(frame["training_error"]),
            "corrupted, %": known(frame["corrupted"]),
            "difference, pp (95 % CI)": against("corrupted"),
            f"other {content.kind}s, %": known(frame["other"]),
            "its difference, pp (95 % CI)": against("other"),
            "runs": frame["seeds"].astype(str),
        }
    )
    title = f"The same runs on corrupted images and {others(content)}"
    return Table("published-elsewhere", title, frame, display, note=NOTE)


def others(content: Comparison) -> str:
    """What is transferred to, in words."""
    return f"{content.kind if content.is_written else 'image'}s of other datasets"


def _with_model(content: Comparison) -> dict[str, str]:
    """Both models as they are displayed next to dense networks."""
    name = name_of(content.both[1].settings)
    return {} if name == DENSE else {model: f"{model} ({name})" for model in BOTH}


def facts(table: Table, content: Comparison) -> dict[str, Any]:
    """Which rows are worse on other than the clean test images, and what bounds the error.

    Returns:
        Of the rows whose test error is lower than augmented's: worse, images and rows that are
        detectably worse on them; better, images on which each row with a CI is detectably better;
        fine, other images on which no row with a CI is detectably worse. dense: whether both models
        are something else; longer: whether most have more epochs than augmented; tight: rows whose
        training error is more than tight_from of the test error; loose: the largest such share of
        the publications' rows, None where it is above that, too.
    """
    frame = table.frame.set_index("row").drop(list(BOTH))
    first = table.frame.set_index("row")["error"][BOTH[1]]
    worse, better, fine = [], [], []
    for what, title in (("corrupted", "corrupted images"), ("other", others(content))):
        sure = frame[(frame["error"] < first) & frame[f"{what}_low"].notna()]
        loses = sure[sure[f"{what}_high"] < 0]
        if len(loses):
            worse.append({"images": title, "rows": [*loses.index]})
        elif len(sure) and (sure[f"{what}_low"] > 0).all():
            better.append(title)
        elif len(sure):
            fine.append(title)
    every = table.frame.set_index("row")
    share = (every["training_error"] / every["error"]).dropna()
    tight = share[share > TIGHT]
    loose = share[[name in ROWS and bool(ROWS[name].source) for name in share.index]]
    return {
        "worse": worse,
        "better": better,
        "fine": fine,
        "dense": bool(_with_model(content)),
        "longer": bool((frame["epochs"] > content.both[1].settings["epochs"]).mean() > 0.5),
        "tight": [*tight.index],
        "loose": float(loose.max()) if len(loose) and loose.max() <= TIGHT else None,
        "tight_from": TIGHT,
    }
