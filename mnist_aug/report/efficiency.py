"""Data efficiency and cost: what augmentation saves in images, and what it takes in time."""

from collections.abc import Iterable

from mnist_aug.analysis import benchmark
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import name_of
from mnist_aug.report import data_efficiency, epochs, figures, pareto, provenance, sentences
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import concluded


def section(content: Comparison, inputs: Inputs) -> Section:
    """What augmentation saves, and what it costs."""
    return joined("efficiency", "Data efficiency and cost", _parts(content, inputs))


def _parts(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    found = inputs.studies
    if runs := found.get("data-efficiency"):
        table = data_efficiency.table(runs)
        yield part(
            "data-efficiency",
            "What augmentation is worth in training images",
            concluded(content, data_efficiency.sentence(table)),
            [data_efficiency.figure(runs, table, content)],
            [table],
        )
    if runs := found.get("epochs"):
        table = epochs.table(runs)
        yield part(
            "epochs",
            "What longer training changes",
            concluded(content, epochs.sentence(runs, table)),
            [epochs.figure(table, content)],
            [table],
        )
    yield from _trained(content, inputs)
    yield _cost(content)


def _trained(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """What accuracy takes in training time."""
    if inputs.evaluated or inputs.reached:
        table = pareto.table(content, inputs)
        yield part(
            "pareto",
            "Accuracy and training time",
            concluded(content, *pareto.sentences(table, content, inputs)),
            [pareto.figure(table, content)],
            [table],
        )


def _cost(content: Comparison) -> Section:
    table = provenance.cost(content)
    text = sentences.training_time(table.frame)
    if content.benchmark is None:
        return part("cost", "Cost", [text], [], [table])
    host = content.host or {}
    where = provenance.machine(host.get("device", {}))
    measured = (
        [f"The comparison of methods was measured apart from the runs, on: {where}."]
        if where
        else []
    ) + ["Its factors are medians of the ratios within a repeat, not ratios of the medians."]
    own, timed_model = name_of(content.both[1].settings), name_of(host)
    if own != timed_model:
        measured.append(f"The training epochs compared are of model {timed_model}, not of {own}.")
    timed = [figures.bench(content, content.benchmark)]
    if len(benchmark.libraries(content.benchmark)):
        timed.append(figures.libraries(content, content.benchmark))
        measured.append(
            "Libraries do the same work on the same images, each in its own arrays, with the same "
            "parameters as far as it has them; the table says what each draws for every image or "
            "once for a batch, and what it does otherwise."
        )
        if left_out := host.get("left_out"):
            measured.append(f"Not installed, and so left out: {', '.join(left_out)}.")
    else:  # measured by version 0.2 or before
        measured.append(
            "Image by image is a call of Python for each image within tf.data. The other libraries "
            "do affine alone, Keras's layers without shear."
        )
    return part("cost", "Cost", [text, *measured], timed, [table, *(f.table for f in timed)])
