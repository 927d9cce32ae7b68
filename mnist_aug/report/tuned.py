"""What remains of a search's gain with new seeds and on test, and what tuning changes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import outcome, spread
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.formatting import estimated, listed, percent, points, span, with_sd
from mnist_aug.report import search
from mnist_aug.report.tables import Table
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
    BOTH_TUNED: "augmentation, both models tuned",
    SAME_POLICY: "augmentation with policy {policy}, {settings} tuned in both models",
    NEITHER: "augmentation, neither model tuned",
    POLICY_AND_REST: "the tuned policy, {settings} tuned",
    POLICY: "the tuned policy, all else untuned",
    REST: "{settings} tuned, with policy {policy}",
    (BOTH[1], "tuned-augmented"): "all settings tuned, with augmentation",
    (BOTH[0], "tuned-baseline"): "all settings tuned, without augmentation",
}


def name(variant: str, policy: str) -> str:
    """A variant of the study in words.

    Args:
        policy: what augmented's is called.
    """
    return {
        "tuned-baseline": "none, tuned",
        "tuned-training": f"{policy}, rest tuned",
        "tuned-policy": "tuned policy",
        "tuned-augmented": "tuned policy, rest tuned",
    }.get(variant, variant)


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
    words = {
        "policy": content.both[1].policy,
        "settings": listed(settings(variants, content)) or "other settings",
    }
    rows = []
    for (first, second), what in PAIRS.items():
        seeds = [len(runs.values(name)) for name in (first, second)]
        if not all(seeds):
            continue
        row: dict[str, Any] = {"what": what.format(**words), "first": first, "second": second}
        row |= zip(("seeds_first", "seeds_second"), seeds, strict=True)
        for part in ("validation", "test"):
            found = runs.difference(first, second, part)
            row |= zip((part, f"{part}_low", f"{part}_high"), found, strict=True)
        reached = (runs.accuracy(name) for name in (first, second))
        ends = row["test_low"], row["test_high"]
        rows.append(row | {"verdict": outcome(*ends, reached, content.chance)})
    frame = pd.DataFrame(rows)
    display = pd.DataFrame(
        {
            "what changes": frame["what"],
            "seeds, of the first and the second": [
                f"{row.seeds_first}, {row.seeds_second}" for row in frame.itertuples()
            ],
            **{
                f"{part}, pp (95 % CI)": [
                    estimated(*numbers) if np.isfinite(numbers[0]) else "—"
                    for numbers in frame[[part, f"{part}_low", f"{part}_high"]].to_numpy()
                ]
                for part in ("validation", "test")
            },
            "on test": frame["verdict"],
        }
    )
    title = "What tuning and augmentation change in accuracy"
    return Table("search-gains", title, frame, display)


def answer_sentence(table: Table, searches: dict[str, Search], content: Comparison) -> str:
    """Whether augmentation still helps when both models are tuned, and whether the policy does."""
    frame = table.frame.set_index(["first", "second"])
    own, text = content.both[1].policy, ""
    if BOTH_TUNED in frame.index:
        text = (
            f"With both models tuned{_budget(searches)}, augmentation changes test accuracy by "
            f"{_change(frame.loc[BOTH_TUNED])}; with neither tuned, by "
            f"{_change(frame.loc[NEITHER])}. "
        )
    changes = [
        f"by {_change(frame.loc[pair])}, {how}"
        for pair, how in (
            (POLICY_AND_REST, "where both are trained with the settings tuned for it"),
            (POLICY, "with all else untuned"),
        )
        if pair in frame.index
    ]
    if changes:
        text += (
            f"The policy that the search found, in place of policy {own}, changes it "
            f"{'; and '.join(changes)}. "
        )
    if REST in frame.index:
        text += (
            f"The other settings that it found, with policy {own}, change it by "
            f"{_change(frame.loc[REST])}. "
        )
    return (
        f"{text}CIs are over seeds, for these test images, each by itself and not adjusted for "
        "their number."
    )


def best_sentence(
    runs: StudyRuns, content: Comparison, variants: Mapping[str, VariantResults]
) -> str:
    """Which is best of all on validation, and by how much on test it beats the tuned baseline."""
    first, policy = "tuned-baseline", str(content.both[1].policy)
    every = runs.frame.groupby("variant")["validation"].mean().dropna()
    if not len(every) or first not in every.index:
        return ""
    best = every.idxmax()
    called = {BOTH[0]: "none", BOTH[1]: policy, **{one: name(one, policy) for one in variants}}
    called[first] = "the tuned baseline"
    if best == "tuned-training":
        called[best] = f"policy {policy} with {listed(settings(variants, content))} tuned"
    text = (
        f"Of all of these, {called[best]} ({best}) is the most accurate on the validation images, "
        f"{percent(every[best])} %; its test accuracy is {percent(runs.accuracy(best))} %"
    )
    if best == first:
        return f"{text}."
    found = runs.difference(first, best)
    return (
        f"{text}, against the tuned baseline's {percent(runs.accuracy(first))} %: "
        f"{points(found[0])} pp (95 % CI {span(*found[1:])} pp)."
    )


def _change(row: pd.Series) -> str:
    verdict = f"it {row['verdict']}" if row["verdict"] in ("helps", "hurts") else row["verdict"]
    return (
        f"{points(row['test'])} pp (95 % CI {span(row['test_low'], row['test_high'])}, n = "
        f"{row['seeds_first']} and {row['seeds_second']} seeds): {verdict}"
    )


def _budget(searches: dict[str, Search]) -> str:
    budgets = {(s.about["trials"], s.about["seeds"], s.about["epochs"]) for s in searches.values()}
    if len(searches) < 2:
        return ""
    if len(budgets) == 1:
        return f" by {budgets.pop()[0]} trials each"
    return " by " + listed(
        [
            f"{s.about['trials']} trials of {s.about['seeds']} seeds for {model}"
            for model, s in searches.items()
        ]
    )


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
            "validation in the search ± SD, %": accuracy["search"],
            "seeds of a trial": frame["search_seeds"].astype(str).replace("0", "—"),
            "validation ± SD, %": accuracy["validation"],
            "test ± SD, %": accuracy["test"],
            "seeds": frame["seeds"].astype(str).replace("0", "—"),
        }
    )
    title = "The best trial in the search, and its settings with new seeds"
    return Table("search-kept", title, frame, display)


def kept_sentences(table: Table, searches: dict[str, Search], runs: StudyRuns) -> list[str]:
    """How much of the search's gain on validation remains with new seeds and on test.

    Args:
        table: of `kept`, for the same searches and runs.
    """
    frame, sentences = table.frame.set_index("variant"), []
    for model, one in searches.items():
        own = frame.loc[model]
        found = one.about["validation"] - own["validation"]
        text = (
            f"The best of {one.about['trials']} trials with {model} has validation accuracy "
            f"{percent(one.about['validation'])} %, {points(found)} pp against {model}'s "
            f"own settings with {int(own['seeds'])} seeds"
        )
        again, *_ = runs.difference(model, f"tuned-{model}", "validation")
        if np.isnan(again):
            sentences.append(
                f"{text}. Its settings were not trained with new seeds: `make tuned` does it."
            )
            continue
        on_test = runs.difference(model, f"tuned-{model}")
        sentences.append(
            f"{text}. Trained with seeds that the search did not use, "
            f"{_share(again, found)}; on test the gain is {estimated(*on_test, ' pp')}."
        )
    return sentences


def _share(rest: float, found: float) -> str:
    if found <= 0:
        return f"it is {points(rest)} pp"
    if rest <= 0:
        return f"nothing of that remains ({points(rest)} pp)"
    share = "all" if rest >= found else f"{percent(rest / found, 0)} %"
    return f"{share} of that remains ({points(rest)} pp)"
