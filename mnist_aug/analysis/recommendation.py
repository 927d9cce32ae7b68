"""What the results recommend, as facts. It is chosen on validation images alone.

The test images give the check of what was chosen, and corrupted ones say where it hurts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from mnist_aug.analysis import contrasts, pareto, planning
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.contrasts import Scores
from mnist_aug.analysis.intervals import LEVEL, lies_within
from mnist_aug.analysis.planning import Advice
from mnist_aug.analysis.policies import validation_scores
from mnist_aug.analysis.robustness import accuracy_by_type, by_likeness, severity_accuracy
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.results.runs import BOTH, VariantResults

CHEAPER = 0.8  # of the training time, from which on less of it is worth a word


@dataclass(frozen=True)
class Strength:
    """What the study of the policy's strength says on the validation images.

    Attributes:
        factor: of the magnitudes, to be used; 1 unless another is more accurate by the CI.
        gain, low, high: of that factor over 1, in accuracy; the ends simultaneous over all factors.
        tried: all factors but 0.
        seeds: the fewest and the most of a factor other than 0 and 1.
    """

    factor: float
    gain: float
    low: float
    high: float
    tried: tuple[float, ...]
    seeds: tuple[int, int]


@dataclass(frozen=True)
class Harm:
    """A change of the images at which a policy is less accurate than none.

    Attributes:
        name: a corruption type in words, or an axis of severities.
        difference: in accuracy, negative.
        severity, unit: of an axis, where the loss is largest; None and "" of a corruption type.
    """

    name: str
    difference: float
    severity: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Robust:
    """A policy that costs no accuracy on unchanged images and gains some on corrupted ones.

    Attributes:
        policy: its name.
        difference, low, high: in mean accuracy over all corruption types of test images; the ends
            simultaneous over all policies.
        types: how many there are.
        seconds: median training time of a run; NaN of single epochs.
    """

    policy: str
    difference: float
    low: float
    high: float
    types: int
    seconds: float


@dataclass(frozen=True)
class Gain:
    """What a policy changes in accuracy on the validation images.

    Attributes:
        policy: its name.
        difference, low, high: the ends simultaneous over all policies.
    """

    policy: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Recommendation:
    """Facts to act on. Differences are of accuracy, against no augmentation, in fractions.

    Attributes:
        kind: "augment"; "without", where even the best policy hurts; "equivalent", where its
            difference is smaller than the margin; "unknown", where nothing can be told; and why
            nothing is recommended: "one seed", "no validation" (no images were held out), "no
            verdict" (the baseline is not better than guessing on the test images), "no policy" (no
            policy is) or "no effect" (the only policy changes no training image).
        policy: the most accurate on the validation images of those that help there; if none does,
            of those that may help; and of all if each hurts.
        unsure: policies of a larger mean there that are not known to help.
        compared: how many policies there are, without none.
        seeds, seeds_without: that it was trained with, and the baseline.
        images: validation images; None where they were not scored one by one.
        difference, low, high: on validation images, the ends simultaneous over all policies.
        margin: differences up to this on the validation images count as none.
        small: whether the difference is smaller than that.
        test, test_low, test_high, outcome: the same difference on the test images, and the verdict;
            of a single policy those that stand at the head of the report.
        equals: other policies that can't be distinguished from it on validation images.
        none_may_be_best: whether no augmentation can't be either, by the wider intervals of all
            pairs.
        cheaper: those of them whose slowest run took less training time than its quickest, and
            that take `CHEAPER` of its median at most.
        strength: where the policy's was studied.
        part: the transform that alone is as accurate as the policy on the validation images, within
            the margin, where an ablation tells it; else "".
        head: where there are several policies, the verdict at the head of the report.
        own: where another is chosen, what the report's own policy changes.
        tested: the policy that the corrupted images are of: the one to be used, else the report's.
        types: corruption types evaluated; 0 if none were.
        groups: the mean difference on these types, of `robustness.by_likeness`.
        robust: where the kind is "equivalent" and there are several policies: of those that are so
            on the validation images, the one that gains most on corrupted images, if any gains.
        severities: of changes of the test images; 0 if none were evaluated.
        harms: the corruption types on which it is less accurate and, of each axis on which it is,
            the severity of the largest loss; the largest loss first. The CIs are simultaneous over
            all types, and over all severities.
        seconds, seconds_without: median training time of a run, with the policy and without; NaN
            of single epochs, of which compiling may be the most.
        overlap: whether a run without took as long as one with it.
        advice: what would tell, where the kind is "unknown" and validation images were scored.
    """

    kind: str
    policy: str = ""
    unsure: tuple[str, ...] = ()
    compared: int = 0
    seeds: int = 0
    seeds_without: int = 0
    images: int | None = None
    difference: float = np.nan
    low: float = np.nan
    high: float = np.nan
    margin: float = 0.0
    small: bool = False
    test: float = np.nan
    test_low: float = np.nan
    test_high: float = np.nan
    outcome: str = ""
    equals: tuple[str, ...] = ()
    none_may_be_best: bool = False
    cheaper: tuple[str, ...] = ()
    strength: Strength | None = None
    part: str = ""
    head: str = ""
    own: Gain | None = None
    tested: str = ""
    types: int = 0
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    robust: Robust | None = None
    severities: int = 0
    harms: tuple[Harm, ...] = ()
    seconds: float = np.nan
    seconds_without: float = np.nan
    overlap: bool = False
    advice: Advice | None = None


def recommended(
    content: Comparison,
    compared: pd.DataFrame,
    variants: Mapping[str, VariantResults],
    strength: StudyRuns | None = None,
    ablation: StudyRuns | None = None,
) -> Recommendation:
    """What to use, by the validation images.

    Args:
        compared: of `policies.compared`.
        variants: further policies by name, that `compared` was made of.
        strength, ablation: the studies of augmented's policy, if there are any.
    """
    frame = compared.set_index("variant")
    none = frame.loc[BOTH[0]]
    others = frame[(frame.index != BOTH[0]) & (frame["outcome"] != "no verdict")]
    count = len(frame) - 1
    if not content.chance.beaten_by(1 - none["error"]):
        return Recommendation("no verdict", compared=count)
    if others.empty:
        return Recommendation("no policy", compared=count)
    if count == 1 and content.is_idle:
        return Recommendation("no effect", compared=count)
    if not np.isfinite([none["validation"], *others["validation"]]).all():
        found = content.difference
        return Recommendation(
            "no validation",
            str(frame.loc[BOTH[1], "policy"]),
            compared=len(others),
            test=found.mean,
            test_low=found.low,
            test_high=found.high,
            outcome=found.outcome,
        )
    name = _chosen(others)
    own = others.loc[name]
    every = {one: content.variants[one] for one in BOTH} | dict(variants)
    scores = validation_scores({one: every[one] for one in (BOTH[0], *others.index)})
    within = own["validation_within_low"], own["validation_within_high"]
    margin = content.validation_margin
    small = lies_within(within, margin)
    estimates = contrasts.estimates(scores)
    alike = _not_distinguished(estimates, name)
    equals = others[others.index.isin(alike) & (others["validation"] <= own["validation"])]
    timed = every[name].settings["epochs"] > 1
    cheaper = equals["seconds_most"] < own["seconds_least"]
    cheaper &= equals["seconds"] <= CHEAPER * own["seconds"]
    kind = _kind(own, small)
    tested = name if kind == "augment" or BOTH[1] not in others.index else BOTH[1]
    pair = content.both if tested == BOTH[1] else (every[BOTH[0]], every[tested])
    types, severities = accuracy_by_type(*pair), severity_accuracy(content, pair)
    test = tuple(float(own[part]) for part in ("difference", "low", "high"))
    outcome = str(own["outcome"])
    if len(frame) == len(BOTH):
        head = content.difference
        test, outcome = (head.mean, head.low, head.high), head.outcome
    scored = kind == "unknown" and scores[name].ndim > 1
    return Recommendation(
        kind,
        str(own["policy"]),
        tuple(others.loc[others["validation"] > own["validation"], "policy"]),
        compared=len(others),
        seeds=int(own["seeds"]),
        seeds_without=int(none["seeds"]),
        images=scores[name].shape[1] if scores[name].ndim > 1 else None,
        difference=float(own["validation_difference"]),
        low=float(own["validation_low"]),
        high=float(own["validation_high"]),
        margin=margin,
        small=small,
        test=test[0],
        test_low=test[1],
        test_high=test[2],
        outcome=outcome,
        equals=tuple(equals["policy"]),
        none_may_be_best=BOTH[0] in alike,
        cheaper=tuple(equals.loc[cheaper, "policy"]) if timed else (),
        strength=_strength(strength) if name == BOTH[1] else None,
        part=_part(ablation, margin) if name == BOTH[1] else "",
        head=content.difference.outcome if len(frame) > len(BOTH) else "",
        own=_own(others) if name != BOTH[1] else None,
        tested=str(frame.loc[tested, "policy"]),
        types=len(types),
        groups=by_likeness(*pair),
        robust=_robust(others, margin, len(types), timed) if kind == "equivalent" else None,
        severities=int(severities["low"].notna().sum()) if len(severities) else 0,
        harms=_harms(types, severities),
        seconds=float(own["seconds"]) if timed else np.nan,
        seconds_without=float(none["seconds"]) if timed else np.nan,
        overlap=pareto.overlap(none, own),
        advice=_advice(scores, estimates, name) if scored else None,
    )


def _chosen(others: pd.DataFrame) -> str:
    """The policy to speak of: one that is known to help rather than one that may do more."""
    helps, may_help = others["validation_low"] > 0, others["validation_high"] >= 0
    groups = (others[helps], others[may_help], others[others["validation_low"].notna()], others)
    return str(next(group for group in groups if len(group))["validation"].idxmax())


def _not_distinguished(found: contrasts.Estimates, name: str) -> list[str]:
    """The other variants from which that of this name differs by no interval of all pairs."""
    pairs = contrasts.all_pairs(found)
    own = pairs[(pairs["first"] == name) | (pairs["second"] == name)]
    alike = own[~((own["low"] > 0) | (own["high"] < 0))]
    return [one for one in {*alike["first"], *alike["second"]} if one != name]


def _kind(own: pd.Series, small: bool) -> str:
    if np.isnan(own["validation_low"]):
        return "one seed"
    if own["validation_low"] > 0:
        return "augment"
    if own["validation_high"] < 0:
        return "without"
    return "equivalent" if small else "unknown"


def _own(others: pd.DataFrame) -> Gain | None:
    """Of the report's own policy; nothing if it did not learn or was trained once."""
    if BOTH[1] not in others.index or np.isnan(others.loc[BOTH[1], "validation_low"]):
        return None
    row = others.loc[BOTH[1]]
    ends = float(row["validation_low"]), float(row["validation_high"])
    return Gain(str(row["policy"]), float(row["validation_difference"]), *ends)


