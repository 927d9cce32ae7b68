"""How far the probabilities of both models can be trusted, and what temperature scaling mends."""

from collections.abc import Callable, Iterable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter

from mnist_aug.analysis import metrics
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import estimate, spread
from mnist_aug.analysis.metrics import CALIBRATION_BINS, reliability
from mnist_aug.formatting import MINUS, decimals, percent, points, with_sd
from mnist_aug.report.drawing import INK, PAPER, STYLE, Figure, canvas, finished, style_of
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH, VariantResults

# Scores that scaling may mend: what they are called, their unit, and how they are shown.
SHOWN: dict[str, tuple[str, str, Callable[[float], str]]] = {
    "loss": ("loss", "nats", lambda value: decimals(value, 4)),
    "ece": ("ECE", "pp", percent),
}
SCORES = ("loss", "brier", "ece")
BARS = 20  # of the histogram of confidences, over 0 to 100 %
NOT_SCALED = (
    "There is no temperature scaling, as no image is held out for validation or an earlier version "
    "evaluated the models (`make evaluate`)."
)


def scores(content: Comparison) -> Table:
    """Proper scores and calibration error of each variant, mean and SD over seeds.

    Those with `scaled_` are after temperature scaling, NaN where no temperature was fitted. Of
    each, `_gain` is how much less it is than the baseline's with the same seed, with the ends of
    the 95 % interval over seeds.
    """
    rows = []
    plain = _by_seed(content, content.variants[BOTH[0]])
    for variant, result in zip(
        content.variants.values(), content.results.itertuples(), strict=True
    ):
        row: dict[str, object] = {"variant": variant.name}
        own = _by_seed(content, variant)
        for name in own:
            row |= _mean(name, own[name].to_numpy())
        gains = (plain - own).dropna(how="all")  # of the seeds that both have
        for name in gains:
            ends = estimate(gains[name].to_numpy())
            names = (f"{name}_gain", f"{name}_gain_low", f"{name}_gain_high")
            row |= dict(zip(names, ends, strict=True))
        sure = float(variant.probabilities.max(axis=2).mean(axis=1).mean())
        row["overconfidence"] = sure - result.accuracy
        row |= _mean("temperature", variant.temperatures)
        rows.append(row)
    frame, accuracy = pd.DataFrame(rows), content.results["accuracy"]
    display = {
        "variant": frame["variant"],
        "loss ± SD, nats": with_sd(frame, "loss", _four),
        "Brier score ± SD": with_sd(frame, "brier", _four),
        "expected calibration error ± SD, pp": with_sd(frame, "ece"),
        "mean largest probability, %": (frame["overconfidence"] + accuracy).map(percent),
        "accuracy, %": accuracy.map(percent),
    }
    if frame["temperature"].notna().any():
        scaled = {
            "temperature ± SD": with_sd(frame, "temperature", lambda value: decimals(value, 2)),
            "scaled: loss, nats": frame["scaled_loss"].map(_four),
            "scaled: Brier score": frame["scaled_brier"].map(_four),
            "scaled: calibration error, pp": frame["scaled_ece"].map(percent),
        }
        fitted = frame["temperature"].notna()
        display |= {name: cells.where(fitted, "—") for name, cells in scaled.items()}
    title = "Quality of the probabilities on the test images, mean over seeds"
    return Table("calibration", title, frame, pd.DataFrame(display))


def _four(value: float) -> str:
    return decimals(value, 4)


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    return {name: float(values.mean()), f"{name}_sd": spread(values)}


def _by_seed(content: Comparison, variant: VariantResults) -> pd.DataFrame:
    """Loss, Brier score and calibration error of each run, as it is and at its own temperature."""
    found = variant.on_test[[*SCORES]].copy()
    scaled = pd.DataFrame(np.nan, found.index, [*SCORES])
    if np.isfinite(variant.temperatures).all():
        for seed, one, heat in zip(
            variant.seeds, variant.log_probabilities, variant.temperatures, strict=True
        ):
            own = metrics.scores(content.labels, metrics.at_temperature(one, heat))
            scaled.loc[seed] = [own[name] for name in SCORES]
    return found.join(scaled.add_prefix("scaled_"))


