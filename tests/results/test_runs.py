"""Runs on disk: what there is, why one is trained again, and what an evaluation says of them."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.errors import UserError
from mnist_aug.results import files, runs
from mnist_aug.train.jobs import wanted_manifest
from mnist_aug.train.variant import augmented

OTHER = "other/sklearn-digits"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return synthetic_results.write(
        tmp_path_factory.mktemp("made") / "results",
        seeds=3,
        test=21,
        bench=False,
        samples=False,
        other_sets=True,
    )


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


# Trained again, or not ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(digits, tmp_path_factory):
    """A whole run on disk without training, and the manifest that is wanted."""
    results = tmp_path_factory.mktemp("runs")
    wanted = wanted_manifest(augmented, 0, digits)
    held = {runs.MODEL: b"a model", runs.HISTORY: b"epoch,loss,accuracy\n1,2.0,0.1\n"}
    manifest = files.manifest_bytes(wanted | {"parameters": 10, "seconds": 1.0}, held)
    runs.write_run(results, "augmented", 0, held | {runs.MANIFEST: manifest})
    return runs.run_folder(results, "augmented", 0), wanted


@pytest.fixture
def stored_run(stored, tmp_path):
    return shutil.copytree(stored[0], tmp_path / "augmented" / "seed-00"), stored[1]


def test_a_run_that_is_wanted_is_kept(stored_run):
    assert runs.disagreement(*stored_run) is None


def test_what_is_not_there(stored_run):
    folder, wanted = stored_run
    assert runs.disagreement(folder.with_name("seed-01"), wanted) == "new"


@pytest.mark.parametrize("name", [runs.MODEL, runs.HISTORY, runs.MANIFEST])
def test_a_file_missing_or_damaged(stored_run, name):
    folder, wanted = stored_run
    (folder / name).write_bytes((folder / name).read_bytes()[:-3])
    expected = "is missing or damaged" if name == runs.MANIFEST else "is damaged"
    assert runs.disagreement(folder, wanted) == f"{name} {expected}"
    (folder / name).unlink()
    assert (
        runs.disagreement(folder, wanted)
        == f"{name} {expected.replace('is damaged', 'is missing')}"
    )


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        (replace(augmented, epochs=3), "epochs was 15, now 3"),
        (replace(augmented, policy="affine"), "policy was default, now affine"),
        (replace(augmented, policy=None), "policy was default, now None"),
        (replace(augmented, layers=(8,)), "layers was [128, 128], now [8]"),
        (replace(augmented, schedule="cosine"), "schedule was constant, now cosine"),
    ],
)
def test_other_settings(stored_run, digits, variant, words):
    assert runs.disagreement(stored_run[0], wanted_manifest(variant, 0, digits)) == words


def test_another_model(stored_run, digits):
    folder, wanted = stored_run
    cnn = replace(augmented, model="cnn")
    with pytest.raises(UserError, match="was trained with model dense, not cnn: give another RES"):
        runs.disagreement(folder, wanted_manifest(cnn, 0, digits))
    first, second = (
        {"variant": wanted["variant"] | {"model": {"name": "net.py:build", "digest": digest}}}
        for digest in "ab"
    )
    held = {name: (folder / name).read_bytes() for name in (runs.MODEL, runs.HISTORY)}
    (folder / runs.MANIFEST).write_bytes(files.manifest_bytes(wanted | first, held))
    assert runs.disagreement(folder, wanted | first) is None
    assert runs.disagreement(folder, wanted | second) == "model net.py:build has changed"


def test_other_policies_of_the_same_name_seeds_code_and_splits(stored_run):
    folder, wanted = stored_run
    policy = wanted["variant"]["policy"]
    changed = policy | {"pipeline": policy["pipeline"] | {"p": 0.5}}
    for change, words in (
        ({"variant": wanted["variant"] | {"policy": changed}}, "policy default has changed"),
        ({"seed": 1}, "seed was 0, now 1"),
        (
            {"fingerprint": wanted["fingerprint"] | {"training": ""}},
            "the training code has changed",
        ),
        (
            {"variant": wanted["variant"] | {"dropout": 0.1}},  # a setting that is new
            "dropout was None, now 0.1",
        ),
        (
            {"dataset": wanted["dataset"] | {"train": 7}},  # the same images, split otherwise
            f"training images were {wanted['dataset']['train']}, now 7",
        ),
    ):
        assert runs.disagreement(folder, wanted | change) == words


def test_the_datasets_name_may_change_its_content_may_not(stored_run):
    folder, wanted = stored_run
    dataset = wanted["dataset"]
    assert runs.disagreement(folder, wanted | {"dataset": dataset | {"name": "new"}}) is None
    (folder / runs.MODEL).unlink()  # whatever it lacks, it is not ours to overwrite
    other = dataset | {"name": "new", "sha256": "ab" * 32}
    with pytest.raises(UserError) as error:
        runs.disagreement(folder, wanted | {"dataset": other})
    assert str(error.value) == (
        f"{folder} was trained on dataset 'digits' ({dataset['sha256'][:8]}…), not on 'new' "
        "(abababab…): give another RESULTS= (--results; in Python, results=), or remove this "
        "results folder first"
    )


# Read ---------------------------------------------------------------------------------------------


def test_what_is_in_a_folder(results):
    (results / "augmented" / ".seed-07.host-1.tmp").mkdir()
    (results / "augmented" / "seed-x").mkdir()
    (results / "notes").mkdir()
    assert runs.seeds(results, "augmented") == [0, 1, 2]
    assert runs.seeds(results, "affine") == []
    assert runs.trained_variants(results) == ["augmented", "baseline"]
    assert runs.evaluated_variants(results) == ["augmented", "baseline"]
    runs.forget_evaluation(results, "augmented")
    assert runs.evaluated_variants(results) == ["baseline"]
    assert [run.seed for run in runs.read_runs(results / "augmented")] == [0, 1, 2]


def test_a_hundred_seeds_are_in_order(tmp_path):
    for seed in (100, 11, 2):
        runs.run_folder(tmp_path, "baseline", seed).mkdir(parents=True)
    assert runs.seeds(tmp_path, "baseline") == [2, 11, 100]


def refused(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_run_without_its_manifest_is_not_passed_over(results):
    (results / "baseline" / "seed-01" / runs.MANIFEST).unlink()
    assert runs.seeds(results, "baseline") == [0, 1, 2]
    for read in runs.read_runs, runs.read_variant:
        assert "seed-01/manifest.json is missing" in refused(read, results / "baseline")


@pytest.mark.parametrize("name", [runs.METRICS, runs.EVALUATION])
def test_half_an_evaluation_is_not_passed_over(results, name):
    (results / "augmented" / name).unlink()
    assert f"augmented/{name} is missing" in refused(runs.read_variants, results)


def test_a_folder_under_another_name_is_refused(results):
    for old, new in (
        ("baseline/seed-00", "baseline/seed-03"),
        ("augmented/seed-00", "baseline/seed-04"),
    ):
        shutil.copytree(results / old, results / new)
        text = refused(runs.read_run, results / new)
        assert f"{new}/manifest.json is of {old.replace('/seed-00', '')}, seed 0" in text
        assert f"delete {results / new} and run `make report`" in text
    shutil.rmtree(results / "augmented")
    shutil.copytree(results / "baseline", results / "augmented")
    text = refused(runs.read_variant, results / "augmented")
    assert "augmented/evaluation.json is of baseline" in text


def test_an_evaluation_is_not_of_runs_trained_again(results, made):
    folder = results / "baseline"
    shutil.copytree(
        made / "augmented" / "seed-01", folder / "seed-01", dirs_exist_ok=True
    )  # other weights …
    content = synthetic_results.content(folder / "seed-01" / runs.MANIFEST)
    held = {runs.HISTORY: (folder / "seed-01" / runs.HISTORY).read_bytes()}
    content["variant"]["name"] = "baseline"  # … of the right name
    (folder / "seed-01" / runs.MANIFEST).write_bytes(files.manifest_bytes(content, held))
    assert refused(runs.read_variant, folder) == (
        f"{folder / 'metrics.csv'} is not of the weights in seed-01, which was trained again: "
        f"delete {folder / 'evaluation.json'} and run `make report`"
    )


def test_training_a_run_again_forgets_the_evaluation_of_its_variant_alone(results):
    runs.write_run(results, "baseline", 7, {"a": b"new"})
    assert runs.evaluated_variants(results) == ["augmented", "baseline"]
    runs.write_run(results, "baseline", 0, {"a": b"again"})
    assert runs.evaluated_variants(results) == ["augmented"]
    assert [path.name for path in (results / "baseline" / "seed-00").iterdir()] == ["a"]
    assert not (results / "baseline" / "evaluation.json").exists()


def test_datasets_are_not_mixed(results):
    for path in (results / "augmented").glob("seed-*/manifest.json"):
        text = path.read_text().replace("ab" * 32, "cd" * 32).replace('"mnist"', '"kmnist"')
        path.write_text(text)
    synthetic_results.sign(results)
    text = refused(runs.read_variants, results)
    assert text.startswith(f"{results} mixes datasets: 'kmnist' (cdcdcdcd…) for augmented and ")


# What an evaluation says --------------------------------------------------------------------------


def test_numbers_of_a_variant(made):
    variant = runs.read_variant(made / "augmented")
    table = pd.read_csv(made / "augmented" / "metrics.csv")
    assert variant.name == "augmented"
    assert variant.policy == "default"
    assert runs.read_variant(made / "baseline").policy is None
    assert variant.seeds == [0, 1, 2]
    assert variant.accuracy.tolist() == table[table["eval_set"] == "test"]["accuracy"].tolist()
    assert variant.scores.loc[1, OTHER] == (
        table[(table["seed"] == 1) & (table["eval_set"] == OTHER)]["accuracy"].item()
    )
    assert variant.images == {"test": 21} | dict.fromkeys(synthetic_results.OTHER_SETS, 21)
    assert variant.probabilities.shape == (3, 21, 10)
    assert variant.labels.tolist() == [*range(10), *range(10), 0]
    np.testing.assert_array_equal(variant.predictions, variant.probabilities.argmax(axis=2))
    np.testing.assert_allclose(variant.correct.mean(axis=1), variant.accuracy)


def test_bits_are_unpacked_to_as_many_images_as_there_are(made):
    variant = runs.read_variant(made / "baseline")
    right = variant.correct_on(OTHER)  # 21 images in 3 bytes
    assert right.shape == (3, 21)
    assert right.dtype == bool
    np.testing.assert_allclose(right.mean(axis=1), variant.scores[OTHER])
    assert (variant.correct_on("corruption/fog") != right).any()


def test_of_some_seeds_alone(made):
    variant = runs.read_variant(made / "baseline")
    everything = variant.correct, variant.correct_on(OTHER)  # read before
    some = variant.only([2, 0, 9])
    assert some.seeds == [0, 2]
    assert [run.seed for run in some.runs] == [0, 2]
    assert some.accuracy.tolist() == variant.accuracy[[0, 2]].tolist()
    assert some.scores.index.tolist() == [0, 2]
    assert some.images == variant.images
    np.testing.assert_array_equal(some.correct, everything[0][[0, 2]])
    np.testing.assert_array_equal(some.correct_on(OTHER), everything[1][[0, 2]])
    assert variant.seeds == variant.only([0, 1, 2]).seeds == [0, 1, 2]


@pytest.mark.parametrize(
    ("loss", "classes", "learned"),
    [(2.2, 10, True), (2.31, 10, False), (float("nan"), 10, False), (0.5, 1, True)],
)
def test_what_learned(loss, classes, learned):
    assert runs.learned(loss, classes) == learned


def test_losses_are_told_without_penalties(results):
    path = results / "baseline" / "seed-00" / "history.csv"
    table = pd.read_csv(path)
    penalised = table.assign(loss=table["loss"] + 9, val_loss=table["val_loss"] + 9)
    for part in ("", "val_"):
        penalised[f"{part}cross_entropy"] = table[f"{part}loss"]
    penalised.to_csv(path, index=False)
    synthetic_results.sign(results)
    run = runs.read_variant(results / "baseline").runs[0]
    pd.testing.assert_frame_equal(run.history[[*table]], table)
    assert {*run.history} == {*table}
    assert run.learned


@pytest.mark.parametrize(
    ("loss", "validation", "learned"),
    [(2.4, 0.5, True), (0.1, 3.0, True), (2.4, 2.4, False), (np.nan, np.nan, False)],
)
def test_either_loss_shows_that_a_run_learned(results, loss, validation, learned):
    """Loss in training is a mean over the epoch, and that of a first epoch begins with guesses."""
    path = results / "baseline" / "seed-00" / "history.csv"
    history = pd.read_csv(path)
    history.loc[len(history) - 1, ["loss", "val_loss"]] = loss, validation
    history.to_csv(path, index=False)
    synthetic_results.sign(results)
    assert runs.read_variant(results / "baseline").runs[0].learned == learned


def test_a_run_without_held_out_images(results):
    path = results / "baseline" / "seed-00" / "history.csv"
    pd.read_csv(path)[["epoch", "loss", "accuracy"]].to_csv(path, index=False)
    synthetic_results.sign(results)
    first, second, _ = runs.read_variant(results / "baseline").runs
    assert np.isnan(first.validation_accuracy)
    assert 0.8 < second.validation_accuracy < 1
    assert first.learned