def _robust(others: pd.DataFrame, margin: float, types: int, timed: bool) -> Robust | None:
    """The largest detectable gain on corrupted images that takes no accuracy from others."""
    ends = zip(others["validation_within_low"], others["validation_within_high"], strict=True)
    alike = others[[lies_within(both, margin) for both in ends]]
    gains = alike[alike["corrupted_low"] > 0]
    if len(others) < 2 or gains.empty:
        return None
    best = gains.loc[gains["corrupted_difference"].idxmax()]
    return Robust(
        str(best["policy"]),
        difference=float(best["corrupted_difference"]),
        low=float(best["corrupted_low"]),
        high=float(best["corrupted_high"]),
        types=types,
        seconds=float(best["seconds"]) if timed else np.nan,
    )


def _harms(types: pd.DataFrame, severities: pd.DataFrame) -> tuple[Harm, ...]:
    """What a policy loses on, of `accuracy_by_type` and `severity_accuracy`."""
    found = [
        Harm(row.corruption, float(row.difference)) for row in types.itertuples() if row.side < 0
    ]
    if len(severities):
        worse = severities[severities["side"] < 0]
        for place in worse.groupby("axis", sort=False)["difference"].idxmin():
            row = worse.loc[place]
            loss, severity = float(row["difference"]), float(row["severity"])
            found.append(Harm(str(row["axis"]), loss, severity, str(row["unit"])))
    return tuple(sorted(found, key=lambda one: one.difference))


