"""The bench measures every method in every repeat and leaves files the report can read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_aug.augment import policy
from mnist_aug.experiments import benchmark, rivals, training_rivals
from mnist_aug.results import extras
from mnist_aug.train import pools

SLOW = pytest.mark.torture  # epochs with every library and policy, in many processes


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
    parallel = benchmark.IN_PARALLEL.format(2)
    training = {benchmark.ONE_CORE: 160, parallel: 320, benchmark.ALL_CORES: 160}
    own = {benchmark.EPOCH, benchmark.AUGMENTED_EPOCH}
    assert set(table.benchmark) == {*training} | own | set(rivals.TASKS)
    for name, images in training.items():  # 200 less a fifth for validation
        rows = table[table.benchmark == name]
        assert {*rows.method} >= {rivals.ENGINE, training_rivals.STOCK, training_rivals.KERAS}
        assert {*rows.against} == {rivals.ENGINE}
        assert {*rows.images} == {images}
    epoch = table[table.benchmark == benchmark.EPOCH]
    assert set(epoch.method) == {
        name + how
        for name in (benchmark.PLAIN, "augmented")
        for how in ("", ", 2 runs in parallel", ", one run on all cores")
    }
    images = epoch.groupby("method").images.unique().map(list)
    assert all(count == [320 if "2 runs" in method else 160] for method, count in images.items())
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
    assert host["left_out"] == sorted({*host["left_out"]})
    assert {*rivals.missing()} <= {*host["left_out"]}
    for method, package in training_rivals.NEEDS.items():
        if method != training_rivals.COMPILED:
            assert (method in set(table.method)) == (package not in host["left_out"])
    assert (rivals.KORNIA in set(told.method)) == ("kornia" not in host["left_out"])


@SLOW
def test_manifest_says_where_and_what(measured):
    manifest = json.loads((measured[1] / "bench.json").read_text())
    assert manifest["dataset"] == "digits"
    assert ("torch" in manifest["versions"]) == ("torch" not in manifest["left_out"])
    assert {"git", "versions", "device", "command", "started"} <= manifest.keys()
