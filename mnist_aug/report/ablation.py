"""Which transforms of the policy help, how strong it should be, and each transform by strength."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mnist_aug.analysis import contrasts, studies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.recommendation import factor, left_out
from mnist_aug.analysis.studies import StudyRuns, summary
from mnist_aug.formatting import estimated, percent, points, span, with_sd
from mnist_aug.report import tuned
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
    key,
    label_rows,
    run_row,
    tips,
)
from mnist_aug.report.studies import against
from mnist_aug.report.tables import Table, p_value
from mnist_aug.results.runs import BOTH

CANDIDATES = ("ablation", "strength", "grid", "compare", "tuned")  # studies of policies
TUNED = "tuned-policy"
NAMED = 3  # candidates that are as good are named, more are counted
SIMULTANEOUS = "CIs are over seeds, for these images, and simultaneous over all rows."
PARTS = {"validation": COLOURS[2], "test": COLOURS[3]}  # of the data, and their colours
KINDS = {  # of an ablation's variants, and their colours
    "one transform alone": COLOURS[2],
    "one left out": COLOURS[3],
    "full policy": COLOURS[1],
}
DEEPEST = 0.55  # opacity of a cell: the letters in it stay readable


# The default policy's transforms, as in `augment.named.PARTS`, in words.
WORDS = {"rotate": "rotation", "scale": "scaling", "translate": "translation"}


def _word(part: str) -> str:
    return WORDS.get(part, part)


def _label(name: str) -> str:
    """What an ablation's variant keeps or leaves out, in words."""
    if name in BOTH:
        return ("no augmentation", "full policy")[BOTH.index(name)]
    out = left_out(name)
    return f"without {_word(out)}" if out else f"{_word(name)} alone"


def _named(study: str, variant: str, policy: str) -> str:
    """A candidate of a study in words."""
    called = tuned.policy_text(policy)
    if variant == BOTH[1]:
        return called
    if study == "ablation":
        out = left_out(variant)
        return f"the default policy without {_word(out)}" if out else f"{_word(variant)} alone"
    if study == "strength":
        return f"the default policy at factor {factor(variant):g}"
    if study == "grid":
        part, _, times = variant.partition("-")
        return f"{_word(part)} alone at factor {times.rstrip('x') or 1}"
    return "the tuned policy" if variant == TUNED else called


def parts(runs: StudyRuns) -> Table:
    """Each part of the policy by itself, and the policy without it, the most accurate first."""
    frame = summary(runs, sorted(set(runs.frame["variant"])), BOTH)
    frame = frame.sort_values("validation", ascending=False, ignore_index=True)
    display = pd.DataFrame(
        {
            "policy": frame["variant"].map(_label),
            "validation, %": _or_dash(frame["validation"], percent),
            "test, %": _or_dash(frame["test"], percent),
            "against none, pp (95 % CI)": against(frame, BOTH[0]),
            "against full policy, pp (95 % CI)": against(frame, BOTH[1]),
        }
    )
    title = "Ablation, by validation accuracy"
    return Table("ablation", title, frame, display, note=f"Differences on test. {SIMULTANEOUS}")


def _detectable(frame: pd.DataFrame, other: str) -> pd.Series:
    """Of a `summary`: 1 or -1 where the simultaneous CI lies above or below 0, and otherwise 0."""
    low, high = (frame[f"against_{other}_{end}"] for end in ("low", "high"))
    return (low > 0).astype(int) - (high < 0).astype(int)


