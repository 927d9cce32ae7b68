"""The charts of a report. Each is drawn with its alt text and caption from the same numbers."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis import benchmark
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import listed, number, percent, points, span
from mnist_aug.report import provenance, sentences, tables
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    key,
    label_rows,
    plain_logarithms,
    style_of,
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
def seeds(content: Comparison) -> Figure:
    """Every run as a dot: accuracy of each variant above, paired differences of both below."""
    difference, gaps = content.difference, 100 * content.gains
    names = list(content.variants)
    figure, ((top,), (below,)) = canvas(
        2.85 + 0.42 * len(names),
        content,
        "Test accuracy of every run, and the difference",
        nrows=2,
        gridspec_kw={"height_ratios": [len(names), 1.15]},
    )
    for row, (name, variant) in enumerate(content.variants.items()):
        own = content.results.loc[row]
        mean, low, high = (100 * own[f"accuracy{end}"] for end in ("", "_low", "_high"))
        look = style_of(content, name)
        top.plot([low, high], [row, row], **BAR, color=look["color"], alpha=0.35)
        _dots(top, row, 100 * variant.accuracy, mean, f"{mean:.2f} %", **look)
    key = "; bar: 95 % CI over seeds" if len(gaps) > 1 else ""
    label_rows(top, [f"{n}, n = {len(content.variants[n].seeds)}" for n in names])
    top.set(ylim=(len(names) - 0.5, -0.75), xlabel=f"test accuracy, %{key}")
    mean, low, high = (100 * end for end in (difference.mean, difference.low, difference.high))
    below.axvline(0, color=INK, linewidth=1.2)
    below.plot([low, high], [0, 0], **BAR, color=INK, alpha=0.3)
    _dots(below, 0, gaps, mean, f"{points(difference.mean)} pp", color=MUTED, marker="o")
    label_rows(below, [f"difference, n = {len(gaps)}"])
    below.set_ylim(0.5, -0.75)
    below.set_xlabel(
        f"{BOTH[1]} minus {BOTH[0]}, pp\n"
        f"bar: 95 % CI over {'seeds and ' if len(gaps) > 1 else ''}images"
    )
    left, right = min(low, gaps.min(), 0), max(high, gaps.max(), 0)
    pad = 0.06 * (right - left) or 0.1
    below.set_xlim(left - pad, right + pad)
    top.margins(x=0.06)
    top.xaxis.set_major_locator(MaxNLocator(6))
    top.xaxis.set_major_formatter(PlainTicks())
    below.xaxis.set_major_formatter(PlainTicks(signed=True))
    better = int((gaps > 0).sum())
    many = len(gaps) > 1
    bars = (
        "the wide bars are 95 % CIs over seeds" if many else "one seed gives no interval over seeds"
    )
    text = (
        f"In {better} of {len(gaps)} {'seeds' if many else 'seed'} {BOTH[1]} is more accurate "
        f"than {BOTH[0]}."
    )
    overlap = (
        " Bars of both models may overlap although the models differ: judge by the difference."
        if many
        else ""
    )
    alt = "Dot plot. " + " ".join(
        f"{v.name}: mean test accuracy {percent(mean)} %, from {percent(v.accuracy.min())} to "
        f"{percent(v.accuracy.max())} %, n = {len(v.runs)}."
        for v, mean in zip(content.variants.values(), content.results["accuracy"], strict=True)
    )
    alt += (
        f" {text} The mean difference is {points(difference.mean)} pp, 95 % CI "
        f"{span(difference.low, difference.high)} pp over "
        f"{'seeds and test images' if many else 'test images alone, as there is one seed'}."
    )
    caption = (
        f"Each marker is one run and an upright line their mean; {bars}. Below, a dot is one pair "
        f"of runs with the same seed. {text}{overlap}"
    )
    return finished(figure, "seeds", "Every seed", alt, caption, tables.runs(content))


def _dots(axes: Axes, row: int, values: np.ndarray, mean: float, text: str, **look: Any) -> None:
    """A row of dots, an upright line at their mean, and its text above."""
    axes.plot(values, row + _stacked(values), **DOT, **look)
    axes.plot([mean] * 2, [row - 0.3, row + 0.3], color=INK, linewidth=1.6)
    axes.annotate(text, (mean, row - 0.33), ha="center", va="bottom", fontsize=SMALL)


def _stacked(values: np.ndarray) -> np.ndarray:
    """Heights that part equal values, so that every dot is seen; float [S], centred on 0."""
    order = pd.Series(values.round(6))
    place = order.groupby(order).cumcount() - (order.groupby(order).transform("size") - 1) / 2
    return 0.17 * place.to_numpy()


@matplotlib.rc_context(STYLE)
def curves(content: Comparison) -> Figure:
    """Loss and accuracy by epoch: means over seeds, and the range from least to most."""
    table = tables.curves(content)
    frame = table.frame
    title = "Learning curves: mean and range over seeds"
    figure, panels = canvas(6.0, content, title, hspace=0.06, nrows=2, sharex=True)
    last = frame["epoch"].max()
    for axes, measure in zip(panels[:, 0], ("loss", "accuracy"), strict=True):
        ends = []
        for model in BOTH:
            rows = frame[frame["variant"] == model]
            colour = style_of(content, model)["color"]
            for column, part in ((measure, "training"), (f"val_{measure}", "validation")):
                values = rows.assign(
                    y=rows[column].where(np.isfinite(rows[column]))
                    * (100 if measure == "accuracy" else 1)
                ).dropna(subset="y")
                if values.empty:  # of runs that diverged at once
                    continue
                ends_of = values.groupby("epoch")["y"].agg(["mean", "min", "max"])
                mean, low, high = (ends_of[name] for name in ends_of)
                line = "--" if part == "training" else "-"
                dot = "o" if last <= 3 else None
                axes.plot(mean, color=colour, linestyle=line, marker=dot)
                if part == "validation":
                    axes.fill_between(mean.index, low, high, color=colour, alpha=0.2)
                ends.append((mean.iloc[-1], mean.index[-1], model, part))
        axes.set_ylabel("loss, nats" if measure == "loss" else "accuracy, %")
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(PlainTicks())
        low, high = axes.get_ylim()
        heights = _apart([(y - low) / (high - low) for y, *_ in ends], 0.1)
        for (y, end, model, part), height in zip(ends, heights, strict=True):
            axes.annotate(
                f"{model}, {part}",
                (end, y),
                xytext=(1.06, height),
                textcoords="axes fraction",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "color": style_of(content, model)["color"],
                    "linestyle": "--" if part == "training" else "-",
                    "linewidth": 0.8,
                    "shrinkA": 2,
                    "shrinkB": 2,
                    "relpos": (0, 0.5),
                },
            )
    axes.set_xlabel("epoch")
    figure.align_ylabels()
    final = " ".join(
        f"{row['variant']}: training loss {row['training loss, nats']}, validation loss "
        f"{row['validation loss, nats']}, validation accuracy {row['validation accuracy, %']} %."
        for _, row in table.display.iterrows()
    )
    note = "".join(
        f" {sentences.training_values(v.name, v.settings['policy'])}"
        for v in content.both
        if v.settings["policy"]
    )
    gaps = (
        ""
        if np.isfinite(frame.select_dtypes("number")).all(axis=None)
        else (" Runs are left out where a value of theirs is not a number.")
    )
    alt = f"Line charts of loss and accuracy by epoch. After epoch {last}, {final}"
    caption = (
        "Solid: validation images, with the range over seeds shaded. Dashed: training "
        f"images, measured while the epoch trains.{note}{gaps}"
    )
    return finished(figure, "curves", "Learning curves", alt, caption, table)


def _apart(heights: list[float], gap: float) -> list[float]:
    """Heights in [0, 1] moved so that labels lie at least `gap` apart, near where they were."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, float)[order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    if not len(moved):
        return []
    moved -= (moved - np.array(heights)[order]).mean()
    moved += max(0.0, 0.04 - moved[0])
    moved -= max(0.0, moved[-1] - 0.98)
    placed = np.empty(len(moved))
    placed[order] = moved
    return placed.tolist()


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


