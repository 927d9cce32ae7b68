"""Which class is read as which: the matrices of counts."""

from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import MINUS, number
from mnist_aug.report import tables
from mnist_aug.report.drawing import COLOURS, RULE, SMALL, STYLE, Figure, canvas, finished
from mnist_aug.results.runs import BOTH

SHORT = 3  # letters that have room side by side
LETTER = 0.09  # inches
WRITTEN = 12  # with more classes than this the cells hold no numbers
NARROW = 10  # the same where long names leave less room
NAME = 12  # letters of a class's name
NAMED = 20  # with more, every other class has its name
DRAWN = 40  # with more, only those with the most errors are drawn, as many as have numbers


@matplotlib.rc_context(STYLE)
def confusion(content: Comparison) -> Figure:
    """Mean confusion counts per run of both models, and their difference, one below another."""
    table = tables.confusion(content)
    square = (content.classes, content.classes)
    every = [table.frame[model].to_numpy().reshape(square) for model in BOTH]
    longest, written = _room(content)
    upright = longest > SHORT  # the names below a matrix
    drawn = _drawn(sum(every), written)
    counts = [c[np.ix_(drawn, drawn)] for c in every]
    names = np.array(tables.names_of(content, drawn, NAME))
    below = LETTER * longest if upright else 0
    tall = min(0.25 * len(names), 3.2)
    title = "Mean counts per run, by true and predicted class"
    figure, panels = canvas(0.7 + 3 * (tall + 0.75 + below), content, title, nrows=3)
    most = max(1e-9, *(c[~np.eye(len(c), dtype=bool)].max() for c in counts))
    change = counts[1] - counts[0]
    largest = max(1e-9, np.abs(change[~np.eye(len(change), dtype=bool)]).max())
    ticks = np.arange(0, len(names), 1 if len(names) <= NAMED else 2)
    tints = [(COLOURS[0], 0.6), (COLOURS[0], 0), (COLOURS[1], 0), (COLOURS[1], 0.6)]
    both = LinearSegmentedColormap.from_list("both", [_tint(*tint) for tint in tints])
    for axes, values, colour, limit, title in (
        (panels[0, 0], counts[0], COLOURS[0], most, BOTH[0]),
        (panels[1, 0], counts[1], COLOURS[1], most, BOTH[1]),
        (panels[2, 0], change, None, largest, f"{BOTH[1]} minus {BOTH[0]}"),
    ):
        shade = values.copy()
        np.fill_diagonal(shade, 0)  # the many right ones would drown the errors
        single = (
            both
            if colour is None
            else LinearSegmentedColormap.from_list("one", [_tint(colour, 0), _tint(colour, 0.6)])
        )
        sns.heatmap(
            shade,
            ax=axes,
            cmap=single,
            vmin=-limit if colour is None else 0,
            vmax=limit,
            cbar=False,
            linewidths=0.5,
            linecolor=RULE,
            xticklabels=False,  # seaborn draws the figure to see which of them have room
            yticklabels=False,
        )
        axes.set_xticks(ticks + 0.5, names[ticks], rotation=90 if upright else 0)
        axes.set_yticks(ticks + 0.5, names[ticks], va="center")
        if len(names) <= written:
            for (i, j), value in np.ndenumerate(values):
                text = _count(value, len(content.paired_seeds) == 1, signed=colour is None)
                axes.text(
                    j + 0.5,
                    i + 0.5,
                    text,
                    ha="center",
                    va="center",
                    fontsize=SMALL,
                    fontweight="bold" if i == j else "normal",
                )
        axes.set_title(title)
        axes.set(xlabel="predicted class", ylabel="true class")
        axes.tick_params(length=0)
    wrong = [c.sum() - np.trace(c) for c in every]
    alt = (
        "Three matrices of counts by true and predicted class. Mean errors per run: "
        f"{BOTH[0]} {number(wrong[0])}, {BOTH[1]} {number(wrong[1])} of "
        f"{len(content.labels):,} test images."
    )
    largest_of: dict[str, Any] = {}  # by sign; each half of the table begins with its largest
    for _, row in table.display.iterrows():
        largest_of.setdefault(row["change"][0], row)
    for row in largest_of.values():
        alt += (
            f" Largest {'increase' if row['change'][0] == '+' else 'decrease'}: {row.iloc[0]}, "
            f"{row[BOTH[0]]} with {BOTH[0]}, {row[BOTH[1]]} with {BOTH[1]}."
        )
    return finished(figure, "confusion", "Confusion matrices", alt, table)


def facts(content: Comparison) -> dict[str, Any]:
    """What the template says of the matrices.

    Returns:
        classes; drawn, how many the figure has; errors, the mean number per run by model.
    """
    classes = content.classes
    return {
        "classes": classes,
        "drawn": classes if classes <= DRAWN else _room(content)[1],
        "errors": {one.name: float((~one.correct).sum(axis=1).mean()) for one in content.both},
    }


def _room(content: Comparison) -> tuple[int, int]:
    """Letters of the longest name, and with how many classes the cells still hold numbers."""
    longest = max(map(len, tables.names_of(content, range(content.classes), NAME)))
    return longest, NARROW if longest > SHORT else WRITTEN


def _drawn(counts: np.ndarray, most: int) -> np.ndarray:
    """The classes to draw, in order: all, or of many at most `most` with the most errors."""
    classes = len(counts)
    if classes <= DRAWN:
        return np.arange(classes)
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return np.sort(np.lexsort((np.arange(classes), -errors))[:most])


def _tint(colour: str, alpha: float) -> tuple[float, ...]:
    return (*to_rgb(colour), alpha)


def _count(value: float, whole: bool, signed: bool) -> str:
    if abs(value) < 0.05:
        return ""
    digits = 0 if whole or abs(value) >= (9.95 if signed else 99.95) else 1
    return f"{value:{'+' if signed else ''},.{digits}f}".replace("-", MINUS)
