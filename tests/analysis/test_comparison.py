"""Reading a results folder: what belongs together, and one clear line where it does not."""

import json

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.metrics import mean_confusion
from mnist_aug.errors import UserError
from mnist_aug.results import extras, runs


@pytest.fixture
def results(tmp_path):
    return synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, bench=False, samples=False
    )


def edit(path, change):
    """Change what a manifest says, as if it had been written so."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    synthetic_results.sign(path.parents[2])


def refused(results, *words):
    with pytest.raises(UserError) as error:
        comparison.load(results)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_accuracy_and_confusion_by_hand(tmp_path):
    right = np.array([[1, 1, 1, 0, 0, 1], [1, 1, 1, 1, 1, 0]], bool)
    results = synthetic_results.write(
        tmp_path,
        seeds=2,
        classes=2,
        test=6,
        bench=False,
        samples=False,
        correct={"baseline": right, "augmented": right[::-1]},
    )
    content = comparison.load(results)
    baseline = content.variants["baseline"]
    assert baseline.accuracy == pytest.approx([4 / 6, 5 / 6])
    # labels are 0 1 0 1 0 1; seed 0 misses images 3 and 4, seed 1 image 5
    confusion = mean_confusion(baseline.labels, baseline.predictions, content.classes)
    assert confusion.tolist() == [[2.5, 0.5], [1.0, 2.0]]


def test_other_variants_follow_baseline_and_augmented(tmp_path):
    results = synthetic_results.write(
        tmp_path, variants=("affine", "augmented", "baseline"), test=60, bench=False, samples=False
    )
    assert list(comparison.load(results).variants) == ["baseline", "augmented", "affine"]


def test_others_are_compared_with_the_baseline_on_the_seeds_that_they_share(results):
    for variant, seeds in (("affine", 1), ("rotate", 4)):
        synthetic_results.write(
            results, variants=(variant,), seeds=seeds, test=60, bench=False, samples=False
        )
    path = results / "rotate" / "metrics.csv"
    pd.read_csv(path).iloc[2:].to_csv(path, index=False)  # seeds that the baseline has not
    synthetic_results.sign(results)
    content = comparison.load(results)
    assert {name: pair[0].seeds for name, pair in content.pairs.items()} == {
        "augmented": [0, 1],
        "affine": [0],
    }
    first, second = content.pairs["affine"]
    assert content.differences["affine"].mean == pytest.approx(
        second.correct.mean() - first.correct.mean()
    )
    baseline, augmented = content.both
    np.testing.assert_allclose(content.gains, augmented.accuracy - baseline.accuracy)
    table = content.results.set_index("variant")
    assert table["seeds"].to_dict() == {"baseline": 2, "augmented": 2, "affine": 1, "rotate": 2}
    assert table.loc["affine", "errors"] == pytest.approx((~second.correct).sum())


def test_both_are_cut_to_the_seeds_that_they_share(results):
    path = results / "augmented" / "metrics.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    synthetic_results.sign(results)
    content = comparison.load(results)
    assert content.paired_seeds == [1]
    assert [variant.seeds for variant in content.both] == [[1], [1]]
    assert [variant.correct.shape for variant in content.both] == [(1, 60), (1, 60)]


def test_no_common_seed(results):
    for variant, row in (("baseline", 0), ("augmented", 1)):
        path = results / variant / "metrics.csv"
        pd.read_csv(path).iloc[[row]].to_csv(path, index=False)
    synthetic_results.sign(results)
    refused(results, "share no seed")


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere", "baseline/metrics.csv is missing", "make report")


def test_one_variant_missing(results):
    runs.forget_evaluation(results, "augmented")
    refused(results, "augmented/metrics.csv is missing", "make report")


def test_datasets_never_meet(tmp_path):
    for variant, name, sha256 in (
        ("baseline", "mnist", "ab" * 32),
        ("augmented", "fashion-mnist", "cd" * 32),
    ):
        synthetic_results.write(
            tmp_path,
            variants=(variant,),
            test=60,
            name=name,
            sha256=sha256,
            bench=False,
            samples=False,
        )
    refused(tmp_path, "mixes datasets", "'mnist' (abababab…)", "'fashion-mnist' (cdcdcdcd…)")


def test_a_benchmark_of_another_dataset(tmp_path):
    synthetic_results.write(tmp_path, seeds=1, test=60, samples=False)
    content = comparison.load(tmp_path)
    assert content.benchmark is not None
    host = content.host | {"dataset": "kmnist", "dataset_sha256": "00"}
    extras.write_benchmark(tmp_path, host, content.benchmark)
    refused(tmp_path, "mixes datasets", "kmnist", "make bench")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda m: m["variant"].update(learning_rate=0.01),
            "learning_rate is 0.001 for baseline and 0.01 for augmented",
        ),
        (lambda m: m["variant"].pop("training_images"), None),
        (
            lambda m: m["variant"].update(model={"name": "cnn"}, layers=None),
            "the model is dense for baseline and cnn for augmented",
        ),
        (lambda m: m["variant"].pop("model"), None),  # as before there were others
        (lambda m: m["variant"].update(new_setting=1), "new_setting is None for baseline"),
        (lambda m: m["fingerprint"].update(training="56" * 32), "trained by different code"),
        (lambda m: m["fingerprint"].update(augmentation="56" * 32), None),
    ],
)
def test_the_two_differ_in_their_policy_alone(results, change, words):
    for path in (results / "augmented").glob("seed-*/manifest.json"):
        edit(path, change)
    if words is None:
        comparison.load(results)
    else:
        refused(results, words, "would not be the policy's", "make report")


def test_a_users_model_is_known_by_its_architecture(tmp_path):
    results = synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, bench=False, samples=False, model="net.py:build"
    )
    comparison.load(results)
    for path in (results / "augmented").glob("seed-*/manifest.json"):
        edit(path, lambda m: m["variant"]["model"].update(digest="01" * 6))
    refused(
        results,
        "the model is net.py:build (78787878…) for baseline and net.py:build (01010101…) for "
        "augmented",
    )


def test_host_and_time_may_differ(results):
    edit(
        results / "augmented" / "seed-01" / "manifest.json",
        lambda m: m.update(device={"cores": 64}, seconds=1.0, started="2030-01-01T00:00:00Z"),
    )
    comparison.load(results)


def test_a_diverged_run_is_a_result(results):
    path = results / "baseline" / "seed-00" / "history.csv"
    history = pd.read_csv(path)
    history.loc[2:, ["loss", "val_loss"]] = float("nan")
    history.to_csv(path, index=False)
    synthetic_results.sign(results)
    first, second = comparison.load(results).variants["baseline"].runs
    assert not first.learned
    assert second.learned


def test_one_seed_of_either_model_is_compared_with_the_same_seed_of_the_other():
    """The interval is around the difference that it is given with."""
    right = np.random.default_rng(0).random((6, 400)) < np.array([[0.6], *[[0.9]] * 5])
    found = comparison.contrast(right[1:2], right[[0, 2, 3, 4, 5]])
    difference = right[0].mean() - right[1].mean()
    assert found["difference"] == pytest.approx(difference)
    assert found["low"] < difference < found["high"]
    (row,) = comparison.contrast_by_set([right[1:2]], [right[[0, 2, 3, 4, 5]]]).itertuples()
    assert row.difference == pytest.approx(difference)
    assert row.low < difference < row.high


def test_a_policy_that_changes_no_weight_is_idle(results):
    assert not comparison.load(results).is_idle

    def same(manifest):
        manifest["weights_sha256"] = str(manifest["seed"]) * 64

    for path in results.glob("*/seed-*/manifest.json"):
        edit(path, same)
    assert comparison.load(results).is_idle
