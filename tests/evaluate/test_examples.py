"""Which images are chosen, and that they belong to the predictions that are stored with them."""

import json

import numpy as np
import pytest
import synthetic_results

from mnist_aug.augment import policy
from mnist_aug.augment.mixing import Mixer
from mnist_aug.data.corruptions import CORRUPTIONS, corrupt
from mnist_aug.errors import UserError
from mnist_aug.evaluate import examples
from mnist_aug.results import extras, runs


def results(tmp_path, **options):
    return synthetic_results.write(tmp_path, **{"bench": False, "test": 60} | options)


def read(path):
    samples, _ = extras.read_samples(path, runs.read_variants(path))
    return samples


def test_most_changed_ties_go_by_index():
    gain = np.array([0, 0.5, 1, 0.5, -0.5, 0, -1, -0.5])
    fixed, broken = examples.most_changed(gain)
    assert fixed.tolist() == [2, 1, 3]
    assert broken.tolist() == [6, 4, 7]


def test_first_of_each_class_and_at_most_ten():
    assert examples.first_of_each(np.array([2, 0, 2, 1, 0])).tolist() == [1, 3, 0]
    assert len(examples.first_of_each(np.arange(30))) == 10


def test_versions_are_the_engines_for_epochs_0_to_7():
    seen = []

    def augment(images, key):
        seen.append((key[0], key[1], key[2].tolist()))
        return images + np.uint8(key[1])

    data = synthetic_results.dataset(test=60)
    samples = examples.choose({}, data, augment)
    assert seen == [(0, epoch, list(range(10))) for epoch in range(8)]
    assert samples["augmented"].shape == (10, 8, 28, 28)
    assert (samples["augmented"][3, 5] == data.x_train[3] + 5).all()


def test_without_a_policy_there_are_no_versions():
    samples = examples.choose({}, synthetic_results.dataset(test=60), None)
    assert samples["augmented"].shape == (10, 0, 28, 28)


@pytest.fixture(scope="module")
def stronger(mnist):
    index = examples.first_of_each(mnist.y_train)
    images = mnist.x_train[index]
    found = examples.at_strengths(policy.load("default"), images, index, 28, 0)
    return images, index, found


def test_images_at_each_strength_draw_the_same(stronger, mnist):
    images, index, found = stronger
    assert found["strengths"].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.5, 2]
    assert found["stronger"].dtype == np.uint8
    np.testing.assert_array_equal(found["stronger"][0], images)
    for place, name in (4, "default"), (1, "default-0.25x"), (6, "default-2x"):
        mixer = Mixer(policy.load(name), mnist.x_train, mnist.y_train, 10)
        np.testing.assert_array_equal(found["stronger"][place], mixer((0, 0), index)[0])
    changed = np.abs(found["stronger"].astype(float) - images).mean(axis=(2, 3))
    assert (np.diff(changed.mean(axis=1)) > 0).all()  # other draws would make it jump


def test_each_part_of_the_policy_at_each_strength(stronger, mnist):
    images, index, found = stronger
    assert found["transforms"].tolist() == [
        *("rotate", "scale", "translate", "shear", "elastic", "all"),
    ]
    one = int(found["grid_of"])
    for part, grid in zip(found["transforms"], found["grid"], strict=True):
        np.testing.assert_array_equal(grid[0], images[one])
        name = "default" if part == "all" else str(part)
        mixer = Mixer(policy.load(name), mnist.x_train, mnist.y_train, 10)
        versions = [mixer((0, epoch), index[one : one + 1])[0][0] for epoch in range(8)]
        assert any((grid[4] == version).all() for version in versions), part
        assert (grid[6] != images[one]).any()


def test_strengths_of_colour_and_of_another_size_and_background():
    data = synthetic_results.dataset(test=20, shape=(16, 12, 3))
    written = json.dumps(policy.describe(policy.load("default", 12, (250, 250, 250))))
    own, index = policy.described(json.loads(written)), np.arange(3)  # as in a manifest
    found = examples.at_strengths(own, data.x_train[:3], index, 12, (250, 250, 250))
    assert found["stronger"].shape == (7, 3, 16, 12, 3)
    assert found["grid"].shape == (6, 7, 16, 12, 3)


@pytest.mark.parametrize("name", ["affine", "mixup:0.2", "default+mixup:0.2", "label-smoothing"])
def test_only_the_default_policy_has_strengths(name, mnist):
    own = policy.load(name)
    assert examples.at_strengths(own, mnist.x_train[:2], np.arange(2), 28, 0) == {}


def test_corrupted_images_are_those_of_the_test_images():
    data = synthetic_results.dataset(test=60)
    samples = examples.choose({}, data, None)
    assert samples["corruptions"].tolist() == [*CORRUPTIONS]
    for place in 0, 7:
        corruption = samples["corruptions"][place]
        expected = corrupt(data.x_test[samples["test_index"]], corruption)
        np.testing.assert_array_equal(samples["corrupted"][place], expected)


def test_same_bytes_twice(tmp_path):
    path = results(tmp_path)
    names = extras.SAMPLES, extras.WEIGHTS, extras.SHOWN
    before = [(path / name).read_bytes() for name in names]
    synthetic_results.write_samples(path, synthetic_results.dataset(test=60))
    assert [(path / name).read_bytes() for name in names] == before
    assert [p.name for p in path.glob(".*")] == []


def test_what_augmentation_changed_most_on_the_seeds_that_both_have(tmp_path):
    right = {"baseline": np.ones((2, 60), bool), "augmented": np.ones((1, 60), bool)}
    right["baseline"][0, 7] = right["augmented"][0, 9] = False
    right["baseline"][1, 11] = False  # augmented has no such seed
    path = results(tmp_path, seeds=2, variants=("baseline",), correct=right)
    results(path, seeds=1, variants=("augmented",), correct=right)
    samples = read(path)
    assert samples["fixed_index"].tolist() == [7]
    assert samples["broken_index"].tolist() == [9]
    assert samples["fixed_labels"].tolist() == [7]


@pytest.mark.parametrize("variant", ["baseline", "augmented"])
def test_one_variant_alone_has_what_there_is(tmp_path, variant):
    samples = read(results(tmp_path, variants=(variant,), seeds=1))
    assert len(samples["test_images"]) == 10
    assert len(samples["fixed_images"]) == 0


def test_samples_of_other_predictions_are_refused(tmp_path):
    right = {"baseline": np.ones((1, 60), bool), "augmented": np.ones((1, 60), bool)}
    right["baseline"][0, 7] = False
    path = results(tmp_path / "one", seeds=1, correct=right)
    right["baseline"][0, 8] = False
    other = results(tmp_path / "two", seeds=1, correct=right)
    for name in extras.SAMPLES, extras.WEIGHTS, extras.SHOWN:
        (path / name).replace(other / name)
    with pytest.raises(UserError) as error:
        read(other)
    assert str(error.value) == (
        f"{other / 'samples.json'} was chosen from other predictions than those next to it: "
        "delete it and run `make report`"
    )


def test_samples_of_fewer_variants_are_refused(tmp_path):
    path = results(tmp_path, seeds=1)
    variants = runs.read_variants(path)
    with pytest.raises(UserError, match="other predictions"):
        extras.read_samples(path, {"baseline": variants["baseline"]})


def test_no_file_is_none(tmp_path):
    path = results(tmp_path, samples=False)
    assert extras.read_samples(path, runs.read_variants(path)) is None
