"""The report as a whole: its words, its bytes, and what a browser makes of it."""

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

from mnist_aug.data import dataset
from mnist_aug.errors import UserError
from mnist_aug.report.page import write

ROOT = Path(__file__).parents[2]


def hashes(folder: Path) -> dict:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    synthetic_results.write(
        folder / "results",
        seeds=5,
        test=400,
        variants=("baseline", "augmented", "affine"),
        beside=True,
        studies=tuple(synthetic_results.STUDIES),
    )
    synthetic_results.write_records(
        folder / "results",
        {"small": [0.02, 0.03], "simard-elastic": [0.01, 0.02], "committee": [0.02]},
        test=400,
    )
    synthetic_results.write_recipes(
        folder / "results", {"long": [0.95, 0.94], "long-no-decay": [0.93, 0.94]}, test=400
    )
    write(folder / "results", folder / "reports")
    return folder


@pytest.fixture(scope="module")
def page(made):
    return (made / "reports" / "index.html").read_text(encoding="utf-8")


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


def correct(right_of_100: int, seeds: int = 3) -> np.ndarray:
    return np.tile(np.arange(400) % 100 < right_of_100, (seeds, 1))


@pytest.mark.parametrize(
    ("first", "second", "seeds", "start"),
    [
        (
            80,
            90,
            3,
            "Augmentation (policy default) helps: test accuracy is 90.00 % instead of 80.00 %",
        ),
        (
            90,
            80,
            3,
            "Augmentation (policy default) hurts: test accuracy is 80.00 % instead of 90.00 %",
        ),
        (
            90,
            90,
            3,
            "No detectable difference: with augmentation (policy default), test accuracy is",
        ),
        (80, 90, 1, "One seed is too few for a verdict: with augmentation (policy default)"),
    ],
)
def test_verdict(tmp_path, first, second, seeds, start):
    results = synthetic_results.write(
        tmp_path / "results",
        seeds=seeds,
        test=400,
        bench=False,
        samples=False,
        correct={"baseline": correct(first, seeds), "augmented": correct(second, seeds)},
    )
    sentence = write(results, tmp_path / "reports")
    assert sentence.startswith(start)
    assert f"n = {seeds} seed" in sentence
    assert "95 % interval" in sentence
    if seeds > 1 and first != second:
        assert ("50 % fewer errors" if second > first else "100 % more errors") in sentence
    markdown = (tmp_path / "reports" / "report.md").read_text(encoding="utf-8")
    assert f"**{sentence}**" in markdown
    assert "samples.npz" in markdown


def test_same_bytes_anywhere_without_tensorflow(made, tmp_path):
    blocker = tmp_path / "blocked"
    for name in ("tensorflow", "keras"):
        (blocker / name).mkdir(parents=True)
        (blocker / name / "__init__.py").write_text("raise ImportError('blocked')\n")
    moved = tmp_path / "elsewhere"
    shutil.copytree(made / "results", moved)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            ROOT / "scripts" / "report.py",
            "--results",
            moved,
            "--reports",
            tmp_path / "again",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{blocker}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "7"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "again/index.html: No detectable difference" in done.stdout
    assert hashes(tmp_path / "again") == hashes(made / "reports")


def test_an_old_report_leaves_nothing_behind(made, tmp_path):
    reports = tmp_path / "reports"
    shutil.copytree(made / "reports", reports)
    (reports / "figures" / "old.svg").write_text("<svg/>")
    (reports / "tables" / "notes.txt").write_text("mine")
    write(made / "results", reports, seeds=5, epochs=5, policy="default")
    assert not (reports / "figures" / "old.svg").exists()
    assert (reports / "tables" / "notes.txt").read_text() == "mine"
    assert [p for p in reports.rglob(".*") if p.is_file()] == []


def test_nothing_outside_the_page_is_referred_to(page):
    assert all(link.startswith(("#", "data:")) for link in Outline(page).links)
    assert not re.search(r"url\((?!#)|@import|<script", page)


def test_outline_is_in_order(page):
    outline = Outline(page)
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


def test_markdown_has_the_same_content(made, page):
    markdown = (made / "reports" / "report.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\(((?:figures|tables)/[^)]+)\)", markdown):
        assert (made / "reports" / name).exists(), name
    assert re.findall(r"^## (.*)$", markdown, re.M)[1:] == re.findall(
        r'<h2 id="(?!contents)[^"]*">(.*?)</h2>', page
    )
    assert markdown.count("](figures/") == page.count("<figure")


def test_each_csv_can_be_had_once(made, page):
    links = re.findall(r'download="([^"]+)"', page)
    assert sorted(links) == sorted(p.name for p in (made / "reports" / "tables").glob("*.csv"))
    markdown = (made / "reports" / "report.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(tables/([^)]+)\)", markdown)) == sorted(links)


