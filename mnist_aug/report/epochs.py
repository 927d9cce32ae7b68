"""What training for longer changes."""

import matplotlib
import pandas as pd

from mnist_aug.analysis import studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import SETTLED, StudyRuns
from mnist_aug.formatting import estimated, percent
from mnist_aug.report.drawing import MUTED, SMALL, STYLE, Figure, canvas, finished, style_of
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
            **{f"{model}, validation accuracy, %": by_model[model].map(percent) for model in BOTH},
        }
    )
    return Table("epochs", "Validation accuracy by epoch, mean over seeds", frame, display)


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """Validation error by epoch: mean and range over seeds."""
    drawn, ((axes,),) = canvas(3.6, content, "Validation error in a long training")
    for model, own in table.frame.groupby("variant", sort=False):
        colour = style_of(content, model)["color"]
        error, least, most = (
            100 * (1 - own[f"validation{end}"]) for end in ("", "_most", "_least")
        )
        axes.fill_between(own["epoch"], least, most, color=colour, alpha=0.25, linewidth=0)
        axes.plot(own["epoch"], error, color=colour)
        axes.annotate(
            model,
            (own["epoch"].iloc[-1], error.iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    top = 100 * (1 - table.frame[table.frame["epoch"] >= 3]["validation_least"].min())
    usual = content.both[0].settings["epochs"]
    axes.axvline(usual, color=MUTED, linewidth=1, linestyle="--")
    axes.annotate(
        f"the {usual} epochs of both models",
        (usual, top),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
        color=MUTED,
    )
    axes.set(xlabel="epoch", ylabel="validation error, %", ylim=(0, top))
    axes.grid(axis="y")
    ends = table.frame.drop_duplicates("variant", keep="last")
    alt = "Line chart of the validation error by epoch. " + " ".join(
        f"After epoch {row.epoch}, {row.variant}: {percent(1 - row.validation)} %."
        for row in ends.itertuples()
    )
    caption = (
        "Lines are means over seeds and shades the range from the least to the most. "
        "Training has a constant learning rate, so any point is what training for so "
        "many epochs gives."
    )
    return finished(drawn, "epochs", "Epochs", alt, caption, table)


def sentence(runs: StudyRuns, table: Table) -> str:
    """When each model stops gaining, and what the long training changes on the test images."""
    parts = [
        f"{model} at epoch {studies.settled(own)}"
        for model, own in table.frame.groupby("variant", sort=False)
    ]
    gains = [
        f"{estimated(*runs.difference(model, f'{model}-long'), ' pp')} with {model}"
        for model in BOTH
    ]
    last, usual = int(table.frame["epoch"].max()), int(runs.frame["epochs"].min())
    return (
        f"The mean validation accuracy, smoothed over five epochs, comes "
        f"within {100 * SETTLED:g} pp of its peak with {' and with '.join(parts)}. On the test "
        f"images, {last} epochs instead of {usual} change accuracy by {' and '.join(gains)}."
    )
