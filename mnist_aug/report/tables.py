"""Tables of results: numbers for the CSV file, and the same numbers as text for the page."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnist_aug.analysis import significance
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.metrics import mean_confusion
from mnist_aug.formatting import MINUS, decimals, number, percent, points, span, with_sd
from mnist_aug.report.templating import clipped
from mnist_aug.results.runs import BOTH

NAME = 30  # letters of a policy's name in a cell
CHANGES = 4  # of confusions that became rarer, and as many that became more frequent
RISKY = r"\t|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]"  # how a formula starts
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


@dataclass(frozen=True)
class Table:
    """A table of the report.

    `frame` holds plain numbers and goes to tables/<name>.csv; `display` holds text of the same
    rows for the page, its first column naming the row. With `wraps` the lines of its cells break.
    `note` stands below the title: what the CIs cover, and what p is adjusted for.
    """

    name: str
    title: str
    frame: pd.DataFrame
    display: pd.DataFrame
    wraps: bool = False
    note: str = ""

    @property
    def text_columns(self) -> list[str]:
        """Columns of `display` that hold words rather than numbers, and are set to the left."""
        return [
            name
            for name, cells in self.display.items()
            if self.wraps or not cells.astype(str).str.match(rf"[+{MINUS}\d<]").any()
        ]

    @property
    def csv(self) -> str:
        frame = self.frame.rename(columns=_inert)
        for name in frame.select_dtypes(exclude="number"):
            frame[name] = frame[name].map(_inert)
        return frame.to_csv(index=False, lineterminator="\n", float_format="%.10g")


def _inert(cell: object) -> object:
    """Text that no spreadsheet takes for a formula; a name in the results may be anything."""
    if not isinstance(cell, str):
        return cell
    cell = re.sub("\r\n?", "\n", cell)  # pandas does not quote a carriage return, which ends a row
    return f"'{cell}" if re.match(RISKY, cell) and not re.fullmatch(NUMBER, cell) else cell


def differences(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Columns of text from difference, low and high."""
    return {
        "difference, pp": [points(value) for value in frame["difference"]],
        "95 % CI, pp": [span(r.low, r.high) for r in frame.itertuples()],
    }


def holm_column(frame: pd.DataFrame) -> dict[str, list[str]]:
    """A column of text from holm_p; none where a single seed gives no p at all."""
    count = int(frame["holm_p"].notna().sum())
    cells = ["—" if np.isnan(p) else p_value(p) for p in frame["holm_p"]]
    return {f"p, Holm for {count}": cells} if count else {}


