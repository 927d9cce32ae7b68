"""Published results of dense networks, and what the same networks reach here."""

from typing import Any

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import DENSE, name_of
from mnist_aug.report import published, published_elsewhere, recipes
from mnist_aug.report.blocks import Section
from mnist_aug.report.drawing import Figure
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table


def section(content: Comparison, inputs: Inputs) -> Section | None:
    """What is published of dense networks, and what the same networks reach here."""
    reached, model = inputs.reached, name_of(content.both[1].settings)
    if reached is None:
        return None
    facts: dict[str, Any] = {
        "model": "" if model == DENSE else model,
        "concluded": content.difference.outcome != "no verdict",
        "no_conclusion": NO_CONCLUSION,
    }
    figures: list[Figure] = []
    tables: list[Table] = []
    if reached.rows:
        table = published.table(reached, content)
        elsewhere = published_elsewhere.table(reached, content)
        facts |= published.facts(table, reached, content)
        facts["elsewhere"] = published_elsewhere.facts(elsewhere, content)
        figures.append(published.figure(table, content))
        tables += [table, elsewhere]
    if len(reached.recipes):
        tables.append(recipes.table(reached))
        facts["recipes"] = recipes.facts(tables[-1])
    return Section("published", "Published results", facts, figures, tables)
