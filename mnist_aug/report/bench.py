"""The benchmark: times of training and augmentation against other ways to do the same work."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from mnist_aug.analysis import benchmark
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import decimals, number
from mnist_aug.report.drawing import (
    COLOURS,
    MARKERS,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    plain_logarithms,
    tips,
)
from mnist_aug.report.tables import Table

DOT: dict[str, Any] = {
    "linestyle": "none",
    "markersize": 4.5,
    "markeredgecolor": PAPER,
    "markeredgewidth": 0.5,
    "zorder": 3,
}
SECONDS = ["seconds", "seconds_least", "seconds_most"]
RELATIVE = "relative time (range)"
NOTE = (
    "Relative time: divided by the reference's for as many images in the same repeat, so below 1 "
    "is faster; median and range over repeats, not ratios of the medians."
)


def table(times: pd.DataFrame) -> Table:
    """Time for each image of each method, and relative to that of its reference."""
    frame = benchmark.by_method(benchmark.epochs(times)).drop(columns="draws", errors="ignore")
    display = pd.DataFrame(
        {
            "benchmark": frame["benchmark"],
            "method": [_method(r) for r in frame.itertuples()],
            "µs per image, median": frame["us_per_image"].map(number),
            "images/s": frame["images_per_second"].map(lambda v: number(round(v))),
            RELATIVE: [_against(r) for r in frame.itertuples()],
        }
    )
    title = f"Time by method, {_repeats(frame)} repeats"
    return Table("bench", title, frame.drop(columns=SECONDS), display, note=NOTE)


def training_table(times: pd.DataFrame) -> Table:
    """Time for an epoch with each library, and relative to that of this package."""
    frame = benchmark.by_method(benchmark.training(times)).drop(columns="draws", errors="ignore")
    display = pd.DataFrame(
        {
            "benchmark": frame["benchmark"],
            "by": frame["method"],
            "s per epoch, median (range)": [
                f"{number(r.seconds)} ({number(r.seconds_least)} to {number(r.seconds_most)})"
                for r in frame.itertuples()
            ],
            "images/s": frame["images_per_second"].map(lambda v: number(round(v))),
            RELATIVE: [_against(r) for r in frame.itertuples()],
        }
    )
    title = f"Time of a training epoch by library, {_repeats(frame)} repeats"
    note = f"Images/s are those of all runs together. {NOTE}"
    return Table("bench-training", title, frame, display, note=note)


def training_facts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Seconds per epoch of this package and of the fastest other library, for each benchmark."""
    facts = []
    for name, lines in frame.groupby("benchmark", sort=False):
        ours = lines["method"] == benchmark.PACKAGE
        others = lines[~ours].sort_values("seconds", kind="stable")
        fastest = others.iloc[0]
        facts.append(
            {
                "benchmark": name,
                "own": lines.loc[ours, "seconds"].item(),
                "fastest": fastest["method"],
                "seconds": fastest["seconds"],
                "relative": _relative(fastest["relative_time"]),
                "least": _relative(fastest["relative_least"]),
                "most": _relative(fastest["relative_most"]),
                "others": len(others),
            }
        )
    return facts


def augmented_in_parallel(frame: pd.DataFrame) -> float | None:
    """Time of augmented epochs over that of plain ones, both in parallel; None if not measured.

    Args:
        frame: of `table`.
    """
    times = frame.drop_duplicates("method").set_index("method")["us_per_image"]
    for name in times.index:
        plain, _, how = name.partition(", ")
        if plain == "plain" and "in parallel" in how and f"augmented, {how}" in times:
            return float(times[f"augmented, {how}"] / times[name])
    return None


def libraries_table(times: pd.DataFrame) -> Table:
    """Time to augment an image by each library on one core, and relative to that of the engine."""
    frame = benchmark.by_method(benchmark.libraries(times))
    display = pd.DataFrame(
        {
            "work": frame["benchmark"],
            "by": frame["method"],
            "µs per image, median": frame["us_per_image"].map(number),
            RELATIVE: [_against(r) for r in frame.itertuples()],
            "draws": frame["draws"],
        }
    )
    title = f"Augmentation by library on one core, {_repeats(frame)} repeats"
    return Table("bench-libraries", title, frame.drop(columns=SECONDS), display, True, note=NOTE)


def _method(row: Any) -> str:
    """A method as displayed; those that do less than their benchmark says are marked."""
    library, _, does = row.method.rpartition(", ")
    return (
        f"{library} ({does} only)"
        if library and does in row.benchmark.split(" + ")[:-1]
        else row.method
    )


def _against(row: Any) -> str:
    """The time of a method over that of its reference, and its range over repeats."""
    if row.method == row.against:
        return "1 (reference)"
    if np.isnan(row.relative_time):
        return "—"
    least, most = _relative(row.relative_least), _relative(row.relative_most)
    return f"{_relative(row.relative_time)} ({least} to {most})"


def _relative(time: float) -> str:
    """Two decimals up to 10, so that 0.96 and 1.04 are told apart; then two digits."""
    return decimals(time, 2) if time < 10 else number(time, 2)


def _repeats(frame: pd.DataFrame) -> str:
    least, most = frame["repeats"].min(), frame["repeats"].max()
    return f"{least} to {most}" if most > least else f"{least}"


