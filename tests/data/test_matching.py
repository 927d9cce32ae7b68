"""Names that people give to arrays and files, and what is made of them."""

import numpy as np
import pytest

from mnist_aug.data import matching
from mnist_aug.data.formats.stored import Stored
from mnist_aug.errors import UserError

IMAGES, LABELS = (60, 28, 28), (60,)


def stored(**shapes):
    return [
        Stored(name.replace("__", "/"), shape, lambda: np.zeros(0))
        for name, shape in shapes.items()
    ]


def found(arrays):
    """Names by part and role."""
    return {
        part: ([one.name for one in own.images], [one.name for one in own.labels])
        for part, own in matching.matched("set", arrays).parts.items()
    }


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("xtrain", "ytrain", "xtest", "ytest"),
        ("trainX", "trainY", "testX", "testY"),
        ("train_x", "train_y", "test_x", "test_y"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("TrainImages", "TrainLabels", "TestImages", "TestLabels"),
        ("training_data", "training_targets", "testing_data", "testing_targets"),
        ("train/data", "train/target", "test/data", "test/target"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
         "t10k-labels-idx1-ubyte"),
        ("set-train-imgs/arr_0", "set-train-labels/arr_0", "set-test-imgs/arr_0",
         "set-test-labels/arr_0"),
        ("train_32x32/X", "train_32x32/y", "test_32x32/X", "test_32x32/y"),
        ("train-00000-of-00001/image", "train-00000-of-00001/label", "test-00000-of-00001/image",
         "test-00000-of-00001/label"),
        ("mnist_train/images", "mnist_train/labels", "mnist_test/images", "mnist_test/labels"),
        ("latest_test_run/x_train", "latest_test_run/y_train", "latest_test_run/x_test",
         "latest_test_run/y_test"),
        ("train/a", "train/b", "test/a", "test/b"),
        ("Xtr", "ytr", "Xtst", "ytst"),
        ("X_tr", "y_tr", "X_ts", "y_ts"),
        ("Train_DAT", "trainlabels", "Test_DAT", "testlabels"),
        ("datatrain", "labelstrain", "datatest", "labelstest"),
    ],
)  # fmt: skip
def test_names_that_people_give(names):
    shapes = (IMAGES, LABELS, (20, 28, 28), (20, 1))
    arrays = stored(**dict(zip(names, shapes, strict=True)))
    wanted = {"train": ([names[0]], [names[1]]), "test": ([names[2]], [names[3]])}
    assert found(arrays) == wanted
    assert found(arrays[::-1]) == wanted


@pytest.mark.parametrize(
    "names",
    [
        ("images", "labels"),
        ("X", "y"),
        ("data", "target"),
        ("fea", "gnd"),
        ("arr_0", "arr_1"),
        ("a", "b"),
    ],
)
def test_without_parts_all_is_for_training(names):
    arrays = stored(**dict(zip(names, (IMAGES, LABELS), strict=True)))
    assert found(arrays) == {"train": ([names[0]], [names[1]])}


def test_rows_of_pixels_and_one_hot_labels():
    assert found(stored(x_train=(60, 784), y_train=(60, 10))) == {
        "train": (["x_train"], ["y_train"])
    }


def test_pieces_are_joined_in_their_order():
    arrays = stored(
        data_batch_10__data=(5, 3072),
        data_batch_2__labels=(5,),
        data_batch_10__labels=(5,),
        data_batch_2__data=(5, 3072),
        data_batch_2__filenames=(5,),
        test_batch__data=(5, 3072),
        test_batch__labels=(5,),
    )
    assert found(arrays) == {
        "train": (
            ["data_batch_2/data", "data_batch_10/data"],
            ["data_batch_2/labels", "data_batch_10/labels"],
        ),
        "test": (["test_batch/data"], ["test_batch/labels"]),
    }


def test_fine_labels_are_meant():
    arrays = stored(train__data=(5, 32, 32, 3), train__fine_labels=(5,), train__coarse_labels=(5,))
    assert found(arrays) == {"train": (["train/data"], ["train/fine_labels"])}


