"""Beyond the test images: corrupted ones, changed step by step, and those of other datasets."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis import robustness
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.data.eval_sets import OTHER, SEVERITIES
from mnist_aug.formatting import MINUS, percent, span, with_sd
from mnist_aug.report import paired_rows, pictures
from mnist_aug.report.blocks import Section
from mnist_aug.report.drawing import (
    MUTED,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    style_of,
    tips,
)
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table, differences
from mnist_aug.results.runs import BOTH, VariantResults

SOURCES = {"corruption/": "made here", "mnist-c/": "as published"}
COLUMNS = 3  # of the panels of severities
SHORT = 24  # letters of a label that have room below a panel


def section(content: Comparison, inputs: Inputs) -> Section:
    """Both models on other images than those of the test set."""
    title = "Robustness"
    found = corruptions(content)
    if not found:
        return Section("robustness", title, {"sources": []})
    tables, figures = [*found.values()], [corruption_figure(content, t) for t in found.values()]
    if inputs.samples is not None:
        figures.append(pictures.corruption_types(content, inputs.samples))
        figures.append(pictures.corrupted(content, inputs.samples))
    severe = severities(content) if has_severities(content) else None
    if severe is not None:
        tables.append(severe)
        figures.append(severity_figure(content, severe))
    moved = transfer(content)
    facts = {
        "sources": [
            corruption_facts(source, table, content.both) for source, table in found.items()
        ],
        "concluded": content.difference.outcome != "no verdict",
        "no_conclusion": NO_CONCLUSION,
        "seeds": content.difference.seeds,
        "light": content.is_light,
        "is_written": content.is_written,
        "clean": content.difference.mean if content.difference.outcome == "hurts" else 0.0,
        "colour": content.in_colour,
        "every_class": pictures.each_class(content, min(content.classes, 10)),
        "severity": severity_facts(severe),
        "gap": robustness.generalisation_gap(moved.frame),
        "underfits": robustness.underfitting(moved.frame),
        "small_digits": OTHER,
        "others": _rows(moved.frame[~moved.frame["images"].isin(["training", "test"])]),
    }
    return Section("robustness", title, facts, figures, [*tables, moved])


def corruptions(content: Comparison) -> dict[str, Table]:
    """Accuracy of both models on each corruption type and in the mean, by source of the images."""
    return {
        source: _corruptions(content, source)
        for source in SOURCES
        if robustness.corruption_sets(content, source)
    }


def _corruptions(content: Comparison, source: str) -> Table:
    frame = robustness.corruption_accuracy(content, source)
    count = int((frame["policy"] != "").sum())
    display = pd.DataFrame(
        {
            "corruption": _names(frame),
            "policy's transforms": frame["policy"].str.partition(" ")[0],
            **{f"{model}, %": frame[model].map(percent) for model in BOTH},
            **differences(frame),
        }
    )
    several = len(content.paired_seeds) > 1
    return Table(
        "corruptions" if source == "corruption/" else "mnist-c",
        f"Accuracy on corrupted test images ({SOURCES[source]}), mean over seeds",
        frame,
        display,
        note=(
            f"95 % CIs over {'seeds and ' if several else ''}test images: of the types "
            f"simultaneous over all {count}, of each mean by itself."
        ),
    )


def corruption_facts(source: str, table: Table, both: Sequence[VariantResults]) -> dict[str, Any]:
    """What the template says of the corruption types of a source.

    Returns:
        name of its table and figure; made_here; count; types like the policy and unlike it; better
        and worse, types by side; failed, types on which neither model has half of its
        accuracy on unchanged images; rows of the means: all, and mean_like and mean_unlike
        where both exist; relative_error, the mean of the types, and relative_most, the type with
        the largest, where there are several.
    """
    frame = table.frame
    single, means = frame[frame["policy"] != ""], frame[frame["policy"] == ""]
    facts: dict[str, Any] = {
        "name": table.name,
        "made_here": source == "corruption/",
        "count": len(single),
        "like": _names(single[single["policy"] == robustness.LIKE]),
        "unlike": _names(single[single["policy"] == robustness.UNLIKE]),
        "all": means.iloc[-1].to_dict(),
        "relative_error": float(means.iloc[-1]["relative_error"]),
    }
    for name, side in (("better", 1), ("worse", -1)):
        facts[name] = _names(single[single["side"] == side])
    facts["worse"].reverse()  # the largest loss first
    most = single.nlargest(1, "relative_error") if len(single) > 1 else single[:0]
    facts["relative_most"] = next(iter(_rows(most.assign(corruption=_names(most)))), None)
    half = [one.accuracy.mean() / 2 for one in both]
    facts["failed"] = _names(single[(single[[*BOTH]] < half).all(axis=1)])
    if len(means) > 1:
        facts |= zip(("mean_like", "mean_unlike"), _rows(means.iloc[:-1]), strict=True)
    return facts


def _names(rows: pd.DataFrame) -> list[str]:
    return [corruption.replace("_", " ") for corruption in rows["corruption"]]


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")


def corruption_figure(content: Comparison, table: Table) -> Figure:
    """Both models on each corruption type, and the difference with its CI; the means set apart."""
    frame = table.frame
    like = frame["policy"] == robustness.LIKE
    labels = [f"{name} *" if own else name for name, own in zip(_names(frame), like, strict=True)]
    bar = "bar: 95 % CI"
    if len(content.paired_seeds) > 1:
        bar = "bar: simultaneous 95 % CI"
    return paired_rows.figure(
        content,
        frame,
        labels,
        ("Accuracy on corrupted test images", f"Corruption types, {_source(table)}"),
        ("* like the policy's transforms" if like.any() else "", bar),
        table,
        apart=int((frame["policy"] == "").sum()),
    )


def _source(table: Table) -> str:
    return SOURCES["mnist-c/" if table.name == "mnist-c" else "corruption/"]


def has_severities(content: Comparison) -> bool:
    """Whether there are scores on any axis; not all axes suit all images."""
    return any(robustness.corruption_sets(content, f"{name}/") for name in SEVERITIES)


def severities(content: Comparison) -> Table:
    """Accuracy of both models at each severity of each axis."""
    frame = robustness.severity_accuracy(content)
    known = frame["low"].notna()
    display = pd.DataFrame(
        {
            "change": frame["axis"] + ", " + frame["unit"],
            "severity": _severities(frame),
            **{f"{model}, %": frame[model].map(percent) for model in BOTH},
            **differences(frame),
        }
    )
    display["95 % CI, pp"] = display["95 % CI, pp"].where(known, "—")
    note = "Rotation is clockwise above 0; shifts go right, down, left and up in turn."
    if known.any():
        note = (
            f"95 % CIs over seeds, on these test images, simultaneous over all {known.sum()} "
            f"severities. {note}"
        )
    return Table("severities", "Accuracy by severity, mean over seeds", frame, display, note=note)


def _severities(rows: pd.DataFrame) -> list[str]:
    return [f"{severity:g}".replace("-", MINUS) for severity in rows["severity"]]


def severity_facts(table: Table | None) -> dict[str, Any]:
    """What the template says of the axes.

    Returns:
        helped, hurt and unclear, the axes that are so at every severity; mixed, of each other one
        its axis, unit, and the severities that are better and worse; worst, the largest detectable
        loss with its axis, unit and severity, None if there is none; losses, how many there are.
        Empty where a single seed allows no CI.
    """
    if table is None or table.frame["low"].isna().all():
        return {}
    facts: dict[str, Any] = {"helped": [], "hurt": [], "unclear": [], "mixed": [], "worst": None}
    changed = table.frame[table.frame["low"].notna()]
    harms = changed[changed["side"] < 0].sort_values("difference", kind="stable")
    facts["losses"] = len(harms)
    harm = harms[:1]
    for row in _rows(harm.assign(severity=_severities(harm))):
        facts["worst"] = {name: row[name] for name in ("axis", "unit", "severity", "difference")}
    for axis, rows in changed.groupby("axis", sort=False):
        for side, name in ((1, "helped"), (-1, "hurt"), (0, "unclear")):
            if (rows["side"] == side).all():
                facts[name].append(axis)
                break
        else:
            mixed = {"axis": axis, "unit": rows["unit"].iloc[0]}
            mixed |= {"better": _severities(rows[rows["side"] > 0])}
            facts["mixed"].append(mixed | {"worse": _severities(rows[rows["side"] < 0])})
    return facts


@matplotlib.rc_context(STYLE)
def severity_figure(content: Comparison, table: Table) -> Figure:
    """A panel for each axis: accuracy against severity, mean and range over seeds."""
    groups = list(table.frame.groupby("axis", sort=False))
    seeds = content.difference.seeds
    columns = min(COLUMNS, len(groups))
    lines = -(-len(groups) // columns)
    title = "Accuracy as images are changed more and more"
    figure, panels = canvas(
        0.95 + 1.5 * lines, content, title, key=1, nrows=lines, ncols=columns, sharey=True
    )
    for axes, (axis, own) in zip(panels.ravel(), groups, strict=False):
        for model in BOTH:
            look = style_of(content, model)
            low, high = (100 * own[f"{model}_{end}"] for end in ("least", "most"))
            if seeds > 1:
                axes.fill_between(
                    own["severity"], low, high, color=look["color"], alpha=0.25, linewidth=0
                )
            (line,) = axes.plot(own["severity"], 100 * own[model], color=look["color"])
            (dots,) = axes.plot(
                own["severity"], 100 * own[model], linestyle="none", markersize=3.5, **look
            )
            tips(line, [f"{model}, {axis}"])
            tips(
                dots,
                [
                    f"{model}, {axis} {severity}: {percent(row[model])} %"
                    f" (seeds {span(row[f'{model}_least'], row[f'{model}_most'], percent)})"
                    for severity, (_, row) in zip(_severities(own), own.iterrows(), strict=True)
                ],
            )
        label = f"{axis}, {own['unit'].iloc[0]}"
        axes.set_xlabel(label if len(label) <= SHORT else label.replace(", ", ",\n", 1))
        axes.set_ylim(0, 102)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=(own["severity"] % 1 == 0).all()))
        axes.grid()
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy, %")
    for axes in panels.ravel()[len(groups) :]:
        axes.set_axis_off()
    for model in BOTH:  # in the key alone
        panels[0, 0].plot([], [], label=model, **style_of(content, model))
    if seeds > 1:
        shade = {"color": MUTED, "alpha": 0.25, "linewidth": 0}
        panels[0, 0].fill_between([], [], label=f"range over {seeds} seeds", **shade)
    key(figure, 3, 0.5)
    alt = "Line charts of accuracy against the severity of a change. " + " ".join(
        f"{axis} {severity}: {BOTH[0]} {percent(getattr(r, BOTH[0]), 1)} %, {BOTH[1]} "
        f"{percent(getattr(r, BOTH[1]), 1)} %."
        for axis, own in groups
        for severity, r in zip(
            _severities(own.iloc[[0, -1]]), own.iloc[[0, -1]].itertuples(), strict=True
        )
    )
    return finished(figure, "severities", "Sensitivity to severity", alt, table)


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
    several = len(content.paired_seeds) > 1
    title = "Accuracy on training images, test images and other datasets"
    training = " (training images: over seeds alone)" if several else ""
    return Table(
        "transfer",
        title if len(frame) > 2 else "Accuracy on training and test images",
        frame,
        display,
        note=f"95 % CIs over {'seeds and ' if several else ''}images{training}; SD over seeds.",
    )
