"""Which parts of the policy help, and how strong it should be."""

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.recommendation import factor
from mnist_aug.analysis.studies import StudyRuns, summary
from mnist_aug.formatting import estimated, listed, percent, points, with_sd
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    label_rows,
)
from mnist_aug.report.studies import against
from mnist_aug.report.tables import NAMED, Table, claim, p_value
from mnist_aug.results.runs import BOTH

CANDIDATES = ("ablation", "strength", "compare", "tuned")  # the studies that compare policies
TUNED = "tuned-policy"


def _label(name: str) -> str:
    """What an ablation's variant keeps or leaves out, in words."""
    if name == BOTH[0]:
        return "no augmentation"
    if name == BOTH[1]:
        return "the whole policy"
    if name == "affine" or name.startswith("no-"):
        return f"all but {'elastic' if name == 'affine' else name[3:]}"
    return f"{name} alone"


def _named(study: str, variant: str, policy: str) -> str:
    """A candidate of a study in words."""
    if variant == BOTH[1]:
        return "the policy used here"
    if study == "ablation":
        return _label(variant)
    if study == "strength":
        return f"strength {variant.removeprefix('default-').rstrip('x')}"
    return "the tuned policy" if variant == TUNED else f"policy {policy}"


def parts(runs: StudyRuns) -> Table:
    """Each part of the policy by itself, and the policy without it, the most accurate first."""
    frame = summary(runs, sorted(set(runs.frame["variant"])), BOTH)
    frame = frame.sort_values("validation", ascending=False, ignore_index=True)
    display = pd.DataFrame(
        {
            "policy": frame["variant"].map(_label),
            "seeds": frame["seeds"].astype(str),
            "validation ± SD, %": with_sd(frame, "validation"),
            "test ± SD, %": with_sd(frame, "test"),
            "test, against no augmentation, pp (95 % CI)": against(frame, BOTH[0]),
            "p of that, Holm": _holm(frame, BOTH[0]),
            "test, against the whole policy, pp (95 % CI)": against(frame, BOTH[1]),
            "p of that one, Holm": _holm(frame, BOTH[1]),
        }
    )
    return Table("ablation", "Parts of the policy, by validation accuracy", frame, display)


def _holm(frame: pd.DataFrame, other: str) -> list[str]:
    """The adjusted p of a `summary` as text."""
    return ["—" if np.isnan(p) else p_value(p) for p in frame[f"against_{other}_holm_p"]]


