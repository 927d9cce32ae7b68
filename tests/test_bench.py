"""The bench measures every method in every repeat and leaves files the report can read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_aug import bench


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    small = replace(digits, x_train=digits.x_train[:200], y_train=digits.y_train[:200])
    return bench.measure(small, results, repeats=2), results


def test_every_method_in_every_repeat(measured, digits):
    table, results = measured
    pd.testing.assert_frame_equal(table, pd.read_csv(results / "bench.csv"))
    assert (table.seconds > 0).all()
    for name, rows in table.groupby("benchmark"):
        assert len(set(rows.against)) == 1
        assert set(rows.against) <= set(rows.method)
        counts = rows.groupby("method").repeat.agg(list)
        assert all(repeats == [0, 1] for repeats in counts), name
    assert set(table.benchmark) == {bench.EPOCH, bench.AUGMENTED_EPOCH, "affine",
                                    "affine + elastic", "default policy"}
    epoch = table[table.benchmark == bench.EPOCH]
    assert set(epoch.method) == {bench.STOCK, bench.PLAIN, "augmented"}
    assert set(epoch.images) == {160}  # 200 less a fifth for validation
    again = table[table.benchmark == bench.AUGMENTED_EPOCH]
    same = epoch[epoch.method != bench.STOCK]
    np.testing.assert_array_equal(np.sort(again.seconds), np.sort(same.seconds))


def test_manifest_says_where_and_what(measured, digits):
    manifest = json.loads((measured[1] / "bench.json").read_text())
    assert manifest["dataset"] == "digits"
    assert 100 < manifest["peak_memory_mib"] < 20_000
    assert {"git", "versions", "device", "command", "started"} <= manifest.keys()
