"""Errors and calibration: where the models are wrong, and how sure they are of it."""

from typing import Any

import pandas as pd

from mnist_aug.analysis.classes import class_accuracy
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.evaluate import examples
from mnist_aug.formatting import percent
from mnist_aug.report import calibration, curves, matrices, paired_rows, pictures
from mnist_aug.report.blocks import Section
from mnist_aug.report.drawing import Figure
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table, differences, name_columns, names_of
from mnist_aug.results.runs import BOTH

CLASSES = 40  # at most so many are drawn
NAME = 20  # letters of a class's name
CHANGED = {
    "fixed": "Right more often with augmentation",
    "broken": "Right less often with augmentation",
}


def section(content: Comparison, inputs: Inputs) -> Section:
    """Where the models are wrong, and how sure they are of it."""
    by_class, matrix = classes(content), matrices.confusion(content)
    scores = calibration.scores(content)
    figures = [class_figure(content, by_class), matrix]
    gain, samples = examples.gains(*content.both), inputs.samples
    if samples is not None:
        shown = {one: title for one, title in CHANGED.items() if len(samples[f"{one}_index"])}
        if shown:
            title = "Test images that changed most"
            figures.append(pictures.classified(content, samples, "changed", title, shown))
        title = "Sample test images"
        figures.append(pictures.classified(content, samples, "test", title, {"test": ""}))
    figures += [calibration.diagram(content), calibration.curve(content)]
    facts = {
        "concluded": content.difference.outcome != "no verdict",
        "no_conclusion": NO_CONCLUSION,
        "seeds": content.difference.seeds,
        "held_out": content.dataset["validation"] > 0,
        "classes": class_facts(content, by_class),
        "matrix": matrices.facts(content),
        "more": int((gain > 0).sum()),
        "fewer": int((gain < 0).sum()),
        "no_samples": samples is None,
        "every_class": pictures.each_class(content, min(content.classes, examples.CLASSES)),
        "least_coverage": calibration.drawn_from(figures[-1].table.frame),
        "bins": calibration.bin_facts(content),
        "overfitting": curves.overfitting(curves.table(content)),
        **calibration.facts(content, scores),
    }
    return Section(
        "errors", "Errors and calibration", facts, figures, [by_class, matrix.table, scores]
    )


def classes(content: Comparison) -> Table:
    """Accuracy within each true class, and the difference with its CI."""
    frame = class_accuracy(content)
    display = pd.DataFrame(
        {
            "class": names_of(content, frame["class"]),
            "test images": frame["test_images"].map("{:,}".format),
            **{f"{model}, %": frame[model].map(percent) for model in BOTH},
            **differences(frame),
        }
    )
    over = "seeds and test images" if content.difference.seeds > 1 else "test images"
    return Table(
        "classes",
        "Test accuracy within each class",
        name_columns(content, frame, "class"),
        display,
        note=f"95 % CIs over {over}, simultaneous over all {len(frame)} classes.",
    )


def class_facts(content: Comparison, table: Table) -> dict[str, Any]:
    """What the template says of the classes.

    Args:
        table: of `classes`.

    Returns:
        count; drawn, how many the figure has; better, worse, the names of those by side.
    """
    frame = table.frame
    names = {
        name: names_of(content, frame["class"][frame["side"] == side])
        for name, side in (("better", 1), ("worse", -1))
    }
    return {"count": len(frame), "drawn": min(len(frame), CLASSES), **names}


def class_figure(content: Comparison, table: Table) -> Figure:
    """Both models on each class, and the difference with its CI; of many the most changed."""
    frame = table.frame
    largest = frame["difference"].abs().sort_values(ascending=False, kind="stable")
    drawn = frame.loc[largest.index[:CLASSES].sort_values()]
    several = content.difference.seeds > 1
    return paired_rows.figure(
        content,
        drawn,
        names_of(content, drawn["class"], NAME),
        ("Test accuracy by class", "By class"),
        ("", f"bar: {'simultaneous ' if several else ''}95 % CI"),
        table,
    )
