"""The bench measures every method in every repeat and leaves files the report can read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_aug.augment import policy
from mnist_aug.experiments import benchmark, rivals
from mnist_aug.results import extras
from mnist_aug.train import pools

SLOW = pytest.mark.torture  # stock Keras, compiled epochs with every policy, more processes


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    small = replace(digits, x_train=digits.x_train[:200], y_train=digits.y_train[:200])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "in_parallel", lambda: 2)  # not a process a core, of however many
        return benchmark.measure(small, results, repeats=2), results


def test_the_policies_measured_are_there():
    assert len({policy.load(name).name for name in benchmark.POLICIES}) == len(benchmark.POLICIES)


def test_images_are_left_out_evenly(digits):
    few = benchmark._part(digits, 100)
    assert few.x_train.shape == (100, *digits.image_shape)
    assert few.classes == digits.classes
    np.testing.assert_array_equal(few.x_train[[0, -1]], digits.x_train[[0, -1]])
    whole = benchmark._part(digits, 10**9)
    np.testing.assert_array_equal(whole.y_train, digits.y_train)


@SLOW
def test_every_method_in_every_repeat(measured):
    table, results = measured
    host = json.loads((results / "bench.json").read_text())
    stored, _ = extras.read_benchmark(results, host["dataset_sha256"])
    pd.testing.assert_frame_equal(table, stored, check_dtype=False)
    assert (table.seconds > 0).all()
    for name, rows in table.groupby("benchmark"):
        assert len(set(rows.against)) == 1
        assert set(rows.against) <= set(rows.method)
        counts = rows.groupby("method").repeat.agg(list)
        assert all(repeats == [0, 1] for repeats in counts), name
    epochs = {benchmark.EPOCH, benchmark.ONE_THREAD, benchmark.AUGMENTED_EPOCH}
    assert set(table.benchmark) == epochs | set(rivals.TASKS)
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
    again = table[table.benchmark == benchmark.ONE_THREAD]
    same = epoch[epoch.method.isin([benchmark.STOCK_ONE, benchmark.PLAIN, "augmented"])]
    np.testing.assert_array_equal(np.sort(again.seconds), np.sort(same.seconds))
    policies = table[table.benchmark == benchmark.AUGMENTED_EPOCH]
    assert set(policies.method) == {benchmark.PLAIN, *benchmark.POLICIES}


@SLOW
def test_libraries_tell_what_they_draw(measured):
    table, results = measured
    told = table[table.benchmark.isin(rivals.TASKS)]
    assert (told.draws == list(map(rivals.draws, told.benchmark, told.method))).all()
    assert table.draws.isna().sum() == len(table) - len(told)
    assert (told.against == rivals.ENGINE).all()
    host = json.loads((results / "bench.json").read_text())
    assert host["left_out"] == rivals.missing()
    assert (rivals.KORNIA in set(told.method)) == ("kornia" not in host["left_out"])


@SLOW
def test_manifest_says_where_and_what(measured):
    manifest = json.loads((measured[1] / "bench.json").read_text())
    assert manifest["dataset"] == "digits"
    assert 100 < manifest["peak_memory_mib"] < 20_000
    assert {"git", "versions", "device", "command", "started"} <= manifest.keys()
