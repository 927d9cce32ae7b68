"""Learning curves of both models."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import decimals, percent
from mnist_aug.report.drawing import (
    INK,
    STYLE,
    Figure,
    PlainTicks,
    canvas,
    finished,
    key,
    style_of,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH

PARTS = {"": "training", "val_": "validation"}
LINES: dict[str, Any] = {"": "--", "val_": "-"}
RISE, EPOCHS_AFTER = 1.1, 3  # from a minimum of the validation loss on that counts as overfitting
MEASURES = {"loss": ("loss, nats", 1), "accuracy": ("accuracy, %", 100)}


def table(content: Comparison) -> Table:
    """A row for each run and epoch of both models; displayed are the means after the last."""
    frame = pd.concat(
        [
            run.history.assign(variant=variant.name, seed=run.seed)
            for variant in content.both
            for run in variant.runs
        ],
        ignore_index=True,
    )
    names = [f"{part}{measure}" for measure in MEASURES for part in PARTS]
    frame = frame[["variant", "seed", "epoch", *names]]
    ends = frame["epoch"] == frame.groupby(["variant", "seed"])["epoch"].transform("max")
    # A mean without the runs whose loss is not a number would hide them.
    last = (
        frame[ends]
        .groupby("variant", sort=False)[names]
        .agg(lambda values: values.mean(skipna=False))
        .reset_index()
    )
    display = pd.DataFrame(
        {
            "variant": last["variant"],
            "training loss, nats": [decimals(loss, 4) for loss in last["loss"]],
            "validation loss, nats": [decimals(loss, 4) for loss in last["val_loss"]],
            "training accuracy, %": last["accuracy"].map(percent),
            "validation accuracy, %": last["val_accuracy"].map(percent),
        }
    )
    return Table("curves", "After the last epoch, mean over seeds", frame, display)


def ends(table: Table) -> dict[str, Any]:
    """After which epoch both models are scored, and where their validation loss was least.

    Args:
        table: of `table`.

    Returns:
        last and least, the epochs by model, the second None where no mean is a number.
    """
    frame = table.frame
    means = {
        model: own.groupby("epoch")["val_loss"].agg(lambda values: values.mean(skipna=False))
        for model, own in frame.groupby("variant")
    }
    return {
        "last": {model: int(means[model].index.max()) for model in BOTH},
        "least": {
            model: int(means[model].idxmin()) if means[model].notna().any() else None
            for model in BOTH
        },
    }


def overfitting(table: Table) -> list[dict[str, Any]]:
    """Which models' mean validation loss rises from its minimum on while their training loss falls.

    Args:
        table: of `table`.

    Returns:
        Of each such model: model; epoch of the minimum; least and last, the validation loss there
        and after the last epoch; accuracy and last_accuracy, on the same images and epochs. Left
        out is a model whose minimum is less than `EPOCHS_AFTER` epochs from the end, or whose loss
        does not grow by more than the factor `RISE`.
    """
    found = []
    for model in BOTH:
        own = table.frame[table.frame["variant"] == model].groupby("epoch")
        measures = own[["loss", "val_loss", "val_accuracy"]]
        means = measures.agg(lambda values: values.mean(skipna=False))
        if means.isna().any(axis=None):
            continue
        epoch, end = means["val_loss"].idxmin(), means.index.max()
        least, last = means.loc[epoch], means.loc[end]
        rises = last["val_loss"] > RISE * least["val_loss"] and last["loss"] < least["loss"]
        if rises and end - epoch >= EPOCHS_AFTER:
            found.append(
                {
                    "model": model,
                    "epoch": int(epoch),
                    "least": least["val_loss"],
                    "last": last["val_loss"],
                    "accuracy": least["val_accuracy"],
                    "last_accuracy": last["val_accuracy"],
                }
            )
    return found


def below_validation(table: Table, model: str) -> bool:
    """Whether a model's training accuracy is below that on validation images at the end."""
    own = table.frame[table.frame["variant"] == model]
    last = own[own["epoch"] == own["epoch"].max()]
    return bool(last["accuracy"].mean() < last["val_accuracy"].mean())


@matplotlib.rc_context(STYLE)
def figure(content: Comparison, table: Table) -> Figure:
    """Loss and accuracy by epoch, means over seeds and each seed.

    Args:
        table: of `table`.
    """
    frame, last = table.frame, table.frame["epoch"].max()
    many = len(content.paired_seeds) > 1
    title = "Learning curves" + (": every seed (thin) and their mean" if many else "")
    drawn, (panels,) = canvas(3.0, content, title, wspace=0.05, key=1, ncols=2)
    for axes, (measure, (label, scale)) in zip(panels, MEASURES.items(), strict=True):
        for model in BOTH:
            own = frame[frame["variant"] == model]
            colour = style_of(content, model)["color"]
            for part in PARTS:
                values = own[["seed", "epoch"]].assign(y=scale * own[f"{part}{measure}"])
                values = values[np.isfinite(values["y"])]
                if len(values):  # but of runs that diverged at once
                    _lines(axes, values, model, part, label, colour)
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(PlainTicks())
    for model in BOTH:
        axes.plot([], [], color=style_of(content, model)["color"], label=model)
    for part in reversed(PARTS):
        axes.plot([], [], color=INK, linestyle=LINES[part], label=PARTS[part])
    key(drawn, 4, pad=0.5)
    final = " ".join(
        f"{row['variant']}: training loss {row['training loss, nats']}, validation loss "
        f"{row['validation loss, nats']}, validation accuracy {row['validation accuracy, %']} %."
        for _, row in table.display.iterrows()
    )
    alt = f"Line charts of loss and accuracy by epoch. After epoch {last}, {final}"
    return finished(drawn, "curves", "Learning curves", alt, table)


def _lines(
    axes: Axes, values: pd.DataFrame, model: str, part: str, label: str, colour: str
) -> None:
    """The curve of each seed on the validation images, and the mean over seeds.

    Args:
        values: seed, epoch, y.
    """
    seeds = values.groupby("seed")
    measure, _, unit = label.partition(", ")
    if part == "val_" and len(seeds) > 1:
        for seed, own in seeds:
            (line,) = axes.plot(own["epoch"], own["y"], color=colour, linewidth=0.5, alpha=0.5)
            end = f"{own['y'].iloc[-1]:.2f} {unit}"
            said = (
                f"{model}, seed {seed}: validation {measure} {end} after epoch {own['epoch'].max()}"
            )
            tips(line, [said], [int(seed)])
    mean = values.groupby("epoch")["y"].mean()
    axes.plot(mean, color=colour, linestyle=LINES[part], linewidth=1.6)
    (dots,) = axes.plot(mean, color=colour, linestyle="none", marker="o", markersize=3)
    which = f"{model}, {PARTS[part]} {measure}"
    tips(dots, [f"{which} after epoch {epoch}: {y:.2f} {unit}" for epoch, y in mean.items()])
