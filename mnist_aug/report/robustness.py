"""Beyond the test images: corrupted ones, changed step by step, and those of other datasets."""

from collections.abc import Iterable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis import robustness
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.data.eval_sets import SEVERITIES
from mnist_aug.formatting import MINUS, estimated, listed, number, percent, points, span, with_sd
from mnist_aug.report import pictures
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.drawing import MUTED, STYLE, Figure, canvas, finished, label_rows, style_of
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import concluded
from mnist_aug.report.tables import Table, claim, differences, holm_column
from mnist_aug.results.runs import BOTH

SOURCES = {"corruption/": "made here", "mnist-c/": "as published"}


def section(content: Comparison, inputs: Inputs) -> Section:
    """Both models on other images than those of the test set."""
    return joined("robustness", "Robustness", _parts(content, inputs))


def _parts(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    found = corruptions(content)
    if not found:
        yield part(
            "corruptions",
            "Corrupted images",
            ["The results hold no scores on corrupted images: `make evaluate` makes them."],
        )
        return
    every = [*found.values()]
    moved = transfer(content)
    drawn = [corruption_figure(content, table) for table in every]
    if inputs.samples is not None:
        drawn.append(pictures.corrupted(content, inputs.samples))
    text = [
        *concluded(content, *corruption_sentences(every[0])),
        *origin([*found], content),
    ]
    yield part("corruptions", "Corrupted images", text, drawn, every)
    if has_severities(content):
        changed = severities(content)
        yield part(
            "severities",
            "How much change both models bear",
            concluded(content, severity_sentence(changed)),
            [severity_figure(content, changed)],
        )
    other = "handwriting" if content.is_written else "datasets"
    yield part(
        "transfer",
        f"Training images and other {other}",
        concluded(content, *transfer_sentences(moved)),
        [],
        [moved],
    )


def corruptions(content: Comparison) -> dict[str, Table]:
    """Errors of both models on each corruption type and in the mean, by source of the images."""
    return {
        source: _corruptions(content, source)
        for source in SOURCES
        if robustness.corruption_sets(content, source)
    }


def _corruptions(content: Comparison, source: str) -> Table:
    frame = robustness.corruption_errors(content, source)
    display = pd.DataFrame(
        {
            "corruption": frame["corruption"].str.replace("_", " "),
            "for the policy": frame["policy"],
            **{f"{model} error, %": frame[model].map(percent) for model in BOTH},
            **differences(frame),
            **holm_column(frame),
            "relative error, %": [number(100 * r) for r in frame["relative"]],
        }
    )
    return Table(
        "corruptions" if source == "corruption/" else "mnist-c",
        f"Error on corrupted test images ({SOURCES[source]}), mean over seeds",
        frame,
        display,
    )


def origin(sources: list[str], content: Comparison) -> list[str]:
    """Where the corrupted images are from, if they are made here."""
    if "corruption/" not in sources:
        return []
    light = " Images on a light background are corrupted as their negatives."
    colour = " In colour, each channel has noise of its own; all else is the same in all three."
    return [
        "The corruptions are those of MNIST-C (Mu and Gilmer 2019), made here. Fog, glass "
        "blur, motion blur, edges and all draws differ from the published images, so errors "
        "can't be compared with published ones."
        f"{light if content.is_light else ''}{colour if content.in_colour else ''}"
    ]


def corruption_sentences(table: Table) -> list[str]:
    """What the corruption types say together.

    Args:
        table: of `corruptions`.
    """
    frame = table.frame
    single, last = frame[frame["policy"] != ""], frame.iloc[-1]
    over = "test images" if single["p"].isna().any() else "seeds and test images"
    text = (
        f"Mean error over {len(single)} corruption types is {percent(last[BOTH[1]])} % with "
        f"{BOTH[1]} instead of {percent(last[BOTH[0]])} %, a difference of "
        f"{points(last['difference'])} pp (95 % CI {span(last['low'], last['high'])} pp, "
        f"over {over}). {_by_type(single)}"
    )
    like = single[single["policy"] != "unseen"]
    if len(like) and len(like) < len(single):
        resembling, unseen = (
            frame[frame["corruption"].str.endswith(end)].iloc[0] for end in ("resembling", "unseen")
        )
        text += (
            f" The policy's transforms resemble {listed(_names(like))}: there the difference is "
            f"{points(resembling['difference'])} pp; in the corruption types it has not seen it is "
            f"{_estimated(unseen)}."
        )
    return [
        text,
        "Relative error is the error with augmentation over the error without, in each "
        "corruption type, and its mean over these: the mean corruption error of Hendrycks and "
        "Dietterich (2019) with the baseline in the place of their reference network.",
    ]


def _by_type(single: pd.DataFrame) -> str:
    """On which corruption types augmentation makes fewer errors, and on which more."""
    if single["holm_p"].isna().any():
        return "With one seed nothing is said of single corruption types."
    said = claim(_names(single), single, "corruption types", "fewer errors", "more errors", -1)
    return f"By p adjusted for all {len(single)} (Holm 1979), {BOTH[1]} makes {said}."


def _estimated(row: pd.Series) -> str:
    return estimated(row["difference"], row["low"], row["high"], " pp")


def _names(rows: pd.DataFrame) -> list[str]:
    return [corruption.replace("_", " ") for corruption in rows["corruption"]]


@matplotlib.rc_context(STYLE)
def corruption_figure(content: Comparison, table: Table) -> Figure:
    """Errors of both models on each corruption type, joined by a line."""
    frame = table.frame[table.frame["policy"] != ""].reset_index(drop=True)
    figure, ((axes,),) = canvas(1.6 + 0.27 * len(frame), content, "Error on corrupted test images")
    rows = np.arange(len(frame))
    axes.hlines(rows, *(100 * frame[model] for model in BOTH), color=MUTED, linewidth=1.2)
    for model in BOTH:
        look = style_of(content, model)
        axes.plot(100 * frame[model], rows, linestyle="none", markersize=7, label=model, **look)
    labels = [
        f"{'* ' if policy != 'unseen' else ''}{corruption.replace('_', ' ')}"
        for corruption, policy in zip(frame["corruption"], frame["policy"], strict=True)
    ]
    label_rows(axes, labels)
    axes.set(xlim=(0, 100), xlabel="error, %")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    alt = "Dot plot of the error in each corruption type, %. " + " ".join(
        f"{r['corruption']}: {BOTH[0]} {percent(r[BOTH[0]])}, {BOTH[1]} {percent(r[BOTH[1]])}."
        for _, r in frame.iterrows()
    )
    caption = (
        "Means over seeds, the largest gain of augmentation at the top and the largest loss at "
        "the bottom."
    )
    if any(label.startswith("*") for label in labels):
        caption += " A star marks the corruption types that the policy's transforms resemble."
    return finished(figure, table.name, "Error by corruption type", alt, caption, table)


def has_severities(content: Comparison) -> bool:
    """Whether there are scores on any axis; not all axes suit all images."""
    return any(robustness.corruption_sets(content, f"{name}/") for name in SEVERITIES)


def severities(content: Comparison) -> Table:
    """Errors of both models at each severity of each axis, mean and range over seeds."""
    frame = robustness.severity_errors(content)
    display = pd.DataFrame(
        {
            "change": frame["axis"] + ", " + frame["unit"],
            "severity": frame["severity"].map("{:g}".format).str.replace("-", MINUS),
            **{f"{model} error, %": frame[model].map(percent) for model in BOTH},
            **differences(frame),
            **holm_column(frame),
        }
    )
    return Table("severities", "Error against severity, mean over seeds", frame, display)


def severity_sentence(table: Table) -> str:
    """At how many severities of each axis augmentation makes fewer errors, and at which more."""
    own = table.frame[table.frame["holm_p"].notna()]
    if own.empty:
        return "With one seed nothing is said of single severities."
    parts = [
        f"{axis}, {_at_severities(rows)}".replace("-", MINUS)
        for axis, rows in own.groupby("axis", sort=False)
    ]
    return (
        f"For these test images, by p over seeds adjusted for all {len(own)} severities (Holm "
        f"1979), {BOTH[1]} makes: {'; '.join(parts)}."
    )


def _at_severities(rows: pd.DataFrame) -> str:
    names = [f"{severity:g}" for severity in rows["severity"]]
    return claim(names, rows, "severities", "fewer errors", "more errors", -1)


@matplotlib.rc_context(STYLE)
def severity_figure(content: Comparison, table: Table) -> Figure:
    """A panel for each axis: error against severity, mean and range over seeds."""
    groups = list(table.frame.groupby("axis", sort=False))
    count = -(-(len(groups) + 1) // 2)
    title = "Error as images are changed more and more"
    figure, panels = canvas(0.7 + 2.1 * count, content, title, nrows=count, ncols=2)
    for axes, (axis, own) in zip(panels.ravel(), groups, strict=False):
        for model in BOTH:
            look = style_of(content, model)
            low, high = (100 * own[f"{model}_{end}"] for end in ("least", "most"))
            axes.fill_between(
                own["severity"], low, high, color=look["color"], alpha=0.25, linewidth=0
            )
            axes.plot(own["severity"], 100 * own[model], markersize=4, label=model, **look)
        axes.set(xlabel=f"{axis},\n{own['unit'].iloc[0]}", ylim=(0, 100))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=(own["severity"] % 1 == 0).all()))
        axes.grid()
    for axes in panels[:, 0]:
        axes.set_ylabel("error, %")
    for axes in panels.ravel()[len(groups) :]:
        axes.set_axis_off()
    handles = panels[0, 0].get_legend_handles_labels()
    panels.ravel()[len(groups)].legend(*handles, loc="center", frameon=False)
    alt = "Line charts of the error against the severity of a change. " + " ".join(
        f"{axis} {r.severity:g}: {BOTH[0]} {percent(getattr(r, BOTH[0]), 1)} %, {BOTH[1]} "
        f"{percent(getattr(r, BOTH[1]), 1)} %."
        for axis, own in groups
        for r in own.iloc[[0, -1]].itertuples()
    )
    caption = (
        "Lines are means over seeds and shades the range from the least to the most. "
        "Every panel holds the unchanged test images too."
    )
    return finished(figure, "severities", "Severity and response", alt, caption, table)


