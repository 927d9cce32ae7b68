"""Which images are chosen, and that they belong to the predictions beside them."""

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import comparison as study
from mnist_aug.errors import UserError
from mnist_aug.evaluate import examples


def results(tmp_path, **options):
    return synthetic_results.write(tmp_path, **{"bench": False, "test": 60} | options)


def test_most_changed_ties_go_by_index():
    gain = np.array([0, 0.5, 1, 0.5, -0.5, 0, -1, -0.5])
    fixed, broken = examples.most_changed(gain)
    assert fixed.tolist() == [2, 1, 3]
    assert broken.tolist() == [6, 4, 7]


def test_first_of_each_class_and_at_most_ten():
    assert examples.first_of_each(np.array([2, 0, 2, 1, 0])).tolist() == [1, 3, 0]
    assert len(examples.first_of_each(np.arange(30))) == 10


def test_versions_are_the_engines_for_epochs_0_to_7(tmp_path):
    seen = []

    def augment(images, key):
        seen.append((key[0], key[1], key[2].tolist()))
        return images + np.uint8(key[1])

    path = results(tmp_path, samples=False)
    data = synthetic_results.dataset(test=60)
    examples.save(path, data, augment)
    samples = examples.load(path, study.load(path))
    assert seen == [(0, epoch, list(range(10))) for epoch in range(8)]
    assert samples["augmented"].shape == (10, 8, 28, 28)
    assert (samples["augmented"][3, 5] == data.x_train[3] + 5).all()


def test_same_bytes_twice(tmp_path):
    path = results(tmp_path)
    before = (path / examples.FILE).read_bytes()
    examples.save(path, synthetic_results.dataset(test=60), synthetic_results.shifted)
    assert (path / examples.FILE).read_bytes() == before
    assert [p.name for p in path.glob(".*")] == []


@pytest.mark.parametrize("arm", ["baseline", "augmented"])
def test_one_arm_alone_saves_what_there_is(tmp_path, arm):
    path = results(tmp_path, variants=(arm,), seeds=1)
    with np.load(path / examples.FILE) as samples:
        assert len(samples["test_images"]) == 10
        assert len(samples["fixed_images"]) == 0


def test_without_a_policy_there_are_no_versions(tmp_path):
    path = results(tmp_path, samples=False)
    examples.save(path, synthetic_results.dataset(test=60), None)
    assert examples.load(path, study.load(path))["augmented"].shape == (10, 0, 28, 28)


def test_samples_of_other_predictions_are_refused(tmp_path):
    right = {"baseline": np.ones((1, 60), bool), "augmented": np.ones((1, 60), bool)}
    right["baseline"][0, 7] = False
    path = results(tmp_path / "one", seeds=1, correct=right)
    right["baseline"][0, 8] = False
    other = results(tmp_path / "two", seeds=1, correct=right)
    (path / examples.FILE).replace(other / examples.FILE)
    with pytest.raises(UserError, match="other predictions"):
        examples.load(other, study.load(other))


def test_no_file_is_none(tmp_path):
    path = results(tmp_path, samples=False)
    assert examples.load(path, study.load(path)) is None
