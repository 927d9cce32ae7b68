"""Beyond the test images: corrupted ones, changed step by step, and other people's."""

from collections.abc import Iterable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import Difference, compare, paired_interval, spread
from mnist_aug.analysis.robustness import RESAMPLES, corruption_sets, overall, trained_on
from mnist_aug.data.eval_sets import SEVERITIES
from mnist_aug.formatting import listed, number, percent, points, span, with_sd
from mnist_aug.report.drawing import MUTED, STYLE, Figure, canvas, render, style_of
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

SOURCES = {"corruption/": "made here", "mnist-c/": "as published"}


def corruptions(study: Comparison, source: str = "corruption/") -> Table:
    """Error of both arms on each family, and means over all, resembling and unseen families."""
    wanted, like = corruption_sets(study, source), trained_on(study.both[1].settings["policy"])
    rows = []
    for name in wanted:
        family = name.removeprefix(source)
        difference = compare(*(arm.correct_on(name) for arm in study.both), RESAMPLES)
        rows.append(
            _row(
                family,
                "resembles the policy" if family in like else "unseen",
                difference,
                _relative(difference),
            )
        )
    rows.sort(key=lambda row: row["difference"])
    for title, part in (("resembling", "resembles the policy"), ("unseen", "unseen")):
        own = [f"{source}{row['family']}" for row in rows if row["policy"] == part]
        if own and len(own) < len(wanted):
            rows.append(_mean_row(f"mean of {len(own)} {title}", study, own, rows))
    rows.append(_mean_row(f"mean of all {len(wanted)}", study, wanted, rows))
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "family": frame["family"].str.replace("_", " "),
            "for the policy": frame["policy"],
            **{f"{arm} error, %": frame[arm].map(percent) for arm in BOTH},
            "difference, pp": frame["difference"].map(points),
            "95 % interval, pp": [span(r.low, r.high) for r in frame.itertuples()],
            "relative error, %": [number(100 * r) for r in frame["relative"]],
        }
    )
    return Table(
        "corruptions" if source == "corruption/" else "mnist-c",
        f"Error on corrupted test images ({SOURCES[source]}), mean over seeds",
        frame,
        shown,
    )


def origin(sources: list[str]) -> list[str]:
    """Where the corrupted images are from, if they are made here."""
    if "corruption/" not in sources:
        return []
    return [
        "The corruptions are those of MNIST-C (Mu and Gilmer 2019), made here. Fog, glass "
        "blur, motion blur, edges and all draws differ from the published images, so errors "
        "can't be compared with published ones."
    ]


def _row(family: str, policy: str, difference: Difference, relative: float) -> dict:
    return {
        "family": family,
        "policy": policy,
        BOTH[0]: 1 - difference.first,
        BOTH[1]: 1 - difference.second,
        "difference": -difference.mean,
        "low": -difference.high,
        "high": -difference.low,
        "relative": relative,
    }


def _relative(difference: Difference) -> float:
    return (1 - difference.second) / (1 - difference.first) if difference.first < 1 else np.nan


def _mean_row(title: str, study: Comparison, wanted: list[str], rows: list[dict]) -> dict:
    own = {name.split("/", 1)[1] for name in wanted}
    known = [
        row["relative"] for row in rows if row["family"] in own and not np.isnan(row["relative"])
    ]
    relative = np.mean(known) if known else np.nan
    return _row(title, "", overall(study, wanted), relative)


def corruption_words(table: Table) -> list[str]:
    """What the families say together.

    Args:
        table: of `corruptions`.
    """
    frame = table.frame
    single, last = frame[frame["policy"] != ""], frame.iloc[-1]
    better, worse = (single[side] for side in (single["high"] < 0, single["low"] > 0))
    text = (
        f"Mean error over {len(single)} families is {percent(last[BOTH[1]])} % with {BOTH[1]} "
        f"instead of {percent(last[BOTH[0]])} %, a difference of {points(last['difference'])} "
        f"pp (95 % interval {span(last['low'], last['high'])} pp, over seeds and test images). "
        f"{BOTH[1]} makes fewer errors in {len(better)} families, more in {len(worse)}, and "
        f"can't be told from {BOTH[0]} in {len(single) - len(better) - len(worse)} "
        "(intervals not adjusted for looking at each)."
    )
    if len(worse):
        text += f" It makes more in: {_names(worse)}."
    like = single[single["policy"] != "unseen"]
    if len(like) and len(like) < len(single):
        rest = [
            frame[frame["family"].str.endswith(end)].iloc[0] for end in ("resembling", "unseen")
        ]
        text += (
            f" The policy's transforms resemble {_names(like)}: there the difference is "
            f"{points(rest[0]['difference'])} pp; in the families it has not seen it is "
            f"{points(rest[1]['difference'])} pp ({span(rest[1]['low'], rest[1]['high'])})."
        )
    return [
        text,
        "Relative error is the error with augmentation over the error without, in each "
        "family, and its mean over families: the mean corruption error of Hendrycks and "
        "Dietterich (2019) with the baseline in the place of their reference network.",
    ]