def transfer(content: Comparison) -> Table:
    """Accuracy on the training images, the test images and those of other datasets."""
    frame = robustness.transfer(content)
    display = pd.DataFrame(
        {
            "images": frame["images"],
            "count": frame["count"].map("{:,}".format),
            **{f"{model} ± SD, %": with_sd(frame, model) for model in BOTH},
            **differences(frame),
        }
    )
    others = "other people's images" if content.is_written else "images of other datasets"
    title = f"Accuracy on training images, test images and {others}"
    return Table("transfer", title, frame, display)


def transfer_sentences(table: Table) -> Iterable[str]:
    """The generalisation gap, and what the images of other datasets say."""
    frame = table.frame.set_index("images")
    if "training" in frame.index:
        gap = {model: frame.loc["training", model] - frame.loc["test", model] for model in BOTH}
        yield (
            f"Generalisation gap, the accuracy on the training images without augmentation less "
            f"that on the test images: {points(gap[BOTH[0]])} pp with {BOTH[0]}, "
            f"{points(gap[BOTH[1]])} pp with {BOTH[1]}."
        )
    for name, row in frame.drop(["training", "test"], errors="ignore").iterrows():
        yield (
            f"On the {int(row['count']):,} images of {name}, which neither model was trained on, "
            f"accuracy is {percent(row[BOTH[1]])} % instead of {percent(row[BOTH[0]])} %: "
            f"{_estimated(row)}."
        )


def summary(table: Table) -> str:
    """What stands at the top of the report.

    Args:
        table: of `corruptions`.
    """
    frame = table.frame.set_index("corruption")
    policies = frame["policy"]
    # Of accuracy, where the table has errors.
    gains = pd.DataFrame(
        {"difference": -frame["difference"], "low": -frame["high"], "high": -frame["low"]}
    )
    last, gain = frame.iloc[-1], gains.iloc[-1]
    text = (
        f"On test images corrupted in {(policies != '').sum()} ways, mean accuracy is "
        f"{percent(1 - last[BOTH[1]])} % instead of {percent(1 - last[BOTH[0]])} %, a difference "
        f"of {points(gain['difference'])} pp (95 % CI {span(gain['low'], gain['high'])} pp)."
    )
    count = (policies == "unseen").sum()
    if f"mean of {count} unseen" in frame.index:
        text += (
            f" In the {count} ways that the policy's transforms do not resemble, the "
            f"difference is {_estimated(gains.loc[f'mean of {count} unseen'])}."
        )
    return text
