"""Reading a results folder: what belongs together, and one clear line where it does not."""

import json

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison as study
from mnist_aug.errors import UserError


@pytest.fixture
def results(tmp_path):
    return synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, bench=False, samples=False
    )


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def refused(results, *words):
    with pytest.raises(UserError) as error:
        study.load(results)
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
    content = study.load(results)
    baseline = content.variants["baseline"]
    assert baseline.accuracy == pytest.approx([4 / 6, 5 / 6])
    # labels are 0 1 0 1 0 1; seed 0 misses images 3 and 4, seed 1 image 5
    assert baseline.confusion(2).tolist() == [[2.5, 0.5], [1.0, 2.0]]


def test_other_variants_follow_the_arms(tmp_path):
    results = synthetic_results.write(
        tmp_path, variants=("affine", "augmented", "baseline"), test=60, bench=False, samples=False
    )
    assert list(study.load(results).variants) == ["baseline", "augmented", "affine"]


def test_only_seeds_in_metrics_belong_to_the_study(results):
    path = results / "augmented" / "metrics.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    content = study.load(results)
    assert content.paired_seeds == [1]
    assert [arm.seeds for arm in content.arms] == [[1], [1]]


def test_arms_without_a_common_seed(results):
    for arm, row in (("baseline", 0), ("augmented", 1)):
        path = results / arm / "metrics.csv"
        pd.read_csv(path).iloc[[row]].to_csv(path, index=False)
    refused(results, "share no seed")


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere", "baseline/metrics.csv is missing", "make report")


def test_one_arm_missing(results):
    (results / "augmented" / "metrics.csv").unlink()
    refused(results, "augmented/metrics.csv is missing", "make report")


@pytest.mark.parametrize(
    "name",
    [
        "baseline/metrics.csv",
        "baseline/seed-00/manifest.json",
        "augmented/seed-01/history.csv",
        "augmented/seed-01/predictions.npz",
    ],
)
def test_a_truncated_file_is_named(results, name):
    path = results / name
    path.write_bytes(path.read_bytes()[:40])
    refused(results, path.name)


@pytest.mark.parametrize("name", ["manifest.json", "history.csv", "predictions.npz"])
def test_a_missing_file_is_named(results, name):
    (results / "baseline" / "seed-01" / name).unlink()
    refused(results, name, "missing")


def test_datasets_never_meet(tmp_path):
    for arm, name in (("baseline", "mnist"), ("augmented", "fashion-mnist")):
        synthetic_results.write(
            tmp_path, variants=(arm,), test=60, name=name, bench=False, samples=False
        )
    refused(tmp_path, "mixes datasets", "mnist", "fashion-mnist")


def test_datasets_never_meet_within_a_variant(results):
    edit(
        results / "baseline" / "seed-01" / "manifest.json",
        lambda m: m["dataset"].update(sha256="ef" * 32),
    )
    refused(results, "mixes datasets", "sha256")


def test_bench_of_another_dataset(tmp_path):
    synthetic_results.write(tmp_path, seeds=1, test=60, samples=False)
    edit(tmp_path / "bench.json", lambda b: b.update(dataset="kmnist", dataset_sha256="00"))
    refused(tmp_path, "mixes datasets", "kmnist")


def test_settings_that_differ_within_a_variant(results):
    edit(
        results / "augmented" / "seed-01" / "manifest.json",
        lambda m: m["variant"].update(learning_rate=0.01),
    )
    refused(results, "mixes settings", "learning_rate", "0.001", "0.01")


def test_host_and_time_may_differ(results):
    edit(
        results / "augmented" / "seed-01" / "manifest.json",
        lambda m: m.update(device={"cores": 64}, seconds=1.0, started="2030-01-01T00:00:00Z"),
    )
    study.load(results)


def test_a_manifest_without_a_part(results):
    edit(results / "baseline" / "seed-00" / "manifest.json", lambda m: m.pop("device"))
    refused(results, "manifest.json", "lacks device")


def test_predictions_of_other_weights(results):
    path = results / "baseline" / "seed-00" / "predictions.npz"
    arrays = dict(np.load(path))
    arrays["labels"] = np.roll(arrays["labels"], 3)
    np.savez(path, **arrays)
    refused(results, "predictions.npz", "metrics.csv says")


def test_accuracies_beside_other_confusions(results):
    path = results / "baseline" / "metrics.csv"
    metrics = pd.read_csv(path)
    metrics.loc[0, "accuracy"] -= 0.1
    metrics.to_csv(path, index=False)
    refused(results, "metrics.csv gives accuracy", "seed 0")


def test_a_tie_made_by_rounding_is_no_disagreement(results):
    path = results / "baseline" / "seed-00" / "predictions.npz"
    arrays = dict(np.load(path))
    wrong = np.flatnonzero(arrays["probabilities"].argmax(1) != arrays["labels"])
    row = arrays["probabilities"][wrong[0] if len(wrong) else 0]
    row[:] = 0
    row[[0, arrays["labels"][wrong[0] if len(wrong) else 0]]] = 0.5
    np.savez(path, **arrays)
    study.load(results)


def test_a_diverged_run_is_a_result(results):
    path = results / "baseline" / "seed-00" / "history.csv"
    history = pd.read_csv(path)
    history.loc[2:, ["loss", "val_loss"]] = float("nan")
    history.to_csv(path, index=False)
    study.load(results)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("baseline/metrics.csv", "seed", 0.5),
        ("baseline/metrics.csv", "seed", -1),
        ("baseline/metrics.csv", "images", 0),
        ("augmented/seed-01/history.csv", "epoch", 1.5),
        ("bench.csv", "images", 0),
        ("bench.csv", "seconds", "long"),
    ],
)
def test_a_number_of_the_wrong_kind_is_named(tmp_path, name, column, value):
    synthetic_results.write(tmp_path, seeds=2, test=60, samples=False)
    frame = pd.read_csv(tmp_path / name).astype({column: object})
    frame.loc[0, column] = value
    frame.to_csv(tmp_path / name, index=False)
    refused(tmp_path, name.split("/")[-1], "damaged")
