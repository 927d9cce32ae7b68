"""What is left of a search's gain with new seeds and on test, and what tuning changes."""

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import outcome, paired_interval, spread
from mnist_aug.formatting import listed, percent, points, span, with_sd
from mnist_aug.report.studies import Runs, of_arms
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import BOTH

BOTH_TUNED = "augmentation, both arms tuned"
NEITHER = "augmentation, neither arm tuned"
POLICY = "the tuned policy, all else as it was"
BESIDE = "the tuned policy, the rest tuned with it"
REST = "the rest tuned, the policy as it was"
PAIRS = (
    (BOTH_TUNED, "tuned-baseline", "tuned-augmented"),
    (NEITHER, *BOTH),
    (BESIDE, "tuned-training", "tuned-augmented"),
    (POLICY, BOTH[1], "tuned-policy"),
    (REST, BOTH[1], "tuned-training"),
    ("all settings tuned, with augmentation", BOTH[1], "tuned-augmented"),
    ("all settings tuned, without augmentation", BOTH[0], "tuned-baseline"),
)


def gains(runs: Runs) -> Table:
    """Paired differences on validation and test: what tuning and what augmentation change."""
    rows = []
    for what, first, second in PAIRS:
        pairs = {part: runs.paired(first, second, part) for part in ("validation", "test")}
        if len(pairs["test"]):
            row = {"what": what, "first": first, "second": second, "seeds": len(pairs["test"])}
            for part, values in pairs.items():
                low, high = paired_interval(values)
                row |= {part: values.mean(), f"{part}_low": low, f"{part}_high": high}
            rows.append(row | {"verdict": outcome(row["test_low"], row["test_high"])})
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "what changes": frame["what"],
            "seeds": frame["seeds"].astype(str),
            **{
                f"{part}, pp (95 %)": [
                    f"{points(row[part])} ({span(row[f'{part}_low'], row[f'{part}_high'])})"
                    for row in rows
                ]
                for part in ("validation", "test")
            },
            "on test": frame["verdict"],
        }
    )
    return Table(
        "search-gains",
        "What tuning and augmentation change in accuracy, paired by seed",
        frame,
        shown,
    )


def answer_words(table: Table, searches: dict[str, Search], content: Comparison) -> str:
    """Whether augmentation still helps when both arms are tuned, and whether the policy does."""
    frame = table.frame.set_index("what")
    text = ""
    if BOTH_TUNED in frame.index:
        text = (
            f"With both arms tuned{_budget(searches)}, augmentation changes test accuracy by "
            f"{_told(frame.loc[BOTH_TUNED])}; with neither tuned, by {_told(frame.loc[NEITHER])}. "
        )
    changes = [
        f"by {_told(frame.loc[pair])}, {how}"
        for pair, how in (
            (BESIDE, "where both are trained with the settings tuned for it"),
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
            f"it by {_told(frame.loc[REST])}. "
        )
    return (
        f"{text}Intervals are Student's t over seeds, for these test images, and not adjusted "
        "for their number."
    )


def _told(row: pd.Series) -> str:
    interval = span(row["test_low"], row["test_high"])
    said = f"it {row['verdict']}" if row["verdict"] in ("helps", "hurts") else row["verdict"]
    return (
        f"{points(row['test'])} pp (95 % interval {interval}, n = {row['seeds']} "
        f"seed{'s' if row['seeds'] > 1 else ''}): {said}"
    )


def _budget(searches: dict[str, Search]) -> str:
    budgets = {(s.about["trials"], s.about["seeds"], s.about["epochs"]) for s in searches.values()}
    if len(searches) < 2:
        return ""
    if len(budgets) == 1:
        return f" by {budgets.pop()[0]} trials each"
    return " by " + listed(
        [
            f"{s.about['trials']} trials of {s.about['seeds']} seeds for {arm}"
            for arm, s in searches.items()
        ]
    )


def kept(searches: dict[str, Search], runs: Runs | None, content: Comparison) -> Table:
    """The best trial's accuracy in the search, with new seeds and on test, beside the arm's."""
    every = of_arms(content) if runs is None else runs.frame
    rows = []
    for arm, search in searches.items():
        scores = np.array(search.about["scores"])
        for name in (arm, f"tuned-{arm}"):
            own = every[every["variant"] == name]
            row = {
                "variant": name,
                "search": np.nan,
                "search_sd": np.nan,
                "search_seeds": 0,
                "seeds": len(own),
            }
            if name != arm:
                row |= {
                    "search": search.about["validation"],
                    "search_sd": spread(scores),
                    "search_seeds": len(scores),
                }
            for part in ("validation", "test"):
                row |= {part: own[part].mean(), f"{part}_sd": spread(own[part])}
            rows.append(row)
    frame = pd.DataFrame(rows)
    accuracy = {
        part: with_sd(frame, part).where(frame[part].notna(), "—")
        for part in ("search", "validation", "test")
    }
    shown = pd.DataFrame(
        {
            "variant": frame["variant"],
            "validation in the search ± SD, %": accuracy["search"],
            "seeds of a trial": frame["search_seeds"].astype(str).replace("0", "—"),
            "validation ± SD, %": accuracy["validation"],
            "test ± SD, %": accuracy["test"],
            "seeds": frame["seeds"].astype(str).replace("0", "—"),
        }
    )
    return Table(
        "search-kept",
        "The best trial in the search, and its settings with the arm's seeds",
        frame,
        shown,
    )


def kept_words(searches: dict[str, Search], runs: Runs | None, content: Comparison) -> list[str]:
    """How much of the search's gain on validation is left with new seeds and on test."""
    said = []
    every = of_arms(content) if runs is None else runs.frame
    for arm, search in searches.items():
        own = every[every["variant"] == arm]["validation"].mean()
        found = search.about["validation"] - own
        text = (
            f"The best of {search.about['trials']} trials with {arm} has validation accuracy "
            f"{percent(search.about['validation'])} %, {points(found)} pp against the arm's "
            f"own settings with the arm's {len(every[every['variant'] == arm])} seeds"
        )
        again = np.array([]) if runs is None else runs.paired(arm, f"tuned-{arm}", "validation")
        if not len(again):
            said.append(
                f"{text}. Its settings were not trained with the arm's seeds: `make tuned` does it."
            )
            continue
        on_test = runs.paired(arm, f"tuned-{arm}", "test")
        said.append(
            f"{text}. Trained with those seeds, which the search did not use, "
            f"{_share(again.mean(), found)}; "
            f"on test the gain is {points(on_test.mean())} pp "
            f"({span(*paired_interval(on_test))})."
        )
    return said


def _share(left: float, found: float) -> str:
    if found <= 0:
        return f"it is {points(left)} pp"
    if left <= 0:
        return f"none of that is left ({points(left)} pp)"
    share = "all" if left >= found else f"{percent(left / found, 0)} %"
    return f"{share} of that is left ({points(left)} pp)"
