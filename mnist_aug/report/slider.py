"""The slider for strength: images at each factor of the magnitudes, and accuracy along with them.

Images come from the samples, accuracies from the study of strength: the page asks for nothing.
"""

import base64
import io
import math
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.recommendation import factor
from mnist_aug.analysis.studies import StudyRuns, summary
from mnist_aug.formatting import percent
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    tips,
)
from mnist_aug.report.pictures import Samples
from mnist_aug.report.tables import Table

HUNDRED = 100  # factors are whole hundredths
MOST_SIDE = 64  # pixels of an image in the page; of larger ones every second pixel, or fewer
PARTS = {"test": (COLOURS[3], "D"), "validation": (COLOURS[2], "s")}


@dataclass(frozen=True)
class Slider:
    """What its template needs.

    Attributes:
        sprite: a PNG, as data URI, with a row for each factor and a column for each image.
        count, width, height: of the images.
        points: of each factor, from 0: `factor`; and `runs`, its row of `along`, None where
            nothing was trained with it.
        start: the place of factor 1.
        step: the largest that all factors are multiples of.
        curve: accuracy against the factor; None without a study of strength.
    """

    sprite: str
    count: int
    width: int
    height: int
    points: list[dict]
    start: int
    step: float
    curve: Figure | None


def load(samples: Samples | None, runs: StudyRuns | None, content: Comparison) -> Slider | None:
    """The slider of a comparison; None where the samples hold no image at several strengths.

    Args:
        runs: of the study of strength.
    """
    if samples is None or "stronger" not in samples:
        return None
    images = samples["stronger"]
    step = -(-max(images.shape[2:4]) // MOST_SIDE)
    images = images[:, :, ::step, ::step]
    _, count, height, width = images.shape[:4]
    along_it = None if runs is None else along(runs)
    rows = {} if along_it is None else {row["factor"]: row for row in along_it.to_dict("records")}
    factors = samples["strengths"].tolist()
    return Slider(
        _sprite(images),
        count,
        width,
        height,
        [{"factor": one, "runs": rows.get(one)} for one in factors],
        factors.index(1),
        math.gcd(*(round(HUNDRED * one) for one in factors)) / HUNDRED,
        None if along_it is None else curve(along_it, content),
    )


def along(runs: StudyRuns) -> pd.DataFrame:
    """The factor of each variant of the study of strength, in order, and its `summary`."""
    names = sorted({*runs.frame["variant"]}, key=factor)
    return summary(runs, names, ()).assign(factor=[*map(factor, names)])


def _sprite(images: np.ndarray) -> str:
    """Of images [F, M, H, W] or [F, M, H, W, 3]."""
    whole = np.concatenate([np.concatenate([*row], axis=1) for row in images])
    held = io.BytesIO()
    Image.fromarray(whole).save(held, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


@matplotlib.rc_context(STYLE)
def curve(frame: pd.DataFrame, content: Comparison) -> Figure:
    """Accuracy against the factor of the magnitudes, of a frame as `along` gives it.

    The marks of a part stand in the order of the factors: the script moves a ring from one to the
    next.
    """
    figure, ((axes,),) = canvas(2.3, content, "Accuracy at each strength")
    factors = frame["factor"]
    ends = []
    for part, (colour, marker) in PARTS.items():
        if frame[part].isna().all():
            continue
        mean, low, high = (100 * frame[f"{part}{end}"] for end in ("", "_low", "_high"))
        axes.fill_between(factors, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(factors, mean, color=colour)
        (marks,) = axes.plot(factors, mean, marker, color=colour)
        tips(
            marks,
            [
                f"{part}, factor {row.factor:g}: {percent(getattr(row, part))} %"
                for row in frame.itertuples()
            ],
        )
        ends.append((mean.iloc[-1], part, colour))
    ends.sort()
    for place, (y, part, colour) in enumerate(ends):
        below = len(ends) > 1 and not place
        axes.annotate(
            part,
            (factors.iloc[-1], y),
            (7, -5 if below else 5) if len(ends) > 1 else (7, 0),
            textcoords="offset points",
            va="top" if below else "bottom" if len(ends) > 1 else "center",
            color=colour,
            fontweight="bold",
        )
    if frame[["test_low", "validation_low"]].notna().any(axis=None):
        axes.text(
            0.99,
            0.03,
            "band: 95 % CI over seeds",
            transform=axes.transAxes,
            ha="right",
            fontsize=SMALL,
            color=MUTED,
        )
    axes.set(xlabel="strength (1\N{MULTIPLICATION SIGN} = as trained)", ylabel="accuracy, %")
    axes.set_xticks(factors, [f"{one:g}" for one in factors])
    axes.grid(axis="y")
    axes.yaxis.set_major_formatter(PlainTicks())
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    alt = "Line chart of accuracy against the factor of all magnitudes. " + " ".join(
        f"{row.factor:g}: test {percent(row.test)} %." for row in frame.itertuples()
    )
    title = "Accuracy at each strength"
    return finished(figure, "slider", title, alt, Table("slider", title, frame, frame))