def _names(rows: pd.DataFrame) -> str:
    return listed([family.replace("_", " ") for family in rows["family"]])


@matplotlib.rc_context(STYLE)
def corruption_figure(study: Comparison, table: Table) -> Figure:
    """Error of both arms on each family, joined by a line."""
    frame = table.frame[table.frame["policy"] != ""].reset_index(drop=True)
    figure, ((axes,),) = canvas(1.6 + 0.27 * len(frame), study, "Error on corrupted test images")
    rows = np.arange(len(frame))
    axes.hlines(rows, *(100 * frame[arm] for arm in BOTH), color=MUTED, linewidth=1.2)
    for arm in BOTH:
        axes.plot(
            100 * frame[arm],
            rows,
            linestyle="none",
            markersize=7,
            label=arm,
            **style_of(study, arm),
        )
    labels = [
        f"{'* ' if policy != 'unseen' else ''}{family.replace('_', ' ')}"
        for family, policy in zip(frame["family"], frame["policy"], strict=True)
    ]
    axes.set_yticks(rows, labels)
    axes.set(ylim=(len(frame) - 0.5, -0.5), xlim=(0, 100), xlabel="error, %", ylabel="")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    alt = "Dot plot of the error in each family, %. " + " ".join(
        f"{r['family']}: {BOTH[0]} {percent(r[BOTH[0]])}, {BOTH[1]} {percent(r[BOTH[1]])}."
        for _, r in frame.iterrows()
    )
    key = (
        " A star marks the families that the policy's transforms resemble."
        if any(label.startswith("*") for label in labels)
        else ""
    )
    return Figure(
        table.name,
        "Error by family",
        render(figure, table.name, alt),
        alt,
        "Means over seeds, the largest gain of augmentation at the top and the largest "
        f"loss at the bottom.{key}",
        table,
    )


def doses(study: Comparison) -> Table:
    """Error of both arms at each dose of each axis, mean and range over seeds."""
    rows = []
    for name, axis in SEVERITIES.items():
        found = {float(s.split("/")[1]): s for s in corruption_sets(study, f"{name}/")}
        for dose, test_set in sorted((found | {axis.clean: "test"}).items() if found else ()):
            row = {"axis": axis.title, "unit": axis.unit, "dose": dose}
            for arm in study.both:
                error = 1 - arm.scores[test_set].to_numpy()
                row |= {
                    arm.name: error.mean(),
                    f"{arm.name}_least": error.min(),
                    f"{arm.name}_most": error.max(),
                }
            gain = np.subtract(*(arm.scores[test_set].to_numpy() for arm in study.both))
            row["difference"] = gain.mean()
            row["low"], row["high"] = paired_interval(gain)
            rows.append(row)
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "change": frame["axis"] + ", " + frame["unit"],
            "dose": frame["dose"].map("{:g}".format).str.replace("-", "\N{MINUS SIGN}"),
            **{f"{arm} error, %": frame[arm].map(percent) for arm in BOTH},
            "difference, pp": frame["difference"].map(points),
            "95 % interval, pp": [span(r.low, r.high) for r in frame.itertuples()],
        }
    )
    return Table("doses", "Error against dose, mean over seeds", frame, shown)


def dose_words(table: Table) -> str:
    """At how many doses of each axis augmentation makes fewer errors, and at which more."""
    parts, clean = [], {axis.title: axis.clean for axis in SEVERITIES.values()}
    for axis, own in table.frame.groupby("axis", sort=False):
        own = own[own["dose"] != clean[axis]]
        gain = own[own["high"] < 0]
        loss = own[own["low"] > 0]
        text = f"{axis}: fewer errors at {len(gain)} of {len(own)} doses"
        if len(loss):
            text += f", more at {listed([f'{d:g}' for d in loss['dose']])}"
        parts.append(text.replace("-", "\N{MINUS SIGN}"))
    return (
        f"With {BOTH[1]}, by 95 % intervals over seeds that are not adjusted for their number: "
        f"{'; '.join(parts)}."
    )


