"""Both models row by row: their accuracies at the left, the differences with CIs at the right."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import percent, points, span
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    RULE,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    key,
    label_rows,
    style_of,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

ROW = 0.2  # inches
SIDES = {1: COLOURS[2], 0: MUTED, -1: COLOURS[3]}  # where the CI lies
CALLED = {1: "CI above 0", 0: "CI contains 0", -1: "CI below 0"}
BAR = 0.21  # of a row: half the height of a bar
MOST = 50  # points: where accuracies lie farther apart, their axis is that of all accuracies


@matplotlib.rc_context(STYLE)
def figure(
    content: Comparison,
    frame: pd.DataFrame,
    labels: Sequence[str],
    titles: tuple[str, str],
    notes: tuple[str, str],
    table: Table,
    apart: int = 0,
) -> Figure:
    """The two panels.

    Args:
        frame: baseline and augmented, difference, low, high and side of each row.
        labels: of the rows.
        titles: in the figure, and of the figure where it is named in words.
        notes: below the two axes' labels, such as what the bars are.
        table: of these numbers; the figure takes its name.
        apart: how many of the last rows stand apart, as means do.
    """
    title, called = titles
    rows = np.arange(len(frame), dtype=float)
    rows[len(frame) - apart :] += 0.6 * bool(apart)
    known = frame["low"].notna().to_numpy()
    coloured = frame["side"].where(known)[: len(frame) - apart]
    sides = [side for side in SIDES if len(content.paired_seeds) > 1 and (coloured == side).any()]
    height = 1.42 + 0.28 * bool(sides) + ROW * (rows[-1] + 1)
    canvas_, ((left, right),) = canvas(
        height,
        content,
        title,
        key=1 + bool(sides),
        ncols=2,
        sharey=True,
        width_ratios=[1, 1.2],
    )
    values = 100 * frame[[*BOTH, "difference", "low", "high"]]
    left.hlines(rows, values[BOTH[0]], values[BOTH[1]], color=RULE, linewidth=1.4)
    for model in BOTH:
        look = style_of(content, model)
        (dots,) = left.plot(values[model], rows, linestyle="none", label=model, **look)
        tips(
            dots,
            [
                f"{label}, {model}: {percent(own)} %"
                for label, own in zip(labels, frame[model], strict=True)
            ],
        )
    right.axvline(0, color=INK, linewidth=1)
    colours = [
        INK if place >= len(frame) - apart else SIDES[side]
        for place, side in enumerate(frame["side"])
    ]
    said = [
        f"{label}: {points(row.difference)} pp"
        + (f" (95 % CI {span(row.low, row.high)})" if know else "")
        for label, row, know in zip(labels, frame.itertuples(), known, strict=True)
    ]
    if known.any():
        shown = [c for c, know in zip(colours, known, strict=True) if know]
        bars = PolyCollection(
            [
                [(low, y - BAR), (low, y + BAR), (high, y + BAR), (high, y - BAR)]
                for y, low, high in zip(rows, values["low"], values["high"], strict=True)
                if np.isfinite(low)
            ],
            facecolors=shown,
            edgecolors=shown,  # which makes the narrowest visible
            linewidths=1.2,
            zorder=3,
        )
        right.add_collection(bars)
        tips(bars, [text for text, know in zip(said, known, strict=True) if know])
    # Behind its bar, which would be hidden where it is as narrow.
    right.scatter(values["difference"], rows, c=INK, marker="|", s=110, linewidths=1, zorder=2)
    label_rows(left, [*labels])
    left.set_yticks(rows)
    left.set_yticklabels(labels)
    left.set_ylim(rows[-1] + 0.6, -0.6)
    right.grid()
    left.grid(axis="y")
    right.tick_params(axis="y", length=0)
    right.spines["left"].set_visible(False)
    for axes, label, note in zip(
        (left, right), ("accuracy, %", f"{BOTH[1]} minus {BOTH[0]}, pp"), notes, strict=True
    ):
        axes.set_xlabel(f"{label}\n{note}")
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if np.ptp(values[[*BOTH]].to_numpy()) > MOST:
        left.set(xlim=(-2, 102), xticks=range(0, 101, 25))
    left.xaxis.set_major_formatter(PlainTicks())
    right.xaxis.set_major_formatter(PlainTicks(signed=True))
    key(canvas_, 2)
    canvas_.legend(
        handles=[Patch(color=SIDES[side], label=CALLED[side]) for side in sides],
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.56 / height),
        ncols=len(SIDES),
        frameon=False,
        fontsize=SMALL,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=1,
    )
    alt = "Two panels by row: accuracy of both models, %, and the difference, pp. "
    alt += " ".join(f"{text}." for text in said)
    return finished(canvas_, table.name, called, alt, table)
