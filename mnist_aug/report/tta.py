"""Test-time augmentation in the report: what it is worth and what it costs."""

from typing import Any

import pandas as pd

from mnist_aug.analysis import tta
from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.intervals import FEW_SEEDS
from mnist_aug.formatting import number, percent
from mnist_aug.report.tables import Table, differences, p_value

TIMES = "\N{MULTIPLICATION SIGN}"


def table(content: Comparison) -> Table | None:
    """Accuracy without and with it, the gain and the cost; None where nothing was evaluated so."""
    frame = tta.gains(content)
    if frame.empty:
        return None
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "images": frame["images"] + frame["count"].map(" ({:,})".format),
            "plain, %": frame["plain"].map(percent),
            "TTA, %": frame["tta"].map(percent),
            **differences(frame),
            "p (Holm)" if len(frame) > 1 else "p": frame["holm_p"].map(p_value),
            "prediction time": frame["times"].map(lambda times: f"{number(times)}{TIMES}"),
        }
    )
    title = "Test-time augmentation (TTA) against plain prediction by the same runs"
    note = (
        "CI: over seeds and images, not adjusted for multiple comparisons. p: paired permutation "
        "test over seeds. "
        "Time: on one thread, making the views included, over plain prediction."
    )
    return Table("tta", title, frame, display, note=note)


def facts(table: Table, content: Comparison) -> dict[str, Any]:
    """What is compared, and what comes of it.

    Args:
        table: of `table`.

    Returns:
        used, of each way: views, policy, mixes, whether that mixes images, and untrained, the
        variants that were not trained with it; test, of each variant: variant, outcome, difference,
        low, high, and p, adjusted for all rows, with unconfirmed, whether it fails to back the
        outcome; few, whether seeds are too few for a trustworthy interval, and enough, how many are
        not; validation, the rows of variants that learned on the validation images.
    """
    frame = table.frame
    used: dict[tuple[int, str], dict[str, Any]] = {}
    for one in content.variants.values():
        if own := tta.described(one):
            policy = own["policy"]
            way = {
                "views": own["views"],
                "policy": policy["name"],
                "mixes": bool({"mixup", "cutmix"} & {*policy}),
                "untrained": [],
            }
            found = used.setdefault((own["views"], policy["name"]), way)
            found["untrained"] += [one.name] if one.policy != policy["name"] else []
    test = frame[frame["images"] == "test"]
    rows = test[["variant", "outcome", "difference", "low", "high"]].to_dict("records")
    for row, p in zip(rows, test["holm_p"], strict=True):
        clear = row["outcome"] in ("helps", "hurts")
        row |= {"p": p_value(p), "unconfirmed": clear and p >= ALPHA}
    validation = frame[(frame["images"] == "validation") & (frame["outcome"] != "no verdict")]
    return {
        "used": [*used.values()],
        "test": rows,
        "few": bool(1 < test["seeds"].min() < FEW_SEEDS),
        "enough": FEW_SEEDS,
        "validation": validation.to_dict("records"),
    }
