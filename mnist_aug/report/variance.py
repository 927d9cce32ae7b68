"""Where the variance of the accuracy comes from, with each seed's own training images."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.variance import components
from mnist_aug.formatting import decimals, estimated, percent, span
from mnist_aug.report.drawing import (
    COLOURS,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    label_rows,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH, VariantResults

RESAMPLED = tuple(f"{model}-resampled" for model in BOTH)
SOURCES = {  # a column of `components` and its words
    "weights": "weights and order",
    "training": "training images",
    "test": "test images",
}
READABLE = 0.08  # a share from which on its number fits into its bar


def table(content: Comparison, variants: Mapping[str, VariantResults]) -> Table:
    """The standard deviation from each source, for both models and their difference.

    Args:
        variants: of the study, by name; both of `RESAMPLED`.
    """
    first, second = (variants[name] for name in RESAMPLED)
    frame = components(content, (first, second))
    known = frame["weights_share"].notna()
    display = pd.DataFrame(
        {
            "of": frame["model"],
            "seeds, same and own images": [
                f"{row.seeds}, {row.resampled_seeds}" for row in frame.itertuples()
            ],
            **{
                f"{words}, SD in pp": [
                    f"{decimals(100 * sd, 3)} ({percent(share, 0)} %)" if there else "—"
                    for sd, share, there in zip(
                        np.sqrt(frame[source]), frame[f"{source}_share"], known, strict=True
                    )
                ]
                for source, words in SOURCES.items()
            },
            "95 % CI of training images' share, %": [
                f"{percent(row.training_share_low, 0)} to {percent(row.training_share_high, 0)}"
                if there
                else "—"
                for row, there in zip(frame.itertuples(), known, strict=True)
            ],
            "mean (95 % CI), % or pp": [
                f"{percent(row.mean)} ({span(row.low, row.high, percent)})"
                if row.model in BOTH
                else estimated(row.mean, row.low, row.high)
                for row in frame.itertuples()
            ],
        }
    )
    title = "Standard deviation of the test accuracy of one run, by source"
    note = (
        "In brackets: share of the variance. CI of the mean: over seeds, training images and test "
        "images; of the share: for these test images."
    )
    return Table("variance", title, frame, display, note=note)


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """The shares of the sources in the variance, stacked."""
    frame = table.frame
    title = "What the variance of the test accuracy comes from"
    drawn, ((axes,),) = canvas(2.3, content, title, key=1)
    left = np.zeros(len(frame))
    for (source, words), colour in zip(SOURCES.items(), COLOURS[:3], strict=True):
        shares = 100 * frame[f"{source}_share"].fillna(0).to_numpy()
        bars = axes.barh(
            range(len(frame)), shares, left=left, height=0.7, color=colour, label=words
        )
        for row, (bar, share) in enumerate(zip(bars, shares, strict=True)):
            tips(bar, [f"{frame['model'][row]}, {words}: {share:.0f} % of the variance"])
            if share >= 100 * READABLE:
                axes.annotate(
                    f"{share:.0f} %",
                    (left[row] + share / 2, row),
                    ha="center",
                    va="center",
                    color=PAPER,
                    fontsize=SMALL,
                    fontweight="bold",
                )
        left += shares
    total = np.sqrt(frame[list(SOURCES)].sum(axis=1))
    label_rows(
        axes,
        [
            f"{m}, SD {decimals(100 * sd, 2)} pp"
            for m, sd in zip(frame["model"], total, strict=True)
        ],
    )
    axes.set(xlim=(0, 100), xlabel="share of the variance, %")
    axes.grid(visible=False)
    key(drawn, 3, pad=0.4)
    alt = "Stacked bars of the shares of the sources in the variance, %. " + " ".join(
        f"{row['model']}: "
        + ", ".join(f"{words} {percent(row[f'{k}_share'], 0)}" for k, words in SOURCES.items())
        + "."
        for _, row in frame.dropna().iterrows()
    )
    return finished(drawn, table.name, "Sources of variance", alt, table)


def facts(table: Table) -> dict[str, Any]:
    """Where the variance of the difference comes from.

    Args:
        table: of `table`.

    Returns:
        nothing, why no sources are known, "no variance" or "unknown" (one seed, or no image held
        out to draw from), else ""; shares, of `weights`, `training` and `test`; training_low and
        training_high, the interval of the second; rank, of training images: "most", "less" (than
        half) or "unknown"; over_all, difference, low and high with other training images covered;
        clipped, of what the training images' part came out below 0.
    """
    frame = table.frame.set_index("model")
    own = frame.loc["difference"]
    low, high = own["training_share_low"], own["training_share_high"]
    nothing = ""
    if np.isnan(own["weights_share"]):
        nothing = "unknown" if np.isnan(own["low"]) else "no variance"
    return {
        "nothing": nothing,
        "shares": {source: own[f"{source}_share"] for source in SOURCES},
        "training_low": low,
        "training_high": high,
        "rank": "most" if low > 0.5 else "less" if high < 0.5 else "unknown",
        "over_all": {"difference": own["mean"], "low": own["low"], "high": own["high"]},
        "clipped": [m if m in BOTH else f"the {m}" for m in frame.index if frame.loc[m, "clipped"]],
    }
