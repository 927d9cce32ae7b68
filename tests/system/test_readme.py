"""What README and docs say: the reference's numbers, targets that exist, code that runs."""

import json
import re
import statistics
import subprocess
import sys
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from unittest.mock import create_autospec

import pytest

import mnist_aug
from mnist_aug.train import model_source, models
from mnist_aug.train.variant import baseline

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "results/reference"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/*.md"))]

FOUR = [  # rows of the table of reports
    (data, page, model, cells.split(" | "))
    for data, page, model, cells in re.findall(
        r"^\| \[(.+)\]\((reports/\S+)\), `(\w+)` \| (.+) \|$", README, re.M
    )
]
QUOTED = re.findall(r"<!-- quoted from (\S+) -->\n(.*?)<!-- end -->", README, re.S)


@pytest.mark.parametrize(("page", "quoted"), QUOTED, ids=[page for page, _ in QUOTED])
def test_what_is_quoted_stands_in_the_report(page, quoted):
    report = words((PROJECT / page).read_text(encoding="utf-8"))
    lines = re.sub("^> ?", "", quoted, flags=re.M).split("\n- ")
    tuned = "tuned in both models" in quoted
    assert len(lines) == 3 + tuned  # the verdict, the difference, what to do, what tuning leaves
    for line in lines:
        assert words(line) in report


def test_the_first_page_quoted_is_that_of_the_first_report():
    assert [page for page, _ in QUOTED] == [page for _, page, _, _ in FOUR][:1]


@pytest.mark.parametrize(("data", "page", "model", "cells"), FOUR, ids=[row[1] for row in FOUR])
def test_the_table_says_what_the_four_reports_say(data, page, model, cells):
    accuracies, difference, others, to_do = cells
    heading, report = (PROJECT / page).read_text(encoding="utf-8").split("\n", 1)
    report = words(report)
    called = {"cnn": "convolutional network"}.get(model, "classifier")
    assert heading.endswith(f"this {called} on {data}?")
    assert re.search(f": test accuracy (rises|falls) from {accuracies}, ", report)
    assert f"as trained: {difference.replace(' (', ', 95 % CI ').rstrip(')')} (" in report
    unlike = report.split("- Corruptions unlike the policy: ")[1]
    mean, unsure, better, worse = re.fullmatch(
        r"(\S+ pp)(, not detectable)? \((\d+) better, (\d+) worse\)", others
    ).groups()
    assert unlike.startswith(
        f"{mean}, {'no detectable change on average' if unsure else '95 % CI '}"
    )
    assert f" ({better} of 11 types better, {worse} worse; " in unlike.split(")")[0]
    assert f"What to do - {to_do}" in report


def test_the_table_has_each_report():
    assert {*(PROJECT / "reports/reference").iterdir()} == {
        (PROJECT / page).parent for _, page, _, _ in FOUR
    }


def words(text):
    """A text without line breaks and bold type."""
    return " ".join(text.replace("**", "").split())


def both_models(name):
    """Manifests of the runs of both models in a folder of the reference."""
    return [
        [
            json.loads(path.read_text())
            for path in REFERENCE.glob(f"{name}/{variant}/*/manifest.json")
        ]
        for variant in ("baseline", "augmented")
    ]


def test_the_sizes_of_the_reference_are_what_was_trained():
    counts, sizes = [], set()
    for _, page, model, _ in FOUR:
        runs = both_models(Path(page).parent.name)
        counts.append({len(each) for each in runs})
        sizes |= {(model, run["parameters"]) for each in runs for run in each}
    said = re.search(r"(\d+) seeds of both models, the first with (\d+)", words(README))
    assert counts == [{int(said[2])}, *[{int(said[1])}] * 3]
    dense, cnn = re.search(
        r"`dense` has ([\d,]+) parameters, `cnn` ([\d,]+)\.", words(README)
    ).groups()
    assert {(model, f"{size:,}") for model, size in sizes} == {("dense", dense), ("cnn", cnn)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_variables_and_links_exist(page):
    text = page.read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = {
        word for line in re.findall(r"^[a-z -]+(?=:)", makefile, re.M) for word in line.split()
    }
    named = re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M)
    assert {*named} <= targets
    given = re.findall(r"(?:`|make [^`\n]* )([A-Z_]+)=", text)  # READY and PY are make's own
    assert {*given} <= {*re.findall(r"^([A-Z_]+) (?:\?|:)=", makefile, re.M)}
    for link, heading in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), f"{link}#{heading}"


