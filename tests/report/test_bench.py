"""The benchmark in the report: epochs, and libraries beside the engine; and of older versions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import benchmark, comparison
from mnist_aug.report import figures, provenance, sections
from mnist_aug.results import extras

BATCH = "once for the whole batch"
SECONDS = {("affine", "ours"): 0.01, ("affine", "theirs"): 0.03, ("mixup:0.2", "ours"): 0.02}
SECONDS |= {("mixup:0.2", "theirs"): 0.005}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    synthetic_results.write(results, seeds=2, test=60, samples=False)
    old, host = extras.read_benchmark(results, "ab" * 32)
    rows = [
        (work, method, "ours", repeat, 100, seconds * (1 + repeat), BATCH if "x" in work else "all")
        for (work, method), seconds in SECONDS.items()
        for repeat in range(3)
    ]
    new = pd.DataFrame(rows, columns=[*old, "draws"])
    left_out = {"left_out": ["kornia"]}
    extras.write_benchmark(results, host | left_out, pd.concat([old, new], ignore_index=True))
    return comparison.load(results)


def test_epochs_and_libraries_are_told_apart(content):
    times = content.benchmark
    assert set(benchmark.libraries(times)["benchmark"]) == {"affine", "mixup:0.2"}
    assert set(benchmark.epochs(times)["benchmark"]) == {"training epoch", "default policy"}
    old = times.drop(columns="draws")
    assert len(benchmark.epochs(old)) == len(old)
    assert len(benchmark.libraries(old)) == 0
    assert "draws" not in provenance.bench(times).frame


def test_libraries_are_compared_with_the_engine(content):
    table = provenance.libraries(content.benchmark)
    shown = table.display.set_index(["work", "by"])
    factor = shown["reference is faster, times"]
    assert factor["affine", "ours"] == factor["mixup:0.2", "ours"] == "reference"
    assert factor["affine", "theirs"].startswith("3.00 (3.00 to 3.00)")
    assert factor["mixup:0.2", "theirs"].startswith("0.250 (0.250 to 0.250)")
    assert shown["draws"]["mixup:0.2", "theirs"] == BATCH
    np.testing.assert_allclose(table.frame["us_per_image"], [200, 600, 400, 100])
    assert table.title.endswith("3 repeats")


def test_the_section_of_costs_has_both_and_names_what_is_left_out(content):
    section = sections._cost(content)
    assert [figure.name for figure in section.figures] == ["bench", "bench-libraries"]
    assert [table.name for table in section.tables] == ["cost", "bench", "bench-libraries"]
    text = " ".join(section.sentences)
    assert "Not installed, and so left out: kornia." in text
    assert "affine alone" not in text
    drawn = figures.libraries(content, content.benchmark)
    for word in ("affine", "mixup:0.2", "ours", "theirs"):
        assert f">{word}<" in drawn.svg
    assert "mixup:0.2, theirs: 100 µs." in drawn.alt


def test_results_of_older_versions_say_what_their_rows_compare(content):
    old = content.benchmark.drop(columns="draws")
    section = sections._cost(replace(content, benchmark=old))
    assert [figure.name for figure in section.figures] == ["bench"]
    assert any("affine alone" in sentence for sentence in section.sentences)
