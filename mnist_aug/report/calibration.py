"""How far the probabilities of both models can be trusted: tables and figures."""

from collections.abc import Callable
from functools import partial
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mnist_aug.analysis import calibration
from mnist_aug.analysis.calibration import BARS
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.metrics import CALIBRATION_BINS
from mnist_aug.formatting import MINUS, decimals, percent, span
from mnist_aug.report.drawing import (
    INK,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    key,
    style_of,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH


def _four(value: float) -> str:
    return decimals(value, 4).replace("-", MINUS)


def _hundredths(value: float) -> str:
    return percent(value).replace("-", MINUS)


def _thousandths(value: float) -> str:
    return percent(value, 3).replace("-", MINUS)


# What each score is called, its unit, and how it is shown.
CALLED: dict[str, tuple[str, Callable[[float], str]]] = {
    "loss": ("NLL, nats", _four),
    "brier": ("Brier score", _four),
    "ece": ("ECE, pp", _hundredths),
    "aurc": ("AURC, %", _thousandths),
}
SCALED = (
    "Scaled: after temperature scaling (Guo et al. 2017), which divides a network's logits by one "
    "number, fitted on the validation images, and changes no prediction."
)
LEAST = 10  # images in a bin that is drawn, and one for each seed
LOW = 0.1  # of the largest error: below it, the risk-coverage curve is not drawn
DOTS = 20  # about so many marks on a risk-coverage curve
DECADE = 10  # steps of the least coverage drawn, in 100


def scores(content: Comparison) -> Table:
    """Proper scores, calibration error and AURC of both models, mean and SD over seeds."""
    frame = calibration.scores(content)
    shown = [CALLED[name][1] for name in frame["score"]]
    display: dict[str, list[str]] = {
        "score": [
            CALLED[row.score][0] + (", scaled" if row.scaled else "") for row in frame.itertuples()
        ]
    }
    for model in BOTH:
        display[f"{model} ± SD"] = [
            show(mean) + ("" if np.isnan(sd) else f" ± {show(sd)}")
            for show, mean, sd in zip(shown, frame[model], frame[f"{model}_sd"], strict=True)
        ]
    display["difference"] = [
        _signed(show, value) for show, value in zip(shown, frame["difference"], strict=True)
    ]
    display["95 % CI"] = [
        span(low, high, partial(_signed, show))
        for show, low, high in zip(shown, frame["low"], frame["high"], strict=True)
    ]
    several = content.difference.seeds > 1
    intervals = ["95 % CIs over paired seeds, on these test images."] if several else []
    return Table(
        "calibration",
        "Quality of the probabilities on the test images, mean over seeds",
        frame,
        pd.DataFrame(display),
        note=" ".join(
            [
                "Lower is better. Difference: baseline minus augmented, so that above zero "
                "augmentation is better.",
                *intervals,
                "NLL: negative log-likelihood; probabilities below 1e-7 count as 1e-7, as in "
                "Keras. ECE: expected calibration error, in "
                f"{min(CALIBRATION_BINS, len(content.labels))} bins of equal mass. AURC: area "
                "under the risk-coverage curve.",
                *([SCALED] if frame["scaled"].any() else []),
            ]
        ),
    )


def _signed(show: Callable[[float], str], value: float) -> str:
    text = show(value)
    if not text.strip(f"{MINUS}0."):
        return text.removeprefix(MINUS)
    return f"+{text}" if value > 0 else text


def facts(content: Comparison, table: Table) -> dict[str, Any]:
    """What the template says of the probabilities.

    Args:
        table: of `scores`.

    Returns:
        over, the mean confidence minus accuracy by model; scaling, None without temperatures, else
        the row `loss` before and after it, `alone`, how much the baseline's loss falls by scaling
        alone, and `share` of what it falls by augmentation, None unless both lower it; coverage, of
        `calibration.share_kept`, None where there is none.
    """
    rows = {(row["score"], bool(row["scaled"])): row for row in table.frame.to_dict("records")}
    found: dict[str, Any] = {
        "over": calibration.overconfidence(content),
        "scaling": None,
        "coverage": None,
    }
    if ("loss", True) in rows:
        before, after = rows["loss", False], rows["loss", True]
        alone = before[BOTH[0]] - after[BOTH[0]]
        both = alone > 0 and before["low"] > 0
        found["scaling"] = {
            "before": before,
            "after": after,
            "alone": alone,
            "share": alone / before["difference"] if both else None,
            "side": int(after["low"] > 0) - int(after["high"] < 0),
        }
    kept = calibration.share_kept(calibration.mean_risks(content))
    if kept is not None and kept[1] > 0:
        found["coverage"] = dict(zip(("worse", "share"), kept, strict=True))
    return found


def bins(content: Comparison) -> Table:
    """Confidence and accuracy of both models in bins of equal width."""
    frame = calibration.bins(content)
    display = pd.DataFrame(
        {
            "variant": frame["variant"] + np.where(frame["scaled"], ", scaled", ""),
            "bin": frame["bin"].astype(str),
            "images": frame["images"].map("{:,}".format),
            "confidence, %": frame["confidence"].map(percent),
            "accuracy, %": frame["accuracy"].map(percent),
        }
    )
    return Table("reliability", "Confidence and accuracy by bin", frame, display)


def fewest(content: Comparison, frame: pd.DataFrame) -> int:
    """Images, of all seeds, in the smallest bin that is drawn.

    Args:
        frame: of `calibration.bins`.
    """
    return max(1, min(max(LEAST, content.difference.seeds), int(frame["images"].max())))


def bin_facts(content: Comparison) -> dict[str, Any]:
    """What the caption of the reliability diagram says of its bins.

    Returns:
        above and below, their widths in points; fewest, of that function; left_out, whether any
        bin that holds images has fewer.
    """
    frame = calibration.bins(content)
    least = fewest(content, frame)
    return {
        "above": 100 // calibration.BINS,
        "below": 100 // BARS,
        "fewest": least,
        "left_out": bool(frame["images"].between(1, least - 1).any()),
    }


@matplotlib.rc_context(STYLE)
def diagram(content: Comparison) -> Figure:
    """The reliability diagram above a histogram of confidences, on the same linear axis."""
    table = bins(content)
    frame = table.frame[table.frame["images"] >= fewest(content, table.frame)]
    heated = bool(frame["scaled"].any())
    figure, ((above,), (below,)) = canvas(
        4.6 + 0.28 * heated,
        content,
        "Reliability: accuracy by confidence",
        key=1 + heated,
        nrows=2,
        sharex=True,
        height_ratios=[2.6, 1],
    )
    least = float(frame["bin"].min() - 1) / calibration.BINS if len(frame) else 0.0
    ideal = {"color": INK, "linewidth": 1}
    above.plot([100 * least, 100], [100 * least, 100], **ideal)
    edges, shares = np.linspace(0, 1, BARS + 1), {}
    for variant in content.both:
        look = style_of(content, variant.name)
        above.plot([], [], linestyle="none", label=variant.name, **look)
        for is_scaled, own in frame[frame["variant"] == variant.name].groupby("scaled"):
            name = f"{variant.name}, scaled" if is_scaled else variant.name
            at = 100 * own["confidence"], 100 * own["accuracy"]
            above.plot(*at, color=look["color"], linestyle=":" if is_scaled else "-")
            face = {"markerfacecolor": PAPER} if is_scaled else {}
            called = {"label": name} if is_scaled else {}
            (dots,) = above.plot(*at, linestyle="none", **called, **look, **face)
            tips(
                dots,
                [
                    f"{name}: confidence {percent(row.confidence, 1)} %, accuracy "
                    f"{percent(row.accuracy, 1)} %; {percent(row.share)} % of images"
                    for row in own.itertuples()
                ],
            )
        confidence = variant.probabilities.max(axis=2)
        counts = np.histogram(confidence[np.isfinite(confidence)].clip(0, 1), edges)[0]
        shares[variant.name] = counts / confidence.size
        below.stairs(
            100 * shares[variant.name], 100 * edges, baseline=None, color=look["color"], linewidth=2
        )
    above.plot([], [], label="perfect calibration", **ideal)
    pad = 2 * (1 - least)
    low = float(np.nanmin([least, *frame["accuracy"]]))
    above.set(xlim=(100 * least - pad, 100 + pad), ylabel="accuracy, %")
    above.set_ylim(100 * low - 2 * (1 - low), 100 + 3 * (1 - low))
    corner = {"fontsize": SMALL, "color": MUTED, "transform": above.transAxes}
    above.text(0.98, 0.04, "overconfident", ha="right", va="bottom", **corner)
    above.text(0.02, 0.96, "underconfident", ha="left", va="top", **corner)
    seen = np.concatenate([own[edges[1:] > least] for own in shares.values()])
    below.set(
        xlabel="confidence: the largest probability, %",
        ylabel="images, %\n(log)",
    )
    if seen.any():  # no run diverged altogether
        below.set(yscale="log", ylim=(100 * seen[seen > 0].min() / 1.6, 250))
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.yaxis.set_minor_formatter(NullFormatter())
    for axes in (above, below):
        axes.grid()
    figure.align_ylabels()
    key(figure, 3)
    over = calibration.overconfidence(content)
    alt = "Reliability diagram above a histogram of confidences. " + " ".join(
        f"{model}: mean confidence minus accuracy {percent(over[model]).replace('-', MINUS)} pp; "
        f"{percent(shares[model][-1], 0)} % of its confidences are above {percent(edges[-2], 0)} %."
        for model in BOTH
    )
    return finished(figure, table.name, "Reliability diagram", alt, table)


def coverages(content: Comparison) -> Table:
    """The error of both models among the most confident share of the images."""
    frame = calibration.risk_coverage(content)
    display = pd.DataFrame(
        {
            "coverage, %": frame["coverage"].map(percent),
            **{f"{model} error, %": frame[model].map(_thousandths) for model in BOTH},
        }
    )
    return Table("risk-coverage", "Error by coverage, mean over seeds", frame, display)


@matplotlib.rc_context(STYLE)
def curve(content: Comparison) -> Figure:
    """Risk-coverage curves of both models, from where either errs to speak of."""
    table = coverages(content)
    frame = table.frame
    least = drawn_from(frame)
    own = frame[frame["coverage"] >= least - 1e-9]
    seeds = content.difference.seeds
    figure, ((axes,),) = canvas(
        3.3, content, "Risk-coverage: error among the most confident images", key=1
    )
    for model in BOTH:
        look = style_of(content, model)
        low, high = (100 * own[f"{model}_{end}"] for end in ("low", "high"))
        if seeds > 1:
            axes.fill_between(
                100 * own["coverage"], low, high, color=look["color"], alpha=0.25, linewidth=0
            )
        axes.plot(100 * own["coverage"], 100 * own[model], color=look["color"], label=model)
        every = own.iloc[:: -max(1, len(own) // DOTS)]
        (dots,) = axes.plot(
            100 * every["coverage"], 100 * every[model], linestyle="none", markersize=3, **look
        )
        tips(
            dots,
            [
                f"{model}: {_thousandths(row[model])} % error among the most confident "
                f"{percent(row['coverage'], 0)} %"
                for _, row in every.iterrows()
            ],
        )
    if seeds > 1:
        shade = {"color": MUTED, "alpha": 0.25, "linewidth": 0}
        axes.fill_between([], [], label="band: 95 % CI over seeds", **shade)
    axes.set_xlim(100 * least - (1 - least), 100 + (1 - least))
    axes.set_ylim(bottom=0)
    axes.set(xlabel="coverage: most confident share of the test images, %", ylabel="error, %")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(PlainTicks())
    axes.yaxis.set_major_formatter(PlainTicks())
    axes.grid()
    key(figure, 3, 0.5)
    half = frame.iloc[(len(frame) - 1) // 2]
    alt = "Line chart of the error among the most confident share of the images. " + " ".join(
        f"{model}: {_thousandths(row[model])} % at a coverage of {percent(row['coverage'], 0)} %."
        for row in (half, frame.iloc[-1])
        for model in BOTH
    )
    return finished(figure, table.name, "Risk-coverage curves", alt, table)


def drawn_from(frame: pd.DataFrame) -> float:
    """The coverage in whole tenths up to which no mean error is above `LOW` of the largest.

    Args:
        frame: of `calibration.risk_coverage`.
    """
    errors = frame[[*BOTH]].max(axis=1)
    high = errors > LOW * errors.max()
    first = frame["coverage"][high].min() if high.any() else 0.0
    return float(np.floor(DECADE * first - 1e-9) / DECADE) if first > 0 else 0.0
