"""Many policies against no augmentation and against each other, a row for each.

Differences are of accuracy, a policy's minus that of no augmentation, so that above zero helps. All
intervals are of `contrasts`: over seeds and images, and over all policies at once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.contrasts import Scores
from mnist_aug.analysis.intervals import outcome, spread
from mnist_aug.analysis.robustness import resembling
from mnist_aug.results.runs import BOTH, VariantResults

CORRUPTIONS, OTHERS = "corruption/", "other/"
PARTS = ("corrupted", "corrupted_like", "corrupted_unlike")  # all corruption types, and two kinds
SHARED = "corrupted_shared_difference"


def compared(content: Comparison, variants: Mapping[str, VariantResults]) -> pd.DataFrame:
    """Baseline, augmented and further policies: how accurate, how robust and how costly they are.

    Args:
        variants: of `make compare`, by name; trained like augmented but for the policy.

    Returns:
        The most accurate on validation first, or by name where no images were held out. Accuracies,
        errors and differences are fractions. NaN is what does not exist: any interval of one seed,
        a difference of the baseline to itself, scores on sets that were not evaluated.

        - variant; policy, its name, missing of the baseline; seeds.
        - On the test images: error, error_sd; difference with low and high (95 %), within_low and
          within_high (90 %, for two one-sided tests), all simultaneous; p of that difference by
          itself, holm_p; outcome, as `intervals.outcome`, "" of the baseline; rank, 1 is the most
          accurate, with rank_low and rank_high (95 %, simultaneous); nll in nats; ece.
        - On the validation images: validation, the mean accuracy, validation_sd;
          validation_difference with validation_low and validation_high (95 %) and
          validation_within_low and validation_within_high (90 %); best_on_validation, whether none
          is more accurate by the simultaneous interval of all pairs. Where the images were not
          scored one by one, these are over seeds alone.
        - On corrupted test images: corrupted, the mean error over all corruption types;
          corrupted_difference with corrupted_low and corrupted_high; `like`, the types that
          resemble the policy's transforms, with commas; corrupted_like and corrupted_unlike, the
          mean error over those types and over all others, and how far the accuracy there is
          from the baseline's, corrupted_like_difference and corrupted_unlike_difference;
          corrupted_shared_difference, the same over the types unlike augmented's policy, which are
          the same for all.
        - transfer, the mean error over other datasets; seconds, the median training time of a run,
          with seconds_least and seconds_most.
    """
    every = {name: content.variants[name] for name in BOTH} | dict(variants)
    first = every[BOTH[0]]
    frame = pd.DataFrame(
        {
            "variant": list(every),
            "policy": [one.policy for one in every.values()],
            "seeds": [len(one.seeds) for one in every.values()],
            "error": [1 - one.accuracy.mean() for one in every.values()],
            "error_sd": [spread(one.accuracy) for one in every.values()],
        }
    ).set_index("variant", drop=False)
    found = contrasts.estimates({name: one.correct for name, one in every.items()})
    against = _against(found)
    columns = ["difference", "low", "high", "within_low", "within_high", "p", "holm_p"]
    frame = frame.join(against[columns])
    frame["outcome"] = [
        ""
        if row.variant == BOTH[0]
        else outcome(
            row.low,
            row.high,
            (first.accuracy.mean(), 1 - row.error),
            content.chance,
            within=(row.within_low, row.within_high),
            margin=content.margin,
        )
        for row in frame.itertuples()
    ]
    ranks = contrasts.ranks(found).set_index("variant")
    frame = frame.join(ranks[["rank", "rank_low", "rank_high"]])
    for column, metric in (("nll", "loss"), ("ece", "ece")):
        frame[column] = [one.on_test[metric].mean() for one in every.values()]
    frame = frame.join(_validation(every)).join(_corrupted(every)).join(_transfer(every))
    for column, of in (("seconds", np.median), ("seconds_least", min), ("seconds_most", max)):
        frame[column] = [float(of(one.seconds)) for one in every.values()]
    if frame["validation"].notna().all():
        frame = frame.sort_values("validation", ascending=False, kind="stable")
    return frame.reset_index(drop=True)


def work(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a policy does, whatever it is called: its description, as in a manifest, but the name.

    Policies that do the same are to be compared once, as the same runs twice would pass for twice
    as much evidence.
    """
    return {key: value for key, value in (policy or {}).items() if key != "name"}


