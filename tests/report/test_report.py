"""The report as a whole: its sentences, its bytes, and what a browser makes of it."""

import csv
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic_results
from conftest import PROJECT

from mnist_aug.errors import UserError
from mnist_aug.report.page import write

pytest_plugins = "rendered"


class Outline(HTMLParser):
    """Headings, ids, and the addresses a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.ids, self.links, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [given["id"]] if "id" in given else []
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href", "srcset")]


def hashes(folder: Path) -> dict:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize("name", ["small", pytest.param("full", marks=pytest.mark.torture)])
def test_same_bytes_anywhere_without_tensorflow(request, tmp_path, name):
    report = request.getfixturevalue(name)
    blocker = tmp_path / "blocked"
    for name in ("tensorflow", "keras"):
        (blocker / name).mkdir(parents=True)
        (blocker / name / "__init__.py").write_text("raise ImportError('blocked')\n")
    moved = tmp_path / "elsewhere"
    shutil.copytree(report.results, moved)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            PROJECT / "scripts" / "report.py",
            "--results",
            moved,
            "--reports",
            tmp_path / "again",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{blocker}{os.pathsep}{PROJECT}", "PYTHONHASHSEED": "7"},
    )
    assert done.returncode == 0, done.stderr
    facts = report.sections["summary"].facts
    assert "\n".join([facts["verdict"], *facts["todo"]]) in done.stdout
    assert str(tmp_path / "again" / "index.html") in done.stdout
    assert hashes(tmp_path / "again") == hashes(report.reports)


def test_an_old_report_leaves_nothing_behind(small, tmp_path, undrawn):
    reports = tmp_path / "reports"
    shutil.copytree(small.reports, reports)
    (reports / "figures" / "old.svg").write_text("<svg/>")
    (reports / "tables" / "notes.txt").write_text("mine")
    write(small.results, reports, seeds=2, epochs=5, policy="default")
    assert not (reports / "figures" / "old.svg").exists()
    assert (reports / "tables" / "notes.txt").read_text() == "mine"
    assert [p for p in reports.rglob(".*") if p.is_file() and p.name != ".lock"] == []


def test_nothing_outside_the_page_is_referred_to(full, small):
    for one in (full, small):
        assert all(link.startswith(("#", "data:")) for link in Outline(one.html).links)
        assert not re.search(r"url\((?!#)|@import", one.html)
    assert small.html.count("<script") == 1  # what the page does by itself


@pytest.mark.parametrize("name", ["full", "small"])
def test_outline_is_in_order(request, name):
    outline = Outline(request.getfixturevalue(name).html)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    anchors = {link[1:] for link in outline.links if link.startswith("#")}
    assert anchors <= set(outline.ids)
    tags = [tag for tag, _ in outline.tags]
    assert tags.count("main") == 1
    assert all(given.get("scope") for tag, given in outline.tags if tag == "th")
    images = [given for tag, given in outline.tags if tag == "svg"]
    assert images
    assert all(given.get("aria-label") for given in images)


def test_markdown_has_the_same_content(full):
    for name in re.findall(r"\]\(((?:figures|tables)/[^)]+)\)", full.text):
        assert (full.reports / name).exists(), name
    assert re.findall(r"^## (.*)$", full.text, re.M) == re.findall(
        r'<h2 id="[^"]*"[^>]*>(.*?) <a', full.html
    )
    assert full.text.count("](figures/") == full.html.count('<figure id="figure-')


def test_each_csv_can_be_had_once(full):
    links = re.findall(r'download="([^"]+)"', full.html)
    assert sorted(links) == sorted(p.name for p in (full.reports / "tables").glob("*.csv"))
    assert sorted(re.findall(r"\(tables/([^)]+)\)", full.text)) == sorted(links)


def test_what_was_trained_stands_below_the_heading(full):
    assert re.search(
        r'</h1>\s*<p class="subtitle">Dense network 128.128, 118,282 parameters, '
        r"Adam, 5 epochs, trained on 1,600 images of 28 . 28 pixels\.</p>",
        full.html,
    )
    assert "<h1>Does this augmentation help this classifier on MNIST?</h1>" in full.html


def test_what_is_missing_is_said(small):
    assert "`make evaluate` stores them in samples.npz." in small.text
    assert "The results hold no scores on corrupted images: `make evaluate` makes them." in (
        small.text
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, render):
    """A dataset and variants whose names are HTML, Markdown and a spreadsheet's formulas."""
    folder = tmp_path_factory.mktemp("hostile")
    name = '=HYPERLINK("http://127.0.0.1:9")<script>alert(1)</script>|`x`'
    results = synthetic_results.write(
        folder / "results",
        seeds=2,
        test=60,
        name=name,
        variants=("baseline", "augmented", "a&b<i>", "+x", "@x", "-x"),
    )
    render(results, folder / "reports", drawn=False)  # test_extremes.py has such figures
    return name, folder / "reports"


