"""How far the arms' probabilities can be trusted: claimed against found error."""

from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import spread
from mnist_aug.analysis.metrics import (
    CALIBRATION_BINS,
    reliability,
)
from mnist_aug.formatting import decimals, number, percent
from mnist_aug.report.drawing import INK, SMALL, STYLE, Figure, canvas, render, style_of
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH


def scores(study: Comparison) -> Table:
    """Proper scores and calibration error of each variant, mean and SD over seeds."""
    rows, shown = [], []
    for variant in study.variants.values():
        row, text = {"variant": variant.name}, {"variant": variant.name}
        for name, title in (
            ("brier", "Brier score ± SD"),
            ("ece", "expected calibration error ± SD, pp"),
        ):
            values = variant.on_test[name].to_numpy()
            row |= {name: values.mean(), f"{name}_sd": spread(values)}
            show = percent if name == "ece" else partial(decimals, digits=4)
            text[title] = show(values.mean()) + (
                f" ± {show(spread(values))}" if np.isfinite(spread(values)) else ""
            )
        sure = variant.probabilities.max(axis=2).mean(axis=1).mean()
        row["overconfidence"] = sure - variant.accuracy.mean()
        text["mean largest probability, %"] = percent(sure)
        text["accuracy, %"] = percent(variant.accuracy.mean())
        rows.append(row)
        shown.append(text)
    return Table(
        "calibration",
        "Quality of the probabilities on the test images, mean over seeds",
        pd.DataFrame(rows),
        pd.DataFrame(shown),
    )


def bins(study: Comparison) -> Table:
    """Claimed and found error of both arms in bins of equal mass, mean over seeds."""
    parts = []
    for arm in study.both:
        every = [reliability(study.labels, one) for one in arm.probabilities]
        sure, right, counts = (np.mean(values, axis=0) for values in zip(*every, strict=True))
        parts.append(
            pd.DataFrame(
                {
                    "variant": arm.name,
                    "bin": range(1, len(sure) + 1),
                    "images": counts.astype(int),
                    "claimed_error": 1 - sure,
                    "found_error": 1 - right,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    shown = pd.DataFrame(
        {
            "variant": frame["variant"],
            "bin": frame["bin"].astype(str),
            "images": frame["images"].map("{:,}".format),
            "claimed error, %": frame["claimed_error"].map(lambda e: number(100 * e)),
            "found error, %": frame["found_error"].map(lambda e: number(100 * e)),
        }
    )
    return Table("reliability", "Claimed and found error by bin", frame, shown)


@matplotlib.rc_context(STYLE)
def diagram(study: Comparison) -> Figure:
    """The reliability diagram, as errors on logarithmic axes: most bins lie close to certainty."""
    table = bins(study)
    frame = table.frame
    # Half an image in the largest bin of one run is less than any error that can be found there.
    least = 0.5 / frame["images"].max() / len(study.paired_seeds)
    places = frame.assign(
        x=100 * frame["claimed_error"].clip(least), y=100 * frame["found_error"].clip(least)
    )
    figure, ((axes,),) = canvas(4.6, study, "Claimed and found error, in bins of equal mass")
    ends = [100 * least * 0.7, 100]
    axes.plot(ends, ends, color=INK, linewidth=1)
    axes.annotate(
        "calibrated",
        (30, 30),
        xytext=(-8, 6),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL,
    )
    for arm in BOTH:
        own = places[places["variant"] == arm]
        axes.plot(own["x"], own["y"], markersize=6, label=arm, **style_of(study, arm))
    axes.set(
        xscale="log",
        yscale="log",
        xlim=ends,
        ylim=ends,
        xlabel="claimed error: 100 % less the largest probability, %",
        ylabel="found error: share read wrong, %",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid()
    axes.legend(loc="upper left", frameon=False)
    above = {
        arm: int((own["found_error"] > own["claimed_error"]).sum())
        for arm, own in frame.groupby("variant")
    }
    count = frame.groupby("variant").size()
    text = " ".join(
        f"With {arm} the found error exceeds the claimed one in {above[arm]} of {count[arm]} bins."
        for arm in BOTH
    )
    for arm in study.both:
        certain = (arm.probabilities.max(axis=2) == 1).mean()
        if certain > 1 / count[arm.name]:  # more than a bin of ties
            text += (
                f" With {arm.name}, the largest probability of {percent(certain, 0)} % of the "
                "images is stored as 1; these are cut into bins in the images' order."
            )
    last = frame.groupby("variant").first()  # the least sure images
    alt = f"Reliability diagram on logarithmic axes. {text} " + " ".join(
        f"In the bin of the least sure images {arm} claims "
        f"{number(100 * last.loc[arm, 'claimed_error'])} % error and has "
        f"{number(100 * last.loc[arm, 'found_error'])} %."
        for arm in BOTH
    )
    return Figure(
        "reliability",
        "Claimed and found error",
        render(figure, "reliability", alt),
        alt,
        f"Test images in order of their largest probability, cut into "
        f"{min(CALIBRATION_BINS, len(study.labels))} bins of equal mass in each run; "
        "a marker is the mean over seeds. Above the line a network is surer than it "
        f"should be; what is less than {number(100 * least)} % is drawn there. {text}",
        table,
    )