def _advice(scores: Scores, found: contrasts.Estimates, name: str) -> Advice:
    """What would show a difference between the variant of that name and the baseline.

    It is worked out for the level that this interval, simultaneous with the others, has by itself,
    and for as many seeds as both have, in pairs. Intervals that are not paired may be wider: where
    it would ask for no more than there is, it says nothing.
    """
    first, second = scores[BOTH[0]], scores[name]
    seeds = min(len(first), len(second))
    own = contrasts.against(found, BOTH[0]).set_index("variant").loc[name]
    reach = max(own["high"] - own["difference"], own["difference"] - own["low"])
    level = float(1 - 2 * stats.t.sf(reach / own["se"], own["df"])) if own["se"] > 0 else LEVEL
    advice = planning.advice(first[:seeds], second[:seeds], level=level)
    if (advice.seeds or 0) <= seeds and (advice.images or 0) <= first.shape[1]:
        return Advice(None, None)
    return advice


def factor(variant: str) -> float:
    """Of all magnitudes, in the study of strength: 0 for the baseline, 1 for augmented."""
    return float(
        BOTH.index(variant) if variant in BOTH else variant.removeprefix("default-").rstrip("x")
    )


def left_out(variant: str) -> str | None:
    """The transform that a variant of the ablation leaves out; None where it has one alone."""
    if variant == "affine":
        return "elastic"
    return variant.removeprefix("no-") if variant.startswith("no-") else None


