"""Tables of results: numbers for the CSV file, and the same numbers as text for the page."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnist_aug.analysis import significance
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import compare, mean_interval, spread
from mnist_aug.analysis.metrics import mean_confusion
from mnist_aug.formatting import MINUS, decimals, number, percent, points, span
from mnist_aug.results.runs import BOTH

RISKY = r"\t|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]"  # how a formula starts
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
UNSEEN = dict.fromkeys(
    [
        *range(9),
        11,
        12,
        *range(14, 32),
        *range(127, 160),
        0x61C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFFFE,
        0xFFFF,
    ],
    "\N{REPLACEMENT CHARACTER}",
)


@dataclass(frozen=True)
class Table:
    """A table of the report.

    `frame` holds plain numbers and goes to tables/<name>.csv; `shown` holds text of the same rows
    for the page, its first column naming the row. `words` says that its cells may wrap.
    """

    name: str
    title: str
    frame: pd.DataFrame
    shown: pd.DataFrame
    words: bool = False

    @property
    def text_columns(self) -> list[str]:
        """Columns of `shown` that hold words rather than numbers, and are set to the left."""
        return [
            name
            for name, cells in self.shown.items()
            if self.words or not cells.astype(str).str.match(rf"[+{MINUS}\d<]").any()
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


def visible(text: str) -> str:
    """Text with a mark for each character that would not be seen, and turn or hide its neighbours.

    Such are control characters but tab and newline, and those that change the direction of text.
    """
    return text.translate(UNSEEN)


def clipped(name: str, most: int = 60) -> str:
    """A name that fits a line of a figure."""
    name = " ".join(visible(name).split())
    return name if len(name) <= most else f"{name[: most - 1]}…"


def results(study: Comparison) -> Table:
    rows, shown = [], []
    for variant in study.variants.values():
        accuracy, loss = variant.accuracy, variant.on_test["loss"].to_numpy()
        low, high = mean_interval(accuracy)
        parameters = variant.runs[0].manifest["parameters"]
        rows.append(
            {
                "variant": variant.name,
                "seeds": len(accuracy),
                "accuracy": accuracy.mean(),
                "accuracy_sd": spread(accuracy),
                "accuracy_low": low,
                "accuracy_high": high,
                "errors": (1 - accuracy.mean()) * len(study.labels),
                "loss": loss.mean(),
                "loss_sd": spread(loss),
                "parameters": parameters,
            }
        )
        many = len(accuracy) > 1
        sd = (
            [f" ± {percent(spread(accuracy))}", f" ± {decimals(spread(loss), 4)}"]
            if many
            else ["", ""]
        )
        if not np.isfinite(loss).all():
            sd[1] = ""
        shown.append(
            {
                "variant": variant.name,
                "policy": variant.policy or "none",
                "seeds": str(len(accuracy)),
                "accuracy ± SD, %": percent(accuracy.mean()) + sd[0],
                "95 % interval over seeds, %": span(low, high, percent),
                f"errors of {len(study.labels):,}": number(rows[-1]["errors"]),
                "loss ± SD, nats": f"{decimals(loss.mean(), 4)}{sd[1]}",
                "parameters": f"{parameters:,}",
            }
        )
    return Table(
        "results",
        "Accuracy and loss on the test images, mean over seeds",
        pd.DataFrame(rows),
        pd.DataFrame(shown),
    )


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def comparisons(study: Comparison) -> Table:
    """Each variant against the baseline on the seeds they share, by interval and by tests."""
    rows = []
    for name in list(study.variants)[1:]:
        first, second = study.pair(name)
        if not first.runs:
            continue
        difference = compare(first.correct, second.correct)
        counts = second.correct.sum(axis=1) - first.correct.sum(axis=1)
        share, low, high = significance.probability_better(counts)
        rows.append(
            {
                "variant": name,
                "seeds": difference.seeds,
                "difference": difference.mean,
                "difference_low": difference.low,
                "difference_high": difference.high,
                "better": share,
                "better_low": low,
                "better_high": high,
                "permutation_p": significance.permutation_test(counts),
            }
        )
    frame = pd.DataFrame(rows)
    frame["holm_p"] = significance.holm(frame["permutation_p"])
    shown = pd.DataFrame(
        {
            f"against {BOTH[0]}": frame["variant"],
            "seeds": frame["seeds"].astype(str),
            "difference, pp": frame["difference"].map(points),
            "95 % interval, pp": [
                span(r.difference_low, r.difference_high) for r in frame.itertuples()
            ],
            "better in, % of seeds": [f"{100 * share:.0f}" for share in frame["better"]],
            "95 % interval of that": [
                span(r.better_low, r.better_high, lambda v: percent(v, 0))
                for r in frame.itertuples()
            ],
            "permutation test, p": frame["permutation_p"].map(p_value),
        }
    )
    if len(frame) > 1:
        shown[f"p, Holm for {len(frame)}"] = frame["holm_p"].map(p_value)
    return Table("comparisons", "The difference, by interval and by test", frame, shown)


def pairs(study: Comparison) -> Table:
    """The runs of each seed side by side, and McNemar's test of those two models."""
    first, second = study.both
    frame = pd.DataFrame(
        {
            "seed": first.seeds,
            BOTH[0]: first.accuracy,
            BOTH[1]: second.accuracy,
            "difference": second.accuracy - first.accuracy,
        }
    )
    tests = [
        significance.mcnemar(*both) for both in zip(first.correct, second.correct, strict=True)
    ]
    frame[["gained", "lost", "mcnemar_p"]] = pd.DataFrame(tests).to_numpy()
    frame = frame.astype({"gained": int, "lost": int})
    frame["holm_p"] = significance.holm(frame["mcnemar_p"])
    shown = pd.DataFrame(
        {
            "seed": frame["seed"].astype(str),
            **{f"{arm}, %": frame[arm].map(percent) for arm in BOTH},
            "difference, pp": frame["difference"].map(points),
            "images gained": frame["gained"].map("{:,}".format),
            "images lost": frame["lost"].map("{:,}".format),
            "McNemar's test, p": frame["mcnemar_p"].map(p_value),
        }
    )
    if len(frame) > 1:
        shown[f"p, Holm for {len(frame)}"] = frame["holm_p"].map(p_value)
    return Table("pairs", "Test accuracy of each pair of runs", frame, shown)