@matplotlib.rc_context(STYLE)
def bench(content: Comparison, times: pd.DataFrame) -> Figure:
    """Time for each image of each method, every repeat a dot, on a logarithmic scale."""
    table = provenance.bench(times)
    raw = benchmark.epochs(times)
    raw = raw.assign(us=1e6 * raw["seconds"] / raw["images"])
    groups = list(table.frame.groupby("benchmark", sort=False))
    sizes = [len(lines) for _, lines in groups]
    figure, panels = canvas(
        1.1 + 0.3 * sum(sizes) + 0.35 * len(sizes),
        content,
        "Time for one image; grey is the reference",
        nrows=len(sizes),
        sharex=True,
        gridspec_kw={"height_ratios": [n + 0.2 for n in sizes]},
    )
    for axes, (name, lines) in zip(panels[:, 0], groups, strict=True):
        for row, line in enumerate(lines.itertuples()):
            own = raw[(raw["benchmark"] == name) & (raw["method"] == line.method)]
            colour = MUTED if line.method == line.against else COLOURS[2]
            axes.plot(own["us"], [row] * len(own), **DOT, marker="o", color=colour)
            axes.annotate(
                f"{number(line.us_per_image)} µs",
                (own["us"].max(), row),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
            )
        axes.set_title(name, loc="right")  # a long name has room on its left
        axes.set_yticks(range(len(lines)), lines["method"])
        axes.set(ylim=(len(lines) - 0.4, -0.6), xlabel="", ylabel="", xscale="log")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        plain_logarithms(axes.xaxis)
    times = table.frame[["us_least", "us_most"]]
    axes.set_xlim(10 ** np.floor(np.log10(times.min().min())), times.max().max() * 3)
    axes.set_xlabel("time for one image, µs (logarithmic)")
    text = " ".join(
        f"{r.benchmark}, {r.method}: {number(r.us_per_image)} µs." for r in table.frame.itertuples()
    )
    caption = (
        "Each dot is one repeat, and the number is the median; "
        "grey marks the method that the others are compared with."
    )
    return finished(figure, "bench", "Time by method", f"Dot plot. {text}", caption, table)


