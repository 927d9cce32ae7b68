"""Many policies compared: the table, the figure, and the facts that the text says."""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.intervals import lies_within
from mnist_aug.analysis.robustness import corruption_sets
from mnist_aug.formatting import estimated, number, percent, points, span
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    RULE,
    SMALL,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    label_rows,
    run_row,
)
from mnist_aug.report.tables import Table, p_value
from mnist_aug.report.templating import clipped
from mnist_aug.results.runs import BOTH, VariantResults

TIMES = "\N{MULTIPLICATION SIGN}"
NONE = "none"  # what the baseline's policy is called
NAME = 20  # letters of a policy's name in the figure and in the table
REACH = 5  # policies so many times as far from none as the middle one are not in the axis' range
OUTCOMES = (
    *("helps", "hurts", "equivalent", "no detectable difference"),
    *("too few seeds", "no verdict"),
)


def names(frame: pd.DataFrame) -> list[str]:
    """What the policies of a frame of `policies.compared` are called; two of one name by variant.

    The baseline's is `NONE`.
    """
    called = frame["policy"].fillna(NONE)
    twice = called.duplicated(keep=False)
    return [*called.where(~twice, called + " (" + frame["variant"] + ")")]


def table(frame: pd.DataFrame) -> Table:
    """A row for each policy, the most accurate on the validation images first.

    Args:
        frame: of `policies.compared`.
    """
    starred = frame["best_on_validation"]
    none = frame["variant"] == BOTH[0]
    base = frame.loc[none, "seconds"].iloc[0]
    display = pd.DataFrame(
        {
            "policy": [
                clipped(name, NAME) + (" *" if star else "")
                for name, star in zip(names(frame), starred, strict=True)
            ],
            "validation, %": _or_dash(frame["validation"], percent),
            "test difference, pp": _or_dash(frame["difference"], points),
            "95 % CI, pp": _spans(frame, ""),
            "p (Holm)": _or_dash(frame["holm_p"], p_value),
            "test rank (95 % CI)": [_rank(row) for row in frame.itertuples()],
            "on corrupted, pp": _or_dash(frame["corrupted_difference"], points),
            "its CI, pp": _spans(frame, "corrupted_"),
            "time": np.where(none, f"1{TIMES}", (frame["seconds"] / base).map(number) + TIMES),
        }
    )
    empty = [name for name in display if (display[name] == "—").all()]
    title = "Policies by validation accuracy"
    note = (
        "Differences in accuracy from no augmentation, on test and on corrupted test images. Their "
        "CIs are simultaneous over all policies and cover other seeds and test images; p is that "
        "of the t statistic, adjusted for all policies. The mean over corruption types includes "
        "those like a policy's own transforms. Time: of training, relative to none."
    )
    if frame["validation"].isna().any():
        title = "Policies compared"
        empty.append("validation, %")
    elif starred.any():
        note += (
            " *: not detectably less accurate on validation than the best, by simultaneous CIs of "
            "all pairs."
        )
    return Table("compare", title, frame, display.drop(columns=empty), note=note)


def _or_dash(values: pd.Series, show: Callable[[float], str]) -> list[str]:
    return ["—" if np.isnan(value) else show(value) for value in values]


def _spans(frame: pd.DataFrame, of: str) -> list[str]:
    ends = frame[[f"{of}low", f"{of}high"]].to_numpy()
    return ["—" if np.isnan(low) else span(low, high) for low, high in ends]


def _rank(row: Any) -> str:
    return f"{row.rank:g} ({row.rank_low:.0f} to {row.rank_high:.0f})"


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison, variants: dict[str, VariantResults]) -> Figure:
    """Each policy's difference from no augmentation.

    Args:
        table: of `table`.
        variants: those of the table other than baseline and augmented.
    """
    frame = table.frame.assign(name=names(table.frame))
    frame = frame[frame["variant"] != BOTH[0]].reset_index(drop=True)
    runs = content.variants | variants
    start = runs[BOTH[0]].accuracy.mean()
    title = "Test accuracy of each policy, against no augmentation"
    drawn, ((axes,),) = canvas(1.55 + 0.22 * len(frame), content, title)
    axes.axvspan(-100 * content.margin, 100 * content.margin, color=RULE, alpha=0.6, zorder=0)
    axes.axvline(0, color=INK, linewidth=1.2)
    beyond = _beyond(frame, content)
    colours = {"helps": COLOURS[2], "hurts": COLOURS[1]}
    for row, one in frame[~beyond].iterrows():
        own = runs[one["variant"]]
        run_row(
            axes,
            row,
            one["name"],
            one[["difference", "low", "high"]],
            own.accuracy - start,
            own.seeds,
            colours.get(one["outcome"], MUTED),
        )
    for row, difference in frame["difference"][beyond].items():
        left = difference < 0
        axes.annotate(
            f"◀ {points(difference)}" if left else f"{points(difference)} ▶",
            (0 if left else 1, row),
            xycoords=("axes fraction", "data"),
            ha="left" if left else "right",
            va="center",
            fontsize=SMALL,
        )
    marks = np.where(frame["best_on_validation"], "* ", "")
    label_rows(
        axes, [m + clipped(name, NAME) for m, name in zip(marks, frame["name"], strict=True)]
    )
    axes.set_xlabel(
        f"test accuracy minus that of none, pp (shaded: less than {percent(content.margin)} pp)\n"
        "large dot: mean; bar: simultaneous 95 % CI; small dots: runs"
    )
    axes.xaxis.set_major_formatter(PlainTicks(signed=True))
    alt = "Dot plot of the difference in test accuracy from no augmentation, pp. " + " ".join(
        f"{one['name']}: {estimated(one['difference'], one['low'], one['high'])}."
        for _, one in frame.iterrows()
    )
    return finished(drawn, table.name, "Policies compared", alt, table)


