"""Errors and calibration: where the models are wrong, and how far their probabilities can be trusted."""

from collections.abc import Iterable

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.evaluate import examples
from mnist_aug.report import calibration, figures, matrices, pictures, sentences
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.glance import NO_IMAGES
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section:
    """Where the models are wrong."""
    return joined("errors", "Errors and calibration", _parts(content, inputs))


def _parts(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    matrix, by_class = matrices.confusion(content), figures.classes(content)
    yield part(
        "errors-part",
        "Where the errors are",
        [],
        [matrix, by_class],
        [by_class.table, matrix.table],
    )
    scores = calibration.scores(content)
    yield part(
        "calibration",
        "How far the probabilities can be trusted",
        calibration.sentences(scores),
        [calibration.diagram(content)],
        [scores],
    )
    yield _images(content, inputs)


def _images(content: Comparison, inputs: Inputs) -> Section:
    gain, samples = examples.gains(*content.both), inputs.samples
    text, drawn = [sentences.changed_images(gain)], []
    if samples is None:
        text.append(NO_IMAGES.format("images to show"))
    else:
        counts = {group: len(samples[f"{group}_index"]) for group in examples.GROUPS}
        for group, title, rule in (
            (
                "test",
                "Sample test images",
                f"The first test image of {pictures.each_class(content, counts['test'])}.",
            ),
            (
                "fixed",
                "Read right more often with augmentation",
                sentences.choice(counts["fixed"], int((gain > 0).sum()), "gain"),
            ),
            (
                "broken",
                "Read right less often with augmentation",
                sentences.choice(counts["broken"], int((gain < 0).sum()), "loss"),
            ),
        ):
            if counts[group]:
                drawn.append(pictures.read(content, samples, group, title, rule))
    return part("images", "Single test images", text, drawn)
