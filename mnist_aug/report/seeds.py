"""Every run of both models, and the difference of each pair, in one figure."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import percent, points, span
from mnist_aug.report import tables
from mnist_aug.report.drawing import (
    INK,
    MUTED,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    label_rows,
    style_of,
    tips,
)
from mnist_aug.results.runs import BOTH

ABOVE, BELOW = 0.08, 0.24  # where dots start and where the mean stands, from the middle of a row
TEXT = 0.3  # of a panel's width that a mean's text takes
ROOM = 0.42  # above the middle of a row, for its dots


@matplotlib.rc_context(STYLE)
def figure(content: Comparison) -> Figure:
    """Accuracy of each run of both models at the left, differences of pairs at the right."""
    difference, gaps = content.difference, 100 * content.gains
    variants, many = [content.variants[name] for name in BOTH], len(content.paired_seeds) > 1
    drawn, ((left, right),) = canvas(
        1.75,
        content,
        "Every run (dot), and means with 95 % CI (bar)"
        if many
        else "Every run (dot), and the difference with 95 % CI (bar)",
        ncols=2,
        wspace=0.03,
        gridspec_kw={"width_ratios": [1.35, 1]},
    )
    means = []
    for row, variant in enumerate(variants):
        name = variant.name
        own, values = content.results.loc[row], variant.accuracy
        mean, low, high = (own[f"accuracy{end}"] for end in ("", "_low", "_high"))
        said = [
            f"{name}, seed {s}: {percent(v)} %" for s, v in zip(variant.seeds, values, strict=True)
        ]
        ends = 100 * mean, 100 * low, 100 * high
        _row(left, row, 100 * values, ends, said, variant.seeds, **style_of(content, name))
        ci = f" (95 % CI over seeds {span(low, high, percent)})" if np.isfinite(low) else ""
        means.append((ends, f"{percent(mean)} %", f"{name}, mean: {percent(mean)} %{ci}"))
    label_rows(left, BOTH)
    left.set(ylim=(1.5, -0.55))
    left.set_xlabel("test accuracy, %")
    left.margins(x=0.08)
    for row, mean_of in enumerate(means):
        _mean(left, row, *mean_of)
    left.xaxis.set_major_locator(MaxNLocator(5))
    left.xaxis.set_major_formatter(PlainTicks())

    ends = 100 * difference.mean, 100 * difference.low, 100 * difference.high
    said = [
        f"{BOTH[1]} minus {BOTH[0]}, seed {seed}: {points(gap)} pp"
        for seed, gap in zip(content.paired_seeds, content.gains, strict=True)
    ]
    over = "seeds and images" if many else "images"
    text = f"{points(difference.mean)} pp"
    interval = span(difference.low, difference.high)
    right.axvline(0, color=INK, linewidth=1)
    look = {"color": MUTED, "marker": "o"}
    _row(right, 0, gaps, ends, said, content.paired_seeds, **look)
    right.set(ylim=(0.5, -0.55), yticks=[])
    right.spines["left"].set_visible(False)
    right.grid(axis="x")
    right.set_xlabel("paired difference, pp")
    least, most = min(ends[1], gaps.min(), 0), max(ends[2], gaps.max(), 0)
    pad = 0.08 * (most - least) or 0.1
    right.set_xlim(least - pad, most + pad)
    _mean(right, 0, ends, text, f"mean difference: {text} (95 % CI over {over} {interval})", 0)
    right.xaxis.set_major_locator(MaxNLocator(4))
    right.xaxis.set_major_formatter(PlainTicks(signed=True))

    better = int((gaps > 0).sum())
    alt = (
        "Dot plot. "
        + " ".join(
            f"{v.name}: mean test accuracy {percent(mean)} %, from {percent(v.accuracy.min())} to "
            f"{percent(v.accuracy.max())} %, n = {len(v.runs)}."
            for v, mean in zip(variants, content.results["accuracy"], strict=False)
        )
        + f" In {better} of {len(gaps)} {'seeds' if many else 'seed'} {BOTH[1]} is more accurate "
        f"than {BOTH[0]}. The mean difference is {text}, 95 % CI {interval} pp over "
        f"{'seeds and test images' if many else 'test images alone, as there is one seed'}."
    )
    return finished(drawn, "seeds", "Every seed", alt, tables.pairs(content))


def _row(
    axes: Axes,
    row: int,
    values: np.ndarray,
    ends: tuple[float, float, float],
    said: list[str],
    seeds: list[int],
    **look: Any,
) -> None:
    """Dots of a row above the line of its interval, so that neither hides the other."""
    stacked = _stacked(values)
    (dots,) = axes.plot(
        values,
        row - ABOVE - (ROOM - ABOVE) * stacked,
        linestyle="none",
        markersize=4,
        markeredgewidth=0,
        alpha=0.8,
        **look,
    )
    tips(dots, said, seeds)
    _, low, high = ends
    if np.isfinite(low):
        axes.plot([low, high], [row + BELOW] * 2, color=INK, linewidth=2.2, solid_capstyle="butt")


def _mean(
    axes: Axes,
    row: int,
    ends: tuple[float, float, float],
    text: str,
    said: str,
    barred: float | None = None,
) -> None:
    """A row's mean, and its text next to the interval, where there is or can be made room.

    Args:
        ends: the mean, and the ends of its interval.
        barred: where a line stands that the text may not cross.
    """
    mean, *interval = ends
    (mark,) = axes.plot(
        [mean], [row + BELOW], marker="d", markersize=5.5, color=INK, linestyle="none", zorder=3
    )
    tips(mark, [said])
    known = [*filter(np.isfinite, (mean, *interval))]
    low, high = min(known), max(known)
    limits = list(axes.get_xlim())
    left, right = limits
    if barred is not None:
        left = max(left, barred) if barred < low else left
        right = min(right, barred) if barred > high else right
    to_the_left = low - left > right - high
    if max(low - left, right - high) < (need := TEXT * (limits[1] - limits[0])):
        to_the_left = barred is not None and barred > low
        limits[not to_the_left] += -need if to_the_left else need
        axes.set_xlim(*limits)
    axes.annotate(
        text,
        (low if to_the_left else high, row + BELOW),
        xytext=(-6 if to_the_left else 6, 0),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        va="center",
        fontsize=SMALL,
    )


def _stacked(values: np.ndarray) -> np.ndarray:
    """Heights in [0, 1], higher for each value that would hide a nearly equal one."""
    near = np.ptp(values) / 24
    levels = np.zeros(len(values), int)
    placed: list[int] = []
    for place in np.argsort(values, kind="stable"):
        taken = {levels[p] for p in placed if abs(values[p] - values[place]) <= near}
        levels[place] = next(n for n in range(len(values)) if n not in taken)
        placed.append(int(place))
    found: np.ndarray = levels / max(levels.max(), 4)
    return found
