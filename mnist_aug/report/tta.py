"""Test-time augmentation in the report: what it is worth and what it costs."""

from collections.abc import Iterable

import pandas as pd

from mnist_aug.analysis import tta
from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.intervals import FEW_SEEDS
from mnist_aug.formatting import estimated, listed, number, percent, points, span
from mnist_aug.report.tables import Table, differences, p_value


def table(content: Comparison) -> Table | None:
    """Accuracy without and with it, the gain and the cost; None where nothing was evaluated so."""
    frame = tta.gains(content)
    if frame.empty:
        return None
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "images": frame["images"] + frame["count"].map(" ({:,})".format),
            "plain accuracy, %": frame["plain"].map(percent),
            "with TTA, %": frame["tta"].map(percent),
            **differences(frame),
            "permutation test over seeds, p": frame["permutation_p"].map(p_value),
        }
    )
    if len(frame) > 1:
        display[f"p, Holm for {len(frame)}"] = frame["holm_p"].map(p_value)
    display["prediction time, times plain"] = frame["times"].map(number)
    title = "Test-time augmentation (TTA) against plain prediction by the same runs"
    return Table("tta", title, frame, display)


def sentences(table: Table, content: Comparison) -> Iterable[str]:
    """What is compared, what it costs, and what comes of it for each variant."""
    frame = table.frame
    cost = frame.drop_duplicates("variant")
    used = {
        (own["views"], own["policy"]["name"]): own["policy"]
        for one in content.variants.values()
        if (own := tta.described(one))
    }
    for (views, policy), spelled_out in used.items():
        alone = ", leaving out its mixing of images" if {"mixup", "cutmix"} & {*spelled_out} else ""
        untrained = [
            one.name
            for one in content.variants.values()
            if tta.described(one) and one.policy != policy
        ]
        text = (
            "Test-time augmentation (TTA) predicts by the mean of the probabilities for the image "
            f"and for {views} augmented view{'s' if views > 1 else ''} of it, made by policy "
            f"{policy}{alone}: {views + 1} forward passes for each image instead of 1."
        )
        if untrained:
            text += f" {listed(untrained)} did not see this policy in training."
        yield text
    yield "Prediction of 1,000 images on one thread, making the views included, took " + (
        listed(
            [
                f"{number(1000 * row.seconds_tta)} ms with {row.variant} instead of "
                f"{number(1000 * row.seconds_plain)} ms"
                for row in cost.itertuples()
            ]
        )
        + "."
    )
    test = frame[frame["images"] == "test"]
    yield " ".join(_outcome(row) for _, row in test.iterrows())
    if 1 < test["seeds"].min() < FEW_SEEDS:
        yield (
            f"With so few seeds, runs that happen to agree make a CI too narrow: SEEDS="
            f"{FEW_SEEDS} or more before this is relied on."
        )
    validation = frame[(frame["images"] == "validation") & (frame["outcome"] != "no verdict")]
    if len(validation):
        found = [
            f"{estimated(row.difference, row.low, row.high, ' pp')} with {row.variant}"
            for row in validation.itertuples()
        ]
        yield (
            "Whether to use TTA is to be decided on validation images, so that the test images "
            f"stay unseen; there the difference is {listed(found)}."
        )


def _outcome(row: pd.Series) -> str:
    """What the test images say of one variant."""
    accuracy = (
        f"test accuracy is {percent(row['tta'])} % instead of {percent(row['plain'])} %, a "
        f"difference of {points(row['difference'])} pp (95 % CI "
        f"{span(row['low'], row['high'])} pp"
    )
    seeds = f", n = {row['seeds']} seeds"
    match row["outcome"]:
        case "no verdict":
            return (
                f"There is no verdict on TTA with {row['variant']}, which did not learn to tell "
                "the classes apart."
            )
        case "too few seeds":
            return (
                f"One seed is too few for a verdict on TTA with {row['variant']}: {accuracy} over "
                "test images alone)."
            )
        case "no detectable difference":
            return f"TTA makes no detectable difference with {row['variant']}: {accuracy}{seeds})."
        case outcome:
            return f"TTA {outcome} {row['variant']}{_unconfirmed(row)}: {accuracy}{seeds})."


def _unconfirmed(row: pd.Series) -> str:
    """What the test over seeds does not confirm, once it is adjusted for all rows."""
    if row["holm_p"] < ALPHA:
        return ""
    return (
        " by its CI, but not by the permutation test over seeds adjusted for all rows "
        f"(p = {p_value(row['holm_p'])})"
    )
