"""Try it: the drawing page."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section | None:
    """Where the networks can be tried; None where there are none to try."""
    if not (inputs.app or inputs.no_app):
        return None
    facts = {
        "kind": content.kind,
        "even": any(len(variant.seeds) % 2 == 0 for variant in content.both),
        "reason": inputs.no_app,
        "networks": [f"{one.name} seed {one.seed}" for one in inputs.app.networks]
        if inputs.app
        else [],
    }
    return Section("try", "Try it", facts)
