"""What augmentation is worth in training images."""

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis import studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.formatting import estimated, number, percent, with_sd
from mnist_aug.report.drawing import STYLE, Figure, canvas, finished, plain_logarithms, style_of
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH


def table(runs: StudyRuns) -> Table:
    """Errors of both models against the number of training images."""
    frame = studies.data_efficiency(runs)
    most = frame["training_images"].max()
    display = pd.DataFrame(
        {
            "training images": frame["training_images"].map("{:,}".format),
            "seeds": frame["seeds"].astype(str),
            **{f"{model} error ± SD, %": with_sd(frame, model) for model in BOTH},
            "difference, pp (95 % CI)": [
                estimated(r.difference, r.low, r.high) for r in frame.itertuples()
            ],
            "worth, times the images": [
                f"more than {most / r.training_images:,.3g}"
                if np.isinf(r.worth)
                else number(r.worth)
                for r in frame.itertuples()
            ],
        }
    )
    return Table("data-efficiency", "Error against the number of training images", frame, display)


@matplotlib.rc_context(STYLE)
def figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Error against training images on logarithmic axes, every run a mark."""
    drawn, ((axes,),) = canvas(3.9, content, "Test error against the number of training images")
    for model in BOTH:
        look = style_of(content, model)
        own = runs.frame[runs.frame["policy"].isna() == (model == BOTH[0])]
        errors = 100 * (1 - own["test"])
        axes.plot(own["training_images"], errors, markersize=3, alpha=0.5, linestyle="none", **look)
        means = 100 * table.frame[model]
        axes.plot(table.frame["training_images"], means, markersize=6, label=model, **look)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="training images (logarithmic)",
        ylabel="test error, % (logarithmic)",
    )
    for axis in (axes.xaxis, axes.yaxis):
        plain_logarithms(axis, ",")
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50) if axes.get_ylim()[0] <= t <= axes.get_ylim()[1]]
    axes.set_yticks(ticks)
    axes.grid()
    axes.legend(frameon=False)
    alt = "Line chart of the test error against the number of training images. " + " ".join(
        f"{r.training_images:,}: {BOTH[0]} {percent(getattr(r, BOTH[0]))} %, {BOTH[1]} "
        f"{percent(getattr(r, BOTH[1]))} %."
        for r in table.frame.itertuples()
    )
    caption = "Small marks are runs, large ones joined by lines their means over seeds."
    return finished(drawn, "data-efficiency", "Data efficiency", alt, caption, table)


def sentence(table: Table) -> str:
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
            "measured; these factors have no CI."
        )
    rest = frame[np.isinf(frame["worth"])]
    if len(rest):
        least = rest.iloc[0]
        lead = estimated(least["lead"], least["lead_low"], least["lead_high"], " pp")
        text += (
            f" From {int(least['training_images']):,} images on, its mean error is below that "
            f"of the baseline with all {frame['training_images'].max():,}: with "
            f"{int(least['training_images']):,} by {lead}"
        )
        sure = rest[rest["lead_low"] > 0]
        text += (
            "."
            if len(sure) == len(rest) or not len(sure)
            else f", by the whole CI from {int(sure['training_images'].iloc[0]):,} on."
        )
    return text
