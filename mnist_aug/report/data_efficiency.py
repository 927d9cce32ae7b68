"""What augmentation is worth in training images."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from mnist_aug.analysis import studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.formatting import number, percent, points, span
from mnist_aug.report.drawing import (
    MUTED,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    plain_logarithms,
    style_of,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

TICKS = (0, 20, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)  # accuracies, %
NOTE = (
    "CI of the difference: over seeds, for these test images; sizes with few seeds borrow the "
    "spread that is usual in the study. Times the images: how many times as many the baseline "
    "needs for the same error, by interpolation, without CI."
)


def table(runs: StudyRuns) -> Table:
    """Accuracy of both models against the number of training images."""
    frame = studies.data_efficiency(runs)
    display = pd.DataFrame(
        {
            "training images": frame["training_images"].map("{:,}".format),
            **{f"{model}, %": (1 - frame[model]).map(percent) for model in BOTH},
            "difference, pp": (-frame["difference"]).map(points),
            "95 % CI, pp": [span(-r.high, -r.low) for r in frame.itertuples()],
            "times the images": _worth(frame),
            "seeds": frame["seeds"].astype(str),
        }
    )
    title = "Test accuracy by number of training images"
    return Table("data-efficiency", title, frame, display, note=NOTE)


def _worth(frame: pd.DataFrame) -> list[str]:
    """How many times the images, where the sizes measured tell it; else a bound."""
    sizes = frame["training_images"]
    shown = []
    for row in frame.itertuples():
        if np.isinf(row.worth):
            most = sizes.max() / row.training_images
            shown.append(f"> {most:,.3g}" if most > 1 else "—")
        elif row.worth == 0:
            least = sizes.min() / row.training_images
            shown.append(f"< {least:,.3g}" if least < 1 else "—")
        else:
            shown.append(number(row.worth))
    return shown


@matplotlib.rc_context(STYLE)
def figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Accuracy against training images, the error on a logarithmic axis; a band is the CI."""
    title = "Test accuracy against the number of training images"
    drawn, ((axes,),) = canvas(3.5, content, title)
    frame = table.frame
    sizes = frame["training_images"]
    least = 50 / len(content.labels)  # an error of 0 has no logarithm
    every = []
    for model in BOTH:
        look = style_of(content, model)
        own = runs.frame[runs.frame["policy"].isna() == (model == BOTH[0])]
        errors = 100 * (1 - own["test"]).clip(lower=least / 100)
        (dots,) = axes.plot(
            own["training_images"], errors, **look | {"markersize": 2.5}, alpha=0.5, linestyle=""
        )
        tips(
            dots,
            [
                f"{model}, {r.training_images:,} images, seed {r.seed}: {percent(r.test)} %"
                for r in own.itertuples()
            ],
            own["seed"].tolist(),
        )
        means, *ends = (
            (100 * frame[f"{model}{end}"]).clip(lower=least) for end in ("", "_low", "_high")
        )
        axes.fill_between(sizes, *ends, color=look["color"], alpha=0.22, linewidth=0)
        axes.plot(sizes, means, color=look["color"])
        (marks,) = axes.plot(sizes, means, **look, linestyle="")
        tips(marks, [_tip(model, row) for _, row in frame.iterrows()])
        axes.annotate(
            model,
            (sizes.iloc[-1], means.iloc[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
        every += [*errors, *means]
    _level(axes, frame, least)
    low, high = min(every) / 1.25, min(max(every) * 1.25, 100)
    axes.set(xscale="log", yscale="log", ylim=(high, low))  # so that accuracy rises
    banded = frame[f"{BOTH[0]}_low"].notna().any()
    axes.set_xlabel(
        f"training images (logarithmic){'; band: 95 % CI over seeds' if banded else ''}"
    )
    axes.set_ylabel("test accuracy, % (axis: log of the error)")
    plain_logarithms(axes.xaxis, ",")
    ticks = [tick for tick in TICKS if low <= 100 - tick <= high]
    axes.yaxis.set_major_locator(FixedLocator([100 - tick for tick in ticks]))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid()
    alt = f"Line chart of {title[0].lower()}{title[1:]}. " + " ".join(
        f"{r.training_images:,}: {BOTH[0]} {percent(1 - getattr(r, BOTH[0]))} %, {BOTH[1]} "
        f"{percent(1 - getattr(r, BOTH[1]))} %."
        for r in frame.itertuples()
    )
    return finished(drawn, "data-efficiency", "Data efficiency", alt, table)


def _tip(model: str, row: pd.Series) -> str:
    low, high = 1 - row[f"{model}_high"], 1 - row[f"{model}_low"]
    interval = "" if np.isnan(low) else f" (95 % CI {span(low, high, percent)})"
    size = int(row["training_images"])
    return f"{model}, {size:,} images, mean: {percent(1 - row[model])} %{interval}"


def _level(axes: matplotlib.axes.Axes, frame: pd.DataFrame, least: float) -> None:
    """A line at the accuracy of the baseline with all images, named at its left."""
    error = max(100 * frame[BOTH[0]].iloc[-1], least)
    ends = frame["training_images"].iloc[[0, -1]]
    axes.plot(ends, [error, error], color=MUTED, linewidth=1, linestyle="--", zorder=1)
    axes.annotate(
        f"{BOTH[0]}, all {int(frame['training_images'].iloc[-1]):,}: {100 - error:.2f} %",
        (0, error),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=SMALL,
        color=MUTED,
    )
