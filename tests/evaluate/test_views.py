"""Test-time augmentation: scores worked out with Keras and the engine, whoever asks and however.

That two processes give the same bytes as one is tested with the pools.
"""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from mnist_aug.analysis import metrics
from mnist_aug.augment import policy as policies
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.errors import UserError
from mnist_aug.evaluate import evaluation, views
from mnist_aug.experiments import studies
from mnist_aug.results import runs
from mnist_aug.train import training
from mnist_aug.train.variant import augmented, baseline

VIEWS = 3
WANTED = [(replace(one, epochs=1), seed) for one in (baseline, augmented) for seed in (0, 1)]
TRAINED = 320  # of the 400 training images; the others are for validation


def described(name):
    return policies.describe(policies.load(name)) | {"name": name}


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    training.train_all(WANTED, few, results)
    return results


@pytest.fixture(scope="module")
def evaluated(trained, few, tmp_path_factory):
    results = shutil.copytree(trained, tmp_path_factory.mktemp("evaluated") / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "_save_samples", lambda *_: None)  # the images of the report
        evaluation.evaluate(results, few, tta=VIEWS)
    return results


def scored(results, name):
    table = pd.read_csv(results / name / runs.METRICS).set_index(["seed", "eval_set"])
    return table.drop(columns="variant")


@pytest.mark.parametrize("name", runs.BOTH)  # baseline's views are by the policy of augmented
def test_what_is_scored_is_the_mean_over_the_image_and_its_views(evaluated, few, name):
    engine, found = vectorize("default"), runs.read_variant(evaluated / name)
    own, first = slice(TRAINED, None), {"test": 0, "validation": TRAINED}
    sets = {"test": (few.x_test, few.y_test), "validation": (few.x_train[own], few.y_train[own])}
    for run in found.runs:
        model = keras.models.load_model(run.model, compile=False)
        for eval_set, (images, labels) in sets.items():
            each = [
                images,
                *(engine(images, (run.seed, -1 - k, first[eval_set])) for k in range(VIEWS)),
            ]
            mean = np.mean([model(one / np.float32(255)).numpy() for one in each], axis=0)
            row = scored(evaluated, name).loc[(run.seed, f"tta/{eval_set}")]
            for score, value in metrics.scores(labels, mean).items():
                assert row[score] == pytest.approx(value, rel=1e-5), (eval_set, score)
            right = found.correct_on(f"tta/{eval_set}")[run.seed]
            assert right.tolist() == (mean.argmax(1) == labels).tolist()
        plain = scored(evaluated, name).loc[(run.seed, "validation")]
        assert plain["accuracy"] == pytest.approx(run.validation_accuracy)
        assert plain["images"] == len(few.x_train) - TRAINED


@pytest.mark.torture
def test_everything_else_is_as_without_it(evaluated, trained, few, tmp_path, monkeypatch):
    """Also after it was asked for: nothing of it is left then."""
    results = shutil.copytree(evaluated, tmp_path / "results")
    monkeypatch.setattr(evaluation, "_save_samples", lambda *_: None)
    evaluation.evaluate(results, few)
    plain = shutil.copytree(trained, tmp_path / "plain")
    evaluation.evaluate(plain, few)
    for path in plain.rglob("*.*"):
        if path.suffix in (".npz", ".csv"):
            assert (results / path.relative_to(plain)).read_bytes() == path.read_bytes(), path
    for name in runs.BOTH:
        assert "tta" not in json.loads((results / name / runs.EVALUATION).read_text())
        more = scored(evaluated, name).drop(index=["tta/test", "tta/validation"], level="eval_set")
        pd.testing.assert_frame_equal(more, scored(plain, name))
        for seed in (0, 1):
            folders = [runs.run_folder(one, name, seed) for one in (evaluated, plain)]
            one, other = ((folder / runs.PREDICTIONS).read_bytes() for folder in folders)
            assert one == other


