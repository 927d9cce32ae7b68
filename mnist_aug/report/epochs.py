"""What training for longer changes."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis import studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.cost import Cost
from mnist_aug.analysis.intervals import estimate
from mnist_aug.analysis.studies import SETTLED, StudyRuns
from mnist_aug.formatting import percent
from mnist_aug.report.drawing import MUTED, SMALL, STYLE, Figure, canvas, finished, style_of, tips
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

ROWS = (5, 10, 15, 20, 30, 50, 70, 100)  # epochs that the page's table has


def table(runs: StudyRuns) -> Table:
    """Mean validation accuracy of both models by epoch, trained for long."""
    frame = studies.by_epoch(runs)
    chosen = frame[frame["epoch"].isin(ROWS)]
    by_model = chosen.pivot_table("validation", "epoch", "variant")[list(BOTH)].reset_index()
    display = pd.DataFrame(
        {
            "epoch": by_model["epoch"].astype(str),
            **{f"{model}, %": by_model[model].map(percent) for model in BOTH},
        }
    )
    return Table("epochs", "Validation accuracy by epoch, mean over seeds", frame, display)


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """Validation accuracy by epoch: mean and range over seeds."""
    drawn, ((axes,),) = canvas(2.9, content, "Validation accuracy in a long training")
    several = (table.frame["seeds"] > 1).any()
    for model, own in table.frame.groupby("variant", sort=False):
        colour = style_of(content, model)["color"]
        mean, least, most = (100 * own[f"validation{end}"] for end in ("", "_least", "_most"))
        axes.fill_between(own["epoch"], least, most, color=colour, alpha=0.25, linewidth=0)
        axes.plot(own["epoch"], mean, color=colour)
        marked = own[own["epoch"].isin(ROWS)]
        (marks,) = axes.plot(marked["epoch"], 100 * marked["validation"], "o", color=colour)
        tips(
            marks,
            [f"{model}, epoch {r.epoch}: {percent(r.validation)} %" for r in marked.itertuples()],
        )
        axes.annotate(
            model,
            (own["epoch"].iloc[-1], mean.iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    settled = table.frame[table.frame["epoch"] >= 3]
    low, high = 100 * settled["validation_least"].min(), 100 * settled["validation_most"].max()
    pad = 0.05 * (high - low) or 0.1
    usual = content.both[0].settings["epochs"]
    axes.axvline(usual, color=MUTED, linewidth=1, linestyle="--")
    axes.annotate(
        f"{usual} epochs, as in the main result",
        (usual, low),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=SMALL,
        color=MUTED,
    )
    axes.set(ylabel="validation accuracy, %", ylim=(low - pad, high + pad))
    axes.set_xlabel(f"epoch{'; band: range over seeds' if several else ''}")
    axes.grid(axis="y")
    ends = table.frame.drop_duplicates("variant", keep="last")
    alt = "Line chart of the validation accuracy by epoch. " + " ".join(
        f"After epoch {row.epoch}, {row.variant}: {percent(row.validation)} %."
        for row in ends.itertuples()
    )
    return finished(drawn, "epochs", "Longer training", alt, table)


def facts(runs: StudyRuns, table: Table, time: Cost) -> dict[str, Any]:
    """What the long training changes on the test images, and when each model stops gaining.

    Args:
        time: of the usual training.

    Returns:
        - usual, long: epochs; seeds, how many were trained for both.
        - of these seeds: changes, by model; reached, by model, the mean test accuracy of the long
          training; gains, of augmented over baseline, usual and long.
        - settled, by model, the epoch of `studies.settled` (within, in pp); rising, the models
          whose last five epochs are their best.
        - equal_time: the epochs the baseline can train in the time of augmented, and the smoothed
          validation accuracy of both then; None where that isn't more, or isn't known.
    """
    by_seed = runs.frame.pivot_table("test", "seed", "variant")
    shared = by_seed[[f"{model}{end}" for model in BOTH for end in ("", "-long")]].dropna()

    def change(first: str, second: str) -> dict[str, float]:
        found = estimate((shared[second] - shared[first]).to_numpy())
        return dict(zip(("difference", "low", "high"), found, strict=True))

    curves = dict(iter(table.frame.groupby("variant")))
    smooth = {model: studies.smoothed(own) for model, own in curves.items()}
    usual, long = int(runs.frame["epochs"].min()), int(table.frame["epoch"].max())
    equal_time = None
    if not (time.overlap or time.compiling) and np.isfinite(time.ratio):
        longer = round(usual * time.ratio)
        if usual < longer <= long:
            ends = zip(BOTH, (longer, usual), strict=True)
            near = {model: own.ffill().bfill() for model, own in smooth.items()}
            equal_time = {"epochs": longer} | {model: near[model][at] for model, at in ends}
    return {
        "usual": usual,
        "long": long,
        "seeds": len(shared),
        "changes": {model: change(model, f"{model}-long") for model in BOTH},
        "reached": {model: shared[f"{model}-long"].mean() for model in BOTH},
        "gains": {
            "usual": change(*BOTH),
            "long": change(*(f"{model}-long" for model in BOTH)),
        },
        "within": 100 * SETTLED,
        "settled": {model: studies.settled(own) for model, own in curves.items()},
        "rising": [
            model for model in BOTH if smooth[model].idxmax() == smooth[model].last_valid_index()
        ],
        "equal_time": equal_time,
    }