def sentences(table: Table) -> list[str]:
    """How sure both models are, what the scores mean, and what remains after scaling.

    Args:
        table: of `scores`.
    """
    first, second = (table.frame.set_index("variant").loc[model] for model in BOTH)
    text = (
        "Mean largest probability less accuracy, which is above zero where a network is surer "
        f"than it should be: {points(first['overconfidence'])} pp with {BOTH[0]}, "
        f"{points(second['overconfidence'])} pp with {BOTH[1]}. The expected calibration error "
        f"(ECE) is the mean distance of the two over {CALIBRATION_BINS} bins of equal mass; the "
        "Brier score is the squared distance of the probabilities to the truth, summed over "
        "classes. Less is better for both, and for the loss, the mean negative log-likelihood. "
        "Chance alone keeps the ECE of perfect probabilities above zero."
    )
    if not np.isfinite([first["scaled_loss"], second["scaled_loss"]]).all():
        return [text, NOT_SCALED]
    scaling = (
        "Temperature scaling (Guo et al. 2017) divides each run's log-probabilities by a "
        "temperature fitted on the validation images; it changes no prediction. "
        + "; ".join(
            f"with {model}, mean temperature {decimals(one['temperature'], 2)}, it takes the loss "
            f"from {_four(one['loss'])} to {_four(one['scaled_loss'])} nats and the ECE from "
            f"{percent(one['ece'])} to {percent(one['scaled_ece'])} pp"
            for model, one in zip(BOTH, (first, second), strict=True)
        ).replace("with", "With", 1)
        + "."
    )
    return [text, scaling, *(_remaining(name, first, second) for name in SHOWN)]


def _remaining(name: str, first: pd.Series, second: pd.Series) -> str:
    """How much of what augmentation gains is had by scaling alone, and what is left after both.

    Args:
        second: the row of augmented, with `_gain` and its ends.
    """
    called, unit, show = SHOWN[name]
    alone = first[name] - first[f"scaled_{name}"]

    def change(by: float, low: float = np.nan, high: float = np.nan) -> str:
        sign = 1 if by >= 0 else -1
        ends = sorted((sign * low, sign * high))
        shown = [show(end).replace("-", MINUS) for end in ends]
        known = "" if np.isnan(low) else f" (95 % CI {shown[0]} to {shown[1]})"
        return f"{'lowers' if by >= 0 else 'raises'} it by {show(abs(by))} {unit}{known}"

    gain, left = (
        [float(second[f"{part}_gain{end}"]) for end in ("", "_low", "_high")]
        for part in (name, f"scaled_{name}")
    )
    text = f"The {called}: augmentation {change(*gain)}"
    if _detected(gain) and gain[0] > 0:
        text += f"; temperature scaling of the {BOTH[0]}, without augmentation, {change(alone)}"
        text += f", {percent(alone / gain[0], 0)} % of that" if alone > 0 else ""
    elif not (_detected(gain) or np.isnan(gain[1])):
        text += ", so no change is detectable"
    text += f". After both are scaled, augmentation {change(*left)}"
    if np.isnan(left[1]):
        return f"{text}; one seed can't tell more."
    if not _detected(left):
        return f"{text}, so no difference is detectable."
    return f"{text}."


def _detected(change: list[float]) -> bool:
    """Whether the interval of a change, its mean and its ends, leaves 0 out."""
    return change[1] > 0 or change[2] < 0


def bins(content: Comparison) -> Table:
    """Confidence and accuracy of both models in bins of equal mass, mean over seeds.

    `scaled_confidence` and `scaled_accuracy` are after temperature scaling, NaN without.
    """
    parts = []
    for variant in content.both:
        sure, right, counts = _binned(content.labels, variant.probabilities)
        part = pd.DataFrame(
            {
                "variant": variant.name,
                "bin": range(1, len(sure) + 1),
                "images": counts.astype(int),
                "confidence": sure,
                "accuracy": right,
                "scaled_confidence": np.nan,
                "scaled_accuracy": np.nan,
            }
        )
        if np.isfinite(variant.temperatures).all():
            scaled = [
                metrics.at_temperature(one, heat)
                for one, heat in zip(variant.log_probabilities, variant.temperatures, strict=True)
            ]
            part["scaled_confidence"], part["scaled_accuracy"], _ = _binned(content.labels, scaled)
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "bin": frame["bin"].astype(str),
            "images": frame["images"].map("{:,}".format),
            "confidence, %": frame["confidence"].map(percent),
            "accuracy, %": frame["accuracy"].map(percent),
        }
    )
    return Table("reliability", "Confidence and accuracy by bin", frame, display)