def test_what_was_trained_stands_below_the_heading(page):
    assert re.search(
        r'</h1>\s*<p class="subtitle">Dense network 128.128, 118,282 parameters, '
        r"adam, 5 epochs, trained on 1,600 images of 28 . 28 pixels\.</p>",
        page,
    )
    assert "<h1>Does this augmentation help this classifier on MNIST?</h1>" in page


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A dataset and variants whose names are HTML, Markdown and a spreadsheet's formulas."""
    folder = tmp_path_factory.mktemp("hostile")
    name = '=HYPERLINK("http://127.0.0.1:9")<script>alert(1)</script>|`x`'
    write(
        synthetic_results.write(
            folder / "results",
            seeds=2,
            test=60,
            name=name,
            variants=("baseline", "augmented", "a&b<i>", "+x", "@x", "-x"),
        ),
        folder / "reports",
    )
    return name, folder / "reports"


def test_hostile_names_stay_text(hostile):
    page = (hostile[1] / "index.html").read_text(encoding="utf-8")
    markdown = (hostile[1] / "report.md").read_text(encoding="utf-8")
    tags = {tag for tag, _ in Outline(page).tags}
    assert "script" not in tags
    assert "i" not in tags
    assert "<script" not in markdown.replace("\\<", "")
    assert "n = 2 seeds" in markdown


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


def test_runs_that_did_not_learn_are_told_at_the_top(made, tmp_path):
    results = shutil.copytree(made / "results", tmp_path / "results")
    for seed, loss in ((0, float("nan")), (1, 2.31)):
        path = results / "augmented" / f"seed-{seed:02d}" / "history.csv"
        history = pd.read_csv(path)
        history.loc[len(history) - 1, "loss"] = loss
        history.to_csv(path, index=False)
    write(results, tmp_path / "reports")
    head = (tmp_path / "reports" / "report.md").read_text().split("## Contents")[0]
    assert "augmented with seeds 0 and 1 did not learn" in head
    runs = pd.read_csv(tmp_path / "reports" / "tables" / "runs.csv")
    assert runs[~runs.learned][["variant", "seed"]].to_numpy().tolist() == [
        ["augmented", 0],
        ["augmented", 1],
    ]
    assert "did not learn" not in (made / "reports" / "report.md").read_text()


def test_whose_digits_they_are_is_said_everywhere(digits, tmp_path):
    results = synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, name="digits", sha256=digits.sha256
    )
    assert "60 test images of scikit-learn's digits" in write(results, tmp_path / "reports")
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
    ("sha256", "source", "held"),
    [
        (dataset.MNIST_SHA256, "mnist", "high-school students wrote in forms"),
        ("ab" * 32, "path/to/data", "the dataset's files do not say"),
    ],
)
def test_a_dataset_is_known_by_its_content(tmp_path, sha256, source, held):
    results = synthetic_results.write(tmp_path / "results", seeds=2, test=60, sha256=sha256)
    write(results, tmp_path / "reports")
    text = (tmp_path / "reports" / "report.md").read_text(encoding="utf-8")
    assert f"make report DATA={source} SEEDS=2" in text
    assert held in text


def test_three_classes_of_12_by_9(tmp_path):
    results = synthetic_results.write(
        tmp_path / "results", seeds=2, classes=3, test=60, shape=(12, 9)
    )
    write(results, tmp_path / "reports")
    assert "12 by 9, 3" in (tmp_path / "reports" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"seeds": 4}, "seeds 0, 1, 2, 3, 4, not 0 to 3"),
        ({"epochs": 9}, "5 epochs, not 9"),
        ({"policy": "elastic"}, "policy default, not elastic"),
    ],
)
def test_results_that_are_not_those_asked_for(made, tmp_path, asked, words):
    with pytest.raises(UserError, match=words):
        write(made / "results", tmp_path, **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "report.py", "--results", tmp_path / "none"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(
        r"error: .*none/baseline/metrics.csv is missing.*`make report`.*\n", done.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_in_a_browser(browser, made):
    """No request, no message, no sideways scroll, and figures whose text can be read, at both."""
    address = (made / "reports" / "index.html").as_uri()
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        asked, said = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(address)
        assert [url for url in asked if not url.startswith("data:")] == [address]
        assert said == []
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


def test_axe_finds_nothing_and_print_cuts_nothing(browser, made):
    from axe_playwright_python.sync_playwright import Axe

    address = (made / "reports" / "index.html").as_uri()
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(address)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    paper = browser.new_page(viewport={"width": 718, "height": 1000})  # A4 less its margins
    paper.emulate_media(media="print")
    paper.goto(address)
    assert (
        paper.evaluate("""[...document.querySelectorAll('table, svg')].filter(
        part => part.getBoundingClientRect().right > innerWidth + 1).map(
        part => part.closest('[id]').id)""")
        == []
    )


def test_the_page_is_small(page):
    assert len(page.encode()) < 5_000_000


def test_arms_that_read_alike_are_reported(tmp_path):
    """A null study, as with a policy that does nothing, changes no confusion and no image."""
    alike = np.random.default_rng(0).random((3, 200)) >= 0.05
    results = synthetic_results.write(
        tmp_path / "results", correct={"baseline": alike, "augmented": alike}
    )
    sentence = write(results, tmp_path / "reports")
    assert sentence.startswith("No detectable difference")