def results(content: Comparison) -> Table:
    """Each variant's accuracy, and its difference from the baseline on the seeds they share.

    The frame is `Comparison.results` with columns that are empty where there is no such difference:
    policy; paired_seeds; difference, low and high; better, the share of seeds with a gain, ties by
    half, with better_low and better_high; permutation_p and holm_p; outcome.
    """
    rows = {}
    for name, (first, second) in content.pairs.items():
        found = content.differences[name]
        counts = second.correct.sum(axis=1) - first.correct.sum(axis=1)
        share, low, high = significance.probability_better(counts)
        rows[name] = {
            "paired_seeds": found.seeds,
            "difference": found.mean,
            "low": found.low,
            "high": found.high,
            "better": share,
            "better_low": low,
            "better_high": high,
            "permutation_p": content.permutation_p[name],
            "outcome": found.outcome,
        }
    compared = pd.DataFrame.from_dict(rows, orient="index")
    compared.insert(8, "holm_p", significance.holm(compared["permutation_p"]))
    frame = content.results.join(compared, on="variant")
    frame.insert(1, "policy", [variant.policy for variant in content.variants.values()])
    known = frame["difference"].notna()

    def compared_only(texts: Iterable[str]) -> list[str]:
        return [text if there else "—" for text, there in zip(texts, known, strict=True)]

    display = pd.DataFrame(
        {
            "variant (policy)": [
                f"{name} ({clipped(one.policy, NAME)})" if one.policy else name
                for name, one in content.variants.items()
            ],
            "accuracy ± SD, %": with_sd(frame, "accuracy"),
            **{name: compared_only(cells) for name, cells in differences(frame).items()},
        }
    )
    note = "One seed: the CI of the difference covers other test images alone."
    if len(content.paired_seeds) > 1:
        display["better in, % of seeds (95 % CI)"] = compared_only(
            f"{percent(r.better, 0)} ({span(r.better_low, r.better_high, whole)})"
            for r in frame.itertuples()
        )
        several = len(rows) > 1
        p_values = frame["holm_p" if several else "permutation_p"]
        display["p (Holm)" if several else "p"] = compared_only(map(p_value, p_values))
        display["95 % CI of accuracy, %"] = [
            span(r.accuracy_low, r.accuracy_high, percent) for r in frame.itertuples()
        ]
        note = (
            "SD and CI of an accuracy: over seeds, on these test images. CI of a difference: over "
            "seeds and test images. p: paired permutation test over seeds"
        )
        least = significance.least_p(len(content.paired_seeds))
        reached = least >= 0.0001 and np.isclose(frame["permutation_p"], least).any()
        note += f", which can't give less than {p_value(least)} with so few." if reached else "."
    display["seeds"] = frame["seeds"].astype(str)
    title = f"Test accuracy, and difference from the {BOTH[0]}"
    return Table("results", title, frame, display, note=note)


def whole(fraction: float) -> str:
    return percent(fraction, 0)


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def pairs(content: Comparison) -> Table:
    """The runs of each seed side by side, and McNemar's test of those two models."""
    first, second = content.both
    frame = pd.DataFrame(
        {
            "seed": first.seeds,
            BOTH[0]: first.accuracy,
            BOTH[1]: second.accuracy,
            "difference": content.gains,
        }
    )
    tests = [
        significance.mcnemar(*both) for both in zip(first.correct, second.correct, strict=True)
    ]
    frame[["gained", "lost", "mcnemar_p"]] = pd.DataFrame(tests).to_numpy()
    frame = frame.astype({"gained": int, "lost": int})
    frame["holm_p"] = significance.holm(frame["mcnemar_p"])
    display = pd.DataFrame(
        {
            "seed": frame["seed"].astype(str),
            **{f"{model}, %": frame[model].map(percent) for model in BOTH},
            "difference, pp": frame["difference"].map(points),
            "images gained": frame["gained"].map("{:,}".format),
            "images lost": frame["lost"].map("{:,}".format),
            "p (Holm)" if len(frame) > 1 else "p": frame["holm_p"].map(p_value),
        }
    )
    note = (
        f"Gained and lost: test images that only {BOTH[1]} and only {BOTH[0]} classifies "
        "correctly. p: McNemar's exact test of a seed's two models."
    )
    return Table("pairs", "Per-seed results: test accuracy of each pair", frame, display, note=note)


def runs(content: Comparison) -> Table:
    """Every run of every variant: the dots behind the means. `pairs` shows the accuracies."""
    frame = pd.DataFrame(
        [
            {
                "variant": variant.name,
                "seed": run.seed,
                "accuracy": accuracy,
                "loss": loss,
                "validation_accuracy": validation,
                "learned": run.learned,
                "seconds": run.manifest["seconds"],
                "images_per_second": run.manifest["images_per_second"],
            }
            for variant in content.variants.values()
            for run, accuracy, loss, validation in zip(
                variant.runs,
                variant.accuracy,
                variant.on_test["loss"],
                variant.validation_accuracy,
                strict=True,
            )
        ]
    )
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "seed": frame["seed"].astype(str),
            "test loss, nats": [decimals(loss, 4) for loss in frame["loss"]],
            "validation accuracy, %": frame["validation_accuracy"].map(percent),
            "seconds": frame["seconds"].map("{:.1f}".format),
            "images/s": frame["images_per_second"].map(number),
        }
    )
    if not frame["learned"].all():
        display["learned"] = frame["learned"].map({True: "yes", False: "no"})
    return Table("runs", "Every run", frame, display)


