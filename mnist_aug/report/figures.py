"""The charts of a report. Each is drawn with its alt text and caption from the same numbers."""

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mnist_aug.report import provenance, tables
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    PAPER,
    RULE,
    STYLE,
    Figure,
    canvas,
    plain_ticks,
    render,
    style_of,
)
from mnist_aug.report.tables import number, percent, points, span
from mnist_aug.statistics import Difference, mean_interval
from mnist_aug.study import ARMS, Study


@matplotlib.rc_context(STYLE)
def seeds(study: Study, difference: Difference) -> Figure:
    """Every run as a dot: accuracy of each variant above, the arms' paired difference below."""
    first, second = study.arms
    gaps = 100 * (second.accuracy - first.accuracy)
    names = list(study.variants)
    figure, ((top,), (below,)) = canvas(
        5.4, 2.7 + 0.42 * len(names), study,
        "Test accuracy of every run, and the difference",
        nrows=2, gridspec_kw={"height_ratios": [len(names), 1.15]})
    for row, (name, variant) in enumerate(study.variants.items()):
        look, values = style_of(study, name), 100 * variant.accuracy
        low, high = (100 * end for end in mean_interval(variant.accuracy))
        top.plot([low, high], [row, row], color=look["color"], linewidth=6, alpha=0.35,
                 solid_capstyle="butt")
        sns.stripplot(x=values, y=row + _stacked(values), ax=top, jitter=False, orient="h",
                      native_scale=True, size=6, color=look["color"], marker=look["marker"],
                      edgecolor=PAPER, linewidth=0.8)
        top.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=INK, linewidth=1.6)
        top.annotate(f"{values.mean():.2f} %", (values.mean(), row - 0.33), ha="center",
                     va="bottom", fontsize=9.5)
    key = "; bar: 95 % interval of the mean" if len(gaps) > 1 else ""
    top.set(ylim=(len(names) - 0.5, -0.75), xlabel=f"test accuracy, %{key}", ylabel="")
    top.set_yticks(range(len(names)), [f"{n}, n = {len(study.variants[n].seeds)}" for n in names])
    low, high, mean = 100 * difference.low, 100 * difference.high, 100 * difference.mean
    below.axvline(0, color=INK, linewidth=1.2)
    below.plot([low, high], [0, 0], color=INK, linewidth=6, alpha=0.3, solid_capstyle="butt")
    sns.stripplot(x=gaps, y=_stacked(gaps), ax=below, jitter=False, orient="h",
                  native_scale=True, size=6, color=MUTED, edgecolor=PAPER, linewidth=0.8)
    below.plot([mean] * 2, [-0.3, 0.3], color=INK, linewidth=1.6)
    below.annotate(f"{points(difference.mean)} pp", (mean, -0.33), ha="center", va="bottom",
                   fontsize=9.5)
    below.set(ylim=(0.5, -0.75), ylabel="")
    below.set_xlabel(f"{ARMS[1]} minus {ARMS[0]}, pp; bar: 95 % interval")
    below.set_yticks([0], [f"difference, n = {len(gaps)}"])
    left, right = min(low, gaps.min(), 0), max(high, gaps.max(), 0)
    pad = 0.06 * (right - left) or 0.1
    below.set_xlim(left - pad, right + pad)
    top.margins(x=0.06)
    for axes in (top, below):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
    plain_ticks(top.xaxis)
    plain_ticks(below.xaxis, signed=True)
    better = int((gaps > 0).sum())
    bars = ("the wide bars are 95 % intervals of the mean over seeds" if len(gaps) > 1 else
            "one seed gives no interval over seeds")
    over = "seeds and test images" if len(gaps) > 1 else "test images alone, as there is one seed"
    text = (f"In {better} of {len(gaps)} {'seeds' if len(gaps) > 1 else 'seed'} {ARMS[1]} is more "
            f"accurate than {ARMS[0]}. The mean difference is "
            f"{points(difference.mean)} pp, 95 % interval "
            f"{span(difference.low, difference.high)} pp over {over}.")
    alt = "Dot plot. " + " ".join(
        f"{n}: mean test accuracy {percent(v.accuracy.mean())} %, from {percent(v.accuracy.min())} "
        f"to {percent(v.accuracy.max())} %, n = {len(v.runs)}." for n, v in study.variants.items())
    return Figure("seeds", "Every seed", render(figure, "seeds", f"{alt} {text}"), f"{alt} {text}",
                  f"Each marker is one run and an upright line their mean; {bars}. Below, a dot is "
                  f"one pair of runs with the same seed. {text}", tables.runs(study))


def _stacked(values: np.ndarray) -> np.ndarray:
    """Heights that part equal values, so that every dot is seen; float [S], centred on 0."""
    order = pd.Series(values.round(6))
    place = order.groupby(order).cumcount() - (order.groupby(order).transform("size") - 1) / 2
    return 0.17 * place.to_numpy()