def _binned(
    labels: np.ndarray, every: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `reliability` of each run's probabilities, mean over runs."""
    found = [reliability(labels, one) for one in every]
    sure, right, counts = (np.mean(values, axis=0) for values in zip(*found, strict=True))
    return sure, right, counts


@matplotlib.rc_context(STYLE)
def diagram(content: Comparison) -> Figure:
    """The reliability diagram above a histogram of confidences, on the same linear axis."""
    table = bins(content)
    frame = table.frame
    scaled = frame["scaled_confidence"].notna().any()
    figure, ((above,), (below,)) = canvas(
        6.2,
        content,
        "Confidence and accuracy, in bins of equal mass",
        nrows=2,
        sharex=True,
        gridspec_kw={"height_ratios": [2.6, 1]},
    )
    columns = ["confidence", "accuracy"] + ["scaled_confidence", "scaled_accuracy"] * bool(scaled)
    least = float(np.floor(10 * np.nanmin(frame[columns])) / 10)
    above.plot([100 * least, 100], [100 * least, 100], color=INK, linewidth=1)
    edges, shares = np.linspace(0, 1, BARS + 1), {}
    for variant in content.both:
        own, look = frame[frame["variant"] == variant.name], style_of(content, variant.name)
        above.plot(
            100 * own["confidence"],
            100 * own["accuracy"],
            markersize=6,
            label=variant.name,
            **look,
        )
        if own["scaled_confidence"].notna().all():
            above.plot(
                100 * own["scaled_confidence"],
                100 * own["scaled_accuracy"],
                markersize=6,
                markerfacecolor=PAPER,
                linestyle=":",
                label=f"{variant.name}, scaled",
                **look,
            )
        confidence = variant.probabilities.max(axis=2)
        counts = np.histogram(confidence.clip(0, 1), edges)[0]
        shares[variant.name] = counts / counts.sum()
        below.stairs(
            100 * shares[variant.name], 100 * edges, baseline=None, color=look["color"], linewidth=2
        )
    pad = 2 * (1 - least)
    ends = (100 * least - pad, 100 + pad)
    above.set(xlim=ends, ylim=ends, ylabel="accuracy, %")
    seen = np.concatenate([own[edges[1:] > least] for own in shares.values()])
    below.set(
        xlabel="confidence: the largest probability, %",
        ylabel="images, %\n(logarithmic)",
        yscale="log",
        ylim=(100 * seen[seen > 0].min() / 1.6, 160),
    )
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.yaxis.set_minor_formatter(NullFormatter())
    for axes in (above, below):
        axes.grid()
    above.legend(loc="upper left", frameon=False)
    over = {
        model: int((own["confidence"] > own["accuracy"]).sum())
        for model, own in frame.groupby("variant")
    }
    count = frame.groupby("variant").size()
    text = " ".join(
        f"With {model} confidence exceeds accuracy in {over[model]} of {count[model]} bins; "
        f"{percent(shares[model][-1], 0)} % of its confidences are above "
        f"{percent(edges[-2], 0)} %."
        for model in BOTH
    )
    last = frame.groupby("variant").first()  # the least sure images
    alt = f"Reliability diagram above a histogram of confidences. {text} " + " ".join(
        f"In the bin of the least sure images {model} has a confidence of "
        f"{percent(last.loc[model, 'confidence'])} % and an accuracy of "
        f"{percent(last.loc[model, 'accuracy'])} %."
        for model in BOTH
    )
    caption = (
        "Test images in order of their confidence, cut into "
        f"{min(CALIBRATION_BINS, len(content.labels))} bins of equal mass in each run; a marker is "
        "the mean over seeds. Below the line a network is surer than it should be."
        f"{' Hollow: after temperature scaling.' if scaled else ''} The histogram has the same "
        f"confidences in {BARS} bins of equal width, on a logarithmic scale. {text}"
    )
    return finished(figure, "reliability", "Confidence and accuracy", alt, caption, table)
