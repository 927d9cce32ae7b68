"""What augmentation is worth in training images and in epochs."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import paired_interval, spread
from mnist_aug.formatting import number, percent, points, span, with_sd
from mnist_aug.report.drawing import MUTED, SMALL, STYLE, Figure, canvas, render, style_of
from mnist_aug.report.studies import Runs
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

SETTLED = 0.0005  # a mean validation accuracy so close below its peak counts as there


def efficiency(runs: Runs) -> Table:
    """Error of both arms against the number of training images."""
    rows = []
    for count, own in runs.frame.groupby("training_images"):
        row = {"training_images": count}
        by_arm = {
            arm: own[own["policy"].isna() == (arm == BOTH[0])].set_index("seed")["test"]
            for arm in BOTH
        }
        for arm, values in by_arm.items():
            row |= {arm: 1 - values.mean(), f"{arm}_sd": spread(values)}
        gains = (by_arm[BOTH[1]] - by_arm[BOTH[0]]).dropna()
        low, high = paired_interval(gains.to_numpy())
        rows.append(
            row | {"seeds": len(gains), "difference": -gains.mean(), "low": -high, "high": -low}
        )
    frame = pd.DataFrame(rows)
    frame["worth"] = [_worth(frame, row) for row in frame.itertuples()]
    most = frame["training_images"].max()
    errors = 1 - runs.frame.assign(plain=runs.frame["policy"].isna()).pivot_table(
        "test", "seed", ["plain", "training_images"]
    )
    gains = [
        (errors[True, most] - errors[False, count]).dropna().to_numpy()
        for count in frame["training_images"]
    ]
    frame["lead"] = [gain.mean() for gain in gains]
    frame["lead_low"], frame["lead_high"] = zip(*map(paired_interval, gains), strict=True)
    shown = pd.DataFrame(
        {
            "training images": frame["training_images"].map("{:,}".format),
            "seeds": frame["seeds"].astype(str),
            **{f"{arm} error ± SD, %": with_sd(frame, arm) for arm in BOTH},
            "difference, pp (95 %)": [
                f"{points(r.difference)} ({span(r.low, r.high)})" for r in frame.itertuples()
            ],
            "worth, times the images": [
                f"more than {most / r.training_images:,.3g}"
                if np.isinf(r.worth)
                else number(r.worth)
                for r in frame.itertuples()
            ],
        }
    )
    return Table("data-efficiency", "Error against the number of training images", frame, shown)


def _worth(frame: pd.DataFrame, row) -> float:
    """How many times the images the baseline needs for the same error; inf beyond all there are.

    Linear between the sizes measured, in the logarithms of both.
    """
    errors, sizes = np.log(frame[BOTH[0]].to_numpy()), np.log(frame["training_images"].to_numpy())
    wanted = np.log(getattr(row, BOTH[1]))
    below = np.flatnonzero(errors <= wanted)
    if not len(below):
        return np.inf
    end = below[0]
    if end == 0:
        return float(np.exp(sizes[0]) / row.training_images)
    part = (errors[end - 1] - wanted) / (errors[end - 1] - errors[end])
    return float(
        np.exp(sizes[end - 1] + part * (sizes[end] - sizes[end - 1])) / row.training_images
    )


@matplotlib.rc_context(STYLE)
def efficiency_figure(runs: Runs, table: Table, content: Comparison) -> Figure:
    """Error against training images on logarithmic axes, every run a mark."""
    figure, ((axes,),) = canvas(3.9, content, "Test error against the number of training images")
    for arm in BOTH:
        look = style_of(content, arm)
        own = runs.frame[runs.frame["policy"].isna() == (arm == BOTH[0])]
        axes.plot(
            own["training_images"],
            100 * (1 - own["test"]),
            markersize=3,
            alpha=0.5,
            linestyle="none",
            **look,
        )
        axes.plot(
            table.frame["training_images"], 100 * table.frame[arm], markersize=6, label=arm, **look
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="training images (logarithmic)",
        ylabel="test error, % (logarithmic)",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,g}"))
        axis.set_minor_formatter(NullFormatter())
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50) if axes.get_ylim()[0] <= t <= axes.get_ylim()[1]]
    axes.set_yticks(ticks)
    axes.grid()
    axes.legend(frameon=False)
    alt = "Line chart of the test error against the number of training images. " + " ".join(
        f"{r.training_images:,}: {BOTH[0]} {percent(getattr(r, BOTH[0]))} %, {BOTH[1]} "
        f"{percent(getattr(r, BOTH[1]))} %."
        for r in table.frame.itertuples()
    )
    return Figure(
        "data-efficiency",
        "Data efficiency",
        render(figure, "data-efficiency", alt),
        alt,
        "Small marks are runs, large ones joined by lines their means over seeds.",
        table,
    )


def efficiency_words(table: Table) -> str:
    """What augmentation is worth in images."""
    frame = table.frame
    inside = frame[np.isfinite(frame["worth"])]
    text = (
        "A seed's subsets are nested and hold each class as often as the whole; every run has "
        "as many steps, so fewer images come more often. "
    )
    if len(inside):
        low, high = inside["worth"].min(), inside["worth"].max()
        text += (
            f"From {inside['training_images'].min():,} to {inside['training_images'].max():,} "
            f"training images, augmentation is worth {number(low)} to {number(high)} times as "
            "many images without it, by interpolation between the mean errors at the sizes "
            "measured; these factors have no interval."
        )
    rest = frame[np.isinf(frame["worth"])]
    if len(rest):
        least = rest.iloc[0]
        text += (
            f" From {int(least['training_images']):,} images on, its mean error is below that "
            f"of the baseline with all {frame['training_images'].max():,}: with "
            f"{int(least['training_images']):,} by {points(least['lead'])} pp "
            f"({span(least['lead_low'], least['lead_high'])})"
        )
        sure = rest[rest["lead_low"] > 0]
        text += (
            "."
            if len(sure) == len(rest) or not len(sure)
            else f", by the whole interval from {int(sure['training_images'].iloc[0]):,} on."
        )
    return text


def epochs(runs: Runs) -> Table:
    """Mean validation accuracy of both arms by epoch, trained for long."""
    curves = runs.curves.assign(
        arm=[BOTH[0] if v.startswith(BOTH[0]) else BOTH[1] for v in runs.curves["variant"]]
    )
    frame = (
        curves.groupby(["arm", "epoch"])["val_accuracy"]
        .agg(["mean", "min", "max", "count"])
        .loc[list(BOTH)]
        .reset_index()
    )
    frame.columns = [
        "variant",
        "epoch",
        "validation",
        "validation_least",
        "validation_most",
        "seeds",
    ]
    marks = [e for e in (5, 10, 15, 20, 30, 50, 70, 100) if e <= frame["epoch"].max()]
    at = frame[frame["epoch"].isin(marks)]
    shown = at.pivot_table("validation", "epoch", "variant")[list(BOTH)].reset_index()
    shown = pd.DataFrame(
        {
            "epoch": shown["epoch"].astype(str),
            **{f"{arm}, validation accuracy, %": shown[arm].map(percent) for arm in BOTH},
        }
    )
    return Table("epochs", "Validation accuracy by epoch, mean over seeds", frame, shown)


@matplotlib.rc_context(STYLE)
def epochs_figure(table: Table, content: Comparison) -> Figure:
    """Validation error by epoch: mean and range over seeds."""
    figure, ((axes,),) = canvas(3.6, content, "Validation error in a long training")
    for arm, own in table.frame.groupby("variant", sort=False):
        colour = style_of(content, arm)["color"]
        axes.fill_between(
            own["epoch"],
            100 * (1 - own["validation_most"]),
            100 * (1 - own["validation_least"]),
            color=colour,
            alpha=0.25,
            linewidth=0,
        )
        axes.plot(own["epoch"], 100 * (1 - own["validation"]), color=colour)
        axes.annotate(
            arm,
            (own["epoch"].iloc[-1], 100 * (1 - own["validation"].iloc[-1])),
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
        f"the arms' {usual} epochs",
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
    return Figure(
        "epochs",
        "Epochs",
        render(figure, "epochs", alt),
        alt,
        "Lines are means over seeds and shades the range from the least to the most. "
        "Training has a constant learning rate, so any point is what training for so "
        "many epochs gives.",
        table,
    )


def epochs_words(runs: Runs, table: Table) -> str:
    """When each arm stops gaining, and what the long training changes on the test images."""
    parts = []
    for arm, own in table.frame.groupby("variant", sort=False):
        smooth = own["validation"].rolling(5, center=True, min_periods=1).mean()
        settled = own["epoch"][smooth >= smooth.max() - SETTLED].min()
        parts.append(f"{arm} at epoch {settled}")
    gains = []
    for arm in BOTH:
        gain = runs.paired(arm, f"{arm}-long", "test")
        low, high = paired_interval(gain)
        gains.append(f"{points(gain.mean())} pp ({span(low, high)}) with {arm}")
    last, usual = int(table.frame["epoch"].max()), int(runs.frame["epochs"].min())
    return (
        f"The mean validation accuracy, smoothed over five epochs, comes "
        f"within {100 * SETTLED:g} pp of its peak with {' and with '.join(parts)}. On the test "
        f"images, {last} epochs instead of {usual} change accuracy by {' and '.join(gains)}."
    )