def _beyond(frame: pd.DataFrame, content: Comparison) -> pd.Series:
    """Which policies lie outside the axis."""
    sizes = frame["difference"].abs()
    middle = sizes.quantile(0.5, interpolation="lower")
    return sizes > REACH * max(middle, content.margin)


def facts(
    table: Table, content: Comparison, variants: Mapping[str, VariantResults]
) -> dict[str, Any]:
    """What the comparison found.

    Args:
        table: of `table`.
        variants: those of the table other than baseline and augmented.

    Returns:
        - count of policies; seeds, the fewest and the most of a policy.
        - outcomes: (outcome, the policies that have it), as far as any has.
        - small: those that help or hurt by less than the margin; margin, a fraction.
        - starred, beyond: whether the figure marks any as perhaps the best, or has some outside.
        - best: on the validation images: name, its accuracy, equals (the others that may be the
          best), every (whether these are all others), and known (whether there are CIs); or None.
        - own: of the policy at the head of the page: name, outcome here, and alone, the outcome
          there.
        - parted: policies where the CI and p part at the 5 % level.
        - labels_alone: policies that smooth labels and change no image.
        - robust: the row of the policy that gains most on corrupted images, if any gains there,
          and shared, how many types are unlike the transforms of the policy at the head of the
          page, or 0 where none or all are; own, the gain of that policy there, or None where it
          is the row's own.
    """
    frame = table.frame.assign(name=names(table.frame))
    others = frame[frame["variant"] != BOTH[0]].reset_index(drop=True)
    sure = others[others["outcome"].isin(("helps", "hurts"))]
    ends = zip(sure["within_low"], sure["within_high"], strict=True)
    found = {one: [*others["name"][others["outcome"] == one]] for one in OUTCOMES}
    parted = ((others["low"] > 0) | (others["high"] < 0)) != (others["holm_p"] < ALPHA)
    own = others.set_index("variant").loc[BOTH[1]]
    return {
        "count": len(others),
        "seeds": (int(others["seeds"].min()), int(others["seeds"].max())),
        "outcomes": [(outcome, own) for outcome, own in found.items() if own],
        "small": [*sure["name"][[lies_within(both, content.margin) for both in ends]]],
        "margin": content.margin,
        "starred": bool(others["best_on_validation"].any()),
        "beyond": int(_beyond(others, content).sum()),
        "best": _best(frame),
        "own": {
            "name": own["name"],
            "outcome": own["outcome"],
            "alone": content.difference.outcome,
        },
        "parted": [*others["name"][parted & others["holm_p"].notna()]],
        "robust": _robust(others, own, len(corruption_sets(content))),
        "labels_alone": [
            one.settings["policy"]["name"] for one in variants.values() if _smooths(one)
        ],
    }


def _smooths(variant: VariantResults) -> bool:
    policy = variant.settings["policy"]
    return (
        policy.keys() == {"name", "pipeline", "label_smoothing"}
        and not (policy["pipeline"]["transforms"])
    )


def _robust(others: pd.DataFrame, own: pd.Series, types: int) -> dict[str, Any] | None:
    """The policy that gains most on corrupted images, where that is detectable."""
    gain = others[others["corrupted_low"] > 0].sort_values("corrupted_difference")
    if gain.empty:
        return None
    best = gain.iloc[-1]
    like = len([*filter(None, own["like"].split(", "))])
    return best.to_dict() | {
        "shared": types - like if like else 0,
        "own": None if best["variant"] == BOTH[1] else own["corrupted_shared_difference"],
    }


def _best(frame: pd.DataFrame) -> dict[str, Any] | None:
    own = frame[frame["best_on_validation"]].sort_values("validation", ascending=False)
    if own.empty:
        return None
    called = own["name"].where(own["variant"] != BOTH[0], "no augmentation")
    return {
        "name": called.iloc[0],
        "validation": own["validation"].iloc[0],
        "equals": [*called.iloc[1:]],
        "plain": bool(own["variant"].iloc[0] == BOTH[0]),
        "every": len(own) == len(frame),
        "known": bool(frame["validation_low"].notna().any()),
    }
