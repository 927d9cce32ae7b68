"""What README and docs say: the reference's verdict, targets that exist, code that runs."""

import json
import re
import statistics
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "results" / "reference"
README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["verdict", "tuned"])
def test_what_is_quoted_stands_in_the_reference_report(what):
    quoted = re.search(rf"<!-- {what} -->(.*?)<!-- end -->", README, re.S)[1].replace("\n> ", " ")
    quoted = " ".join(quoted.split()).removesuffix(".")
    report = (PROJECT / "reports/reference/report.md").read_text(encoding="utf-8")
    assert quoted
    assert quoted in report


def test_targets_variables_and_links_exist():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)", README) + re.findall(
        r"^make ([a-z-]+)", README, re.M
    ):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for variable in re.findall(r"\b([A-Z_]+)=", README):
        assert re.search(rf"^{variable} \?=", makefile, re.M), variable
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (PROJECT / link).exists(), link


def test_python_examples_run(tmp_path):
    examples = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(examples) == 2
    for example in examples:
        subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True)
    assert (tmp_path / "mine.yaml").exists()


def table(text, heading):
    """Cells of the first table after a heading, the header row left out."""
    lines = text.split(f"\n{heading}\n", 1)[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    return list(takewhile(lambda row: len(row) > 1, rows))[2:]


def test_what_the_page_on_scaling_says_was_measured():
    text = (PROJECT / "docs" / "scaling.md").read_text()
    manifests = [
        [json.loads(path.read_text()) for path in REFERENCE.glob(f"{arm}/*/manifest.json")]
        for arm in ("baseline", "augmented")
    ]
    for row, runs in zip(table(text, "## What 10,000 runs cost"), manifests, strict=True):
        cores = runs[0]["device"]["cores"]
        hours = 10_000 * statistics.median(run["seconds"] for run in runs) / cores / 3600
        assert row[1:] == [
            f"{hours:.1f} h",
            f"{60 * hours / 16:.0f} min",
            f"{60 * hours / 256:.1f} min",
        ]
