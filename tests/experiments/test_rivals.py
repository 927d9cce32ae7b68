"""Each library does the work that its row says, as far as its API goes, with the same strength."""

import numpy as np
import pytest

from mnist_aug.data import dataset
from mnist_aug.experiments import rivals

SLOW = pytest.mark.torture  # Keras's elastic layer takes seconds to compile
QUICK = rivals.AFFINE, rivals.MIXUP
EACH = [pytest.param(task, marks=() if task in QUICK else SLOW) for task in rivals.TASKS]


@pytest.fixture(scope="module")
def digits():
    mnist = dataset.load("mnist", test=False)
    return mnist.x_train[:200], mnist.y_train[:200]


def made(method, shape, calls=1):
    """Images uint8 [N, *shape], and shares of labels or None, of so many calls."""
    count, call = method
    batches, labels = [], []
    for _ in range(calls):
        out = call()
        images, shares = out if isinstance(out, tuple) else (out, None)
        if isinstance(images, list):
            images = np.stack([np.asarray(one) for one in images])
        images = np.asarray(images)
        assert images.dtype == np.uint8
        if len(shape) == 3 and images.shape[1] == 3:
            images = images.transpose(0, 2, 3, 1)
        batches.append(images.reshape(count, *shape))
        labels.append(shares)
    return np.concatenate(batches), None if labels[0] is None else np.concatenate(labels)


def calls(task, name):
    """So many that what is drawn once for a batch is drawn often enough to say something."""
    return 12 if "whole batch" in rivals.draws(task, name) else 1


@pytest.mark.parametrize("task", EACH)
def test_every_library_takes_and_gives_bytes_and_changes_them(task, digits):
    images, labels = digits
    methods = rivals.methods(task, images, labels)
    assert next(iter(methods)) == rivals.ENGINE
    for name, method in methods.items():
        times = calls(task, name)
        out, shares = made(method, (28, 28), times)
        assert (out != np.concatenate([images[: method[0]]] * times)).any(), name
        assert (shares is not None) == (task in (rivals.MIXUP, rivals.CUTMIX)), name


@pytest.mark.parametrize("task", [rivals.AFFINE, pytest.param(rivals.BOTH, marks=SLOW)])
def test_affine_and_elastic_are_as_strong_everywhere(task, digits):
    images, labels = digits
    changes = {}
    for name, method in rivals.methods(task, images, labels).items():
        out, _ = made(method, (28, 28), times := calls(task, name))
        before = np.concatenate([images[: method[0]]] * times)
        changes[name] = np.abs(out.astype(float) - before).mean()
    assert changes[rivals.ENGINE] > 10
    for name, change in changes.items():
        assert change == pytest.approx(changes[rivals.ENGINE], rel=0.4), name


@pytest.mark.parametrize("task", [rivals.AFFINE, pytest.param(rivals.BOTH, marks=SLOW)])
def test_lines_stay_straight_or_bend(task):
    bar = np.zeros((100, 28, 28), np.uint8)
    bar[:, 2:26, 13:15] = 255
    rows = np.arange(8, 20)
    for name, method in rivals.methods(task, bar, np.arange(100) % 10).items():
        out = made(method, (28, 28), calls(task, name))[0][:, 8:20].astype(float)
        out = out[(out.sum(2) > 100).all(1)]
        middles = (out * np.arange(28)).sum(2) / out.sum(2)
        fits = np.polyfit(rows, middles.T, 1)
        away = np.abs(middles - (fits[0][:, None] * rows + fits[1][:, None])).max(1)
        if task == rivals.AFFINE:
            assert np.median(away) < 0.15, name
        else:
            assert np.median(away) > 0.25, name


@pytest.mark.parametrize("task", [rivals.MIXUP, rivals.CUTMIX])
def test_shares_of_labels_are_those_of_the_images(task):
    labels = np.arange(400) * 7 % 10
    values = np.broadcast_to((25 * labels)[:, None, None], (400, 28, 28)).astype(np.uint8)
    methods = rivals.methods(task, values, labels)
    assert {rivals.ENGINE, rivals.KERAS} <= methods.keys()
    for name, method in methods.items():
        images, shares = made(method, (28, 28), calls(task, name))
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
        assert shares.min() > -1e-6
        assert (shares.max(1) < 0.99).any(), name
        told = shares @ (25 * np.arange(10))
        # Keras's boxes have edges between pixels, in the labels alone.
        most = 5 if (task, name) == (rivals.CUTMIX, rivals.KERAS) else 0.51
        assert np.abs(images.mean((1, 2)) - told).mean() < most, name


def test_what_is_cut_out_and_how_often():
    light = np.full((300, 28, 28), 200, np.uint8)
    labels = np.arange(300) % 10
    for name, method in rivals.methods(rivals.CUTOUT, light, labels).items():
        dark = (made(method, (28, 28))[0] == 0).sum((1, 2))
        assert dark.min() >= 1, name
        assert dark.max() <= 15 * 15, name
        if "inside" in rivals.draws(rivals.CUTOUT, name):
            assert dark.mean() == pytest.approx(14 * 14, rel=0.08), name
        else:
            assert 0.6 < dark.mean() / 14**2 < 0.9, name
    for name, method in rivals.methods(rivals.ERASING, light, labels).items():
        if name != rivals.BY_BATCH:  # all or none
            changed = (made(method, (28, 28))[0] != light[0]).any((1, 2)).mean()
            assert changed == pytest.approx(0.5, abs=0.17), name


@pytest.mark.parametrize("task", [rivals.AFFINE, rivals.ERASING])
def test_what_is_drawn_for_each_image_differs_between_equal_ones(task, digits):
    images = np.repeat(digits[0][:1], 60, axis=0)
    for name, method in rivals.methods(task, images, digits[1][:60]).items():
        kinds = {image.tobytes() for image in made(method, (28, 28))[0]}
        if "whole batch" in rivals.draws(task, name):
            assert len(kinds) == 1, name
        else:
            assert len(kinds) > 15, name


def test_colour_images_of_another_size():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 32, 36, 3), dtype=np.uint8)
    for task in set(rivals.TASKS) - {rivals.BOTH, rivals.RANDAUGMENT}:  # long to compile
        for method in rivals.methods(task, images, np.arange(40) % 10).values():
            made(method, (32, 36, 3))


def test_draws_are_of_tasks_and_libraries_that_there_are():
    names = {rivals.ENGINE, rivals.KERAS, rivals.KORNIA, rivals.TORCHVISION, rivals.BY_BATCH}
    for task, name in rivals.DRAWS:
        assert task in rivals.TASKS
        assert name in names
    assert rivals.draws(rivals.AFFINE, rivals.BY_BATCH) == "once for the whole batch"
    assert rivals.draws(rivals.AFFINE, rivals.KERAS) == "per image"


@pytest.mark.torture
def test_processes_of_their_own_are_measured_together(digits):
    images, labels = digits
    tasks = [rivals.AFFINE, rivals.MIXUP]
    one, two = (
        dict(rivals.measure(images, labels, groups, rounds=2, tasks=tasks))
        for groups in ([[]], [[], []])
    )
    assert list(one) == list(two) == tasks
    for task in tasks:
        assert one[task].keys() == two[task].keys() >= {rivals.ENGINE, rivals.KERAS}
        for name, timed in one[task].items():
            assert timed.seconds.shape == two[task][name].seconds.shape == (2,)
            assert (timed.rates > 0).all()
            np.testing.assert_allclose(timed.rates, timed.images / timed.seconds)