def test_hostile_names_stay_text(hostile):
    page = (hostile[1] / "index.html").read_text(encoding="utf-8")
    markdown = (hostile[1] / "report.md").read_text(encoding="utf-8")
    tags = [tag for tag, _ in Outline(page).tags]
    assert tags.count("script") == 1  # the page's own
    assert "i" not in tags
    assert "<script" not in markdown.replace("\\<", "")
    assert "2 seeds, 60 test images" in markdown


def test_formulas_are_text_in_the_tables(hostile):
    formula, reports = hostile
    cells = [
        cell
        for path in (reports / "tables").glob("*.csv")
        for row in csv.reader(path.open(newline=""))
        for cell in row
    ]
    assert f"'{formula}" in cells
    assert {"'+x", "'@x", "'-x"} <= {*cells}
    for cell in cells:
        if cell.lstrip().startswith(("=", "+", "-", "@")):
            float(cell)


def test_runs_that_did_not_learn_are_named_at_the_top(small, render, tmp_path):
    results = shutil.copytree(small.results, tmp_path / "results")
    for seed, loss in ((0, float("nan")), (1, 2.31)):
        path = results / "augmented" / f"seed-{seed:02d}" / "history.csv"
        history = pd.read_csv(path)
        history.loc[len(history) - 1, ["loss", "val_loss"]] = loss
        history.to_csv(path, index=False)
    synthetic_results.sign(results)
    again = render(results, tmp_path / "reports", drawn=False)
    head = again.text.split("\n## 2 ")[0]
    assert "augmented with seeds 0 and 1 did not learn" in head
    runs = pd.read_csv(tmp_path / "reports" / "tables" / "runs.csv")
    assert runs[~runs.learned][["variant", "seed"]].to_numpy().tolist() == [
        ["augmented", 0],
        ["augmented", 1],
    ]
    assert "did not learn" not in small.text


def test_whose_digits_they_are_is_said_everywhere(digits, tmp_path):
    results = synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, bench=False, name="digits", sha256=digits.sha256
    )
    write(results, tmp_path / "reports")
    text = (tmp_path / "reports" / "report.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# Does this augmentation help this classifier on scikit-learn's digits?"
    )
    assert "Alpaydin and Kaynak 1998" in text  # in the data card
    assert "make report DATA=digits SEEDS=2" in text
    page = html.unescape((tmp_path / "reports" / "index.html").read_text(encoding="utf-8"))
    assert "<title>scikit-learn's digits: does augmentation help?</title>" in page
    figures = list((tmp_path / "reports" / "figures").glob("*.svg"))
    assert len(figures) >= 8
    for figure in figures:
        assert "Dataset: scikit-learn's digits" in figure.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "source", "origin"),
    [
        ("small", "DATA=mnist SEEDS=2", "high-school students wrote on forms"),
        ("full", "DATA=path/to/data SEEDS=5", "the dataset's files do not say"),
    ],
)
def test_a_dataset_is_known_by_its_content(request, name, source, origin):
    text = request.getfixturevalue(name).text
    assert f"make report {source}" in text
    assert origin in text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"seeds": 4}, "seeds 0, 1, not 0 to 3"),
        ({"epochs": 9}, "5 epochs, not 9"),
        ({"policy": "elastic"}, "policy default, not elastic"),
    ],
)
def test_results_that_are_not_those_wanted(small, tmp_path, wanted, message):
    with pytest.raises(UserError, match=message):
        write(small.results, tmp_path, **wanted)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_one_line_and_exit_code_2(called, fails_in_one_line, tmp_path):
    done = called("report", "--results", tmp_path / "none")
    fails_in_one_line(done, "none/baseline/metrics.csv is missing", "`make report`")
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["report", "leaderboard"])
@pytest.mark.parametrize("data", ["digits", "cifar10", "nowhere/at/all"])
def test_another_dataset_than_that_of_the_results(
    called, fails_in_one_line, small, tmp_path, script, data
):
    given = "--results", small.results, "--reports", tmp_path / "reports", "--data", data
    fails_in_one_line(
        called(script, *given),
        f"error: the results are of dataset 'mnist', not of {data}: give DATA=mnist (--data) or "
        "another RESULTS= (--results)",
    )
    assert list(tmp_path.iterdir()) == []


