"""What a results folder holds for a report next to the comparison of both models."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mnist_aug.analysis import policies
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import StudyRuns, study_runs
from mnist_aug.report import app, published, search, studies
from mnist_aug.report.pictures import Samples
from mnist_aug.results import extras
from mnist_aug.results.runs import VariantResults


@dataclass(frozen=True)
class Inputs:
    """As far as it is there and belongs to the comparison.

    `left_out` has a sentence on each part that does not belong to it; `evaluated` has the variants
    of each of `studies` by name, and `compared` the frame of `policies.compared`.
    """

    samples: Samples | None
    app: app.App | None
    no_app: str | None  # why there is none, where that is the networks' doing
    searches: dict[str, extras.Search]
    studies: dict[str, StudyRuns]
    reached: published.Reached | None
    left_out: list[str]
    evaluated: dict[str, dict[str, VariantResults]] = field(default_factory=dict)
    compared: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def policies(self) -> dict[str, VariantResults]:
        """The variants that `make compare` made, by name."""
        return self.evaluated.get("compare", {})


def read(results: Path, content: Comparison) -> Inputs:
    """Read all of it.

    Raises:
        UserError: a file is missing or damaged.
    """
    samples, weights = extras.read_samples(results, content.variants) or (None, {})
    searches, old_searches = search.read(results, content)
    evaluated, old_runs = studies.read(results, content, search.best_settings(searches))
    runs = {name: study_runs([*found.values()], content) for name, found in evaluated.items()}
    reached, old_rows = published.read(results, content)
    left_out = [*old_searches, *old_runs, *old_rows]
    doubts = extras.read_doubts(results, content.variants) or {}
    drawing_page = app.load(content, samples, weights, doubts)
    no_app = app.reason(content, weights)
    return Inputs(
        samples,
        drawing_page,
        no_app,
        searches,
        runs,
        reached,
        left_out,
        evaluated,
        policies.compared(content, evaluated.get("compare", {})),
    )
