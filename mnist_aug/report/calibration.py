"""How far the probabilities of both models can be trusted: claimed against found error."""

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import spread
from mnist_aug.analysis.metrics import CALIBRATION_BINS, reliability
from mnist_aug.formatting import decimals, number, percent, with_sd
from mnist_aug.report.drawing import (
    INK,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    plain_logarithms,
    style_of,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH


def scores(content: Comparison) -> Table:
    """Proper scores and calibration error of each variant, mean and SD over seeds."""
    rows = []
    for variant, result in zip(
        content.variants.values(), content.results.itertuples(), strict=True
    ):
        row: dict[str, object] = {"variant": variant.name}
        for name in ("brier", "ece"):
            values = variant.on_test[name].to_numpy()
            row |= {name: values.mean(), f"{name}_sd": spread(values)}
        sure = float(variant.probabilities.max(axis=2).mean(axis=1).mean())
        rows.append(row | {"overconfidence": sure - result.accuracy})
    frame, accuracy = pd.DataFrame(rows), content.results["accuracy"]
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "Brier score ± SD": with_sd(frame, "brier", lambda score: decimals(score, 4)),
            "expected calibration error ± SD, pp": with_sd(frame, "ece"),
            "mean largest probability, %": (frame["overconfidence"] + accuracy).map(percent),
            "accuracy, %": accuracy.map(percent),
        }
    )
    title = "Quality of the probabilities on the test images, mean over seeds"
    return Table("calibration", title, frame, display)


def bins(content: Comparison) -> Table:
    """Claimed and found errors of both models in bins of equal mass, mean over seeds."""
    parts = []
    for variant in content.both:
        every = [reliability(content.labels, one) for one in variant.probabilities]
        sure, right, counts = (np.mean(values, axis=0) for values in zip(*every, strict=True))
        parts.append(
            pd.DataFrame(
                {
                    "variant": variant.name,
                    "bin": range(1, len(sure) + 1),
                    "images": counts.astype(int),
                    "claimed_error": 1 - sure,
                    "found_error": 1 - right,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "bin": frame["bin"].astype(str),
            "images": frame["images"].map("{:,}".format),
            "claimed error, %": frame["claimed_error"].map(lambda e: number(100 * e)),
            "found error, %": frame["found_error"].map(lambda e: number(100 * e)),
        }
    )
    return Table("reliability", "Claimed and found error by bin", frame, display)


@matplotlib.rc_context(STYLE)
def diagram(content: Comparison) -> Figure:
    """The reliability diagram, as errors on logarithmic axes: most bins lie close to certainty."""
    table = bins(content)
    frame = table.frame
    # Half an image in the largest bin of one run is less than any error that can be found there.
    least = 0.5 / frame["images"].max() / len(content.paired_seeds)
    places = frame.assign(
        x=100 * frame["claimed_error"].clip(least), y=100 * frame["found_error"].clip(least)
    )
    figure, ((axes,),) = canvas(4.6, content, "Claimed and found error, in bins of equal mass")
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
    for model in BOTH:
        own = places[places["variant"] == model]
        axes.plot(own["x"], own["y"], markersize=6, label=model, **style_of(content, model))
    axes.set(
        xscale="log",
        yscale="log",
        xlim=ends,
        ylim=ends,
        xlabel="claimed error: 100 % less the largest probability, %",
        ylabel="found error: share read wrong, %",
    )
    for axis in (axes.xaxis, axes.yaxis):
        plain_logarithms(axis)
    axes.grid()
    axes.legend(loc="upper left", frameon=False)
    above = {
        model: int((own["found_error"] > own["claimed_error"]).sum())
        for model, own in frame.groupby("variant")
    }
    count = frame.groupby("variant").size()
    text = " ".join(
        f"With {model} the found error exceeds the claimed one in {above[model]} of "
        f"{count[model]} bins."
        for model in BOTH
    )
    for variant in content.both:
        certain = (variant.probabilities.max(axis=2) == 1).mean()
        if certain > 1 / count[variant.name]:  # more than a bin of ties
            text += (
                f" With {variant.name}, the largest probability of {percent(certain, 0)} % of the "
                "images is stored as 1; these are cut into bins in the images' order."
            )
    last = frame.groupby("variant").first()  # the least sure images
    alt = f"Reliability diagram on logarithmic axes. {text} " + " ".join(
        f"In the bin of the least sure images {model} claims "
        f"{number(100 * last.loc[model, 'claimed_error'])} % error and has "
        f"{number(100 * last.loc[model, 'found_error'])} %."
        for model in BOTH
    )
    caption = (
        "Test images in order of their largest probability, cut into "
        f"{min(CALIBRATION_BINS, len(content.labels))} bins of equal mass in each run; a marker is "
        "the mean over seeds. Above the line a network is surer than it should be; what is less "
        f"than {number(100 * least)} % is drawn there. {text}"
    )
    return finished(figure, "reliability", "Claimed and found error", alt, caption, table)
