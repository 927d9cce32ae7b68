"""The benchmark in the report: training and augmentation by library, epochs; older versions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import benchmark, comparison
from mnist_aug.report import bench, efficiency
from mnist_aug.report.inputs import Inputs
from mnist_aug.results import extras

BATCH = "once for the whole batch"
SECONDS = {("affine", "ours"): 0.01, ("affine", "theirs"): 0.03, ("mixup:0.2", "ours"): 0.02}
SECONDS |= {("mixup:0.2", "theirs"): 0.005}
TRAINING = {"mnist_aug": 0.5, "Keras": 4.0, "JAX": 0.4}
NOTHING = Inputs(None, None, None, {}, {}, None, [])
TIMES = "\N{MULTIPLICATION SIGN}"


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
    rows += [
        (work, method, "mnist_aug", repeat, 1000 * runs, seconds * (1 + repeat), None)
        for work, runs in (("one run", 1), ("2 runs", 2))
        for method, seconds in TRAINING.items()
        for repeat in range(3)
    ]
    new = pd.DataFrame(rows, columns=[*old, "draws"])
    about = {"left_out": ["kornia"], "versions": {"jax": "0.10", "numpy": "2.4", "torch": "2.14"}}
    extras.write_benchmark(results, host | about, pd.concat([old, new], ignore_index=True))
    return comparison.load(results)


def written(content):
    """The blocks of what is folded on the benchmark, and its text."""
    blocks = efficiency.section(content, NOTHING).blocks
    start = next(i for i, block in enumerate(blocks) if block.text.startswith("Benchmark of"))
    assert blocks[-1].kind == "end"
    return blocks[start:], " ".join(" ".join([b.text, *b.items]) for b in blocks[start:])


def test_ratios_are_taken_repeat_by_repeat(content):
    frame = bench.table(content.benchmark).frame.set_index("method")
    assert frame.loc["blocks", "relative_time"] == pytest.approx(1 / 8)
    assert frame.loc["blocks", "us_per_image"] == pytest.approx(10.5)
    assert frame.loc["blocks", "images_per_second"] == pytest.approx(1e6 / 10.5)


def test_epochs_and_libraries_have_tables_of_their_own(content):
    times = content.benchmark
    assert set(benchmark.libraries(times)["benchmark"]) == {"affine", "mixup:0.2"}
    assert set(benchmark.epochs(times)["benchmark"]) == {"training epoch", "default policy"}
    old = times.drop(columns="draws")
    assert len(benchmark.epochs(old)) == len(old) - 18
    assert len(benchmark.libraries(old)) == 0
    assert len(benchmark.training(old)) == len(benchmark.training(times)) == 18
    assert set(benchmark.training(times)["benchmark"]) == {"one run", "2 runs"}
    assert "draws" not in bench.table(times).frame


def test_training_is_compared_with_the_package_in_seconds_per_epoch(content):
    table = bench.training_table(content.benchmark)
    shown = table.display.set_index(["benchmark", "by"])
    median = shown["s per epoch, median (range)"]
    assert median["one run", "Keras"] == median["2 runs", "Keras"] == "8.00 (4.00 to 12.0)"
    rates = table.frame.set_index(["benchmark", "method"])["images_per_second"]
    assert rates["2 runs", "JAX"] == 2 * rates["one run", "JAX"] == pytest.approx(2500)
    against = shown[bench.RELATIVE]
    assert against["one run", "Keras"] == "8.00 (8.00 to 8.00)"
    assert against["one run", "mnist_aug"] == "1 (reference)"
    drawn = bench.training(content, content.benchmark)
    for word in ("one run", "2 runs", "JAX", "Keras", "mnist_aug"):
        assert f">{word}<" in drawn.svg
    assert "2 runs, JAX: 0.800 s." in drawn.alt
    assert "<title>Keras, one run: 12.0 s</title>" in drawn.svg


def test_the_fastest_of_the_other_libraries_is_named(content):
    _, text = written(content)
    fastest = f"takes 0.80 s (0.80{TIMES} as long; 0.80 to 0.80 over repeats)"
    others = f"JAX, the fastest of the others, {fastest}."
    assert f"One run: 1.0 s an epoch with mnist_aug; {others}" in text
    assert "Versions: JAX 0.10 and PyTorch 2.14." in text


def test_times_of_libraries_are_relative_to_the_engine(content):
    table = bench.libraries_table(content.benchmark)
    shown = table.display.set_index(["work", "by"])
    against = shown[bench.RELATIVE]
    assert against["affine", "ours"] == against["mixup:0.2", "ours"] == "1 (reference)"
    assert against["affine", "theirs"] == "3.00 (3.00 to 3.00)"
    assert against["mixup:0.2", "theirs"] == "0.25 (0.25 to 0.25)"
    assert shown["draws"]["mixup:0.2", "theirs"] == BATCH
    np.testing.assert_allclose(table.frame["us_per_image"], [200, 600, 400, 100])
    assert table.title.endswith("3 repeats")


def test_all_of_it_is_folded_and_names_what_is_missing(content):
    blocks, text = written(content)
    placed = [block.name for block in blocks if block.kind in ("figure", "table")]
    names = ("bench-training", "bench", "bench-libraries")
    assert placed == [name for name in names for _ in ("figure", "table")]
    assert "Not installed: kornia." in text
    assert "Image by image" not in text
    drawn = bench.libraries(content, content.benchmark)
    for word in ("affine", "mixup:0.2", "ours", "theirs"):
        assert f">{word}<" in drawn.svg
    assert "mixup:0.2, theirs: 100 µs." in drawn.alt
    assert "<title>theirs, affine: 600 µs</title>" in drawn.svg


def test_results_of_older_versions_say_what_their_rows_compare(content):
    times = content.benchmark[content.benchmark["against"] != benchmark.PACKAGE]
    old = replace(content, benchmark=times.drop(columns="draws"))
    blocks, text = written(old)
    assert [block.name for block in blocks if block.kind == "figure"] == ["bench"]
    assert 'Other libraries marked "affine only" skip elastic' in text


def test_relative_times_near_one_are_told_apart_and_large_ones_short():
    seconds = [("ours", 1), ("near", 1.04), ("nearer", 0.96), ("far", 394.5)]
    rows = [("affine", method, "ours", 0, 100, each) for method, each in seconds]
    columns = ["benchmark", "method", "against", "repeat", "images", "seconds"]
    shown = bench.table(pd.DataFrame(rows, columns=columns)).display[bench.RELATIVE]
    once = ["1.04 (1.04 to 1.04)", "0.96 (0.96 to 0.96)", "394 (394 to 394)"]
    assert [*shown] == ["1 (reference)", *once]


def test_what_augmentation_costs_runs_in_parallel_is_said(content):
    """Alone, the augmented epoch takes as long; in parallel, 1.5 times."""
    seconds = {"plain": 1.0, "augmented": 1.0, "plain, 2 runs": 1.1, "augmented, 2 runs": 1.65}
    rows = [
        ("epoch", f"{name} in parallel" if "2" in name else name, "plain", 0, 100, each)
        for name, each in seconds.items()
    ]
    columns = ["benchmark", "method", "against", "repeat", "images", "seconds"]
    times = pd.DataFrame(rows, columns=columns)
    _, text = written(replace(content, benchmark=times))
    assert f"share the cores: with augmentation they take 1.5{TIMES} as long." in text
    assert bench.augmented_in_parallel(bench.table(times[:2]).frame) is None


def test_what_does_less_than_its_work_is_marked():
    rows = [
        (work, method, method, 0, 100, 0.01)
        for work in ("affine", "affine + elastic")
        for method in ("ours", "Kornia, affine")
    ]
    columns = ["benchmark", "method", "against", "repeat", "images", "seconds"]
    shown = bench.table(pd.DataFrame(rows, columns=columns)).display["method"]
    assert [*shown] == ["ours", "Kornia, affine", "ours", "Kornia (affine only)"]


def test_without_a_benchmark_the_cost_stands_alone(content):
    section = efficiency.section(replace(content, benchmark=None), NOTHING)
    assert [table.name for table in section.tables] == ["cost"]
    assert not any("benchmark" in block.text for block in section.blocks)
