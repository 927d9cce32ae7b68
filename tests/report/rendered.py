"""Reports that several test modules look at, each rendered once."""

import os
import pickle
from collections import namedtuple

import matplotlib
import pytest
import synthetic_results
from conftest import PROJECT
from filelock import FileLock

from mnist_aug.analysis import comparison
from mnist_aug.data.dataset import MNIST_SHA256
from mnist_aug.report import drawing, page
from mnist_aug.results import extras

Rendered = namedtuple(
    "Rendered", ["results", "reports", "content", "sections", "figures", "tables", "html", "text"]
)


def label_alone(figure, name, alt):
    """Takes the place of drawing a figure, which is half of the time that a report takes."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{name}"></svg>'


@pytest.fixture
def undrawn(monkeypatch):
    """Reports are written without drawing their figures, where these are not looked at."""
    monkeypatch.setattr(drawing, "_svg", label_alone)


def rendered(results, reports, drawn=True) -> Rendered:
    """Write a report, its figures drawn or not, and keep what it was made of."""
    kept = []

    def every_section(*given):
        kept.extend(original(*given))
        return kept

    original, settings = page.every_section, dict(matplotlib.rcParams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "every_section", every_section)
        if not drawn:
            patch.setattr(drawing, "_svg", label_alone)
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


def once(tmp_path_factory, name, make) -> Rendered:
    """What `make(folder)` renders: by whichever process of this run needs it first, for all."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / f"{name}.pickle"
    with FileLock(shared / f"{name}.lock"):
        if not kept.exists():
            folder = shared / name
            folder.mkdir()
            kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="session")
def full(tmp_path_factory, reference):
    """All that a report can hold; the networks of its drawing page are the reference's."""
    return once(tmp_path_factory, "full", lambda folder: _full(folder, reference[1]))


def _full(folder, weights) -> Rendered:
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
    synthetic_results.write_samples(results, data, weights, strengths=True)
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
    return once(tmp_path_factory, "small", _small)


def _small(folder) -> Rendered:
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
