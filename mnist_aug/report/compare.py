"""Many policies compared: the table, the figure, and what they say."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import lies_within
from mnist_aug.formatting import decimals, estimated, listed, number, percent, points, with_sd
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
)
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table, p_value
from mnist_aug.report.templating import clipped
from mnist_aug.results.runs import BOTH, VariantResults

NONE = "none"  # what the baseline's policy is called
NAME = 20  # letters of a policy's name in the figure
REACH = 5  # policies so many times as far from none as the middle one are not in the axis' range
WORDS = {  # of `intervals.outcome`: of one policy, and of several
    "helps": ("helps", "help"),
    "hurts": ("hurts", "hurt"),
    "equivalent": ("is equivalent to none", "are equivalent to none"),
    "no detectable difference": (
        "shows no detectable difference",
        "show no detectable difference",
    ),
    "too few seeds": ("has too few seeds to tell", "have too few seeds to tell"),
    "no verdict": ("has no verdict", "have no verdict"),
}


def names(frame: pd.DataFrame) -> list[str]:
    """What the policies of a frame of `policies.compared` are called; two of one name by variant.

    The baseline's is `NONE`.
    """
    called = frame["policy"].fillna(NONE)
    twice = called.duplicated(keep=False)
    return [*called.where(~twice, called + " (" + frame["variant"] + ")")]


def table(frame: pd.DataFrame) -> Table:
    """All of it: a row for each policy, the most accurate on the validation images first.

    Args:
        frame: of `policies.compared`.
    """
    display = pd.DataFrame(
        {
            "policy": names(frame),
            "seeds": frame["seeds"].astype(str),
            "validation accuracy ± SD, %": with_sd(frame, "validation"),
            "may be the best": np.where(frame["best_on_validation"], "yes", "—"),
            "test error ± SD, %": with_sd(frame, "error"),
            "test accuracy against none, pp (95 % CI)": _differences(frame, ""),
            f"p, Holm for {len(frame) - 1}": [_or_dash(p, p_value) for p in frame["holm_p"]],
            "outcome": frame["outcome"].replace("", "—"),
            "rank (95 % CI)": [_rank(row) for row in frame.itertuples()],
            "NLL, nats": [decimals(value, 4) for value in frame["nll"]],
            "ECE, %": frame["ece"].map(percent),
            "error on corrupted images, %": _errors(frame["corrupted"]),
            "accuracy there against none, pp (95 % CI)": _differences(frame, "corrupted_"),
            "error on types like the policy, % (gain, pp)": _with_gain(frame, "like"),
            "error on other types, % (gain, pp)": _with_gain(frame, "unlike"),
            "transfer error, %": _errors(frame["transfer"]),
            "training, s a run": frame["seconds"].map(number),
        }
    )
    empty = [name for name in display if (display[name] == "—").all() and name != "outcome"]
    title = "Policies compared, the most accurate on the validation images first"
    if frame["validation"].isna().any():
        title = "Policies compared"
        empty.append("validation accuracy ± SD, %")
    return Table("compare", title, frame, display.drop(columns=empty))


def _or_dash(value: float, show: Callable[[float], str]) -> str:
    return "—" if np.isnan(value) else show(value)


def _errors(values: pd.Series) -> list[str]:
    return [_or_dash(value, percent) for value in values]


def _differences(frame: pd.DataFrame, of: str) -> list[str]:
    numbers = frame[[f"{of}difference", f"{of}low", f"{of}high"]].to_numpy()
    return ["—" if np.isnan(row[0]) else estimated(*row) for row in numbers]


def _with_gain(frame: pd.DataFrame, kind: str) -> list[str]:
    """Errors on a kind of corruption types and, but for the baseline, the gain there."""
    column = f"corrupted_{kind}"
    return [
        "—"
        if np.isnan(error)
        else percent(error) + ("" if np.isnan(gain) else f" ({points(gain)})")
        for error, gain in frame[[column, f"{column}_difference"]].to_numpy()
    ]


def _rank(row: Any) -> str:
    return f"{row.rank:g} ({row.rank_low:.0f} to {row.rank_high:.0f})"


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison, variants: dict[str, VariantResults]) -> Figure:
    """Each policy's difference to no augmentation, every seed a dot.

    Args:
        table: of `table`.
        variants: those of the table other than baseline and augmented.
    """
    frame = table.frame.assign(name=names(table.frame))
    frame = frame[frame["variant"] != BOTH[0]].reset_index(drop=True)
    runs = content.variants | variants
    start = runs[BOTH[0]].accuracy.mean()
    title = "Test accuracy of each policy against no augmentation"
    drawn, ((axes,),) = canvas(1.85 + 0.3 * len(frame), content, title)
    axes.axvspan(-100 * content.margin, 100 * content.margin, color=RULE, alpha=0.6, zorder=0)
    axes.axvline(0, color=INK, linewidth=1.2)
    sizes = frame["difference"].abs()
    middle = sizes.quantile(0.5, interpolation="lower")
    beyond = sizes > REACH * max(middle, content.margin)
    colours = {"helps": COLOURS[2], "hurts": COLOURS[1]}
    for row, one in frame[~beyond].iterrows():
        own = colours.get(one["outcome"], MUTED)
        bar = {"linewidth": 6, "alpha": 0.35, "solid_capstyle": "butt"}
        axes.plot([100 * one["low"], 100 * one["high"]], [row, row], color=own, **bar)
        gains = 100 * (runs[one["variant"]].accuracy - start)
        axes.plot(gains, [row] * len(gains), "o", color=own, markersize=4, alpha=0.8)
        mean = 100 * one["difference"]
        axes.plot([mean] * 2, [row - 0.32, row + 0.32], color=INK, linewidth=1.6)
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
    axes.set_xlabel("test accuracy against none, pp\nbar: simultaneous 95 % CI")
    axes.xaxis.set_major_formatter(PlainTicks(signed=True))
    alt = "Dot plot of the difference in test accuracy to no augmentation, pp. " + " ".join(
        f"{one['name']}: {estimated(one['difference'], one['low'], one['high'])}."
        for _, one in frame.iterrows()
    )
    caption = (
        "Dots are seeds, upright lines their means and bars 95 % CIs of the differences, "
        "simultaneous over all policies, over seeds and test images. Green bars lie above zero, "
        "orange ones below. The shaded band is the margin of equivalence, "
        f"±{percent(content.margin)} pp."
    )
    if beyond.any():
        caption += f" Triangles point to {beyond.sum()} outside the axis."
    if frame["best_on_validation"].any():
        caption += " A star marks the policies that may be the best by the validation images."
    return finished(drawn, table.name, "Policies compared", alt, caption, table)


def sentences(table: Table, content: Comparison) -> list[str]:
    """What the comparison found, and what its intervals and tests cover.

    Args:
        table: of `table`.
    """
    frame = table.frame.assign(name=names(table.frame))
    others = frame[frame["variant"] != BOTH[0]]
    if (others["outcome"] == "no verdict").all():
        return [_compared(frame), NO_CONCLUSION]
    text = [_compared(frame), _outcomes(others, content)]
    if others["low"].notna().all():
        text.append(_ranking(frame))
    if frame["best_on_validation"].any():
        text.append(_best(frame))
    return [*text, _covered(others), _alone(others, content)]


def _compared(frame: pd.DataFrame) -> str:
    count, least, most = len(frame) - 1, frame["seeds"].min(), frame["seeds"].max()
    seeds = f"{least} to {most}" if least < most else f"{least}"
    return (
        f"{count} {'policies are' if count > 1 else 'policy is'} compared with no augmentation, "
        f"called {NONE}, on the same test images, each with {seeds} seed{'s' if most > 1 else ''}. "
        "Differences are of accuracy, a policy's minus that of none: above zero the policy is more "
        "accurate."
    )


def _outcomes(others: pd.DataFrame, content: Comparison) -> str:
    """How many help, hurt, are equivalent or undetermined, and which."""
    parts = []
    for outcome, (one, several) in WORDS.items():
        own = [*others["name"][others["outcome"] == outcome]]
        if own:
            parts.append(f"{len(own)} {several if len(own) > 1 else one} ({listed(own)})")
    margin = f"{percent(content.margin)} pp"
    sure = others[others["outcome"].isin(("helps", "hurts"))]
    ends = zip(sure["within_low"], sure["within_high"], strict=True)
    small = sure[[lies_within(both, content.margin) for both in ends]]
    policies = f"{len(others)} polic{'ies' if len(others) > 1 else 'y'}"
    text = f"Of {policies}, on the test images {'; '.join(parts)}."
    if "equivalent" in set(others["outcome"]):
        text += f" Equivalent means a difference of less than {margin} either way."
    if len(small):
        text += (
            f" The difference{'s' if len(small) > 1 else ''} of {listed([*small['name']])} "
            f"{'are' if len(small) > 1 else 'is'} smaller than {margin}, so of little consequence."
        )
    return text


def _ranking(frame: pd.DataFrame) -> str:
    """Who ranks first on the test images, and who may."""
    first = frame.loc[frame["rank"].idxmin()]
    may = frame[(frame["rank_low"] == 1) & (frame["variant"] != first["variant"])]
    text = (
        f"By mean test accuracy {first['name']} ranks first of {len(frame)} "
        f"(95 % CI of its rank: {first['rank_low']:.0f} to {first['rank_high']:.0f})"
    )
    if len(may):
        return (
            f"{text}; by the wider CIs of all pairs {listed([*may.sort_values('rank')['name']])} "
            "may rank first as well."
        )
    return f"{text}; no other may."


def _best(frame: pd.DataFrame) -> str:
    """What the validation images say of the best."""
    own = frame[frame["best_on_validation"]].sort_values("validation", ascending=False)
    first = own.iloc[0]
    text = (
        f"On the validation images, on which a policy is to be chosen, {first['name']} has the "
        f"largest mean accuracy, {percent(first['validation'])} %"
    )
    by = "by the simultaneous 95 % CIs of all pairs"
    if frame["validation_low"].isna().all():
        return f"{text}; one seed of each can't tell whether it is the best."
    if len(own) == 1:
        return f"{text}, and {by} every other is less accurate."
    if len(own) == len(frame):
        return f"{text}; but {by} any of the others may be the best as well."
    return f"{text}; {by} the best may also be {listed([*own['name'].iloc[1:]])}."


def _alone(others: pd.DataFrame, content: Comparison) -> str:
    """How the verdict on augmented at the head of the page is related to its row here."""
    own = others.set_index("variant").loc[BOTH[1]]
    alone = content.difference.outcome
    text = (
        f"At the head of the page {own['name']} is compared by itself, its runs paired by seed, so "
        "its CI differs"
    )
    if alone == own["outcome"]:
        return f"{text}; the outcome is the same."
    return (
        f"{text}, and the outcome, too: there it {WORDS[alone][0]}; here, among "
        f"{len(others)}, it {WORDS[own['outcome']][0]}."
    )


def _covered(others: pd.DataFrame) -> str:
    """What the intervals and p-values cover, and where they part."""
    over = "other seeds and other test images like these"
    text = (
        "The CIs of the differences are simultaneous: in 95 of 100 such comparisons all of them at "
        f"once hold what {over} would give (the maximum of correlated t statistics; Dunnett 1955; "
        "Hothorn, Bretz and Westfall 2008). CIs of ranks are simultaneous, too (Mogstad, Romano, "
        "Shaikh and Wilhelm 2024). Seeds count as independent runs, and few of them borrow the "
        "spread of all policies (Smyth 2004). Each p is of one difference, over seeds and test "
        "images, adjusted for their number by Holm's steps."
    )
    if others["holm_p"].isna().any():
        return text
    outside = (others["low"] > 0) | (others["high"] < 0)
    parted = [*others["name"][outside != (others["holm_p"] < 0.05)]]
    if parted:
        text += (
            f" For {listed(parted)} the two part at the 5 % level, as Holm's steps get less strict "
            "after the smallest p, and CIs take the differences' correlation into account; the "
            "outcome is by the CI."
        )
    return text