def runs(study: Comparison) -> Table:
    """Every run of every variant: the dots behind the means. `pairs` shows the accuracies."""
    frame = pd.DataFrame(
        [
            {
                "variant": variant.name,
                "seed": run.seed,
                "accuracy": accuracy,
                "loss": loss,
                "validation_accuracy": run.validation_accuracy,
                "learned": run.learned,
                "seconds": run.manifest["seconds"],
                "images_per_second": run.manifest["images_per_second"],
            }
            for variant in study.variants.values()
            for run, accuracy, loss in zip(
                variant.runs, variant.accuracy, variant.on_test["loss"], strict=True
            )
        ]
    )
    shown = pd.DataFrame(
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
        shown["learned"] = frame["learned"].map({True: "yes", False: "no"})
    return Table("runs", "Every run", frame, shown)


def curves(study: Comparison) -> Table:
    """Learning curves of the arms, a row for each run and epoch."""
    frame = pd.concat(
        [
            run.history.assign(variant=variant.name, seed=run.seed)
            for variant in study.both
            for run in variant.runs
        ],
        ignore_index=True,
    )
    names = ["loss", "val_loss", "accuracy", "val_accuracy"]
    frame = frame[["variant", "seed", "epoch", *names]]
    ends = frame["epoch"] == frame.groupby(["variant", "seed"])["epoch"].transform("max")
    # A mean without the runs whose loss is not a number would hide them.
    last = (
        frame[ends]
        .groupby("variant", sort=False)[names]
        .agg(lambda values: values.mean(skipna=False))
        .reset_index()
    )
    shown = pd.DataFrame(
        {
            "variant": last["variant"],
            "training loss, nats": [decimals(loss, 4) for loss in last["loss"]],
            "validation loss, nats": [decimals(loss, 4) for loss in last["val_loss"]],
            "training accuracy, %": last["accuracy"].map(percent),
            "validation accuracy, %": last["val_accuracy"].map(percent),
        }
    )
    return Table("curves", "After the last epoch, mean over seeds", frame, shown)


def classes(study: Comparison) -> Table:
    """Accuracy within each true class, and the difference with its interval."""
    first, second = study.both
    rows = []
    for k in range(study.classes):
        own = study.labels == k
        if own.any():
            difference = compare(first.correct[:, own], second.correct[:, own])
            rows.append(
                {
                    "class": k,
                    "test_images": int(own.sum()),
                    BOTH[0]: difference.first,
                    BOTH[1]: difference.second,
                    "difference": difference.mean,
                    "low": difference.low,
                    "high": difference.high,
                }
            )
    frame = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {
            "class": frame["class"].astype(str),
            "test images": frame["test_images"].map("{:,}".format),
            **{f"{arm}, %": frame[arm].map(percent) for arm in BOTH},
            "difference, pp": frame["difference"].map(points),
            "95 % interval, pp": [span(r.low, r.high) for r in frame.itertuples()],
        }
    )
    return Table("classes", "Test accuracy within each class", frame, shown)


