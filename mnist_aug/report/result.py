"""Main result: accuracy of both models, their difference, and where its variance comes from."""

from collections.abc import Iterable

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import figures, sentences, tables, tta, variance
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import concluded
from mnist_aug.results.runs import BOTH


def section(content: Comparison, inputs: Inputs) -> Section:
    """Both models compared."""
    return joined("result", "Main result", _parts(content, inputs))


def _parts(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    yield _results(content)
    curves = figures.curves(content)
    yield part(
        "curves",
        "Learning curves",
        [sentences.last_epochs(curves.table.frame)],
        [curves],
        [curves.table],
    )
    resampled = inputs.evaluated.get("variance", {})
    if {*variance.RESAMPLED} <= {*resampled}:
        table = variance.table(content, resampled)
        yield part(
            "variance",
            "Where the variance comes from",
            concluded(content, *variance.sentences(table, content)),
            [variance.figure(table, content)],
            [table],
        )


def _results(content: Comparison) -> Section:
    every = {seed for model in BOTH for seed in content.variants[model].seeds}
    unpaired = sorted(every - {*content.paired_seeds})
    compared = tables.comparisons(content)
    text = [sentences.methods(content)]
    if content.difference.seeds > 1:
        text += concluded(content, sentences.significance(compared.frame))
    text.append(sentences.chance_rule(content.chance))
    if unpaired:
        text.append(
            f"Seeds {', '.join(map(str, unpaired))} are of one model only and left out of the "
            "comparison."
        )
    listed = [tables.results(content), compared, tables.pairs(content)]
    if (with_views := tta.table(content)) is not None:
        text += tta.sentences(with_views, content)
        listed.insert(1, with_views)
    return part("results", "Results", text, [], listed)