def _against_own(runs: StudyRuns | None) -> pd.DataFrame | None:
    """A study's variants on the validation images against augmented, by simultaneous intervals.

    None without a study, without validation images, and where one seed allows no interval.
    """
    if runs is None:
        return None
    found = runs.estimates("validation")
    if BOTH[1] not in found.names or np.isnan(found.seed_variances).any():
        return None
    rows = contrasts.against(found, BOTH[1]).set_index("variant")
    return rows[rows.index != BOTH[0]]


def _strength(runs: StudyRuns | None) -> Strength | None:
    """The strongest claim that validation images allow; None where they allow none."""
    rows = _against_own(runs)
    if runs is None or rows is None:
        return None
    tried = tuple(sorted(factor(name) for name in (BOTH[1], *rows.index)))
    others = [len(runs.values(name, "validation")) for name in rows.index]
    seeds = (min(others, default=0), max(others, default=0))
    better = rows[rows["low"] > 0]
    if better.empty:
        return Strength(1.0, 0.0, 0.0, 0.0, tried, seeds)
    best = better.loc[better["difference"].idxmax()]
    gain, low, high = (float(best[name]) for name in ("difference", "low", "high"))
    return Strength(factor(str(best.name)), gain, low, high, tried, seeds)


def _part(runs: StudyRuns | None, margin: float) -> str:
    """The best transform of those whose interval against the whole policy is within the margin."""
    rows = _against_own(runs)
    if rows is None:
        return ""
    alike = [
        name
        for name, row in rows.iterrows()
        if left_out(name) is None and lies_within((row["low"], row["high"]), margin)
    ]
    return str(rows.loc[alike, "difference"].idxmax()) if alike else ""
