"""What remains of a search's gain with new seeds and on test, and what tuning changes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import outcome, spread
from mnist_aug.analysis.robustness import by_likeness
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.formatting import estimated, listed, with_sd
from mnist_aug.report import search
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import clipped
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import BOTH, VariantResults

# What is compared: the first and the second variant.
BOTH_TUNED = ("tuned-baseline", "tuned-augmented")
SAME_POLICY = ("tuned-baseline", "tuned-training")
NEITHER = BOTH
POLICY_AND_REST = ("tuned-training", "tuned-augmented")
POLICY = (BOTH[1], "tuned-policy")
REST = (BOTH[1], "tuned-training")
PAIRS = {
    BOTH_TUNED: "no policy → tuned policy, {rest} tuned",
    SAME_POLICY: "no policy → {policy}, {rest} tuned",
    NEITHER: "no policy → {policy}, nothing tuned",
    POLICY_AND_REST: "{policy} → tuned policy, {rest} tuned",
    POLICY: "{policy} → tuned policy, {rest} untuned",
    REST: "{rest} untuned → tuned, {policy}",
    (BOTH[1], "tuned-augmented"): "{policy}, nothing tuned → all tuned",
    (BOTH[0], "tuned-baseline"): "no policy, {rest} untuned → tuned",
}


def name(variant: str, policy: str) -> str:
    """A variant of the study in words.

    Args:
        policy: what augmented's is called.
    """
    return {
        "tuned-baseline": "none, tuned",
        "tuned-training": f"{policy}, settings tuned",
        "tuned-policy": "tuned policy",
        "tuned-augmented": "tuned policy, tuned settings",
    }.get(variant, variant)


def policy_text(policy: str) -> str:
    """A policy within a sentence."""
    return "the default policy" if policy == "default" else f"policy {clipped(policy)}"


def settings(variants: Mapping[str, VariantResults], content: Comparison) -> list[str]:
    """What was tuned next to the policy, in words.

    Args:
        variants: of the study.
    """
    trained = variants.get("tuned-training")
    if trained is None:
        return []
    own, usual = trained.settings, content.both[1].settings
    return [
        search.label("width" if key == "layers" else key)
        for key in own
        if key not in ("name", "policy", "model") and own[key] != usual.get(key)
    ]


def gains(runs: StudyRuns, content: Comparison, variants: Mapping[str, VariantResults]) -> Table:
    """Differences on validation and test: what tuning and what augmentation change.

    Args:
        variants: of the study, by name.
    """
    policy = policy_text(clipped(str(content.both[1].policy), 20)).removeprefix("the ")
    rest = listed(settings(variants, content)) or "the rest"
    rows = []
    for (first, second), what in PAIRS.items():
        seeds = [len(runs.values(name)) for name in (first, second)]
        if not all(seeds):
            continue
        what = what.format(policy=policy, rest=rest)
        row: dict[str, Any] = {"what": what, "first": first, "second": second}
        row |= zip(("seeds_first", "seeds_second"), seeds, strict=True)
        for part in ("validation", "test"):
            found = runs.difference(first, second, part)
            row |= zip((part, f"{part}_low", f"{part}_high"), found, strict=True)
        reached = [runs.accuracy(name) for name in (first, second)]
        row["fewer_errors"] = 1 - (1 - reached[1]) / (1 - reached[0]) if reached[0] < 1 else np.nan
        ends = row["test_low"], row["test_high"]
        rows.append(row | {"verdict": outcome(*ends, reached, content.chance)})
    frame = pd.DataFrame(rows)
    display = pd.DataFrame(
        {
            "what changes": frame["what"],
            **{
                f"{part}, pp (95 % CI)": [
                    estimated(*numbers) if np.isfinite(numbers[0]) else "—"
                    for numbers in frame[[part, f"{part}_low", f"{part}_high"]].to_numpy()
                ]
                for part in ("test", "validation")
            },
            "seeds": [f"{row.seeds_first}, {row.seeds_second}" for row in frame.itertuples()],
        }
    )
    title = "What augmentation and tuning change in accuracy"
    note = (
        "Tuned: as in the best trial of the search. CIs are narrower than in the main result: they "
        "cover other seeds only, not other test images. They are not adjusted for multiple "
        "comparisons. Seeds: before and after the change."
    )
    return Table("search-gains", title, frame, display, note=note)


def facts(
    table: Table,
    runs: StudyRuns,
    searches: Mapping[str, Search],
    content: Comparison,
    variants: Mapping[str, VariantResults],
) -> dict[str, Any]:
    """Whether augmentation still helps when both models are tuned, and whether the policy does.

    Args:
        table: of `gains`, for the same runs and variants.

    Returns:
        - both, policy_and_rest, policy: the changes in test accuracy by that name
          (`BOTH_TUNED` and so on): difference, low, high and verdict; None where there are no runs.
        - corrupted: of both tuned models, `robustness.by_likeness`.
        - own, settings: what augmented's policy is called, and what was tuned next to it.
        - best: on the validation images, as `_best` has it, or None.
    """
    frame = table.frame.set_index(["first", "second"])

    def change(pair: tuple[str, str]) -> dict[str, Any] | None:
        if pair not in frame.index:
            return None
        row = frame.loc[pair]
        return {
            "difference": row["test"],
            "low": row["test_low"],
            "high": row["test_high"],
            "verdict": row["verdict"],
        }

    return {
        "both": change(BOTH_TUNED),
        "policy_and_rest": change(POLICY_AND_REST),
        "policy": change(POLICY),
        "corrupted": on_corrupted(variants, BOTH_TUNED),
        "own": policy_text(str(content.both[1].policy)),
        "settings": settings(variants, content),
        "trials": {one.about["trials"] for one in searches.values()},
        "best": _best(runs, content, variants),
    }


def on_corrupted(
    variants: Mapping[str, VariantResults], pair: tuple[str, str]
) -> dict[str, dict[str, Any]]:
    """`robustness.by_likeness` of two variants; nothing where there are not both."""
    return by_likeness(*(variants[name] for name in pair)) if {*pair} <= {*variants} else {}


def _best(
    runs: StudyRuns, content: Comparison, variants: Mapping[str, VariantResults]
) -> dict[str, Any] | None:
    """Which is best of all on validation, and by how much on test it beats the tuned baseline.

    Returns:
        name; is_tuned, whether it is neither of both models; validation and test, its accuracy;
        difference, low and high, on test over the tuned baseline, absent where it is that one; None
        where the two can't be compared.
    """
    first, policy = "tuned-baseline", policy_text(str(content.both[1].policy))
    every = runs.frame.groupby("variant")["validation"].mean().dropna()
    if first not in every.index:
        return None
    best = str(every.idxmax())
    tuned = listed(settings(variants, content)) or "other settings"
    called = {
        BOTH[0]: "the untuned baseline",
        BOTH[1]: f"{policy}, untuned",
        first: "the tuned baseline",
        "tuned-training": f"{policy} with {tuned} tuned",
        "tuned-policy": "the tuned policy, all else untuned",
        "tuned-augmented": "the tuned policy with the other settings tuned",
    }
    found = {
        "name": called.get(best, best),
        "is_tuned": best not in BOTH,
        "validation": every[best],
        "test": runs.accuracy(best),
    }
    if best == first:
        return found
    ends = runs.difference(first, best)
    return found | dict(zip(("difference", "low", "high"), ends, strict=True))


def kept(searches: dict[str, Search], runs: StudyRuns) -> Table:
    """Accuracy of the best trial in the search, with new seeds and on test; that of its start, too.

    Args:
        runs: of the study `tuned`, or just of both models.
    """
    rows = []
    for model, one in searches.items():
        scores = np.array(one.about["scores"])
        for name in (model, f"tuned-{model}"):
            own = runs.frame[runs.frame["variant"] == name]
            tried = name != model
            row = {
                "variant": name,
                "search": one.about["validation"] if tried else np.nan,
                "search_sd": spread(scores) if tried else np.nan,
                "search_seeds": len(scores) if tried else 0,
                "seeds": len(own),
            }
            for part in ("validation", "test"):
                row |= {part: own[part].mean(), f"{part}_sd": spread(own[part])}
            rows.append(row)
    frame = pd.DataFrame(rows)
    accuracy = {
        part: with_sd(frame, part).where(frame[part].notna(), "—")
        for part in ("search", "validation", "test")
    }
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "test ± SD, %": accuracy["test"],
            "validation ± SD, %": accuracy["validation"],
            "validation in the search ± SD, %": accuracy["search"],
            "its seeds": frame["search_seeds"].astype(str).replace("0", "—"),
            "seeds": frame["seeds"].astype(str).replace("0", "—"),
        }
    )
    title = "The best trial in the search, and its settings with new seeds"
    return Table("search-kept", title, frame, display)


def kept_facts(
    table: Table, searches: Mapping[str, Search], runs: StudyRuns
) -> list[dict[str, Any]]:
    """How much of the search's gain on validation remains with new seeds and on test, by model.

    Args:
        table: of `kept`, for the same searches and runs.

    Returns:
        model; trials; settings, how many were searched; best, the number of the best trial; late,
        which of the trials it was, from 1, where it is among the last tenth, or None; gain, of the
        best trial over the model's own settings on validation; again, the same with seeds that the
        search did not use, and difference, low and high on test: None where they were not trained;
        share, of the gain that remains, at most 1; None where there was none.
    """
    frame, found = table.frame.set_index("variant"), []
    for model, one in searches.items():
        gain = one.about["validation"] - frame.loc[model, "validation"]
        again, *_ = runs.difference(model, f"tuned-{model}", "validation")
        on_test: dict[str, float | None] = dict.fromkeys(("again", "difference", "low", "high"))
        if not np.isnan(again):
            ends = runs.difference(model, f"tuned-{model}")
            on_test = dict(zip(on_test, (again, *ends), strict=True))
        share = min(max(again, 0) / gain, 1) if gain > 0 and not np.isnan(again) else None
        # Numbers have gaps: a trial that was stopped begins anew under another one.
        trials, best = one.about["trials"], one.about["trial"]
        rank = int((one.trials["trial"] <= best).sum())
        about = {"model": model, "trials": trials, "best": best, "gain": gain, "share": share}
        about |= {"settings": len(one.settings), "late": rank if rank > 0.9 * trials else None}
        found.append(about | on_test)
    return found
