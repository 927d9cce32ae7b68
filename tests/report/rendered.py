"""Reports that several test modules look at, each rendered once."""

from collections import namedtuple

import matplotlib
import pytest
import synthetic_results
from conftest import PROJECT

from mnist_aug.analysis import comparison
from mnist_aug.data.dataset import MNIST_SHA256
from mnist_aug.report import page
from mnist_aug.results import extras

Rendered = namedtuple(
    "Rendered", ["results", "reports", "content", "sections", "figures", "tables", "html", "text"]
)


def rendered(results, reports) -> Rendered:
    """Write a report, and keep what it was made of."""
    kept = []

    def every_section(*given):
        kept.extend(original(*given))
        return kept

    original, settings = page.every_section, dict(matplotlib.rcParams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "every_section", every_section)
        page.write(results, reports)
    assert dict(matplotlib.rcParams) == settings  # global settings are left alone
    figures = [figure for section in kept for figure in section.figures]
    tables = [table for section in kept for table in section.tables]
    return Rendered(
        results,
        reports,
        comparison.load(results),
        {section.anchor: section for section in kept},
        {figure.name: figure for figure in figures},
        {table.name: table for table in (*tables, *(figure.table for figure in figures))},
        (reports / "index.html").read_text(encoding="utf-8"),
        (reports / "report.md").read_text(encoding="utf-8").replace("\\", ""),
    )


@pytest.fixture(scope="session")
def render():
    return rendered


@pytest.fixture(scope="session")
def reference():
    """The committed reference: its comparison, and the weights of both networks on its page."""
    results = PROJECT / "results/reference/mnist"
    content = comparison.load(results)
    _samples, weights = extras.read_samples(results, content.variants)
    return content, weights


@pytest.fixture(scope="session")
def full(tmp_path_factory, reference):
    """All that a report can hold; the networks of its drawing page are the reference's."""
    folder = tmp_path_factory.mktemp("full")
    results = synthetic_results.write(
        folder / "results",
        seeds=5,
        test=400,
        variants=("baseline", "augmented", "affine"),
        samples=False,
        other_sets=True,
        studies=tuple(synthetic_results.STUDIES),
    )
    data = synthetic_results.dataset(test=400)
    synthetic_results.write_samples(results, data, reference[1], strengths=True)
    synthetic_results.write_published(
        results, {"small": [0.02, 0.03], "simard-elastic": [0.01, 0.02], "ensemble": [0.02]}, 400
    )
    synthetic_results.write_recipes(
        results, {"long": [0.95, 0.94], "long-no-decay": [0.93, 0.94]}, 400
    )
    return rendered(results, folder / "reports")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Two seeds of MNIST without drawing page, samples and benchmark, and a study by other code."""
    folder = tmp_path_factory.mktemp("small")
    results = synthetic_results.write(
        folder / "results",
        seeds=2,
        test=60,
        samples=False,
        bench=False,
        studies=["ablation"],
        sha256=MNIST_SHA256,
    )
    for path in (results / "ablation").rglob("manifest.json"):
        path.write_text(path.read_text().replace("12" * 32, "56" * 32))
    synthetic_results.sign(results)
    return rendered(results, folder / "reports")
