"""The charts of a search: its history, what the settings matter, and accuracy by setting."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import runs_of_both
from mnist_aug.formatting import percent
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    plain_logarithms,
    style_of,
    tips,
)
from mnist_aug.report.search import is_number, label, setting_text
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search

COLUMNS = 3  # of panels
LOWER = 7  # Matplotlib's caret down, its tip at the place, for what lies below the axis
BEST = COLOURS[2]


@matplotlib.rc_context(STYLE)
def history(searches: list[Search], content: Comparison) -> Figure:
    """Validation accuracy of each trial in order, and the best so far; a panel for each model."""
    own = runs_of_both(content).frame.groupby("variant")["validation"].mean()
    figure, panels = canvas(
        1.2 + 1.45 * len(searches),
        content,
        "Validation accuracy of each trial",
        key=1,
        nrows=len(searches),
        sharex=True,
    )
    frames, texts, low = [], [], 0
    for axes, search in zip(panels[:, 0], searches, strict=True):
        frame = search.trials[["trial", "pruned", "seeds", "validation"]].sort_values("trial")
        frame.insert(0, "variant", search.variant)
        frame["best_so_far"] = frame["validation"].where(~frame["pruned"]).cummax().ffill()
        frames.append(frame)
        floor = _floor(search, own[search.variant])
        low += int((100 * frame["validation"] < floor).sum())
        look = style_of(content, search.variant)
        for pruned, drawn in ((False, look), (True, {"color": MUTED, "marker": "x"})):
            own_kind = frame[frame["pruned"] == pruned]
            x, y = (own_kind[name].to_numpy(float) for name in ("trial", "validation"))
            texts_of = [
                f"{search.variant}, trial {trial}{', pruned' * pruned}: {percent(value)} %"
                for trial, value in zip(own_kind["trial"], y, strict=True)
            ]
            _dots(axes, x, y, floor, texts_of, markersize=4, **drawn)
        axes.step(
            frame["trial"], 100 * frame["best_so_far"], where="post", color=INK, linewidth=1.4
        )
        axes.axhline(100 * own[search.variant], color=INK, linewidth=1.2, linestyle="--")
        axes.set_title(search.variant)
        axes.set(ylabel="accuracy, %", ylim=(floor - _pad(axes, floor), None))
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(PlainTicks())
        texts.append(
            f"{search.variant}: {len(frame)} trials, {int(frame['pruned'].sum())} pruned; the best "
            f"is trial {search.about['trial']}, {percent(search.about['validation'])} %; its "
            f"own settings {percent(own[search.variant])} %."
        )
    axes.set_xlabel("trial")
    marks: dict[str, dict[str, Any]] = {
        "completed": {"marker": "o", "linestyle": "none", "color": INK},
        "pruned": {"marker": "x", "linestyle": "none", "color": MUTED},
        "best so far": {"color": INK, "linewidth": 1.4},
        "own settings": {"color": INK, "linewidth": 1.2, "linestyle": "--"},
    }
    if low:
        marks["below axis"] = {"marker": LOWER, "linestyle": "none", "color": INK}
    _key(figure, [Line2D([], [], markersize=4, **drawn) for drawn in marks.values()], [*marks])
    table = pd.concat(frames, ignore_index=True)
    alt = f"Scatter charts of the validation accuracy of each trial. {' '.join(texts)}"
    trials = Table("search-history", "Trials", table, table)
    return finished(figure, "search-history", "History of the search", alt, trials)


def _key(figure: Canvas, lines: list[Line2D], labels: list[str]) -> None:
    """A key below the title of a canvas that has room for one."""
    figure.legend(
        lines,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - 0.31 / figure.get_figheight()),
        borderaxespad=0,
        borderpad=0,
        ncols=len(labels),
        frameon=False,
        handlelength=1.4,
        columnspacing=1.3,
        fontsize=SMALL,
    ).set_in_layout(False)


def _floor(search: Search, own: float) -> float:
    """Percent, below which trials are drawn at the foot, so that those near the best part."""
    values = 100 * search.trials["validation"]
    top = 100 * search.about["validation"]
    floor = min(
        top - 4 * (top - np.median(100 * search.whole["validation"])),
        top - 1.15 * (top - 100 * own),
    )  # so that none is drawn on the line of `own`
    return max(floor, min(values.min(), 100 * own))


def _pad(axes: Axes, floor: float) -> float:
    return 0.06 * (axes.get_ylim()[1] - floor)


def _dots(
    axes: Axes, x: np.ndarray, accuracy: np.ndarray, floor: float, texts: list[str], **look: Any
) -> None:
    """Marks in percent, each with its text; those less than `floor` point down, at its height."""
    y = 100 * accuracy
    for under, own in ((False, look), (True, look | {"marker": LOWER})):
        kind = (y < floor) == under
        marks = axes.plot(x[kind], y[kind].clip(floor), linestyle="none", alpha=0.8, **own)[0]
        tips(marks, [text for text, of_kind in zip(texts, kind, strict=True) if of_kind])


@matplotlib.rc_context(STYLE)
def importance(searches: dict[str, Search], content: Comparison) -> Figure:
    """What each setting matters, a bar each; a panel for each model."""
    drawn = [s for s in searches.values() if len(s.importance)]
    counts = [len(s.importance) for s in drawn]
    figure, panels = canvas(
        1.1 + 0.2 * sum(counts) + 0.3 * len(counts),
        content,
        "Importance of the settings",
        nrows=len(drawn),
        sharex=True,
        gridspec_kw={"height_ratios": [n + 0.4 for n in counts]},
    )
    frames = []
    for axes, search in zip(panels[:, 0], drawn, strict=True):
        frame = search.importance[["setting", "importance"]].sort_values(
            "importance", ascending=False, kind="stable", ignore_index=True
        )
        frames.append(frame.assign(variant=search.variant)[["variant", "setting", "importance"]])
        rows = range(len(frame))
        axes.barh(
            rows,
            100 * frame["importance"],
            height=0.7,
            color=style_of(content, search.variant)["color"],
        )
        for row, share in zip(rows, frame["importance"], strict=True):
            axes.annotate(
                f"{percent(share, 0)} %",
                (100 * share, row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
            )
        axes.set_yticks(rows, frame["setting"].map(label))
        axes.set_title(search.variant)
        axes.set(ylim=(len(frame) - 0.5, -0.5))
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    table = pd.concat(frames, ignore_index=True)
    axes.set(
        xlabel="share of the variance explained, %", xlim=(0, 112 * table["importance"].max() or 1)
    )
    alt = "Bar charts of the importance of the settings. " + " ".join(
        f"{search.variant}: "
        + ", ".join(
            f"{label(row.setting)} {percent(row.importance, 0)} %" for row in frame.itertuples()
        )
        + "."
        for search, frame in zip(drawn, frames, strict=True)
    )
    name, title = "search-importance", "Importance of the settings"
    return finished(figure, name, title, alt, Table(name, title, table, table))


@matplotlib.rc_context(STYLE)
def slices(search: Search, content: Comparison) -> Figure:
    """Validation accuracy of the completed trials against each setting, a panel each."""
    frame, names = search.whole, search.settings
    rows = -(-len(names) // COLUMNS)
    figure, panels = canvas(
        1.2 + 1.4 * rows,
        content,
        f"Validation accuracy by setting: {search.variant}",
        hspace=0.06,
        wspace=0.03,
        key=1,
        nrows=rows,
        ncols=COLUMNS,
        sharey=True,
    )
    floor = _floor(search, search.about["validation"])
    look = style_of(content, search.variant)
    for axes, name in zip(panels.flat, names, strict=False):
        x = _places(axes, name, frame[name])
        texts = [
            f"trial {trial}, {label(name)} {setting_text(value)}: {percent(accuracy)} %"
            for trial, value, accuracy in zip(
                frame["trial"], frame[name], frame["validation"], strict=True
            )
        ]
        _dots(axes, x, frame["validation"].to_numpy(), floor, texts, markersize=3.5, **look)
        best = (frame["trial"] == search.about["trial"]).to_numpy()
        axes.plot(
            x[best],
            100 * frame["validation"][best],
            "*",
            color=BEST,
            markersize=13,
            markeredgecolor=PAPER,
            zorder=3,
        )
        axes.set_xlabel(label(name))
        axes.grid(axis="y")
    for axes in panels.flat[len(names) :]:
        axes.remove()
    _key(
        figure,
        [
            Line2D([], [], linestyle="none", markersize=3.5, **look),
            Line2D([], [], linestyle="none", markersize=10, marker="*", color=BEST),
        ],
        ["completed trial", "the best trial"],
    )
    panels[0, 0].set_ylim(floor - _pad(panels[0, 0], floor), None)
    panels[0, 0].yaxis.set_major_formatter(PlainTicks())
    figure.supylabel("validation accuracy, %", fontsize=10)
    best = search.best
    alt = (
        f"Scatter charts of the validation accuracy of {len(frame)} trials against each "
        f"setting. Trial {search.about['trial']} is the best: "
        + ", ".join(f"{label(name)} {setting_text(best[name])}" for name in names)
        + "."
    )
    name, trials = f"search-{search.variant}", search.trials
    table = Table(name, f"Trials of {search.variant}", trials, trials)
    return finished(figure, name, f"Settings of {search.variant}", alt, table)


def _places(axes: Axes, name: str, values: pd.Series) -> np.ndarray:
    """Where trials lie along the axis of a setting, whose ticks are set."""
    if name != "width" and is_number(values):
        if name == "learning_rate":
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator([0.0003, 0.001, 0.003]))
            plain_logarithms(axes.xaxis)
            axes.set_xlim(values.min() / 1.15, values.max() * 1.15)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.xaxis.set_major_formatter(PlainTicks())
        return values.to_numpy(float)
    kinds = sorted(set(values))
    axes.set_xticks(range(len(kinds)), [setting_text(kind) for kind in kinds])
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    # Spread evenly within the category, in the order of the trials, so that marks part.
    aside = (np.arange(len(values)) * 0.618034) % 1 - 0.5
    return np.array([kinds.index(value) for value in values]) + 0.5 * aside
