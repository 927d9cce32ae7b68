"""What to do, in words."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.planning import POWER
from mnist_aug.analysis.recommendation import Recommendation, recommended
from mnist_aug.report import inputs
from mnist_aug.report.templating import environment

TEMPLATE = "recommendation.txt.j2"


def lines(content: Comparison, given: inputs.Inputs) -> list[str]:
    """Two or three lines: what to use, what to expect, where it hurts."""
    return written(
        recommended(content, given.compared, given.policies, given.studies.get("strength"))
    )


def written(found: Recommendation) -> list[str]:
    """The same of facts."""
    text = environment(False).get_template(TEMPLATE).render(found=found, power=POWER)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
