"""What a results folder holds for a report next to the comparison of both models."""

from dataclasses import dataclass
from pathlib import Path

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.report import app, published, search, studies
from mnist_aug.report.pictures import Samples
from mnist_aug.results import extras


@dataclass(frozen=True)
class Inputs:
    """As far as it is there and belongs to the comparison.

    `left_out` has a sentence on each part that does not belong to it.
    """

    samples: Samples | None
    app: app.App | None
    no_app: str | None  # why there is none, a sentence, where that is the networks' doing
    searches: dict[str, extras.Search]
    studies: dict[str, StudyRuns]
    reached: published.Reached | None
    left_out: list[str]


def read(results: Path, content: Comparison) -> Inputs:
    """Read all of it.

    Raises:
        UserError: a file is missing or damaged.
    """
    samples, weights = extras.read_samples(results, content.variants) or (None, {})
    searches, old_searches = search.read(results, content)
    runs, old_runs = studies.read(results, content, search.best_settings(searches))
    reached, old_rows = published.read(results, content)
    left_out = [*old_searches, *old_runs, *old_rows]
    doubts = extras.read_doubts(results, content.variants) or {}
    drawing_page = app.load(content, samples, weights, doubts)
    no_app = app.reason(content, weights)
    return Inputs(samples, drawing_page, no_app, searches, runs, reached, left_out)
