"""Where the variance of the accuracy comes from, with each seed's own training images."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.variance import components
from mnist_aug.formatting import decimals, estimated, listed, percent, points, span
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
            "seeds, on the same and on their own training images": [
                f"{row.seeds}, {row.resampled_seeds}" for row in frame.itertuples()
            ],
            **{
                f"SD from {words}, pp (share of the variance)": [
                    f"{decimals(100 * sd, 3)} ({percent(share, 0)} %)" if there else "—"
                    for sd, share, there in zip(
                        np.sqrt(frame[source]), frame[f"{source}_share"], known, strict=True
                    )
                ]
                for source, words in SOURCES.items()
            },
            "95 % CI of the share of training images, %": [
                _ends(row) if there else "—"
                for row, there in zip(frame.itertuples(), known, strict=True)
            ],
            "mean (95 % CI that covers all), % or pp": [
                f"{percent(row.mean)} ({span(row.low, row.high, percent)})"
                if row.model in BOTH
                else estimated(row.mean, row.low, row.high)
                for row in frame.itertuples()
            ],
        }
    )
    title = "Standard deviation of the test accuracy of one run, by source"
    return Table("variance", title, frame, display)


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """The shares of the sources in the variance, stacked."""
    frame = table.frame
    height = 3.2
    title = "What the variance of the test accuracy comes from"
    drawn, ((axes,),) = canvas(height, content, title, key=1)
    left = np.zeros(len(frame))
    for (source, words), colour in zip(SOURCES.items(), COLOURS[:3], strict=True):
        shares = 100 * frame[f"{source}_share"].fillna(0).to_numpy()
        axes.barh(range(len(frame)), shares, left=left, height=0.6, color=colour, label=words)
        for row, share in enumerate(shares):
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
            f"{m},\nSD {decimals(100 * sd, 2)} pp"
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
    caption = (
        "Variance of the accuracy of one run, and of the difference of two with the same seed, "
        "with weights, order, training images and test images all new. SD is its square root."
    )
    return finished(drawn, table.name, "Sources of variance", alt, caption, table)


def sentences(table: Table, content: Comparison) -> list[str]:
    """What varies most, what follows for the difference, and how it is known."""
    frame = table.frame.set_index("model")
    difference = frame.loc["difference"]
    how = (
        "In this study each seed also draws its own training and validation part of the training "
        "images, the same for both models. What its runs vary more than those on the same images "
        "comes from training images. Drawn from one pool, they share most of them, so the variance "
        "of wholly new ones is worked out from the share drawn (compare Nadeau and Bengio 2003, "
        "Bouthillier et al. 2021). As the difference of two variances, their share is known badly "
        "from few seeds."
    )
    if np.isnan(difference["weights_share"]) and not np.isnan(difference["low"]):
        return ["All differences are the same, so there is no variance to split.", how]
    if np.isnan(difference["low"]):
        return [
            "One seed, or no images held out to draw from, can't tell the sources apart: "
            "`make variance SEEDS=5` or more seeds does it.",
            how,
        ]
    shares = {words: difference[f"{source}_share"] for source, words in SOURCES.items()}
    if difference["training_share_low"] > 0.5:
        rank = "training images matter most"
    elif difference["training_share_high"] < 0.5:
        rank = "training images make less than half of it"
    else:
        rank = "more seeds would tell whether training images make more than half of it"
    text = (
        f"Of the variance of the difference, {listed([_share(*one) for one in shares.items()])}. "
        f"The 95 % CI of the share of training images is {_ends(difference)} %: {rank}. With "
        "other training images covered, too, the difference is "
        f"{estimated(difference['mean'], difference['low'], difference['high'], ' pp')}; the CI at "
        f"the head of the page, {_alone(content)}, holds for these training images."
    )
    clipped = [m if m in BOTH else f"the {m}" for m in frame.index if frame.loc[m, "clipped"]]
    if clipped:
        text += (
            f" Of {listed(clipped)}, runs on training images of their own vary no more than the "
            "others, so that part is taken as 0; more seeds would tell."
        )
    return [text, how]


def _share(words: str, share: float) -> str:
    return f"{percent(share, 0)} % comes from {words}"


def _ends(row: Any) -> str:
    low, high = (percent(getattr(row, f"training_share_{end}"), 0) for end in ("low", "high"))
    return f"{low} to {high}"


def _alone(content: Comparison) -> str:
    found = content.difference
    return f"{points(found.mean)} ({span(found.low, found.high)})"
