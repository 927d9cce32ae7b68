"""The bench measures every method in every repeat and leaves files the report can read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_aug.experiments import benchmark
from mnist_aug.results import extras
from mnist_aug.train import pools

pytestmark = pytest.mark.torture  # stock Keras, compiled epochs of both models, more processes


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    small = replace(digits, x_train=digits.x_train[:200], y_train=digits.y_train[:200])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "in_parallel", lambda: 2)  # not a process a core, of however many
        return benchmark.measure(small, results, repeats=2), results


def test_every_method_in_every_repeat(measured):
    table, results = measured
    host = json.loads((results / "bench.json").read_text())
    stored, _ = extras.read_benchmark(results, host["dataset_sha256"])
    pd.testing.assert_frame_equal(table, stored)
    assert (table.seconds > 0).all()
    for name, rows in table.groupby("benchmark"):
        assert len(set(rows.against)) == 1
        assert set(rows.against) <= set(rows.method)
        counts = rows.groupby("method").repeat.agg(list)
        assert all(repeats == [0, 1] for repeats in counts), name
    assert set(table.benchmark) == {
        benchmark.EPOCH,
        benchmark.ONE_THREAD,
        benchmark.AUGMENTED_EPOCH,
        "affine",
        "affine + elastic",
        "default policy",
    }
    epoch = table[table.benchmark == benchmark.EPOCH]
    parallel = ", 2 runs in parallel"
    assert set(epoch.method) == {
        benchmark.STOCK,
        benchmark.STOCK_ONE,
        *(
            name + how
            for name in (benchmark.PLAIN, "augmented")
            for how in ("", parallel, f", {benchmark.ALL_CORES}")
        ),
    }
    images = epoch.groupby("method").images.unique().map(list)  # 200 less a fifth for validation
    assert all(count == [320 if parallel in method else 160] for method, count in images.items())
    again = table[table.benchmark == benchmark.AUGMENTED_EPOCH]
    same = epoch[epoch.method.isin([benchmark.PLAIN, "augmented"])]
    np.testing.assert_array_equal(np.sort(again.seconds), np.sort(same.seconds))


def test_manifest_says_where_and_what(measured):
    manifest = json.loads((measured[1] / "bench.json").read_text())
    assert manifest["dataset"] == "digits"
    assert 100 < manifest["peak_memory_mib"] < 20_000
    assert {"git", "versions", "device", "command", "started"} <= manifest.keys()
