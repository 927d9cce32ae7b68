"""Every form of data that people have: the same images and labels come out, or one line says why
not."""

import contextlib
import json
import shutil

import data_forms
import numpy as np
import pytest
from data_forms import ALONE, FORMS, LETTERS, MIXED

from mnist_aug.data import dataset, plausibility
from mnist_aug.errors import UserError


@pytest.fixture(scope="module")
def data(digits):
    return data_forms.small(digits)


def written(folder, form, data):
    folder.mkdir(exist_ok=True)
    return str(FORMS[form](folder, data))


def pairs(images, labels):
    """Images with their labels, whatever their order."""
    return sorted(zip(plausibility.hashes(images), map(int, labels), strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_what_was_written_is_read(tmp_path, data, form, capsys):
    found = dataset.load(written(tmp_path / "set", form, data))
    names = tuple(LETTERS) if form == "pickle, batches" else tuple("0123456789")
    assert found.class_names == names
    assert (found.kind, found.background) == (
        "character" if names != tuple("0123456789") else "digit",
        0,
    )
    assert found.image_shape == (28, 28)
    if form == "pictures, classes alone":
        every = [
            np.concatenate(p)
            for p in ((found.x_train, found.x_test), (found.y_train, found.y_test))
        ]
        wanted = [
            np.concatenate(p) for p in ((data.x_train, data.x_test), (data.y_train, data.y_test))
        ]
        assert pairs(*every) == pairs(*wanted)
    elif form in ALONE:
        assert len(found.x_test) == 10  # a fifth of each class
        assert np.bincount(found.y_test).tolist() == [1] * 10
        every = np.concatenate([found.x_train, found.x_test])
        labels = np.concatenate([found.y_train, found.y_test])
        assert pairs(every, labels) == pairs(data.x_train, data.y_train)
        assert "a fifth of each class" in capsys.readouterr().out
    elif form in MIXED:
        assert pairs(found.x_train, found.y_train) == pairs(data.x_train, data.y_train)
        assert pairs(found.x_test, found.y_test) == pairs(data.x_test, data.y_test)
    else:
        np.testing.assert_array_equal(found.x_train, data.x_train)
        np.testing.assert_array_equal(found.y_train, data.y_train)
        np.testing.assert_array_equal(found.x_test, data.x_test)
        np.testing.assert_array_equal(found.y_test, data.y_test)
    assert not found.warnings


@pytest.mark.parametrize(
    "form", ["idx", "npz, floats", "csv, Kaggle's", "pictures", "mat", "parquet, pixels", "pickle"]
)
def test_negatives_for_test_images_are_refused(tmp_path, data, form):
    place = written(tmp_path / "set", form, data.changed(x_test=255 - data.x_test))
    with pytest.raises(UserError, match="no verdict could be right") as error:
        dataset.load(place)
    assert place in str(error.value)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("form", FORMS)
def test_a_cut_file_is_named(tmp_path, data, form):
    place = written(tmp_path / "set", form, data)
    files = [path for path in (tmp_path / "set").rglob("*") if path.is_file()]
    files = [path for path in files if "emnist-mnist" not in path.name]  # which is not asked for
    largest = max(files, key=lambda path: (path.stat().st_size, path.name))
    content = largest.read_bytes()
    for path in files:  # its copies, too
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            path.write_bytes(content[: len(content) * 2 // 3 + 7])  # within a row of text
    with pytest.raises(UserError) as error:
        dataset.load(place)
    text = str(error.value)
    assert largest.name in text or place in text
    assert "\n" not in text
    assert len(text) < 700


@pytest.mark.one_in(4)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "web page"),
        (b"", "empty"),
    ],
)
def test_what_stands_in_place_of_data_is_named(tmp_path, data, form, content, words):
    place = written(tmp_path / "set", form, data)
    for path in (tmp_path / "set").rglob("*"):
        if path.is_file():
            path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        dataset.load(place)


@pytest.mark.parametrize("form", sorted(ALONE))
def test_the_order_of_files_does_not_matter_without_test_images(tmp_path, data, form):
    """The same images are held out of a set that is stored in another order."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    other = data.changed(x_train=data.x_train[order], y_train=data.y_train[order])
    first, second = (
        dataset.load(written(tmp_path / name, form, one))
        for name, one in (("one", data), ("two", other))
    )
    assert pairs(first.x_test, first.y_test) == pairs(second.x_test, second.y_test)
    trained = dataset.load(str(FORMS[form](tmp_path / "one", data)), test=False)
    assert pairs(trained.x_train, trained.y_train) == pairs(first.x_train, first.y_train)
    assert not len(trained.x_test)


def test_training_alone_needs_no_test_files(tmp_path, data):
    for form in "idx", "csv, Kaggle's", "parquet, Hugging Face's", "mat":
        folder = tmp_path / form
        place = written(folder, form, data)
        whole = dataset.load(place)
        for path in folder.rglob("t*"):
            if path.is_file() and path.name.startswith(("t10k", "test")):
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with contextlib.suppress(UserError):  # what lists the file finds it damaged
            part = dataset.load(place, test=False)
            np.testing.assert_array_equal(part.x_train, whole.x_train)
        shutil.rmtree(folder)


def test_arrays_beside_very_many_pictures(tmp_path, data):
    arrays = {name: getattr(data, name) for name in dataset.NAMES}
    np.savez(tmp_path / "set.npz", **arrays)
    (tmp_path / "drawn").mkdir()
    for number in range(400):
        (tmp_path / "drawn" / f"{number}.png").write_bytes(b"\x89PNG")
    (tmp_path / "train.m").write_text("load set\n")
    assert len(dataset.load(str(tmp_path)).x_train) == len(data.x_train)


def hugging_face(path, images, labels, names):
    import pyarrow as pa
    from pyarrow import parquet as pq

    features = {"label": {"names": [*names], "_type": "ClassLabel"}}
    cells = [{"bytes": data_forms.png_bytes(one), "path": None} for one in images]
    table = pa.table({"image": cells, "label": pa.array(labels)})
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(about), path.with_suffix(".parquet"))


def one_hot_columns(path, images, labels, names):
    table = np.column_stack([np.eye(len(names), dtype=int)[labels], data_forms.rows(images)])
    titles = [*names, *(f"pixel{number}" for number in range(images[0].size))]
    np.savetxt(path.with_suffix(".csv"), table, "%d", ",", header=",".join(titles), comments="")


def named(write, path, images, labels, names):
    """Write a file that numbers the classes by names of its own, and has no others."""
    own = np.array([names.lower().find(LETTERS[label]) for label in labels])
    write(path, images[own >= 0], own[own >= 0], names)


@pytest.mark.parametrize("write", [hugging_face, one_hot_columns])
def test_classes_that_files_number_otherwise_are_matched_by_name(tmp_path, data, write, capsys):
    data = data.changed(x_train=data.x_train[:, ::2, ::2], x_test=data.x_test[:, ::2, ::2])
    named(write, tmp_path / "train", data.x_train, data.y_train, LETTERS)
    named(write, tmp_path / "test", data.x_test, data.y_test, "JIHGFEDCA")
    found = dataset.load(str(tmp_path))
    keep = data.y_test != 1
    np.testing.assert_array_equal(found.y_train, data.y_train)
    np.testing.assert_array_equal(found.x_test, data.x_test[keep])
    np.testing.assert_array_equal(found.y_test, data.y_test[keep])
    assert found.class_names == tuple(LETTERS)
    said = capsys.readouterr().out
    assert "note: Files number the classes differently: they are matched by name" in said
    assert "There are no test images of class b: accuracy on it is unknown" in said
    # What the test file alone names is left out by its name; others are refused.
    keep = data.y_train < 9
    named(write, tmp_path / "train", data.x_train[keep], data.y_train[keep], LETTERS[:9])
    found = dataset.load(str(tmp_path))
    assert "3 of 27 test images are of classes without training images (J)" in found.warnings[0]
    np.testing.assert_array_equal(found.y_test, data.y_test[(data.y_test < 9) & (data.y_test != 1)])
    write(tmp_path / "test", data.x_test, data.y_test, "klmnopqrst")
    with pytest.raises(UserError, match=r"training images \(k, .*those of the training images: a,"):
        dataset.load(str(tmp_path))


def test_pieces_that_number_the_classes_differently_are_matched_by_name(tmp_path, data):
    for number, names in enumerate([LETTERS, LETTERS[::-1]]):
        half = slice(30 * number, 30 * number + 30)
        path = tmp_path / f"train-0000{number}-of-00002"
        named(hugging_face, path, data.x_train[half], data.y_train[half], names)
    found = dataset.load(str(tmp_path))
    every = [
        np.concatenate(p) for p in ((found.x_train, found.x_test), (found.y_train, found.y_test))
    ]
    assert pairs(*every) == pairs(data.x_train, data.y_train)
    assert found.class_names == tuple(LETTERS)
    hugging_face(path, data.x_train[:30], np.full(30, 12), LETTERS[::-1])
    with pytest.raises(UserError, match="holds the label 12 but names 10 classes"):
        dataset.load(str(tmp_path))