@matplotlib.rc_context(STYLE)
def parts_figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Gain in test accuracy over no augmentation."""
    gain = f"against_{BOTH[0]}"
    frame = table.frame[table.frame["variant"] != BOTH[0]]
    frame = frame.sort_values(gain, ascending=False, ignore_index=True)
    labels = [_label(name) for name in frame["variant"]]
    title = "What each transform of the policy gains"
    figure, ((axes,),) = canvas(1.75 + 0.22 * len(frame), content, title, key=1)
    axes.axvline(0, color=INK, linewidth=1.2)
    for kind, colour in KINDS.items():
        axes.plot([], [], "o", color=colour, markersize=5.5, label=kind)
    alone, out, full = KINDS.values()
    whole = frame.loc[frame["variant"] == BOTH[1], gain].iloc[0]
    axes.axvline(100 * whole, color=MUTED, linewidth=1.2, linestyle="--", zorder=1)
    for row, (variant, label) in enumerate(zip(frame["variant"], labels, strict=True)):
        own = runs.frame[runs.frame["variant"] == variant].dropna(subset="test")
        run_row(
            axes,
            row,
            label,
            frame.loc[row, [gain, f"{gain}_low", f"{gain}_high"]],
            own["test"].to_numpy() - runs.accuracy(BOTH[0]),
            [*own["seed"]],
            full if variant == BOTH[1] else out if left_out(variant) else alone,
        )
    label_rows(axes, labels)
    axes.set_xlabel(
        "test accuracy minus the mean without augmentation, pp\n"
        "large dot: mean; bar: simultaneous 95 % CI; small dots: runs"
    )
    axes.xaxis.set_major_formatter(PlainTicks(signed=True))
    key(figure, 3)
    alt = "Dot plot of the gain in test accuracy over no augmentation, pp. " + " ".join(
        f"{label}: {estimated(*frame.loc[row, [gain, f'{gain}_low', f'{gain}_high']])}."
        for row, label in enumerate(labels)
    )
    return finished(figure, "ablation", "Ablation", alt, table)


def parts_facts(table: Table) -> dict[str, Any]:
    """Which transform carries the gain, and which can be left out.

    Returns:
        best: the transform that gains most by itself: name, difference, low and high; whole, the
        full policy's gain; sure, whether there are CIs; single, how many transforms were tried by
        themselves; gaining, losing and unclear: these by the simultaneous CI of their gain; needed,
        each as `best`, and spare: those whose removal changes accuracy, by that CI; costly: the
        transform whose removal costs most, as `best`, or None; without, how many were left out;
        above, whether rows are more accurate than the full policy and none detectably so; seeds,
        the fewest and the most of a variant but both models.
    """
    frame = table.frame.set_index("variant")
    gain = f"against_{BOTH[0]}"
    without = frame.loc[[name for name in frame.index if left_out(name)]]
    single = frame.drop(index=[*BOTH, *without.index])
    sides, lost = _detectable(single, BOTH[0]), _detectable(without, BOTH[1])
    outs = {name: _word(str(left_out(name))) for name in without.index}

    def change(row: pd.Series, name: str, against: str) -> dict[str, Any]:
        ends = ("difference", ""), ("low", "_low"), ("high", "_high")
        return {"name": name} | {key: row[f"{against}{end}"] for key, end in ends}

    best = costly = None
    if len(single):
        name = str(single[gain].idxmax())
        best = change(single.loc[name], _word(name), gain)
    own = f"against_{BOTH[1]}"
    loss = without[own]
    if (loss < 0).any():
        name = str(loss.idxmin())
        costly = change(without.loc[name], outs[name], own)
    return {
        "best": best,
        "whole": frame.loc[BOTH[1], gain],
        "sure": bool(frame[f"{gain}_low"].drop(BOTH[0]).notna().any()),
        "single": len(single),
        "gaining": [*single.index[sides > 0].map(_word)],
        "losing": [*single.index[sides < 0].map(_word)],
        "unclear": [*single.index[sides == 0].map(_word)],
        "needed": [change(without.loc[name], outs[name], own) for name in without.index[lost < 0]],
        "spare": [outs[name] for name in without.index[lost > 0]],
        "costly": costly,
        "without": len(without),
        "above": bool((frame[own] > 0).any()) and not (_detectable(frame, BOTH[1]) > 0).any(),
        "seeds": _seeds(frame.drop(index=[*BOTH])),
    }


def _seeds(frame: pd.DataFrame) -> tuple[int, int]:
    return int(frame["seeds"].min()), int(frame["seeds"].max())


def strength(runs: StudyRuns) -> Table:
    """Accuracy against the factor of all magnitudes, from 0 (no augmentation)."""
    frame = summary(runs, sorted(set(runs.frame["variant"])), BOTH)
    frame.insert(1, "factor", frame["variant"].map(factor))
    frame = frame.sort_values("factor", ignore_index=True)
    display = pd.DataFrame(
        {
            "factor": frame["factor"].map("{:g}".format),
            "validation ± SD, %": _with_sd(frame, "validation"),
            "test ± SD, %": _with_sd(frame, "test"),
            "test against factor 1, pp (95 % CI)": against(frame, BOTH[1]),
            "seeds": frame["seeds"].astype(str),
        }
    )
    return Table("strength", "Accuracy by strength", frame, display, note=SIMULTANEOUS)


@matplotlib.rc_context(STYLE)
def strength_figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Validation and test accuracy against the factor of the magnitudes, with bands."""
    frame = table.frame
    figure, ((axes,),) = canvas(3.4, content, "Accuracy against augmentation strength")
    axes.axvline(1, color=MUTED, linewidth=1.2, linestyle="--", zorder=1)
    for part, colour in PARTS.items():
        own = frame[frame[part].notna()]
        if own.empty:
            continue
        ends = own[[f"{part}_low", f"{part}_high"]].to_numpy().T
        axes.fill_between(own["factor"], *(100 * ends), color=colour, alpha=0.22, linewidth=0)
        axes.plot(own["factor"], 100 * own[part], color=colour)
        dots = axes.plot(own["factor"], 100 * own[part], "o", color=colour)[0]
        tips(
            dots,
            [
                f"factor {r['factor']:g}: {part} accuracy {percent(r[part])} %"
                + (
                    f" (95 % CI {span(r[f'{part}_low'], r[f'{part}_high'], percent)})"
                    if np.isfinite(r[f"{part}_low"])
                    else ""
                )
                for _, r in own.iterrows()
            ],
        )
        # Beside the curve's end, on the side where the other is not.
        above = part == "test"
        axes.annotate(
            part,
            (own["factor"].iloc[-1], 100 * own[part].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="bottom" if above else "top",
            fontsize=SMALL,
            annotation_clip=False,
        )
    _mark(axes, "the policy", 1)
    axes.set_xlabel("factor of all magnitudes; 0 is no augmentation\nband: 95 % CI over seeds")
    axes.set_ylabel("accuracy, %")
    axes.grid()
    axes.yaxis.set_major_formatter(PlainTicks())
    alt = "Line chart of accuracy against the factor of the magnitudes. " + " ".join(
        f"{r.factor:g}: validation {percent(r.validation)} %, test {percent(r.test)} %."
        for r in frame.itertuples()
    )
    return finished(figure, "strength", "Sensitivity to strength", alt, table)


def _mark(axes: Axes, text: str, x: float) -> None:
    axes.annotate(
        text,
        (x, 0),
        xycoords=("data", "axes fraction"),
        xytext=(4, 3),
        textcoords="offset points",
        color=MUTED,
        fontsize=SMALL,
    )


def strength_facts(table: Table, margin: float) -> dict[str, Any]:
    """Where validation accuracy is highest, and which factors differ from 1 by simultaneous CIs.

    Args:
        margin: a difference in accuracy on the validation images that is of little consequence if
            it is no larger.

    Returns:
        best: factor and validation of the largest mean; own, the mean at factor 1; close, whether
        the largest is within the CI of that and less than the margin above it; None where no images
        were held out. sure, whether there are CIs; higher, lower and unclear, factors other than 1
        by their test accuracy; seeds, the fewest and the most of those other than 0 and 1.
    """
    frame = table.frame
    rest, between = frame[frame["factor"] != 1], frame[~frame["factor"].isin([0, 1])]
    sides = _detectable(rest, BOTH[1])
    best = None
    if frame["validation"].notna().any():
        best = frame.loc[frame["validation"].idxmax(), ["factor", "validation"]].to_dict()
        own = frame[frame["factor"] == 1].iloc[0]
        within = best["validation"] <= own["validation_high"]
        near = best["validation"] - own["validation"] < margin
        best |= {"own": own["validation"], "close": bool(within and near)}
    return {
        "best": best,
        "sure": bool(len(rest) and rest[f"against_{BOTH[1]}_low"].notna().all()),
        "higher": [f"{one:g}" for one in rest["factor"][sides > 0]],
        "lower": [f"{one:g}" for one in rest["factor"][sides < 0]],
        "unclear": [f"{one:g}" for one in rest["factor"][sides == 0]],
        "seeds": _seeds(between) if len(between) else None,
    }


def grid(runs: StudyRuns) -> Table:
    """Each transform of the policy alone at each strength, against no augmentation."""
    frame = studies.grid(runs)
    gain, low, high = (f"validation_difference{end}" for end in ("", "_low", "_high"))
    display = pd.DataFrame(
        {
            "transform": frame["part"].map(_word),
            "factor": frame["factor"].map("{:g}".format),
            "seeds": frame["seeds"].astype(str),
            "validation ± SD, %": _with_sd(frame, "validation"),
            "gain over none, pp": _or_dash(frame[gain], points),
            "95 % CI, pp": [
                "—" if np.isnan(ends[0]) else span(*ends) for ends in frame[[low, high]].to_numpy()
            ],
            "p (Holm)": _or_dash(frame["validation_difference_holm_p"], p_value),
        }
    )
    if frame[gain].isna().all():
        display = display.iloc[:, :3].assign(**{"test ± SD, %": _with_sd(frame, "test")})
    note = (
        "Gains in validation accuracy; their CIs are over seeds, for these images, and "
        "simultaneous over all rows, for which p is adjusted, too. The CSV file has those on test."
    )
    return Table("grid", "Each transform alone, by strength", frame, display, note=note)


def _or_dash(values: pd.Series, show: Callable[[float], str]) -> list[str]:
    return ["—" if np.isnan(value) else show(value) for value in values]


def _with_sd(frame: pd.DataFrame, part: str) -> pd.Series:
    return with_sd(frame, part).where(frame[part].notna(), "—")


@matplotlib.rc_context(STYLE)
def grid_figure(table: Table, content: Comparison) -> Figure:
    """A heat map of the gain in validation accuracy, a cell for each transform and strength."""
    frame = table.frame
    rows, columns = [*frame["part"].unique()], sorted(frame["factor"].unique())
    figure, ((axes,),) = canvas(
        1.45 + 0.34 * len(rows), content, "Gain of each transform alone, by strength"
    )
    largest = frame["validation_difference"].abs().max() or 1
    for cell in frame.to_dict("records"):
        gain = cell["validation_difference"]
        low, high = (cell[f"validation_difference_{end}"] for end in ("low", "high"))
        x, y = columns.index(cell["factor"]), rows.index(cell["part"])
        patch = Rectangle(
            (x - 0.48, y - 0.46),
            0.96,
            0.92,
            facecolor=COLOURS[2 if gain > 0 else 1],
            alpha=DEEPEST * abs(gain) / largest,
            linewidth=0,
        )
        axes.add_patch(patch)
        text = f"{_word(cell['part'])} at factor {cell['factor']:g}: {points(gain)} pp"
        if np.isfinite(low):
            text += f" (simultaneous 95 % CI {span(low, high)})"
        tips(patch, [text])
        axes.text(
            x,
            y,
            points(gain),
            ha="center",
            va="center",
            fontweight="bold" if low > 0 or high < 0 else "normal",
        )
    axes.set(xlim=(-0.5, len(columns) - 0.5))
    label_rows(axes, [*map(_word, rows)])
    axes.grid(visible=False)
    axes.set_xticks(range(len(columns)), [f"{one:g}" for one in columns])
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel(
        "factor of the magnitude in the default policy\n"
        "cells: validation accuracy minus that without augmentation, pp"
    )
    alt = (
        "Heat map of the gain in validation accuracy over no augmentation, pp, of each transform "
        "alone at each strength. "
        + " ".join(
            f"{_word(one['part'])} at {one['factor']:g}: {points(one['validation_difference'])}."
            for one in frame.to_dict("records")
        )
    )
    return finished(figure, "grid", "Transform by strength", alt, table)


def grid_facts(table: Table, content: Comparison) -> dict[str, Any]:
    """The best cell of the grid, and how many gain and lose.

    Returns:
        best: part and factor of the largest validation accuracy, with difference, low and high;
        None where no images were held out. whole: the default policy's gain there. sure, whether
        there are CIs; count, helping and hurting: cells, and those whose CI lies above and below 0;
        seeds, the fewest and the most of a cell.
    """
    frame = table.frame
    low, high = (frame[f"validation_difference_{end}"] for end in ("low", "high"))
    best = None
    if frame["validation_difference"].notna().any():
        row = frame.loc[frame["validation_difference"].idxmax()]
        best = {
            "part": _word(row["part"]),
            "factor": row["factor"],
            "difference": row["validation_difference"],
            "low": row["validation_difference_low"],
            "high": row["validation_difference_high"],
        }
    first, second = (one.validation_accuracy.mean() for one in content.both)
    return {
        "best": best,
        "whole": second - first,
        "sure": bool(low.notna().all()),
        "count": len(frame),
        "helping": int((low > 0).sum()),
        "hurting": int((high < 0).sum()),
        "seeds": _seeds(frame),
    }


def _simultaneous(
    found: contrasts.Estimates, first: str, second: str
) -> tuple[float, float, float]:
    """The first's mean less the second's, with its interval of those of all pairs.

    Who is first is known from the same runs, and an interval by itself would not allow for that.
    """
    pairs = contrasts.all_pairs(found).set_index(["first", "second"])
    if (second, first) in pairs.index:
        row = pairs.loc[second, first]
        return float(row["difference"]), float(row["low"]), float(row["high"])
    row = pairs.loc[first, second]
    return float(-row["difference"]), float(-row["high"]), float(-row["low"])


def choice(found: dict[str, StudyRuns]) -> dict[str, Any] | None:
    """What the validation split says of the policy among the candidates of all studies.

    Returns:
        - count of candidates, and the studies that they are of.
        - first: name and validation accuracy of the best.
        - own: name, validation accuracy and rank of augmented's policy; is_first, whether it is
          the best itself.
        - lead: of the best over augmented's, or over the second where that is the best:
          difference, low and high, simultaneous over all pairs; None of a single candidate.
        - checked: the same on the test images, with its interval by itself.
        - second: what that is over.
        - equals: the others that it is not more accurate than by these; named, whether they are few
          enough for that; equal_seeds, how many seeds all or most of these have: seeds and all;
          None where no number is that of most.
        - sure, whether the lead has a CI.
        - flattered: whether the policy that a search found on these images is among the best.

        None where no images were held out, on which to choose.
    """
    names = [name for name in CANDIDATES if name in found]
    every = pd.concat([found[name].frame.assign(study=name) for name in names])
    # The other tuned variants differ in more than the policy.
    other = [name for name in every["variant"] if name.startswith("tuned-") and name != TUNED]
    every = every[every["policy"].notna() & ~every["variant"].isin(other)]
    every = every.drop_duplicates(["variant", "seed"])
    if every["validation"].isna().any():
        return None
    called = {row.variant: _named(row.study, row.variant, row.policy) for row in every.itertuples()}
    candidates = contrasts.estimates(
        {str(name): own.to_numpy() for name, own in every.groupby("variant")["validation"]}
    )
    means = pd.Series(candidates.means, candidates.names).sort_values(ascending=False)
    first = str(means.index[0])
    is_first = first == BOTH[1]
    second = BOTH[1] if not is_first else str(means.index[1]) if len(means) > 1 else None
    lead = checked = None
    if second is not None:
        columns = ("difference", "low", "high")
        lead = dict(zip(columns, _simultaneous(candidates, first, second), strict=True))
        ends = StudyRuns(every, pd.DataFrame()).difference(second, first)
        checked = dict(zip(columns, ends, strict=True))
    equals = [name for name in contrasts.best(candidates) if name != first]
    numbers = every["variant"].value_counts()[equals].value_counts()
    most = None
    if len(numbers) and 2 * numbers.iloc[0] > len(equals):
        most = {"seeds": int(numbers.index[0]), "all": len(numbers) == 1}
    return {
        "count": len(means),
        "studies": names,
        "first": {"name": called[first], "validation": means.iloc[0]},
        "own": {
            "name": called[BOTH[1]],
            "validation": means[BOTH[1]],
            "rank": list(means.index).index(BOTH[1]) + 1,
            "is_first": is_first,
            "is_equal": BOTH[1] in equals,
        },
        "lead": lead,
        "checked": checked,
        "second": called.get(second),
        "equals": [called[name] for name in equals],
        "named": len(equals) <= NAMED,
        "equal_seeds": most,
        "sure": lead is not None and bool(np.isfinite(lead["low"])),
        "flattered": TUNED in (first, *equals),
    }