@matplotlib.rc_context(STYLE)
def curves(study: Study) -> Figure:
    """Loss and accuracy by epoch: means over seeds, and the range from least to most."""
    table = tables.curves(study)
    frame = table.frame
    figure, panels = canvas(7.5, 6.4, study, "Learning curves: mean and range over seeds",
                            nrows=2, sharex=True)
    last = frame["epoch"].max()
    for axes, measure in zip(panels[:, 0], ("loss", "accuracy"), strict=True):
        ends = []
        for arm in ARMS:
            rows = frame[frame["variant"] == arm]
            colour = style_of(study, arm)["color"]
            for column, part in ((measure, "training"), (f"val_{measure}", "validation")):
                values = rows.assign(y=rows[column] * (100 if measure == "accuracy" else 1))
                sns.lineplot(values, x="epoch", y="y", ax=axes, color=colour, legend=False,
                             linestyle="--" if part == "training" else "-",
                             errorbar=("pi", 100) if part == "validation" else None,
                             marker="o" if last <= 3 else None)
                ends.append((values.groupby("epoch")["y"].mean().iloc[-1], f"{arm}, {part}"))
        axes.set(xlabel="epoch", ylabel="loss, nats" if measure == "loss" else "accuracy, %")
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        plain_ticks(axes.yaxis)
        low, high = axes.get_ylim()
        heights = _apart([(y - low) / (high - low) for y, _ in ends], 0.085)
        for (y, label), height in zip(ends, heights, strict=True):
            colour = style_of(study, label.split(",")[0])["color"]
            axes.annotate(label, (last, y), xytext=(1.05, height), textcoords="axes fraction",
                          va="center", fontsize=9.5, annotation_clip=False,
                          arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8,
                                      "shrinkA": 2, "shrinkB": 2, "relpos": (0, 0.5)})
    figure.align_ylabels()
    final = " ".join(
        f"{row['variant']}: training loss {row['training loss']}, validation loss "
        f"{row['validation loss']}, validation accuracy {row['validation accuracy, %']} %."
        for _, row in table.shown.iterrows())
    augmenting = [v.name for v in study.arms if v.policy]
    note = (f" Training values of {' and '.join(augmenting)} are measured on augmented images."
            if augmenting else "")
    alt = f"Line charts of loss and accuracy by epoch. After epoch {last}, {final}"
    return Figure("curves", "Learning curves", render(figure, "curves", alt), alt,
                  f"Solid: validation images, with the range over seeds shaded. Dashed: training "
                  f"images, measured while the epoch trains.{note} After epoch {last}, mean over "
                  f"seeds, {final}", table)


