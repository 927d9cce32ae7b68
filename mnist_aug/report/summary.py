"""Summary and recommendation: what stands on the first screen."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import figures, recommendation, sentences
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section:
    """The answer, its sizes, and what to do."""
    text = [sentences.verdict(content), *recommendation.lines(content, inputs)]
    return joined(
        "summary", "Summary", [part("what-to-do", "What to do", text, [figures.seeds(content)])]
    )
