"""The charts of a report. Each is drawn with its alt text and caption from the same numbers."""

from typing import Any

import matplotlib
import numpy as np

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import listed
from mnist_aug.report import tables
from mnist_aug.report.drawing import (
    INK,
    PAPER,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    label_rows,
)
from mnist_aug.results.runs import BOTH

CLASSES = 40  # at most so many are drawn
NAME = 20  # letters of a class's name
LISTED = 200  # letters of the names of classes in a caption
BAR: dict[str, Any] = {"linewidth": 6, "solid_capstyle": "butt"}
DOT: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 6,
    "markeredgecolor": PAPER,
    "markeredgewidth": 0.8,
    "zorder": 3,
}


@matplotlib.rc_context(STYLE)
def classes(content: Comparison) -> Figure:
    """The difference in accuracy within each class with its CI."""
    table = tables.classes(content)
    frame = table.frame
    largest = frame["difference"].abs().sort_values(ascending=False, kind="stable")
    drawn = frame.loc[largest.index[:CLASSES].sort_values()]
    over = "seeds and test images" if len(content.paired_seeds) > 1 else "test images"
    title = "Difference in accuracy by class"
    figure, ((axes,),) = canvas(1.85 + 0.27 * len(drawn), content, title)
    rows = np.arange(len(drawn))
    axes.axvline(0, color=INK, linewidth=1.2)
    axes.hlines(rows, 100 * drawn["low"], 100 * drawn["high"], color=INK, linewidth=5, alpha=0.3)
    axes.plot(100 * drawn["difference"], rows, "o", color=INK, markersize=6)
    label_rows(axes, tables.names_of(content, drawn["class"], NAME))
    axes.set(ylabel="true class", xlabel=f"{BOTH[1]} minus {BOTH[0]}, pp\nbar: 95 % CI over {over}")
    axes.xaxis.set_major_formatter(PlainTicks(signed=True))
    alt = "Dot plot of the difference in accuracy by class, pp. " + " ".join(
        f"{row.iloc[0]}: {row['difference, pp']} ({row['95 % CI, pp']})."
        for _, row in table.display.loc[drawn.index].iterrows()
    )
    worse = tables.names_of(content, frame["class"][frame["difference"] < 0])
    fell = (
        f"Mean accuracy is lower with {BOTH[1]} in class{'es' if len(worse) > 1 else ''} "
        f"{listed(worse)}."
        if worse
        else f"Mean accuracy is lower with {BOTH[1]} in no class."
    )
    found = ""
    if frame["holm_p"].notna().all():
        names = tables.names_of(content, frame["class"])
        said = tables.claim(names, frame, "classes", "higher accuracy", "lower accuracy")
        found = f"By p adjusted for all {len(frame)} (Holm 1979), {BOTH[1]} has {said}. "
    few = (
        f"Drawn are the {len(drawn)} classes with the largest differences, above or below. "
        if len(drawn) < len(frame)
        else ""
    )
    if len(", ".join(worse)) > LISTED:
        fell = f"Mean accuracy is lower with {BOTH[1]} in {len(worse)} classes."
    caption = (
        f"Dots are means over seeds and bars 95 % CIs over {over}, each by itself. {found}"
        f"{few}{fell}"
    )
    return finished(figure, "classes", "By class", alt, caption, table)