@matplotlib.rc_context(STYLE)
def libraries(content: Comparison, times: pd.DataFrame) -> Figure:
    """Median time for each image of each work by each library, on a logarithmic scale."""
    table = provenance.libraries(times)
    frame = table.frame
    works = list(dict.fromkeys(frame["benchmark"]))
    height, keys = 2.0 + 0.34 * len(works), 3
    title = "Time to augment one image, on one core"
    figure, ((axes,),) = canvas(height, content, title, key=keys)
    every = list(frame.groupby("method", sort=False))
    for place, (library, lines) in enumerate(every):
        whole = lines["draws"].str.contains("whole batch")
        look = {**DOT, "marker": MARKERS[place % len(MARKERS)], "markersize": 7}
        colour = COLOURS[place % len(COLOURS)]
        axes.plot([], [], **look, color=colour, label=library)
        for hollow, some in lines.groupby(whole):
            axes.plot(
                some["us_per_image"],
                # Apart, so that marks of the same time are all seen.
                [works.index(work) + 0.5 * place / len(every) - 0.2 for work in some["benchmark"]],
                **look | ({"markeredgecolor": colour, "markeredgewidth": 1.5} if hollow else {}),
                color=PAPER if hollow else colour,
            )
    axes.set(xscale="log", ylim=(len(works) - 0.5, -0.5), ylabel="")
    axes.set_xlabel("time for one image, µs (logarithmic)")
    axes.set_yticks(range(len(works)), works)
    axes.grid(axis="both")
    axes.tick_params(axis="y", length=0)
    plain_logarithms(axes.xaxis)
    key(figure, 2)
    text = " ".join(
        f"{r.benchmark}, {r.method}: {number(r.us_per_image)} µs." for r in frame.itertuples()
    )
    caption = (
        "Medians; the table has the spread. Hollow marks draw something once for a whole batch, "
        "where the others draw all of it for every image."
    )
    return finished(figure, table.name, "Time by library", f"Dot plot. {text}", caption, table)
