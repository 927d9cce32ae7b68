"""Policies from papers, compared with the one used here: TrivialAugment and RandAugment."""

import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import outcome
from mnist_aug.analysis.studies import StudyRuns, summary
from mnist_aug.formatting import listed, percent, with_sd
from mnist_aug.report.studies import against
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

TRIVIAL, RANDOM, TUNED = "trivialaugment", "randaugment-", "tuned-policy"


def label(name: str) -> str:
    """A published policy in words."""
    if name == TRIVIAL:
        return "TrivialAugment"
    if not name.startswith(RANDOM):
        return name
    count, magnitude = _settings(name)
    return f"RandAugment with {count} transform{'s' if count > 1 else ''} of magnitude {magnitude}"


def _settings(name: str) -> tuple[int, int]:
    count, magnitude = name.removeprefix(RANDOM).split("-")
    return int(count), int(magnitude)


def rivals(runs: StudyRuns, tuned: StudyRuns | None, content: Comparison) -> Table:
    """TrivialAugment, the best RandAugment on validation, the policy, and the tuned policy."""
    names = set(runs.frame["variant"])
    random = [name for name in names if name.startswith(RANDOM)]
    means = runs.frame.groupby("variant")["validation"].mean()
    chosen = [max(sorted(random), key=means.get)] if random else []
    frame = summary(runs, [*(n for n in (TRIVIAL,) if n in names), *chosen, BOTH[1]], (BOTH[1],))
    if tuned is not None and TUNED in set(tuned.frame["variant"]):  # it has seeds of its own
        frame = pd.concat([frame, summary(tuned, [TUNED], (BOTH[1],))], ignore_index=True)
    names_of = {BOTH[1]: f"policy {content.both[1].policy}", TUNED: "the tuned policy"}
    display = pd.DataFrame(
        {
            "policy": [names_of.get(name) or label(name) for name in frame["variant"]],
            "seeds": frame["seeds"].astype(str),
            "validation ± SD, %": with_sd(frame, "validation"),
            "test ± SD, %": with_sd(frame, "test"),
            f"test, against policy {content.both[1].policy}, pp (95 %)": against(frame, BOTH[1]),
        }
    )
    return Table(
        "automatic",
        "TrivialAugment, RandAugment, the policy used here and the tuned one",
        frame,
        display,
    )


def grid(runs: StudyRuns) -> Table:
    """Validation and test accuracy of every RandAugment tried, by transforms and magnitude."""
    names = sorted({n for n in runs.frame["variant"] if n.startswith(RANDOM)}, key=_settings)
    frame = summary(runs, names, (BOTH[1],))
    if names:
        frame.insert(1, "transforms", [_settings(name)[0] for name in names])
        frame.insert(2, "magnitude", [_settings(name)[1] for name in names])
    rows = []
    for count in dict.fromkeys(frame.get("transforms", [])):
        own = frame[frame["transforms"] == count].set_index("magnitude")
        for part in ("validation", "test"):
            rows.append(
                {
                    "transforms an image": f"{count}, {part}, %",
                    **{
                        f"magnitude {m}": percent(own[part][m]) if m in own.index else "—"
                        for m in sorted(set(frame["magnitude"]))
                    },
                }
            )
    return Table("randaugment", "Mean accuracy with RandAugment", frame, pd.DataFrame(rows))


def sentences(table: Table, every: Table, content: Comparison) -> list[str]:
    """How the policies compare with the one used here on test."""
    frame, policy = table.frame, content.both[1].policy
    labels = dict(zip(frame["variant"], table.display["policy"], strict=True))
    low, high = frame[f"against_{BOTH[1]}_low"], frame[f"against_{BOTH[1]}_high"]
    found = pd.Series(
        [
            outcome(one, other, (test, content.difference.second), content.chance)
            for one, other, test in zip(low, high, frame["test"], strict=True)
        ],
        index=frame["variant"],
    ).drop(BOTH[1])
    outcomes = []
    for what, text in (
        ("hurts", f"less accurate than policy {policy}"),
        ("helps", f"more accurate than policy {policy}"),
        ("no detectable difference", f"not to be told from policy {policy}"),
        ("too few seeds", f"not compared with policy {policy}, as one seed gives no interval"),
        ("no verdict", f"not compared with policy {policy}, as one of the two has not learned"),
    ):
        own = [labels[name] for name in found.index[found == what]]
        if own:
            outcomes.append(f"{listed(own)} {'are' if len(own) > 1 else 'is'} {text}")
    text = f"On test, by 95 % intervals over seeds, {'; '.join(outcomes)}." if outcomes else ""
    how = (
        "Of the papers' transforms (Müller and Hutter 2021; Cubuk, Zoph, Shlens and Le 2020) "
        "the published policies here draw from identity, rotation, shear, shift, contrast and "
        "brightness; scale and elastic distortion are added. A policy is paired with the arm on "
        "its own seeds."
    )
    if len(every.frame):
        how += (
            f" Of {len(every.frame)} settings of RandAugment, the one with the largest mean "
            "validation accuracy is compared."
        )
    return [text, how] if text else [how]
