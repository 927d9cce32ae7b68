"""Published results of dense networks."""

from collections.abc import Iterable

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import DENSE, name_of
from mnist_aug.report import published, published_elsewhere, recipes
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import concluded


def section(content: Comparison, inputs: Inputs) -> Section | None:
    """What is published of dense networks, and what the same networks reach here."""
    parts = [*_published(content, inputs)]
    return joined("published", "Published results", parts) if parts else None


def _published(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """What augmentation makes of dense networks, and what is published of such."""
    reached, model = inputs.reached, name_of(content.both[1].settings)
    if reached is None:
        return
    text, drawn, listed = [], [], []
    if model != DENSE:
        text.append(
            "The rows and recipes of this section are dense networks, two of them a dense "
            "network trained without and with augmentation; baseline and augmented of this report "
            f"are of model {model}."
        )
    if reached.rows:
        table, elsewhere = (
            published.table(reached, content),
            published_elsewhere.table(reached, content),
        )
        text += [
            *published.sentences(table, reached, content),
            *concluded(content, *published_elsewhere.sentences(elsewhere, content)),
        ]
        drawn, listed = [published.figure(table, content)], [table, elsewhere]
    if len(reached.recipes):
        listed.append(recipes.table(reached))
        text += recipes.sentences(listed[-1])
    yield part("published-part", "Published results of dense networks", text, drawn, listed)