def validation_scores(variants: Mapping[str, VariantResults]) -> Scores:
    """Of each variant on the validation images: bool [S, M], which were read right, or float [S].

    Accuracies alone are there where a variant's images were not scored one by one; NaN where none
    were held out.
    """
    if all("validation" in one.images for one in variants.values()):
        return {name: one.correct_on("validation") for name, one in variants.items()}
    return {name: one.validation_accuracy for name, one in variants.items()}


def _against(found: contrasts.Estimates) -> pd.DataFrame:
    return contrasts.against(found, BOTH[0]).set_index("variant")


def _validation(every: Mapping[str, VariantResults]) -> pd.DataFrame:
    scores = validation_scores(every)
    means = [float(np.mean(one)) for one in scores.values()]
    by_seed = {k: one.mean(axis=1) if one.ndim > 1 else one for k, one in scores.items()}
    frame = pd.DataFrame(
        {
            "validation": means,
            "validation_sd": [spread(one) for one in by_seed.values()],
        },
        index=pd.Index(every, name="variant"),
    )
    ends = ("difference", "low", "high", "within_low", "within_high")
    names = {end: f"validation_{end}" for end in ends}
    if not np.isfinite(means).all():
        return frame.assign(**dict.fromkeys(names.values(), np.nan), best_on_validation=False)
    found = contrasts.estimates(scores)
    frame = frame.join(_against(found)[list(names)].rename(columns=names))
    return frame.assign(best_on_validation=frame.index.isin(contrasts.best(found)))


def _common(
    every: Mapping[str, VariantResults], source: str
) -> tuple[dict[str, VariantResults], list[str]]:
    """The variants that were evaluated on sets of a source, and the sets that all of them have.

    None where the baseline was not. Sets of one name and of different numbers of images are others.
    """
    counts = every[BOTH[0]].images
    sets = {
        name: {
            one
            for one, count in variant.images.items()
            if one.startswith(source) and count == counts.get(one)
        }
        for name, variant in every.items()
    }
    if not sets[BOTH[0]]:
        return {}, []
    own = {name: every[name] for name, found in sets.items() if found}
    return own, sorted(set.intersection(*(sets[name] for name in own)))


def _corrupted(every: Mapping[str, VariantResults]) -> pd.DataFrame:
    own, sets = _common(every, CORRUPTIONS)
    if not sets:
        columns = [*PARTS, *(f"{part}_difference" for part in PARTS), SHARED]
        empty = dict.fromkeys([*columns, "corrupted_low", "corrupted_high"], np.nan)
        return pd.DataFrame(empty | {"like": ""}, index=pd.Index(every, name="variant"))
    accuracy = pd.DataFrame({name: one.scores[sets].mean() for name, one in own.items()})
    likes = {name: resembling(variant, sets) for name, variant in own.items()}
    shared = [kind for kind in sets if kind not in likes.get(BOTH[1], [])]
    rows = []
    for name, like in likes.items():
        row: dict[str, object] = {"like": ", ".join(k.removeprefix(CORRUPTIONS) for k in like)}
        kinds_of = (sets, like, [kind for kind in sets if kind not in like])
        for part, kinds in zip(PARTS, kinds_of, strict=True):
            reached, plain = (accuracy.loc[kinds, which].mean() for which in (name, BOTH[0]))
            row |= {part: 1 - reached, f"{part}_difference": reached - plain}
        row[SHARED] = accuracy.loc[shared, name].mean() - accuracy.loc[shared, BOTH[0]].mean()
        rows.append(row)
    frame = pd.DataFrame(rows, index=pd.Index(own, name="variant"))
    means = {n: np.mean([v.correct_on(kind) for kind in sets], axis=0) for n, v in own.items()}
    ends = _against(contrasts.estimates(means))[["low", "high"]]
    frame.loc[BOTH[0], [*(f"{part}_difference" for part in PARTS), SHARED]] = np.nan
    frame = frame.join(ends.add_prefix("corrupted_")).reindex(list(every))
    return frame.fillna({"like": ""})


def _transfer(every: Mapping[str, VariantResults]) -> pd.DataFrame:
    own, sets = _common(every, OTHERS)
    errors = {name: 1 - one.scores[sets].to_numpy().mean() for name, one in own.items() if sets}
    index = pd.Index(every, name="variant")
    return pd.DataFrame({"transfer": [errors.get(name, np.nan) for name in every]}, index=index)
