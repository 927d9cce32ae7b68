"""What remains of a search's gain with new seeds and on test, and what tuning changes."""

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import estimate, outcome, spread
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.formatting import estimated, listed, percent, points, span, with_sd
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import BOTH

BOTH_TUNED = "augmentation, both arms tuned"
NEITHER = "augmentation, neither arm tuned"
POLICY = "the tuned policy, all else as it was"
POLICY_AND_REST = "the tuned policy, the rest tuned with it"
REST = "the rest tuned, the policy as it was"
PAIRS = (
    (BOTH_TUNED, "tuned-baseline", "tuned-augmented"),
    (NEITHER, *BOTH),
    (POLICY_AND_REST, "tuned-training", "tuned-augmented"),
    (POLICY, BOTH[1], "tuned-policy"),
    (REST, BOTH[1], "tuned-training"),
    ("all settings tuned, with augmentation", BOTH[1], "tuned-augmented"),
    ("all settings tuned, without augmentation", BOTH[0], "tuned-baseline"),
)


def name(variant: str, policy: str) -> str:
    """A variant of the study in words.

    Args:
        policy: what augmented's is called.
    """
    return {
        "tuned-baseline": "none, tuned",
        "tuned-training": f"{policy}, all but the policy tuned",
        "tuned-policy": "the tuned policy alone",
        "tuned-augmented": "the tuned policy, all tuned",
    }.get(variant, variant)


def gains(runs: StudyRuns, content: Comparison) -> Table:
    """Paired differences on validation and test: what tuning and what augmentation change."""
    rows = []
    for what, first, second in PAIRS:
        pairs = {part: runs.paired(first, second, part) for part in ("validation", "test")}
        if len(pairs["test"]):
            row = {"what": what, "first": first, "second": second, "seeds": len(pairs["test"])}
            for part, values in pairs.items():
                mean, low, high = estimate(values)
                row |= {part: mean, f"{part}_low": low, f"{part}_high": high}
            reached = (runs.accuracy(name) for name in (first, second))
            rows.append(row | {"verdict": outcome(low, high, reached, content.chance)})
    frame = pd.DataFrame(rows)
    display = pd.DataFrame(
        {
            "what changes": frame["what"],
            "seeds": frame["seeds"].astype(str),
            **{
                f"{part}, pp (95 %)": [
                    estimated(*numbers)
                    for numbers in frame[[part, f"{part}_low", f"{part}_high"]].to_numpy()
                ]
                for part in ("validation", "test")
            },
            "on test": frame["verdict"],
        }
    )
    title = "What tuning and augmentation change in accuracy, paired by seed"
    return Table("search-gains", title, frame, display)


def answer_sentence(table: Table, searches: dict[str, Search], content: Comparison) -> str:
    """Whether augmentation still helps when both models are tuned, and whether the policy does."""
    frame = table.frame.set_index("what")
    text = ""
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
            (POLICY, "with all else as it was"),
        )
        if pair in frame.index
    ]
    if changes:
        text += (
            f"The policy that the search found, in place of policy {content.both[1].policy}, "
            f"changes it {'; and '.join(changes)}. "
        )
    if REST in frame.index:
        text += (
            f"The other settings that it found, with policy {content.both[1].policy}, change "
            f"it by {_change(frame.loc[REST])}. "
        )
    return (
        f"{text}Intervals are Student's t over seeds, for these test images, and not adjusted "
        "for their number."
    )


def _change(row: pd.Series) -> str:
    interval = span(row["test_low"], row["test_high"])
    verdict = f"it {row['verdict']}" if row["verdict"] in ("helps", "hurts") else row["verdict"]
    return (
        f"{points(row['test'])} pp (95 % interval {interval}, n = {row['seeds']} "
        f"seed{'s' if row['seeds'] > 1 else ''}): {verdict}"
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
    for model, search in searches.items():
        scores = np.array(search.about["scores"])
        for name in (model, f"tuned-{model}"):
            own = runs.frame[runs.frame["variant"] == name]
            tried = name != model
            row = {
                "variant": name,
                "search": search.about["validation"] if tried else np.nan,
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
    title = "The best trial in the search, and its settings with the arm's seeds"
    return Table("search-kept", title, frame, display)


def kept_sentences(table: Table, searches: dict[str, Search], runs: StudyRuns) -> list[str]:
    """How much of the search's gain on validation remains with new seeds and on test.

    Args:
        table: of `kept`, for the same searches and runs.
    """
    frame, sentences = table.frame.set_index("variant"), []
    for model, search in searches.items():
        own = frame.loc[model]
        found = search.about["validation"] - own["validation"]
        text = (
            f"The best of {search.about['trials']} trials with {model} has validation accuracy "
            f"{percent(search.about['validation'])} %, {points(found)} pp against the arm's "
            f"own settings with the arm's {int(own['seeds'])} seeds"
        )
        again = runs.paired(model, f"tuned-{model}", "validation")
        if not len(again):
            sentences.append(
                f"{text}. Its settings were not trained with the arm's seeds: `make tuned` does it."
            )
            continue
        on_test = estimate(runs.paired(model, f"tuned-{model}", "test"))
        sentences.append(
            f"{text}. Trained with those seeds, which the search did not use, "
            f"{_share(again.mean(), found)}; on test the gain is {estimated(*on_test, ' pp')}."
        )
    return sentences


def _share(rest: float, found: float) -> str:
    if found <= 0:
        return f"it is {points(rest)} pp"
    if rest <= 0:
        return f"none of that is left ({points(rest)} pp)"
    share = "all" if rest >= found else f"{percent(rest / found, 0)} %"
    return f"{share} of that is left ({points(rest)} pp)"