def test_copies_count_once():
    arrays = stored(**{
        "train-images": IMAGES,
        "train-images-idx3-ubyte/train-images-idx3-ubyte": IMAGES,
        "train-labels": LABELS,
        "train-labels-idx1-ubyte/train-labels-idx1-ubyte": LABELS,
    })  # fmt: skip
    assert found(arrays) == {"train": (["train-images"], ["train-labels"])}
    with pytest.raises(UserError, match="of different shapes under one name"):
        found([*arrays, *stored(**{"train-images.idx3-ubyte": (9, 28, 28)})])


def test_what_does_not_fit_in_number_is_neither_images_nor_labels():
    arrays = stored(
        train__train_set_x=(209, 64, 64, 3), train__list_classes=(2,), train__train_set_y=(209,)
    )
    result = matching.matched("set", arrays)
    assert found(arrays) == {"train": (["train/train_set_x"], ["train/train_set_y"])}
    assert result.class_names is arrays[1]
    arrays = stored(
        par__nSample=(1, 1), par__SampleOrder=(1, 1100), labels=(1, 11000), DAT=(256, 11000)
    )
    assert found(arrays) == {"train": (["DAT"], ["labels"])}


def test_labels_with_and_without_their_writers_are_one_array():
    both = {"qmnist-train-labels-idx1-ubyte": (60,), "qmnist-train-labels-idx2-int": (60, 8)}
    wanted = {"train": (["qmnist-train-images-idx3-ubyte"], ["qmnist-train-labels-idx1-ubyte"])}
    arrays = stored(**{"qmnist-train-images-idx3-ubyte": IMAGES, **both})
    assert found(arrays) == wanted
    assert found(arrays[::-1]) == wanted


def test_what_is_left_out_is_said():
    arrays = stored(x_train=IMAGES, y_train=LABELS, x_test=IMAGES, weights=(3, 3, 3, 3, 3))
    result = matching.matched("set", arrays)
    assert [*result.parts] == ["train"]
    assert result.warnings == [
        "the test images (x_test [60, 28, 28]) have no labels and are left out"
    ]


@pytest.mark.parametrize("name", ["val", "valid", "validate", "validation", "dev"])
def test_validation_has_many_names(name):
    shapes = {"train__x": IMAGES, "train__y": LABELS, f"{name}__x": IMAGES, f"{name}__y": LABELS}
    assert found(stored(**shapes))["validation"] == ([f"{name}/x"], [f"{name}/y"])


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({}, "found: nothing"),
        ({"x_train": IMAGES}, r"found: x_train \[60, 28, 28\]"),
        ({"y_train": LABELS}, r"found: y_train \[60\]"),
        ({"x_train": IMAGES, "x_test": IMAGES, "y_test": LABELS}, "no labels for them"),
        ({"y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}, "no images for them"),
        ({"a/x": IMAGES, "b/x": IMAGES, "a/y": LABELS}, "keep one of each"),
        ({"x": IMAGES, "y": LABELS, "labels": LABELS}, "keep one of each"),
        ({"some": (3,), "thing": (2, 2)}, "nothing recognisable as images"),
    ],
)  # fmt: skip
def test_what_can_not_be_told_is_listed(shapes, words):
    with pytest.raises(UserError, match=words):
        found(stored(**shapes))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("emnist-letters-train-images-idx3-ubyte", "emnist-letters"),
        ("emnist-byclass-test-labels-idx1-ubyte", "emnist-byclass"),
        ("train-images-idx3-ubyte", ""),
        ("qmnist-train-labels-idx2-int", "qmnist"),
        ("k49-train-imgs", "k-49"),
        ("train-00000-of-00002", ""),
        ("data_batch_3", ""),
        ("batches.meta", ""),
        ("mnist_test", "mnist"),
        ("x_train", ""),
    ],
)
def test_files_of_one_dataset_have_one_group(name, group):
    assert matching.group_of(name) == group