def name_columns(content: Comparison, frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The frame with the classes' names beside those columns of their numbers, if they have any.

    `class` gets `class_name` at its right, and `true` `true_name`.
    """
    named = frame.copy()
    for column in columns if content.is_named else ():
        names = [content.class_names[k] for k in frame[column]]
        named.insert(named.columns.get_loc(column) + 1, f"{column}_name", names)
    return named


def names_of(content: Comparison, classes: Iterable[int], most: int = 60) -> list[str]:
    """What those classes are called, each in at most so many letters.

    Their numbers stand first where two classes would look alike.
    """
    every = [clipped(name, most) for name in content.class_names]
    if len({*every}) < len(every):
        numbered = (f"{k} {' '.join(name.split())}" for k, name in enumerate(content.class_names))
        every = [clipped(name, most) for name in numbered]
    return [every[k] for k in classes]


def confusion(content: Comparison) -> Table:
    """Mean counts per run; shown are the confusions that fell most and those that grew most."""
    counts = [
        mean_confusion(content.labels, variant.predictions, content.classes)
        for variant in content.both
    ]
    true, read = (a.ravel() for a in np.indices(counts[0].shape))
    frame = pd.DataFrame(
        {"true": true, "predicted": read, BOTH[0]: counts[0].ravel(), BOTH[1]: counts[1].ravel()}
    )
    frame["difference"] = frame[BOTH[1]] - frame[BOTH[0]]
    off = frame[frame["true"] != frame["predicted"]]
    fell = off[off["difference"] < 0].sort_values("difference", kind="stable")
    grew = off[off["difference"] > 0].sort_values("difference", ascending=False, kind="stable")
    top = pd.concat([fell[:CHANGES], grew[:CHANGES]])
    display = pd.DataFrame(
        {
            "true → predicted": [
                " → ".join(names_of(content, pair))
                for pair in top[["true", "predicted"]].itertuples(index=False)
            ],
            **{model: top[model].map("{:.1f}".format) for model in BOTH},
            "change": top["difference"].map(lambda d: f"{d:+.1f}".replace("-", MINUS)),
        }
    )
    return Table(
        "confusion",
        f"The largest decreases and increases in confusions (up to {CHANGES} each), mean per run",
        name_columns(content, frame, "true", "predicted"),
        display,
    )


def readings(content: Comparison, index: np.ndarray, name: str, title: str) -> Table:
    """How both models read the test images of those indices, int [M]."""
    frame = pd.DataFrame({"index": index, "class": content.labels[index]})
    display = pd.DataFrame(
        {"test image": frame["index"].astype(str), "class": names_of(content, frame["class"])}
    )
    for variant in content.both:
        model, votes = variant.name, variant.predictions[:, index].T
        usual = np.array([np.bincount(vote).argmax() for vote in votes], int)
        right = variant.correct[:, index].sum(axis=0)
        chances = variant.probabilities[:, index, content.labels[index]]
        chance = np.ascontiguousarray(chances).mean(axis=0)
        frame[f"{model}_prediction"], frame[f"{model}_seeds_right"] = usual, right
        frame[f"{model}_probability"] = chance
        display[f"{model} {'reads' if content.is_written else 'predicts'}"] = names_of(
            content, usual
        )
        display[f"{model} right, seeds"] = [f"{r} of {len(variant.runs)}" for r in right]
        display[f"{model} probability of the class"] = [f"{p:.2f}" for p in chance]
    columns = ("class", *(f"{model}_prediction" for model in BOTH))
    return Table(name, title, name_columns(content, frame, *columns), display)
