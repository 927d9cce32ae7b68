"""Try it: the drawing page."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section | None:
    """Where the networks can be tried; None where there are none to try."""
    if inputs.app:
        own = part("try-part", "Try it yourself", inputs.app.sentences, places=["app"])
    elif inputs.no_app:
        own = part("try-part", "Try it yourself", [inputs.no_app])
    else:
        return None
    return joined("try", "Try it", [own])