def _apart(heights: list[float], gap: float) -> list[float]:
    """Heights in [0, 1] moved so that labels lie at least `gap` apart, near where they were."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, float)[order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    moved -= (moved - np.array(heights)[order]).mean()
    moved += max(0.0, 0.04 - moved[0])
    moved -= max(0.0, moved[-1] - 0.98)
    placed = np.empty(len(moved))
    placed[order] = moved
    return placed.tolist()


@matplotlib.rc_context(STYLE)
def classes(study: Study) -> Figure:
    """The difference in accuracy within each class with its interval."""
    table = tables.classes(study)
    frame = table.frame
    figure, ((axes,),) = canvas(5.4, 1.7 + 0.27 * len(frame), study,
                                f"Difference in accuracy by class, {ARMS[1]} minus {ARMS[0]}")
    rows = np.arange(len(frame))
    axes.axvline(0, color=INK, linewidth=1.2)
    axes.hlines(rows, 100 * frame["low"], 100 * frame["high"], color=INK, linewidth=5, alpha=0.3)
    axes.plot(100 * frame["difference"], rows, "o", color=INK, markersize=6)
    axes.set_yticks(rows, frame["class"].astype(str))
    axes.set(ylim=(len(frame) - 0.5, -0.5), ylabel="true class",
             xlabel="difference in accuracy, pp; bar: 95 % interval")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    plain_ticks(axes.xaxis, signed=True)
    alt = "Dot plot of the difference in accuracy by class, pp. " + " ".join(
        f"{row.iloc[0]}: {row['difference, pp']} ({row['95 % interval, pp']})."
        for _, row in table.shown.iterrows())
    above = int((frame["low"] > 0).sum())
    under = int((frame["high"] < 0).sum())
    return Figure("classes", "By class", render(figure, "classes", alt), alt,
                  f"Dots are means over seeds and bars 95 % intervals. {above} of {len(frame)} "
                  f"intervals lie above zero and {under} below. They are not adjusted for "
                  f"looking at {len(frame)} classes.", table)


@matplotlib.rc_context(STYLE)
def confusion(study: Study) -> Figure:
    """Mean confusion counts per run of both arms, and their difference."""
    table = tables.confusion(study)
    counts = [arm.confusion(study.classes) for arm in study.arms]
    figure, (panels,) = canvas(11, 4.5, study, "Mean count of test images per run, by true and "
                               "predicted class", ncols=3)
    most = max(1e-9, *(c[~np.eye(len(c), dtype=bool)].max() for c in counts))
    change = counts[1] - counts[0]
    largest = max(1e-9, np.abs(change[~np.eye(len(change), dtype=bool)]).max())
    both = LinearSegmentedColormap.from_list("both", [
        _tint(COLOURS[0], 0.6), _tint(COLOURS[0], 0), _tint(COLOURS[1], 0), _tint(COLOURS[1], 0.6)])
    for axes, values, colour, limit, title in (
            (panels[0], counts[0], COLOURS[0], most, ARMS[0]),
            (panels[1], counts[1], COLOURS[1], most, ARMS[1]),
            (panels[2], change, None, largest, f"{ARMS[1]} minus {ARMS[0]}")):
        shade = values.copy()
        np.fill_diagonal(shade, 0)  # the many right ones would drown the errors
        single = LinearSegmentedColormap.from_list("one", [_tint(COLOURS[0], 0)] * 2) \
            if colour is None else LinearSegmentedColormap.from_list(
                "one", [_tint(colour, 0), _tint(colour, 0.6)])
        sns.heatmap(shade, ax=axes, cmap=both if colour is None else single, square=True,
                    vmin=-limit if colour is None else 0, vmax=limit, cbar=False,
                    linewidths=0.5, linecolor=RULE)
        if study.classes <= 12:
            for (i, j), value in np.ndenumerate(values):
                text = _count(value, len(study.paired_seeds) == 1, signed=colour is None)
                axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=7.5,
                          fontweight="bold" if i == j else "normal")
        axes.set_title(title)
        axes.set(xlabel="predicted class", ylabel="true class")
        axes.tick_params(length=0)
        axes.tick_params(axis="y", rotation=0)
    wrong = [c.sum() - np.trace(c) for c in counts]
    text = (f"Mean errors per run: {ARMS[0]} {number(wrong[0])}, {ARMS[1]} {number(wrong[1])} of "
            f"{len(study.labels):,} test images.")
    if len(table.shown):
        row = table.shown.iloc[0]
        text += (f" The confusion that changed most is {row.iloc[0]}: {row[ARMS[0]]} with "
                 f"{ARMS[0]}, {row[ARMS[1]]} with {ARMS[1]}.")
    alt = f"Three matrices of counts by true and predicted class. {text}"
    return Figure("confusion", "Confusions", render(figure, "confusion", alt), alt,
                  f"Off the diagonal, a stronger colour is more errors; on the right, blue is what "
                  f"{ARMS[0]} does more often and orange-red what {ARMS[1]} does more often. "
                  f"Zeros are left out. {text}", table)


def _tint(colour: str, alpha: float) -> tuple:
    return (*matplotlib.colors.to_rgb(colour), alpha)


def _count(value: float, whole: bool, signed: bool) -> str:
    if abs(value) < 0.05:
        return ""
    digits = 0 if whole or abs(value) >= (9.95 if signed else 99.95) else 1
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", tables.MINUS)


@matplotlib.rc_context(STYLE)
def bench(study: Study) -> Figure:
    """Time for each image of each method, every repeat a dot, on a logarithmic scale."""
    table = provenance.bench(study)
    raw = study.bench.assign(us=1e6 * study.bench["seconds"] / study.bench["images"])
    groups = list(table.frame.groupby("benchmark", sort=False))
    sizes = [len(lines) for _, lines in groups]
    figure, panels = canvas(7.5, 1.1 + 0.3 * sum(sizes) + 0.35 * len(sizes), study,
                            "Time for one image, every repeat; grey is the reference",
                            nrows=len(sizes), sharex=True,
                            gridspec_kw={"height_ratios": [n + 0.2 for n in sizes]})
    for axes, (benchmark, lines) in zip(panels[:, 0], groups, strict=True):
        for row, line in enumerate(lines.itertuples()):
            own = raw[(raw["benchmark"] == benchmark) & (raw["method"] == line.method)]
            sns.stripplot(x=own["us"], y=[row] * len(own), ax=axes, jitter=False, orient="h",
                          native_scale=True, size=6, edgecolor=PAPER, linewidth=0.8,
                          color=MUTED if line.method == line.against else COLOURS[2])
            axes.annotate(f"{number(line.us_per_image)} µs", (own["us"].max(), row),
                          xytext=(8, 0), textcoords="offset points", va="center", fontsize=9.5)
        axes.set_title(benchmark)
        axes.set_yticks(range(len(lines)), lines["method"])
        axes.set(ylim=(len(lines) - 0.4, -0.6), xlabel="", ylabel="", xscale="log")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    times = table.frame[["us_least", "us_most"]]
    axes.set_xlim(10 ** np.floor(np.log10(times.min().min())), times.max().max() * 3)
    axes.set_xlabel("time for one image, µs (logarithmic scale)")
    text = " ".join(f"{r.benchmark}, {r.method}: {number(r.us_per_image)} µs."
                    for r in table.frame.itertuples())
    return Figure("bench", "Time by method", render(figure, "bench", f"Dot plot. {text}"),
                  f"Dot plot. {text}", "Each dot is one repeat, and the number is the median; "
                  "grey marks the method that the others are compared with.", table)
