"""Evaluation: predictions as Keras makes them, scores in long form, refusals in one line.

That two processes give the same bytes as one is tested with the pools.
"""

import json
import shutil
from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from mnist_aug.analysis import comparison, doubts, metrics
from mnist_aug.data import eval_sets
from mnist_aug.errors import UserError
from mnist_aug.evaluate import evaluation
from mnist_aug.results import extras, files, runs
from mnist_aug.train import training
from mnist_aug.train.variant import augmented, baseline

EPOCHS = 1
WANTED = [(replace(one, epochs=EPOCHS), seed) for one in (baseline, augmented) for seed in (0, 1)]


@pytest.fixture(scope="module")
def sets_made():
    """How often each evaluation set was made."""
    return Counter()


@pytest.fixture(scope="module")
def evaluated(few, sets_made, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    training.train_all(WANTED, few, results)
    with pytest.MonkeyPatch.context() as patch:
        make = eval_sets.make
        patch.setattr(
            eval_sets, "make", lambda name, *rest: sets_made.update([name]) or make(name, *rest)
        )
        evaluation.evaluate(results, few)
    return results


@pytest.fixture
def results(evaluated, tmp_path):
    return shutil.copytree(evaluated, tmp_path / "results")


def stored(results):
    """The bytes that evaluation writes, but for its manifests, which say when."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in results.rglob("*")
        if path.suffix == ".npz" or path.name == runs.METRICS
    }


def test_scores_are_those_of_the_saved_model(evaluated, few):
    pixels = few.x_test / np.float32(255)
    for name in runs.BOTH:
        table = pd.read_csv(evaluated / name / "metrics.csv")
        assert ",".join(table) == "variant,seed,eval_set,accuracy,loss,brier,ece,images"
        table = table[table.eval_set == "test"]
        assert table.variant.tolist() == [name] * 2
        assert table.seed.tolist() == [0, 1]
        assert table.images.tolist() == [100] * 2
        for seed, row in enumerate(table.itertuples()):
            folder = runs.run_folder(evaluated, name, seed)
            model = keras.models.load_model(folder / runs.MODEL)
            if seed:  # once a variant, as Keras compiles for seconds
                loss, accuracy = model.evaluate(pixels, few.y_test, verbose=0)
                assert np.isclose(row.accuracy, accuracy)
                assert np.isclose(row.loss, loss, rtol=1e-4)
            with np.load(folder / runs.PREDICTIONS) as kept:
                np.testing.assert_array_equal(kept["labels"], few.y_test)
                expected = model(pixels, training=False).numpy()
                logarithms = kept["log_probabilities"]
                assert logarithms.dtype == np.float16
                np.testing.assert_allclose(logarithms, np.log(expected), rtol=2e-3, atol=1e-6)
                assert logarithms.argmax(1).tolist() == expected.argmax(1).tolist()
                held_out = model(few.x_train[-80:] / np.float32(255), training=False).numpy()
                losses = [
                    metrics.loss(few.y_train[-80:], softmax(np.log(held_out) / t, axis=1))
                    for t in kept["temperature"] * [0.98, 1, 1.02]
                ]
                assert np.argmin(losses) == 1


def test_studies_keep_the_predicted_classes_alone(results, few):
    before = runs.read_variant(results / "baseline")
    predictions = before.predictions[1:].tolist()
    evaluation.evaluate_runs(results, few, [("baseline", 1)], ["test"], probabilities=False)
    with np.load(runs.run_folder(results, "baseline", 1) / runs.PREDICTIONS) as kept:
        assert {*kept} == {"labels", "predicted"}
        assert kept["predicted"].dtype == np.uint8
    found = runs.read_variant(results / "baseline")
    assert found.predictions.tolist() == predictions
    assert found.correct.mean() == found.accuracy.mean() == before.accuracy[1]
    assert np.isnan(found.temperatures).all()


@settings(deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(2, 12)),
        elements=st.sampled_from([0, 1e-45, 1e-30, 1e-5, 0.3, 0.30001, 0.49999, 0.5, 1 - 6e-8, 1]),
    )
)
def test_what_is_stored_has_the_same_largest_class_and_keeps_how_sure_it_is(probabilities):
    stored = evaluation.stored_logarithms(probabilities)
    assert stored.argmax(axis=1).tolist() == probabilities.argmax(axis=1).tolist()
    expected = np.log(probabilities.astype(np.float64).clip(1e-38))
    np.testing.assert_allclose(stored, expected, rtol=2e-3, atol=1.3e-7)


def test_confidences_near_1_are_told_apart():
    confidences = np.float32([1 - 1e-3, 1 - 1e-4, 1 - 1e-5, 1 - 1e-6, 1])
    stored = evaluation.stored_logarithms(np.stack([confidences, 1 - confidences], axis=1))
    assert len({*stored[:, 0].tolist()}) == len(confidences)
    doubts = 1 - np.exp(stored[:, 0].astype(np.float64))
    np.testing.assert_allclose(doubts, [1e-3, 1e-4, 1e-5, 1e-6, 0], rtol=0.06)


def test_each_image_is_made_once_for_all_runs(evaluated, sets_made, few):
    names = [*eval_sets.names(few)]
    assert sets_made == Counter(names)
    for name in runs.BOTH:
        table = pd.read_csv(evaluated / name / "metrics.csv")
        assert table.groupby("seed")["eval_set"].agg(list).tolist() == [names] * 2


def test_what_is_stored_agrees_with_its_scores(evaluated):
    for variant in runs.read_variants(evaluated).values():
        # To the last bit: a tie that rounding makes is broken the same way in both.
        assert variant.correct.mean(axis=1).tolist() == variant.accuracy.tolist()
        kept = [name for name in variant.images if name.startswith(evaluation.KEPT)]
        assert len(kept) > 10
        for name in kept:
            right = variant.correct_on(name).mean(axis=1)
            np.testing.assert_allclose(right, variant.scores[name], atol=1e-12)


def test_samples_at_the_strength_of_the_policy_are_its_first_versions(evaluated):
    samples, _ = extras.read_samples(evaluated, runs.read_variants(evaluated))
    places = {factor: place for place, factor in enumerate(samples["strengths"])}
    np.testing.assert_array_equal(samples["stronger"][places[0]], samples["original_images"])
    np.testing.assert_array_equal(samples["stronger"][places[1]], samples["augmented"][:, 0])


def test_the_weights_to_show_are_of_the_run_of_median_accuracy(evaluated):
    variants = runs.read_variants(evaluated)
    _, weights = extras.read_samples(evaluated, variants)
    for name, variant in variants.items():
        seed = int(np.argmin(variant.accuracy))  # of two, the lower one
        assert weights[f"{name}_seed"] == seed
        layers = json.loads(str(weights[f"{name}_layers"]))
        kinds = ["dense", "relu", "dense", "relu", "dense", "softmax"]
        assert [layer["kind"] for layer in layers] == kinds
        assert [layer["outputs"] for layer in layers[::2]] == [128, 128, 10]
        model = keras.models.load_model(variant.runs[seed].model, compile=False)
        expected = np.concatenate([array.ravel() for array in model.get_weights()])
        np.testing.assert_array_equal(weights[f"{name}_weights"], expected)


def test_what_answers_are_judged_by(evaluated, few):
    stored = extras.read_doubts(evaluated, runs.read_variants(evaluated))
    assert stored["thumbnails"].shape[1:] == (8, 8)
    assert set(stored["labels"]) == {*range(10)}
    images = few.x_test[:50]
    for name in runs.BOTH:
        both = [doubts.Judge.load(stored, one) for one in (name, f"{name}_shown")]
        models = [
            keras.models.load_model(run.model, compile=False)
            for run in runs.read_variants(evaluated)[name].runs
        ]
        every = np.stack([model(images / np.float32(255)).numpy() for model in models])
        for judge, used in zip(both, (every, every[:1]), strict=True):
            mean, doubt, _ = judge.judged(used, images)
            wrong = mean.argmax(1) != few.y_test[:50]
            assert doubt[wrong].mean() > doubt[~wrong].mean()


def test_a_run_that_diverged_is_evaluated_and_nothing_judges_it(results, few):
    folder = results / "augmented" / "seed-01"
    model = keras.models.load_model(folder / runs.MODEL, compile=False)
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save(folder / runs.MODEL)
    signed(folder)
    evaluation.evaluate(results, few)
    stored = extras.read_doubts(results, runs.read_variants(results))
    assert doubts.Judge.load(stored, "baseline") is not None
    assert doubts.Judge.load(stored, "augmented") is None


@pytest.mark.torture
def test_nothing_is_known_of_doubts_without_validation_images(few, tmp_path):
    training.train_all([(replace(baseline, epochs=1, validation_split=0), 0)], few, tmp_path)
    evaluation.evaluate(tmp_path, few)
    assert extras.read_doubts(tmp_path, runs.read_variants(tmp_path)) == {}


@pytest.mark.torture  # of what was damaged, the same bytes are tested below
def test_same_bytes_again(results, few):
    before = stored(results)
    assert len(before) == 13
    evaluation.evaluate(results, few)
    assert stored(results) == before


def test_as_many_seeds_as_wanted(results, few, monkeypatch):
    monkeypatch.setattr(evaluation, "_save_samples", lambda *_: None)  # the images of the report
    evaluation.evaluate(results, few, ["baseline"], seeds=1)
    assert pd.read_csv(results / "baseline" / "metrics.csv").seed.unique().tolist() == [0]
    assert pd.read_csv(results / "augmented" / "metrics.csv").seed.unique().tolist() == [0, 1]
    assert comparison.load(results).paired_seeds == [0]


def test_an_ensemble_is_the_mean_of_its_members(results, few):
    keys = [("baseline", 0), ("baseline", 1)]
    evaluation.evaluate_runs(results, few, keys, ["test"], {"ensemble": keys})
    members, ensemble = (runs.read_variant(results / n) for n in ("baseline", "ensemble"))
    assert ensemble.settings == {"name": "ensemble", "members": 2}
    assert ensemble.runs == ()
    assert ensemble.seeds == [0]
    mean = members.probabilities.mean(axis=0)
    np.testing.assert_allclose(ensemble.probabilities[0], mean, rtol=4e-3, atol=1e-6)


# Refused ------------------------------------------------------------------------------------------


def refused(words, results, dataset, **options):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.*")}
    with pytest.raises(UserError) as error:
        evaluation.evaluate(results, dataset, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    after = {path: path.stat().st_mtime_ns for path in results.rglob("*.*")}
    assert {**after, results / files.LOCK: 0} == {**before, results / files.LOCK: 0}


def test_refusals(evaluated, few, tmp_path):
    refused("holds no trained runs", tmp_path, few)
    refused("seed-02 is missing: train it with `make baseline`", evaluated, few, seeds=3)
    refused("nowhere is neither a folder nor a file", evaluated, few, extra="nowhere")
    refused("nowhere has no <type>/test_images.npy", evaluated, few, mnist_c="nowhere")
    refused("with other epochs", evaluated, few, epochs=2)
    refused("with other policy", evaluated, few, policy="affine")
    refused(
        f"was trained on dataset 'few' ({few.sha256[:8]}…), not on 'other'",
        evaluated,
        replace(few, name="other", x_test=few.x_test[:, ::-1]),
    )


@pytest.mark.parametrize("content", [None, b"", b"no archive", 5000])
def test_a_damaged_model_is_not_evaluated(results, few, content):
    model = results / "augmented" / "seed-01" / runs.MODEL
    whole = model.read_bytes()
    model.unlink()
    if content is not None:
        model.write_bytes(whole[:content] if isinstance(content, int) else content)
    words = "is missing" if content is None else "is damaged or was changed by hand"
    refused(f"{model} {words}: delete {model.parent} and run `make report`", results, few)


def signed(folder, **changed):
    """Write a run's manifest anew, as if the run had been trained so."""
    path = folder / runs.MANIFEST
    manifest = json.loads(path.read_bytes())
    content = {k: v for k, v in manifest.items() if k not in ("format", "files", "sha256")}
    held = {name: (folder / name).read_bytes() for name in (runs.MODEL, runs.HISTORY)}
    path.write_bytes(files.manifest_bytes(content | changed, held))


def test_a_strangers_model_is_looked_through_whatever_its_manifest(results, few):
    folder = results / "augmented" / "seed-01"
    strange = keras.layers.Lambda(lambda images: images)
    keras.Sequential(
        [keras.Input((28, 28)), strange, keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    ).save(folder / runs.MODEL)
    signed(folder)
    refused(f"{folder / runs.MODEL} can't be used (", results, few)


@pytest.mark.parametrize("part", ["variant", "dataset"])
def test_runs_of_a_variant_differ_in_their_seed_alone(results, few, part):
    folder = results / "augmented" / "seed-01"
    manifest = runs.read_run(folder).manifest
    change = {"variant": {"learning_rate": 0.1}, "dataset": {"train": 7}}[part]
    signed(folder, **{part: manifest[part] | change})
    refused(f"with different settings ({part})", results, few)


# Made again ---------------------------------------------------------------------------------------

DAMAGED = {  # as it is said when the run is trained again; None where only evaluation is repeated
    "baseline/seed-00/manifest.json": "manifest.json is missing or damaged",
    "baseline/seed-01/history.csv": "history.csv is damaged",
    f"augmented/seed-01/{runs.MODEL}": f"{runs.MODEL} is damaged",
    "augmented/seed-00/predictions.npz": None,
    "augmented/seed-00/correct.npz": None,
    "augmented/metrics.csv": None,
    "baseline/evaluation.json": None,
    "samples.npz": None,
    "weights.npz": None,
    "doubts.npz": None,
    "samples.json": None,
}


def damage(results, names):
    for name in names:
        path = results / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def read(results, few):
    """As a report and an evaluation do."""
    content = comparison.load(results)
    for variant in content.variants.values():
        assert variant.probabilities.any()
        assert variant.correct_on("corruption/fog").any()
        for run in variant.runs:
            assert len(run.history) == EPOCHS
            files.read(run.model, run.manifest)
    extras.read_samples(results, content.variants)
    extras.read_doubts(results, content.variants)


def make_report(results, few):
    """What `make report` does before the report."""
    training.train_all(WANTED, few, results)
    evaluation.evaluate(results, few, runs.BOTH, seeds=2, epochs=EPOCHS)


def test_what_is_damaged_is_made_again_with_one_line(results, few, capsys):
    before = stored(results)
    damage(results, DAMAGED)
    make_report(results, few)
    read(results, few)
    assert stored(results) == before
    out = capsys.readouterr().out
    for name, reason in DAMAGED.items():
        if reason is not None:
            variant, seed = name.split("/")[:2]
            assert out.count(f"{variant}, seed {seed[-2:]}: validation accuracy") == 1
            assert out.count(f" s ({reason})") == 1
    assert out.count(", trained in") == 3


def remedies(results, evaluated, few):
    """What is to be deleted, as said of each file in turn that is damaged."""
    doomed = []
    for name in DAMAGED:
        damage(results, [name])
        with pytest.raises(UserError) as error:
            read(results, few)
        path = results / name
        start = f"{path} is damaged or was changed by hand: delete "
        assert str(error.value).startswith(start)
        target, _, command = str(error.value).removeprefix(start).partition(" and run ")
        assert command == "`make report`"
        doomed.append(path if target == "it" else results / target)
        path.write_bytes((evaluated / name).read_bytes())
    return doomed


def test_remedies_delete_what_make_looks_at(results, evaluated, few):
    for path in remedies(results, evaluated, few):
        assert path.is_dir() or path.suffix == ".json"


@pytest.mark.torture
def test_the_remedies_work(results, evaluated, few):
    """What a remedy says is deleted, then what it says is run, and all is as before."""
    before, doomed = stored(results), remedies(results, evaluated, few)
    damage(results, DAMAGED)
    for path in doomed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    make_report(results, few)
    read(results, few)
    assert stored(results) == before


def test_no_runs_make_nothing(digits, tmp_path):
    evaluation.evaluate_runs(tmp_path, digits, [])
    assert list(tmp_path.iterdir()) == []