WIDE, PHONE = (1280, "light"), (390, "dark")


@pytest.fixture(scope="module", params=[WIDE, PHONE], ids=["wide", "phone"])
def opened(request, browser, full):
    """The report in a browser, and the requests and messages since it was opened."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto((full.reports / "index.html").as_uri())
    yield page, width, requests, messages
    page.close()


def test_in_a_browser(opened):
    """No request, no message, no sideways scroll, and figures whose text can be read, at both."""
    page, width, requests, messages = opened
    page.locator(".try-example").first.click()
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [page.url]
    assert messages == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("[...document.querySelectorAll('.wide')].every(e => e.tabIndex === 0)")
    assert (
        page.evaluate("""[...document.querySelectorAll('figure')].filter(figure => {
        const paper = figure.querySelector('svg'), wide = figure.querySelector('.wide');
        const edge = paper.getBoundingClientRect(), scale = paper.getScreenCTM().a;
        return wide.scrollWidth > wide.clientWidth || [...paper.querySelectorAll('text')]
            .some(text => {
                const box = text.getBoundingClientRect();
                return box.left < edge.left - 1 || box.right > edge.right + 1
                    || scale * parseFloat(getComputedStyle(text).fontSize) < 8.5;
            });
        }).map(figure => figure.id)""")
        == []
    )
    assert page.evaluate("""[...document.querySelectorAll('.table .title')].every(
        title => title.getBoundingClientRect().right <= innerWidth)""")


@pytest.mark.parametrize(
    "opened",
    [pytest.param(WIDE, marks=pytest.mark.torture), PHONE],
    indirect=True,
    ids=["wide", "phone"],
)
def test_axe_finds_nothing(opened):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(opened[0], options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("opened", [WIDE], indirect=True, ids=["wide"])
def test_print_cuts_nothing(opened):
    paper, width, _, _ = opened
    paper.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins
    paper.emulate_media(media="print")
    try:
        assert (
            paper.evaluate("""[...document.querySelectorAll('table, svg')].filter(
            part => part.getBoundingClientRect().right > innerWidth + 1).map(
            part => part.closest('[id]').id)""")
            == []
        )
    finally:
        paper.emulate_media(media="screen")
        paper.set_viewport_size({"width": width, "height": 900})


def test_the_page_is_small(full):
    assert len(full.html.encode()) < 5_000_000
    assert "script-src &#39;sha256-" in full.html


def test_models_that_read_alike_are_reported(tmp_path):
    """As with a policy that does nothing, no confusion changes and no image."""
    alike = np.random.default_rng(0).random((3, 200)) >= 0.05
    results = synthetic_results.write(
        tmp_path / "results", bench=False, correct={"baseline": alike, "augmented": alike}
    )
    sentence = write(results, tmp_path / "reports")
    assert sentence.startswith("No detectable difference")
