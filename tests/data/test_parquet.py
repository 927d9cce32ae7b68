"""Parquet files: what their columns are read as, and what is said of those that can't be."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import bad_data
import bad_files
import damages
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_aug.data.formats import parquet, stored

PROJECT = Path(__file__).parents[2]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def coded(pixels, form="PNG"):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, form)
    return file.getvalue()


def grey(count=5, height=3, width=2):
    return np.random.default_rng(0).integers(0, 256, (count, height, width), dtype=np.uint8)


def as_structs(images):
    return pa.array([{"bytes": coded(one), "path": None} for one in images], IMAGE)


def hugging_face(columns, features):
    """A table with the metadata that `datasets` writes."""
    about = {"info": {"features": features}}
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(about)})


@pytest.fixture
def saved(tmp_path):
    def write(table, name="digits.parquet", **options):
        table = table if isinstance(table, pa.Table) else pa.table(table)
        pq.write_table(table, tmp_path / name, **options)
        return tmp_path / name

    return write


def read(path):
    """Name to array, and the notes; each has the shape that was promised, if one was."""
    found = parquet.contents(path)
    arrays = {one.name: one.read() for one in found.arrays}
    for one in found.arrays:
        assert one.shape in ((), arrays[one.name].shape)
    return arrays, found.notes


def refused(path, words):
    def every():
        for one in parquet.contents(path).arrays:
            one.read()

    text = damages.refusal(every)
    assert text is not None
    assert str(path) in text
    assert words in text, text
    return text


# Image sets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, 1000], ids=["many row groups", "one row group"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_an_image_set_of_hugging_face(saved, rows, compression):
    images, labels = grey(37), np.arange(37) % 3
    table = hugging_face(
        {"image": as_structs(images), "label": labels},
        {
            "image": {"_type": "Image"},
            "label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"},
        },
    )
    path = saved(
        table, "train-00000-of-00001.parquet", row_group_size=rows, compression=compression
    )
    arrays, notes = read(path)
    np.testing.assert_array_equal(arrays["train-00000-of-00001/image"], images)
    np.testing.assert_array_equal(arrays["train-00000-of-00001/label"], labels)
    assert notes == ()
    _, names = parquet.contents(path).arrays
    assert names.class_names == ("cat", "dog", "eel")


def test_fine_and_coarse_labels_have_their_own_names(saved):
    features = {
        "img": {"_type": "Image"},
        "fine_label": {"names": ["oak", "elm", "cod"], "_type": "ClassLabel"},
        "coarse_label": {"names": ["tree", "fish"], "_type": "ClassLabel"},
    }
    columns = {"img": as_structs(grey(3)), "fine_label": [0, 1, 2], "coarse_label": [0, 0, 1]}
    found = parquet.contents(saved(hugging_face(columns, features)))
    assert {one.name: one.class_names for one in found.arrays} == {
        "digits/img": (),
        "digits/fine_label": ("oak", "elm", "cod"),
        "digits/coarse_label": ("tree", "fish"),
    }


@pytest.mark.parametrize(
    "about",
    [
        b"{",
        b"[1]",
        b'{"info": {"features": 3}}',
        b'{"info": {"features": {"label": {"names": [1, 2]}}}}',
        b"[" * 100_000,
    ],
)
def test_odd_metadata_give_no_names(saved, about):
    table = pa.table({"label": [0, 1]}).replace_schema_metadata({"huggingface": about})
    (label,) = parquet.contents(saved(table)).arrays
    assert label.class_names == ()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_columns_of_encoded_pictures(saved, kind):
    images = np.stack([grey(3)] * 3, axis=3)
    images[1, 0, 0] = 200, 10, 10  # one in colour
    values = [coded(one) for one in images]
    path = saved({"picture": pa.array(values, kind), "label": ["a", "b", "a"]})
    arrays, _ = read(path)
    np.testing.assert_array_equal(arrays["digits/picture"], images)
    assert arrays["digits/label"].tolist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([coded(grey()[0]), None], "row 1 of column image, holds no picture"),
        ([coded(grey()[0]), coded(grey()[0])[:50]], "row 1 of column image, can't be read as PNG"),
        ([coded(grey()[0]), b"words"], "row 1 of column image, can't be read as a picture"),
        ([coded(grey()[0]), bad_files.png(9_999, 9_999)], "row 1 of column image, is too large"),
        ([coded(grey()[0]), coded(np.zeros((4, 4)))], "of 2 sizes: 2x3 (1, as"),
    ],
)
def test_a_picture_that_cant_be_read_is_named(saved, values, words):
    structs = pa.array([value and {"bytes": value, "path": None} for value in values], IMAGE)
    refused(saved({"image": structs}), words)
    refused(saved({"image": pa.array(values, pa.binary())}), words)


def test_other_columns_are_left_out_and_named(saved):
    columns = {
        "label": [1, 2],
        "when": pa.array([1, 2], pa.timestamp("s")),
        "boxes": pa.array([["a"], []]),
        "raw": [b"\0\1", b"\2\3"],
        "image": pa.array([{"bytes": None, "path": "1.png"}] * 2, IMAGE),
    }
    arrays, notes = read(saved(columns))
    assert [*arrays] == ["digits/label"]
    assert notes == (
        "columns that are neither images nor labels were left out: when, boxes, raw, image",
    )


# Numbers and text ---------------------------------------------------------------------------------


def tensors(images):
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images))


@pytest.mark.parametrize(
    "column",
    [
        lambda images: pa.array(images.tolist()),
        lambda images: pa.array(images.tolist(), pa.large_list(pa.large_list(pa.uint8()))),
        lambda images: pa.array(images.tolist(), pa.list_(pa.list_(pa.uint8(), 2), 3)),
        lambda images: pa.array(images.tolist(), pa.list_(pa.list_(pa.float32(), 2))),
        tensors,
    ],
    ids=["lists", "large lists", "fixed lists", "fixed within", "tensors"],
)
@pytest.mark.parametrize("rows", [7, 1000])
def test_lists_of_numbers_are_arrays(saved, column, rows):
    images = grey(40)
    path = saved({"pixels": column(images)}, row_group_size=rows)
    arrays, _ = read(path)
    np.testing.assert_array_equal(arrays["digits/pixels"], images)


def test_flat_lists_and_lists_in_colour(saved):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 2, 3))
    arrays, _ = read(saved({"a": images.reshape(5, -1).tolist(), "b": images.tolist()}))
    np.testing.assert_array_equal(arrays["digits/a"], images.reshape(5, -1))
    np.testing.assert_array_equal(arrays["digits/b"], images)


class Array2D(pa.ExtensionType):
    """As `datasets` has it, which nobody registers here."""

    def __init__(self):
        super().__init__(pa.list_(pa.list_(pa.uint8())), "datasets.features.features.Array2D")

    def __arrow_ext_serialize__(self):
        return json.dumps([[3, 2], "uint8"]).encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        raise AssertionError("what is in a file made an extension run")


def test_extension_types_are_read_as_what_they_store(saved):
    images, kind = grey(4), Array2D()
    storage = pa.array(images.tolist(), kind.storage_type)
    path = saved({"image": pa.ExtensionArray.from_storage(kind, storage)})
    assert pq.read_metadata(path).metadata[b"ARROW:schema"]
    np.testing.assert_array_equal(read(path)[0]["digits/image"], images)


@pytest.mark.parametrize(
    "lists",
    [
        [[1, 2, 3], [1, 2]],
        [[1, 2], [1, 2, 3, 4]],  # as many as two of three
        [[[1, 2], [3]], [[1, 2], [3, 4]]],
        [[1, 2]] * 20 + [[1, 2, 3]] * 20,
    ],
)
def test_lists_of_different_lengths_are_refused(saved, lists):
    refused(saved({"image": lists}), "lists of different lengths in column image")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1, None, 3], "nothing in row 1 of column c"),
        (["a", "b", None], "nothing in row 2 of column c"),
        ([[1, 2], None], "nothing in row 1 of column c"),
        ([[1, 2]] * 50 + [[None, 2]], "nothing in row"),
    ],
)
def test_nulls_are_refused_by_row(saved, column, words):
    refused(saved({"c": column}), words)


@pytest.mark.parametrize(
    "names",
    [
        [f"pixel{number}" for number in range(1, 17)],
        [f"{row}x{column}" for row in range(1, 5) for column in range(1, 5)],
        [str(number) for number in range(16)],
    ],
    ids=["OpenML", "Kaggle", "numbers"],
)
@pytest.mark.parametrize("label", [[3, 1, 2], ["3", "1", "2"]], ids=["number", "text"])
def test_a_column_for_each_pixel(saved, names, label):
    pixels = np.arange(48).reshape(3, 16) * 5
    columns = {name: pixels[:, place] for place, name in enumerate(names)}
    shuffled = random.Random(0).sample(names, 16)
    path = saved({**{name: columns[name] for name in shuffled}, "class": label}, row_group_size=2)
    arrays, notes = read(path)
    assert {*arrays} == {"digits/pixels", "digits/class"}
    np.testing.assert_array_equal(arrays["digits/pixels"], pixels)
    assert arrays["digits/class"].tolist() == label
    assert notes == ()


def test_columns_tell_sides_that_are_not_equal(saved):
    pixels = np.arange(144, dtype=np.uint8).reshape(3, 6, 8)
    columns = {f"{row}x{column}": pixels[:, row, column] for column in range(8) for row in range(6)}
    arrays, _ = read(saved({**columns, "label": [0, 1, 0]}))
    np.testing.assert_array_equal(arrays["digits/pixels"], pixels)


def test_a_few_numbered_columns_are_no_pixels(saved):
    arrays, _ = read(saved({f"label{number}": [number] for number in range(15)}))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        f"digits/label{number}": [number] for number in range(15)
    }


def test_categories_of_pandas_are_text(saved):
    labels = pa.array(["b", "a", "b"]).dictionary_encode()
    assert read(saved({"label": labels}))[0]["digits/label"].tolist() == ["b", "a", "b"]


def test_names_with_dots_are_not_taken_for_one_another(saved):
    columns = {"x": [1, 2], "x.1": [3, 4], "a": pa.array([{"x": 5}] * 2)}
    arrays, _ = read(saved(columns))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "digits/x": [1, 2],
        "digits/x.1": [3, 4],
    }


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 40),
    st.integers(1, 9),
    st.sampled_from(["u1", "i2", "i8", "f4", "f8", "bool"]),
    st.sampled_from(["1.0", "2.6"]),
    st.booleans(),
)
def test_numbers_are_what_was_written(tmp_path_factory, count, group, dtype, version, dictionary):
    values = np.random.default_rng(count).integers(0, 2 if dtype == "bool" else 100, (count, 2))
    values = values.astype(dtype)
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    table = pa.table(
        {
            "one": values[:, 0],
            "all": pa.array([*values.tolist()], pa.list_(pa.from_numpy_dtype(values.dtype))),
        }
    )
    pq.write_table(table, path, row_group_size=group, version=version, use_dictionary=dictionary)
    arrays, _ = read(path)
    np.testing.assert_array_equal(arrays["a/one"], values[:, 0])
    if count:
        np.testing.assert_array_equal(arrays["a/all"], values)
        assert arrays["a/one"].dtype == arrays["a/all"].dtype == values.dtype
    else:
        assert arrays["a/all"].size == 0


# Limits and damage --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "most"),
    [
        ({"image": as_structs(grey(5))}, 5 * 6 - 1),
        ({"image": grey(5).tolist()}, 5 * 6 * 8 - 1),
        ({f"p{number}": [1] * 5 for number in range(16)}, 5 * 16 * 8 - 1),
        ({"label": ["abc"] * 5}, 5 * 3 * 4 - 1),
    ],
    ids=["pictures", "lists", "a column a pixel", "text"],
)
def test_arrays_are_bounded(saved, monkeypatch, columns, most):
    path = saved(columns)
    # what the footer claims of encoded pictures is bounded, too, and larger here
    monkeypatch.setattr(parquet, "_claimed", lambda *_: None)
    monkeypatch.setattr(stored, "MAX_PIXELS", most)
    refused(path, f"over the limit of {most} bytes")
    monkeypatch.setattr(stored, "MAX_PIXELS", most + 1)
    read(path)


def test_what_the_footer_claims_is_bounded_before_it_is_read(saved, monkeypatch):
    path = saved({"label": [*range(1000)]}, use_dictionary=False, compression="zstd")
    assert path.stat().st_size < 8000
    monkeypatch.setattr(stored, "MAX_PIXELS", 8000)
    refused(path, "bytes in row group 0, over the limit of 8,000")
    monkeypatch.setattr(stored, "MAX_IMAGES", 999)
    refused(path, "over the limit of 999")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_value_repeated_for_few_bytes_takes_little_memory(saved):
    picture = coded(np.zeros((1, 1))) + bytes(2**18)
    path = saved({"image": [picture] * 800}, compression="zstd")
    assert path.stat().st_size < 2**15
    parquet.contents(path)
    bad_data.forget_peak()
    before = bad_data.peak()
    arrays, _ = read(path)
    assert arrays["digits/image"].shape == (800, 1, 1)
    assert bad_data.peak() - before < 50 * bad_data.MIB  # of 200


def test_columns_of_one_name_are_refused(saved):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    refused(saved(table), "columns of the same name")


def test_without_pyarrow_there_is_one_line(saved):
    path = saved({"label": [1]})
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from mnist_aug.data.formats import parquet\n"
        "from mnist_aug.errors import one_line_errors\n"
        f"with one_line_errors(): parquet.contents(Path({str(path)!r}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert process.returncode == 2
    assert process.stderr == (
        f"error: {path} is a Parquet file, and pyarrow, which reads them, isn't installed: "
        'pip install ".[parquet]"\n'
    )


def whole():
    """Files of every kind that is read, each with one row group after another."""
    images = grey(6)
    for columns in (
        {"image": as_structs(images), "label": [0, 1, 2] * 2},
        {"image": images.tolist(), "label": list("abcabc")},
        {f"p{number}": images[:, 0, 0] for number in range(16)},
    ):
        for compression in ("none", "zstd"):
            file = io.BytesIO()
            pq.write_table(pa.table(columns), file, row_group_size=3, compression=compression)
            yield file.getvalue()


@pytest.mark.parametrize("content", [*whole(), b"", b"PAR1", b"PAR1" + b"\xff" * 50 + b"PAR1"])
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, content, counted):
    path, outcomes = tmp_path / "set.parquet", []

    def every():
        for one in parquet.contents(path).arrays:
            array = one.read()
            assert one.shape in ((), array.shape)

    for name, damaged in damages.bytes_of(content or b"\0", np.random.default_rng(0), 12):
        path.write_bytes(damaged)
        refusal = damages.refusal(every)
        assert refusal is None or str(path) in refusal, name
        outcomes.append(refusal is None)
    assert False in outcomes
    counted("bad files read: parquet", len(outcomes))