@pytest.mark.torture
def test_the_same_in_other_batches(evaluated, trained, few, tmp_path, monkeypatch):
    results = shutil.copytree(trained, tmp_path / "results")
    monkeypatch.setattr(evaluation, "BATCH_VALUES", 784 * 33)
    evaluation.evaluate(results, few, tta=VIEWS)
    for name in runs.BOTH:
        one, other = (runs.read_variant(folder / name) for folder in (evaluated, results))
        for eval_set in ("tta/test", "validation", "tta/validation"):
            assert one.correct_on(eval_set).tolist() == other.correct_on(eval_set).tolist()
        pd.testing.assert_frame_equal(scored(evaluated, name), scored(results, name), rtol=1e-5)


def test_a_view_is_of_its_seed_number_and_image_alone(few):
    engine, images = vectorize("default"), few.x_test
    whole = views.made(engine, images, seed=2, view=1)
    assert whole.dtype == np.uint8
    for size in (1, 7, 64):
        parts = [
            views.made(engine, images[start : start + size], 2, 1, start)
            for start in range(0, len(images), size)
        ]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    others = [views.made(engine, images, *key) for key in ((2, 0), (2, 2), (1, 1))]
    trained_on = [engine(images, (2, epoch, 0)) for epoch in range(3)]
    for other in (*others, *trained_on):
        assert (other != whole).any(axis=(1, 2)).mean() > 0.9


def test_what_it_was_made_with_and_took_is_kept(evaluated):
    for name in runs.BOTH:
        kept = json.loads((evaluated / name / runs.EVALUATION).read_text())["tta"]
        assert kept["views"] == VIEWS
        assert kept["policy"] == described("default")
        seconds = kept["seconds_per_1000_images"]
        assert seconds["tta"] > (VIEWS + 0.99) * seconds["plain"] > 0


@pytest.mark.torture
def test_without_validation_images_the_test_images_are_scored(few, tmp_path):
    wanted = [(replace(augmented, epochs=1, validation_split=0), 0)]
    training.train_all(wanted, few, tmp_path)
    evaluation.evaluate(tmp_path, few, tta=1)
    assert [name for _, name in scored(tmp_path, "augmented").index][-1] == "tta/test"
    assert "validation" not in runs.read_variant(tmp_path / "augmented").images


def test_which_policy_makes_the_views():
    default, affine, mixup = map(described, ("default", "affine", "mixup"))
    both = described("default+mixup:0.2")
    assert views.chosen(8, {"baseline": None, "augmented": default}) == views.Views(8, default)
    assert views.chosen(8, {"a": mixup, "b": affine, "c": default}).policy == affine
    assert views.chosen(8, {"a": both}).policy == both
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    plain, mixed = (views.Views(8, one).engine() for one in (default, both))
    assert (plain(images, (0, -1, 0)) == mixed(images, (0, -1, 0))).all()
    augmix = views.Views(8, described("augmix")).engine()
    assert (augmix(images, (0, -1, 0)) != images).any()


@pytest.mark.parametrize("name", ["mixup:0.2", "cutmix", "label-smoothing:0.1"])
def test_a_policy_that_changes_no_image_makes_no_views(few, tmp_path, name):
    """Known before anything is trained."""
    with pytest.raises(UserError) as error:
        studies.run_both(runs.BOTH, 1, few, tmp_path, 1, name, tta=8)
    assert str(error.value) == (
        f"TTA (--tta) needs a policy that changes images, and {name} changes none by itself: "
        "add one that does, as in POLICY=default+mixup, or leave TTA out"
    )
    assert not any(tmp_path.iterdir())


def test_baseline_alone_has_no_views(evaluated, few):
    before = {path: path.stat().st_mtime_ns for path in evaluated.rglob("*.*")}
    with pytest.raises(UserError, match=r"baseline has none: evaluate augmented as well, .*"):
        evaluation.evaluate(evaluated, few, ["baseline"], tta=8)
    assert {path: path.stat().st_mtime_ns for path in before} == before