@matplotlib.rc_context(STYLE)
def figure(content: Comparison, times: pd.DataFrame) -> Figure:
    """Time for each image of each method, every repeat a dot, on a logarithmic scale."""
    own_table = table(times)
    frame = own_table.frame.rename(columns={"us_per_image": "time"})
    raw = benchmark.epochs(times)
    raw = raw.assign(time=1e6 * raw["seconds"] / raw["images"])
    frame["shown"] = [_method(line) for line in frame.itertuples()]
    title = "Time per image; grey: the reference"
    drawn, alt = _dots(content, frame, raw, title, "µs", "µs per image")
    return finished(drawn, own_table.name, "Time by method", alt, own_table)


@matplotlib.rc_context(STYLE)
def training(content: Comparison, times: pd.DataFrame) -> Figure:
    """Time for an epoch with each library, every repeat a dot, on a logarithmic scale."""
    own_table = training_table(times)
    frame = own_table.frame.rename(columns={"seconds": "time"})
    frame["shown"] = frame["method"]
    raw = benchmark.training(times)
    raw = raw.assign(time=raw["seconds"])
    title = f"Time per training epoch; grey: {benchmark.PACKAGE}"
    drawn, alt = _dots(content, frame, raw, title, "s", "s per epoch")
    return finished(drawn, own_table.name, "Training time by library", alt, own_table)


def _dots(
    content: Comparison, frame: pd.DataFrame, raw: pd.DataFrame, title: str, unit: str, label: str
) -> tuple[Canvas, str]:
    """A panel for each benchmark, in it a row for each method. Returns the canvas and alt text.

    Args:
        frame: benchmark, method, against, time, and the method as it is shown.
        raw: benchmark, method and time of each repeat.
    """
    groups = list(frame.groupby("benchmark", sort=False))
    sizes = [len(lines) for _, lines in groups]
    drawn, panels = canvas(
        1.2 + 0.21 * sum(sizes) + 0.3 * len(sizes),
        content,
        title,
        nrows=len(sizes),
        sharex=True,
        gridspec_kw={"height_ratios": [n + 0.2 for n in sizes]},
    )
    for axes, (name, lines) in zip(panels[:, 0], groups, strict=True):
        for row, line in enumerate(lines.itertuples()):
            own = raw[(raw["benchmark"] == name) & (raw["method"] == line.method)]["time"]
            colour = MUTED if line.method == line.against else COLOURS[2]
            (dots,) = axes.plot(own, [row] * len(own), **DOT, marker="o", color=colour)
            tips(dots, [f"{line.method}, {name}: {number(one)} {unit}" for one in own])
            axes.annotate(
                f"{number(line.time)} {unit}",
                (own.max(), row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
            )
        axes.set_title(name, loc="right")  # a long name has room on its left
        axes.set_yticks(range(len(lines)), lines["shown"])
        axes.set(ylim=(len(lines) - 0.4, -0.6), xlabel="", ylabel="", xscale="log")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        plain_logarithms(axes.xaxis)
    axes.set_xlim(10 ** np.floor(np.log10(raw["time"].min())), raw["time"].max() * 4)
    axes.set_xlabel(f"{label} (logarithmic)\ndot: a repeat, number: median")
    text = " ".join(
        f"{r.benchmark}, {r.method}: {number(r.time)} {unit}." for r in frame.itertuples()
    )
    return drawn, f"Dot plot. {text}"


@matplotlib.rc_context(STYLE)
def libraries(content: Comparison, times: pd.DataFrame) -> Figure:
    """Median time for each image of each work by each library, on a logarithmic scale."""
    own_table = libraries_table(times)
    frame = own_table.frame
    works = list(dict.fromkeys(frame["benchmark"]))
    every = list(frame.groupby("method", sort=False))
    lines = -(-len(every) // 2)
    title = "Time to augment one image, on one core"
    height = 1.5 + 0.28 * lines + 0.3 * len(works)
    drawn, ((axes,),) = canvas(height, content, title, key=lines)
    for place, (library, own) in enumerate(every):
        whole = own["draws"].str.contains("whole batch")
        look = {**DOT, "marker": MARKERS[place % len(MARKERS)], "markersize": 5}
        colour = COLOURS[place % len(COLOURS)]
        axes.plot([], [], **look, color=colour, label=library)
        for hollow, some in own.groupby(whole):
            (marks,) = axes.plot(
                some["us_per_image"],
                # Apart, so that marks of the same time are all seen.
                [works.index(work) + 0.5 * place / len(every) - 0.2 for work in some["benchmark"]],
                **look | ({"markeredgecolor": colour, "markeredgewidth": 1.3} if hollow else {}),
                color=PAPER if hollow else colour,
            )
            tips(
                marks,
                [
                    f"{library}, {r.benchmark}: {number(r.us_per_image)} µs"
                    for r in some.itertuples()
                ],
            )
    axes.set(xscale="log", ylim=(len(works) - 0.5, -0.5), ylabel="")
    axes.set_xlabel("µs per image, median (logarithmic)\nhollow: a draw per batch")
    axes.set_yticks(range(len(works)), works)
    axes.grid(axis="both")
    axes.tick_params(axis="y", length=0)
    plain_logarithms(axes.xaxis)
    key(drawn, 2)
    text = " ".join(
        f"{r.benchmark}, {r.method}: {number(r.us_per_image)} µs." for r in frame.itertuples()
    )
    return finished(drawn, own_table.name, "Time by library", f"Dot plot. {text}", own_table)