def anchors(page):
    """Those that a page's headings have, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


def test_the_readme_is_short_and_begins_with_what_to_type():
    lines = README.splitlines()
    assert len(lines) <= 120
    assert max(len(line) for line in lines if not line.startswith("|")) <= 110
    first_screen = "\n".join(lines[:40])
    assert "\nmake report" in first_screen
    assert "mnist_aug.compare(" in first_screen


def examples(text):
    """The Python on a page, block by block."""
    return re.findall(r"```python\n(.*?)```", text, re.S)


def doc(name):
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


(COMPARE,) = examples(README)


@pytest.mark.torture  # the next test has the same without training
def test_the_example_that_compares_runs(tmp_path):
    subprocess.run([sys.executable, "-c", COMPARE], cwd=tmp_path, check=True)
    assert (tmp_path / "reports" / "index.html").exists()


def test_the_example_that_compares_is_of_the_interface(monkeypatch):
    """Names and arguments exist: `tests/test_api.py` says what they do."""
    found = create_autospec(mnist_aug.Compared, instance=True)
    faked = create_autospec(mnist_aug.compare, return_value=found)
    monkeypatch.setattr(mnist_aug, "compare", faked, raising=False)
    exec(COMPARE, {})
    faked.assert_called_once()
    found.report.assert_called_once_with("reports")
    (said,) = re.findall(r"# a DataFrame; also (.*)", COMPARE)
    for name in re.findall(r"found\.(\w+)", said):
        assert hasattr(mnist_aug.Compared, name), name


def test_the_examples_of_a_policy_file_and_of_the_engine_run(tmp_path):
    (policy,), (engine, *_) = examples(doc("policies.md")), examples(doc("engine.md"))
    subprocess.run([sys.executable, "-c", f"{policy}\n{engine}"], cwd=tmp_path, check=True)
    assert (tmp_path / "mine.yaml").exists()


MODELS = doc("models.md")


def test_the_model_on_the_page_on_models_is_one_to_train(tmp_path):
    example, _ = examples(MODELS)  # tests/train/test_model_file.py runs the other
    (tmp_path / "resnet.py").write_text(example)
    found = model_source.load(f"{tmp_path}/resnet.py:build", (28, 28), 10)
    layers = [layer["class_name"] for layer in found.architecture["config"]["layers"]]
    assert layers.count("BatchNormalization") == 2 * layers.count("Add") == 6


def test_the_parameters_on_the_page_on_models_are_those_of_mnist():
    said = {
        row[0]: int(row[1].split(" parameters")[0].split()[-1].replace(",", ""))
        for row in table(MODELS, "# Models")
        if " parameters" in row[1]
    }
    assert said == {
        f"`{name}`": models.build(replace(baseline, model=name), (28, 28), 10, 0).count_params()
        for name in ("dense", "cnn")
    }


def table(text, heading):
    """Cells of the first table after a heading, the header row left out."""
    lines = f"\n{text}".split(f"\n{heading}\n", 1)[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    return list(takewhile(lambda row: len(row) > 1, rows))[2:]


def test_what_the_page_on_scaling_says_was_measured():
    text = doc("scaling.md")
    reference = both_models("mnist")
    for row, runs in zip(table(text, "## What 10,000 runs cost"), reference, strict=True):
        cores = runs[0]["device"]["cores"]
        hours = 10_000 * statistics.median(run["seconds"] for run in runs) / cores / 3600
        assert row[1:] == [
            f"{hours:.1f} h",
            f"{60 * hours / 16:.0f} min",
            f"{60 * hours / 256:.1f} min",
        ]