def confusion(study: Comparison) -> Table:
    """Mean counts per run, and the confusions whose frequency changed most."""
    counts = [
        mean_confusion(study.labels, variant.predictions, study.classes) for variant in study.both
    ]
    true, read = (a.ravel() for a in np.indices(counts[0].shape))
    frame = pd.DataFrame(
        {"true": true, "predicted": read, BOTH[0]: counts[0].ravel(), BOTH[1]: counts[1].ravel()}
    )
    frame["difference"] = frame[BOTH[1]] - frame[BOTH[0]]
    off = frame[(frame["true"] != frame["predicted"]) & (frame["difference"] != 0)]
    top = off.reindex(off["difference"].abs().sort_values(ascending=False, kind="stable").index)[:8]
    shown = pd.DataFrame(
        {
            "true → predicted": top["true"].astype(str) + " → " + top["predicted"].astype(str),
            **{arm: top[arm].map("{:.1f}".format) for arm in BOTH},
            "difference": top["difference"].map(lambda d: f"{d:+.1f}".replace("-", MINUS)),
        }
    )
    return Table("confusion", "The confusions whose mean count per run changed most", frame, shown)


def read_by(study: Comparison, index: np.ndarray, name: str, title: str) -> Table:
    """How each arm reads the test images of those indices, int [M]."""
    frame = pd.DataFrame({"index": index, "class": study.labels[index]})
    shown = pd.DataFrame(
        {"test image": frame["index"].astype(str), "class": frame["class"].astype(str)}
    )
    for arm in study.both:
        votes = arm.predictions[:, index].T
        usual = np.array([np.bincount(vote).argmax() for vote in votes], int)
        right = arm.correct[:, index].sum(axis=0)
        chance = np.ascontiguousarray(arm.probabilities[:, index, study.labels[index]]).mean(axis=0)
        frame[f"{arm.name}_prediction"], frame[f"{arm.name}_seeds_right"] = usual, right
        frame[f"{arm.name}_probability"] = chance
        shown[f"{arm.name} reads"] = [str(k) for k in usual]
        shown[f"{arm.name} right, seeds"] = [f"{r} of {len(arm.runs)}" for r in right]
        shown[f"{arm.name} probability of the class"] = [f"{p:.2f}" for p in chance]
    return Table(name, title, frame, shown)