@matplotlib.rc_context(STYLE)
def parts_figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Gain in test accuracy over no augmentation, every seed a dot."""
    frame = table.frame[table.frame["variant"] != BOTH[0]].copy()
    frame["label"] = frame["variant"].map(_label)
    frame = frame.sort_values(f"against_{BOTH[0]}", ascending=False, ignore_index=True)
    title = "What each part of the policy gains"
    figure, ((axes,),) = canvas(1.5 + 0.27 * len(frame), content, title)
    axes.axvline(0, color=INK, linewidth=1.2)
    whole = 100 * frame.loc[frame["variant"] == BOTH[1], f"against_{BOTH[0]}"].iloc[0]
    axes.axvline(whole, color=MUTED, linewidth=1.2, linestyle="--")
    colour = {"alone": COLOURS[4], "all but": COLOURS[0], "the whole": COLOURS[1]}
    for row, variant in enumerate(frame["variant"]):
        gains = 100 * (runs.values(variant) - runs.accuracy(BOTH[0]))
        label = frame["label"][row]
        own = next(c for word, c in colour.items() if word in label)
        low, high = 100 * frame[[f"against_{BOTH[0]}_low", f"against_{BOTH[0]}_high"]].iloc[row]
        bar = {"linewidth": 6, "alpha": 0.35, "solid_capstyle": "butt"}
        axes.plot([low, high], [row, row], color=own, **bar)
        axes.plot(gains, [row] * len(gains), "o", color=own, markersize=4)
        axes.plot([gains.mean()] * 2, [row - 0.32, row + 0.32], color=INK, linewidth=1.6)
    label_rows(axes, frame["label"].tolist())
    axes.set_xlabel("test accuracy less the mean without augmentation, pp")
    axes.xaxis.set_major_formatter(PlainTicks(signed=True))
    alt = "Dot plot of the gain in test accuracy over no augmentation, pp. " + " ".join(
        f"{label}: {points(gain)}."
        for label, gain in zip(frame["label"], frame[f"against_{BOTH[0]}"], strict=True)
    )
    caption = (
        "Dots are seeds, upright lines their means and bars 95 % CIs over seeds, each by itself. "
        "The dashed line is the whole policy."
    )
    return finished(figure, "ablation", "Parts of the policy", alt, caption, table)


def parts_sentence(table: Table) -> str:
    """Which part carries the gain, and which can be left out."""
    frame = table.frame.set_index("variant")
    gain = frame[f"against_{BOTH[0]}"]
    single = gain[[name for name in gain.index if _label(name).endswith("alone")]]
    without = frame.loc[[name for name in frame.index if _label(name).startswith("all but")]]
    lost = without[f"against_{BOTH[1]}"].where(without[f"against_{BOTH[1]}_holm_p"] < ALPHA, 0)
    left_out = without.index.map(lambda name: _label(name).split()[-1])
    needed, spare = list(left_out[lost < 0]), list(left_out[lost > 0])
    best = frame.loc[single.idxmax()]
    mean, low, high = (best[f"against_{BOTH[0]}{end}"] for end in ("", "_low", "_high"))
    text = (
        f"The part that gains most by itself is {single.idxmax()}: "
        f"{estimated(mean, low, high, ' pp')}; the whole policy gains {points(gain[BOTH[1]])} pp. "
    )
    if frame[f"against_{BOTH[1]}_holm_p"].isna().all():
        return f"{text}With one seed nothing is said of single parts."
    augmented = frame.drop(index=BOTH[0]).rename(
        columns={f"against_{BOTH[0]}": "difference", f"against_{BOTH[0]}_holm_p": "holm_p"}
    )
    said = claim(
        [_label(name) for name in augmented.index],
        augmented,
        "policies",
        "higher accuracy",
        "lower accuracy",
    )
    text += f"By p over seeds, adjusted for all rows (Holm 1979): with augmentation there is {said}"
    text += (
        f"; leaving out {listed(needed)} loses accuracy against the whole policy"
        if needed
        else "; leaving out a single part loses no accuracy that can be detected"
    )
    if spare:
        text += f", {'and' if needed else 'but'} leaving out {listed(spare)} gains some"
    return f"{text}."


def strength(runs: StudyRuns) -> Table:
    """Accuracy against the factor of all magnitudes, from 0 (no augmentation)."""
    frame = summary(runs, sorted(set(runs.frame["variant"])), BOTH)
    frame.insert(1, "factor", frame["variant"].map(factor))
    frame = frame.sort_values("factor", ignore_index=True)
    display = pd.DataFrame(
        {
            "factor of the magnitudes": frame["factor"].map("{:g}".format),
            "seeds": frame["seeds"].astype(str),
            "validation ± SD, %": with_sd(frame, "validation"),
            "test ± SD, %": with_sd(frame, "test"),
            "test, against factor 1, pp (95 % CI)": against(frame, BOTH[1]),
            "p of that, Holm": _holm(frame, BOTH[1]),
        }
    )
    return Table("strength", "Strength of the policy", frame, display)


@matplotlib.rc_context(STYLE)
def strength_figure(runs: StudyRuns, table: Table, content: Comparison) -> Figure:
    """Validation and test accuracy against the factor of the magnitudes."""
    figure, ((axes,),) = canvas(3.6, content, "Accuracy against the strength of the policy")
    for part, colour, marker in (("validation", COLOURS[2], "s"), ("test", COLOURS[1], "D")):
        dots = runs.frame.assign(factor=runs.frame["variant"].map(factor))
        axes.plot(dots["factor"], 100 * dots[part], marker, color=colour, markersize=3, alpha=0.6)
        axes.plot(
            table.frame["factor"],
            100 * table.frame[part],
            color=colour,
            label=part,
            marker=marker,
            markersize=6,
        )
    axes.set(
        xlabel="factor of all magnitudes (0: no augmentation, 1: the policy)", ylabel="accuracy, %"
    )
    axes.grid()
    axes.legend(frameon=False, loc="lower right")
    axes.yaxis.set_major_formatter(PlainTicks())
    alt = "Line chart of accuracy against the factor of the magnitudes. " + " ".join(
        f"{r.factor:g}: validation {percent(r.validation)} %, test {percent(r.test)} %."
        for r in table.frame.itertuples()
    )
    caption = "Small marks are seeds, large ones joined by lines their means."
    return finished(figure, "strength", "Strength", alt, caption, table)


def strength_sentence(table: Table) -> str:
    """Where validation accuracy peaks, and which factors differ from 1 by their adjusted p."""
    frame = table.frame
    best = frame.loc[frame["validation"].idxmax()]
    rest = frame[~frame["factor"].isin([0, 1])].rename(
        columns={f"against_{BOTH[1]}": "difference", f"against_{BOTH[1]}_holm_p": "holm_p"}
    )
    text = (
        "A factor multiplies all magnitudes. Those in pixels are shares of the images' side, so a "
        "factor means the same at any size. "
        f"Mean validation accuracy is largest at factor {best['factor']:g}, "
        f"{percent(best['validation'])} %"
    )
    if not rest["holm_p"].notna().all() or rest.empty:
        return f"{text}."
    names = [f"{one:g}" for one in rest["factor"]]
    said = claim(names, rest, "other factors", "higher accuracy", "lower accuracy")
    return (
        f"{text}. On the test images there is, against factor 1, {said}, by p over seeds adjusted "
        "for all rows (Holm 1979)."
    )


def _simultaneous(
    found: contrasts.Estimates, first: str, second: str
) -> tuple[float, float, float]:
    """The second's mean less the first's, with its interval of those of all pairs.

    Who is first is known from the same runs, and an interval by itself would not allow for that.
    """
    pairs = contrasts.all_pairs(found).set_index(["first", "second"])
    if (first, second) in pairs.index:
        row = pairs.loc[first, second]
        return float(row["difference"]), float(row["low"]), float(row["high"])
    row = pairs.loc[second, first]
    return float(-row["difference"]), float(-row["high"]), float(-row["low"])


def choice(found: dict[str, StudyRuns]) -> str:
    """What the validation split says of the policy among the candidates of all studies."""
    studies = [name for name in CANDIDATES if name in found]
    every = pd.concat([found[name].frame.assign(study=name) for name in studies])
    # The other tuned variants differ in more than the policy.
    other = [name for name in every["variant"] if name.startswith("tuned-") and name != TUNED]
    every = every[every["policy"].notna() & ~every["variant"].isin(other)]
    every = every.drop_duplicates(["variant", "seed"])
    if every["validation"].isna().any():
        return "Policies can't be ranked without the test images, as no image was held out."
    names = {row.variant: _named(row.study, row.variant, row.policy) for row in every.itertuples()}
    candidates = contrasts.estimates(
        {str(name): own.to_numpy() for name, own in every.groupby("variant")["validation"]}
    )
    means = pd.Series(candidates.means, candidates.names).sort_values(ascending=False)
    first = str(means.index[0])
    text = (
        f"Policies are ranked on the validation images alone. Of {len(means)} candidates in "
        f"{listed(studies)}, {names[first]} has the largest mean accuracy there, "
        f"{percent(means.iloc[0])} %"
    )
    if first != BOTH[1]:
        lag = _simultaneous(candidates, first, BOTH[1])
        place = list(means.index).index(BOTH[1]) + 1
        text += (
            f"; the policy used here, fixed before these studies, has {percent(means[BOTH[1]])} % "
            f"and place {place}, {estimated(*lag, ' pp')}"
        )
    elif len(means) > 1:
        second = str(means.index[1])
        lead = _simultaneous(candidates, second, first)
        text += f". Its lead over the next, {names[second]}, is {estimated(*lead, ' pp')}"
    equals = [names[name] for name in contrasts.best(candidates) if name != first]
    few = np.isnan(candidates.seed_variances).any()
    if few:
        text += ". One seed can't tell how far that is chance."
    elif not equals:
        text += ". It is more accurate than each other by simultaneous CIs of all pairs over seeds."
    else:
        text += (
            f". By simultaneous CIs of all pairs over seeds it is not more accurate than "
            f"{listed(equals) if len(equals) <= NAMED else f'{len(equals)} others'}."
        )
    if TUNED in means.index:
        text += (
            " The tuned policy was already the best of a search on these validation images, with "
            "other seeds, so its mean may flatter it."
        )
    return text
