"""Limits, and what was not tested."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import cards
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section:
    """What the results do not show."""
    text = cards.limits(content, inputs) + inputs.left_out
    return joined("limits", "Limits", [part("untested", "What was not tested", text)])