@matplotlib.rc_context(STYLE)
def dose_figure(study: Comparison, table: Table) -> Figure:
    """A panel for each axis: error against dose, mean and range over seeds."""
    groups = list(table.frame.groupby("axis", sort=False))
    count = -(-(len(groups) + 1) // 2)
    figure, panels = canvas(
        0.7 + 2.1 * count, study, "Error as images are changed more and more", nrows=count, ncols=2
    )
    for axes, (axis, own) in zip(panels.ravel(), groups, strict=False):
        for arm in BOTH:
            look = style_of(study, arm)
            axes.fill_between(
                own["dose"],
                100 * own[f"{arm}_least"],
                100 * own[f"{arm}_most"],
                color=look["color"],
                alpha=0.25,
                linewidth=0,
            )
            axes.plot(own["dose"], 100 * own[arm], markersize=4, label=arm, **look)
        axes.set(xlabel=f"{axis},\n{own['unit'].iloc[0]}", ylim=(0, 100))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=(own["dose"] % 1 == 0).all()))
        axes.grid()
    for axes in panels[:, 0]:
        axes.set_ylabel("error, %")
    for axes in panels.ravel()[len(groups) :]:
        axes.set_axis_off()
    handles = panels[0, 0].get_legend_handles_labels()
    panels.ravel()[len(groups)].legend(*handles, loc="center", frameon=False)
    alt = "Line charts of the error against the dose of a change. " + " ".join(
        f"{axis} {r.dose:g}: {BOTH[0]} {percent(getattr(r, BOTH[0]), 1)} %, {BOTH[1]} "
        f"{percent(getattr(r, BOTH[1]), 1)} %."
        for axis, own in groups
        for r in (*own.iloc[[0, -1]].itertuples(),)
    )
    return Figure(
        "doses",
        "Dose and response",
        render(figure, "doses", alt),
        alt,
        "Lines are means over seeds and shades the range from the least to the most. "
        "Every panel holds the unchanged test images too.",
        table,
    )


def others(study: Comparison, difference: Difference) -> Table:
    """Accuracy on the training images and on other people's, beside that on the test images.

    Args:
        difference: on the test images.
    """
    rows = []
    for name in ("training", "test", *corruption_sets(study, "other/")):
        if name not in study.both[0].scores:
            continue
        values = [arm.scores[name].to_numpy() for arm in study.both]
        gain = values[1] - values[0]
        if name == "training":  # as many images as would make an interval over images pointless
            low, high = paired_interval(gain)
        else:
            found = (
                difference
                if name == "test"
                else compare(*(arm.correct_on(name) for arm in study.both), RESAMPLES)
            )
            low, high = found.low, found.high
        rows.append(
            {
                "images": name.removeprefix("other/"),
                "count": study.both[0].images[name],
                BOTH[0]: values[0].mean(),
                f"{BOTH[0]}_sd": spread(values[0]),
                BOTH[1]: values[1].mean(),
                f"{BOTH[1]}_sd": spread(values[1]),
                "difference": gain.mean(),
                "low": low,
                "high": high,
            }
        )
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "images": frame["images"],
            "count": frame["count"].map("{:,}".format),
            **{f"{arm} ± SD, %": with_sd(frame, arm) for arm in BOTH},
            "difference, pp": frame["difference"].map(points),
            "95 % interval, pp": [span(r.low, r.high) for r in frame.itertuples()],
        }
    )
    return Table(
        "others", "Accuracy on training images, test images and other people's images", frame, shown
    )


def other_words(table: Table) -> Iterable[str]:
    """The generalisation gap, and what other people's images say."""
    frame = table.frame.set_index("images")
    if "training" in frame.index:
        gap = {arm: frame.loc["training", arm] - frame.loc["test", arm] for arm in BOTH}
        yield (
            f"Generalisation gap, the accuracy on the training images without augmentation less "
            f"that on the test images: {points(gap[BOTH[0]])} pp with {BOTH[0]}, "
            f"{points(gap[BOTH[1]])} pp with {BOTH[1]}."
        )
    for name, row in frame.drop(["training", "test"], errors="ignore").iterrows():
        yield (
            f"On the {int(row['count']):,} images of {name}, which neither arm was trained on, "
            f"accuracy is {percent(row[BOTH[1]])} % instead of {percent(row[BOTH[0]])} %: "
            f"{points(row['difference'])} pp ({span(row['low'], row['high'])})."
        )


def summary(table: Table) -> str:
    """What stands at the top of the report.

    Args:
        table: of `corruptions`.
    """
    frame = table.frame.set_index("family")
    all_of_them, policies = frame.iloc[-1], frame["policy"]
    text = (
        f"On test images corrupted in {(policies != '').sum()} ways, mean accuracy is "
        f"{percent(1 - all_of_them[BOTH[1]])} % instead of {percent(1 - all_of_them[BOTH[0]])} "
        f"%, a difference of {_gain(all_of_them)[0]} pp (95 % interval "
        f"{_gain(all_of_them)[1]} pp)."
    )
    count = (policies == "unseen").sum()
    if f"mean of {count} unseen" in frame.index:
        size, interval = _gain(frame.loc[f"mean of {count} unseen"])
        text += (
            f" In the {count} ways that the policy's transforms do not resemble, the "
            f"difference is {size} pp ({interval})."
        )
    return text


def _gain(row: pd.Series) -> tuple[str, str]:
    """A row's difference and interval, of accuracy where the table has them of error."""
    return points(-row["difference"]), span(-row["high"], -row["low"])
