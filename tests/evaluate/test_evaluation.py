"""Evaluation: predictions as Keras makes them, scores in long form, refusals in one line."""

import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from mnist_aug.errors import UserError
from mnist_aug.evaluate import evaluation
from mnist_aug.train import training
from mnist_aug.train.variant import augmented, baseline


@pytest.fixture(scope="module")
def evaluated(digits, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    for variant in (baseline, augmented):
        training.train(replace(variant, epochs=1), [0, 1], digits, results)
    evaluation.evaluate(results, digits)
    return results


def test_scores_are_those_of_the_saved_model(evaluated, digits):
    for variant in ("baseline", "augmented"):
        table = pd.read_csv(evaluated / variant / "metrics.csv")
        table = table[table.test_set == "test"]
        assert list(table)[:4] == ["variant", "seed", "test_set", "accuracy"]
        assert table.variant.tolist() == [variant] * 2
        assert table.seed.tolist() == [0, 1]
        for seed, row in enumerate(table.itertuples()):
            folder = evaluated / variant / f"seed-{seed:02d}"
            net = keras.models.load_model(folder / "mnist_num_reader.keras")
            loss, accuracy = net.evaluate(digits.x_test / np.float32(255), digits.y_test, verbose=0)
            assert np.isclose(row.accuracy, accuracy)
            assert np.isclose(row.loss, loss, rtol=1e-4)
            with np.load(folder / "predictions.npz") as stored:
                np.testing.assert_array_equal(stored["labels"], digits.y_test)
                expected = net.predict(digits.x_test / np.float32(255), verbose=0)
                np.testing.assert_allclose(stored["probabilities"], expected, atol=1.1e-5)
                assert stored["probabilities"].dtype == np.float32


def test_same_bytes_again(evaluated, digits):
    files = [path for path in evaluated.rglob("*") if path.suffix in {".npz", ".csv"}]
    before = {path: path.read_bytes() for path in files}
    evaluation.evaluate(evaluated, digits)
    assert len(before) == 16
    assert {path: path.read_bytes() for path in files} == before


def test_as_many_seeds_as_asked(evaluated, digits, tmp_path):
    results = shutil.copytree(evaluated, tmp_path / "results")
    evaluation.evaluate(results, digits, ["baseline"], seeds=1)
    assert pd.read_csv(results / "baseline" / "metrics.csv").seed.unique().tolist() == [0]
    assert pd.read_csv(results / "augmented" / "metrics.csv").seed.unique().tolist() == [0, 1]


def test_refusals(evaluated, digits, tmp_path):
    def refused(words, results=evaluated, dataset=digits, **asked):
        with pytest.raises(UserError, match=words):
            evaluation.evaluate(results, dataset, **asked)

    refused("holds no trained runs", tmp_path)
    refused("seed-02 is not there", seeds=3)
    before = {path: path.stat().st_mtime_ns for path in evaluated.rglob("*")}
    refused("nowhere is neither a folder nor a file", extra="nowhere")
    refused("nowhere has no <family>", mnist_c="nowhere")
    assert {path: path.stat().st_mtime_ns for path in evaluated.rglob("*")} == before
    refused("other epochs", epochs=2)
    refused("other policy", policy="affine")
    refused(
        r"on dataset 'digits' \(\w{8}…\), not 'other'",
        dataset=replace(digits, name="other", x_test=digits.x_test[:, ::-1]),
    )
    results = shutil.copytree(evaluated, tmp_path / "results")
    damaged = results / "augmented" / "seed-01" / "mnist_num_reader.keras"
    scores = (results / "augmented" / "metrics.csv").read_bytes()
    for content in (damaged.read_bytes()[:5000], b"", b"no archive"):
        damaged.write_bytes(content)
        refused("mnist_num_reader.keras can't be used", results)
    damaged.unlink()
    refused("mnist_num_reader.keras can't be used", results)
    assert (results / "augmented" / "metrics.csv").read_bytes() == scores
