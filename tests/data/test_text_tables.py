"""Tables of text: every dialect is read back, and what is damaged or unclear is refused."""

import csv
import gzip
import io
import os
import random
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from bad_files import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.data.formats import text
from mnist_aug.errors import UserError


def drawn(count=60, side=8, most=255, seed=0):
    """Images with dark corners, a row each, and labels of ten digits."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, most + 1, (count, side, side)) * (
        chance.random((count, side, side)) < 0.5
    )
    images[:, 0] = images[:, -1] = images[:, :, 0] = images[:, :, -1] = 0
    return images.reshape(count, -1).astype(np.uint8), chance.integers(0, 10, count)


IMAGES, LABELS = drawn()


def put(folder, content, name="some.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path):
    """The arrays by name, and the notes."""
    found = text.contents(path)
    arrays = {stored.name: stored.read() for stored in found.arrays}
    for stored in found.arrays:
        assert stored.shape in {(), arrays[stored.name].shape}
    return arrays, found


def written(rows, separator=",", end="\n", header=None):
    lines = [separator.join(map(str, row)) for row in ([header] if header else []) + [*rows]]
    return end.join(lines) + end


def check(path, images=IMAGES, labels=LABELS, stem="some"):
    arrays, found = read(path)
    assert [*arrays] == [f"{stem}/images", f"{stem}/labels"]
    assert arrays[f"{stem}/images"].dtype == images.dtype
    np.testing.assert_array_equal(arrays[f"{stem}/images"], images)
    np.testing.assert_array_equal(arrays[f"{stem}/labels"], labels)
    return found


def first(images=IMAGES, labels=LABELS):
    return np.column_stack([labels, images]).tolist()


def last(images=IMAGES, labels=LABELS):
    return np.column_stack([images, labels]).tolist()


PIXELS = [f"pixel{n}" for n in range(64)]


def test_a_file_is_parsed_once_and_its_arrays_are_not_held(tmp_path, monkeypatch):
    parsed = []
    original = text._Table.parsed
    monkeypatch.setattr(text._Table, "parsed", lambda self: parsed.append(1) or original(self))
    images, labels = text.contents(put(tmp_path, written(first()))).arrays
    assert not parsed
    np.testing.assert_array_equal(images.read(), IMAGES)
    np.testing.assert_array_equal(labels.read(), LABELS)
    assert len(parsed) == 1
    assert not images.read.func.__self__.held
    np.testing.assert_array_equal(labels.read(), LABELS)  # again
    assert len(parsed) == 2


# As known sites give them.


def test_kaggle_digit_recognizer(tmp_path):
    found = check(put(tmp_path, written(first(), header=["label", *PIXELS])))
    assert found.form == "CSV file"
    assert found.notes == ()
    arrays, _ = read(put(tmp_path, written(IMAGES, header=PIXELS), "test.csv"))
    np.testing.assert_array_equal(arrays.pop("test"), IMAGES)
    assert not arrays


def test_kaggle_mnist_in_csv(tmp_path):
    names = ["label", *(f"{row}x{column}" for row in range(1, 9) for column in range(1, 9))]
    check(put(tmp_path, written(first(), header=names)))
    check(put(tmp_path, written(first())))  # without header, as pjreddie.com gives it
    check(put(tmp_path, gzip.compress(written(first()).encode()), "some.csv.gz"))


RASTER = [(row, column) for row in range(12) for column in range(12)]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("r{0}c{1}", sorted(RASTER, key=lambda place: "r{}c{}".format(*place))),
        ("{0}x{1}", sorted(RASTER, key=lambda place: "{}x{}".format(*place))),
        ("pix_{0}_{1}", sorted(RASTER, key=lambda place: "pix_{}_{}".format(*place))),
        ("r{0}c{1}", sorted(RASTER, key=lambda place: place[::-1])),
        ("col{1}_row{0}", sorted(RASTER, key=lambda place: place[::-1])),
        ("x{1}y{0}", sorted(RASTER, key=lambda place: "x{1}y{0}".format(*place))),
        ("x{1}y{0}", RASTER),
        ("x{0}y{1}", RASTER),
        ("col{1}_row{0}", RASTER),
    ],
)
def test_columns_are_in_the_order_of_both_numbers(tmp_path, name, order):
    images, labels = drawn(side=12)
    columns = [12 * row + column for row, column in order]
    header = ["label", *(name.format(*place) for place in order)]
    path = put(tmp_path, written(first(images[:, columns], labels), header=header))
    found = check(path, images, labels)
    words = "the columns of pixels are taken in the order of their numbers"
    assert found.notes == (() if order == RASTER else (words,))


def test_columns_tell_sides_that_are_not_equal(tmp_path):
    images = drawn(side=12)[0]
    for name in "r{}c{}", "c{1}r{0}":
        header = [name.format(row, column) for row in range(8) for column in range(18)]
        path = put(tmp_path, written(first(images), header=["label", *header]))
        check(path, images.reshape(60, 8, 18))
    header = [f"p{pixel}_{channel}" for pixel in range(48) for channel in range(3)]
    check(put(tmp_path, written(first(images), header=["label", *header])), images)
    header = [f"{r}_{c}_{k}" for r in range(4, 10) for c in range(8) for k in range(3)]
    path = put(tmp_path, written(first(images), header=["label", *header]))
    check(path, images.reshape(60, 6, 8, 3))


def test_the_a_to_z_dataset_whose_first_image_became_names(tmp_path):
    labels = np.sort(LABELS)  # sorted by class, so that the start shows one class alone
    frame = pd.DataFrame(first(labels=labels))
    frame.to_csv(tmp_path / "plain.csv", index=False, header=False)
    pd.read_csv(tmp_path / "plain.csv").to_csv(tmp_path / "some.csv", index=False)
    found = check(tmp_path / "some.csv", IMAGES[1:], labels[1:])
    assert "an image that pandas took for names (0, 0.1, 0.2, …)" in found.notes[0]


@pytest.mark.parametrize("name", ["optdigits.tra", "optdigits.tes"])
def test_uci_optdigits(tmp_path, name):
    images, labels = drawn(most=16)
    check(put(tmp_path, written(last(images, labels)), name), images, labels, name)


def test_semeion(tmp_path):
    images, labels = drawn(200, 16, 1)
    hot = np.eye(10, dtype=np.uint8)[labels]
    rows = [
        "".join(f"{pixel:.4f} " for pixel in row) + "".join(f"{one} " for one in ones)
        for row, ones in zip(images, hot, strict=True)
    ]
    check(put(tmp_path, "\n".join(rows) + "\n", "semeion.data"), images, hot, "semeion.data")


def test_usps_of_the_elements_of_statistical_learning(tmp_path):
    images, labels = drawn(80, 16)
    images = (images / 127.5 - 1).astype(np.float32)
    lines = [
        f"{label:.4f} " + "".join(f"{pixel:.4f} " for pixel in row)
        for label, row in zip(labels, images, strict=True)
    ]
    content = gzip.compress("\n".join(lines).encode())
    check(put(tmp_path, content, "zip.train.gz"), images.round(4), labels, "zip.train")


def test_openml(tmp_path):
    check(put(tmp_path, written(last(), header=[*PIXELS, "class"])))
    quoted = [[*row[:-1], f"'{row[-1]}'"] for row in last()]
    check(put(tmp_path, written(quoted, header=[*(f"'{name}'" for name in PIXELS), "'class'"])))


ARFF = (
    "% Some digits\n\n@RELATION 'some digits'\n"
    + "".join(f"@ATTRIBUTE pixel{n} real\n" for n in range(64))
    + "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}\n\n@DATA\n"
)


def test_arff(tmp_path):
    content = ARFF + "% the rows\n" + written(last())
    assert check(put(tmp_path, content, "some.arff")).form == "ARFF file"
    check(put(tmp_path, gzip.compress(content.encode()), "some.arff.gz"))
    # USPS on OpenML: the label has a name of its own, among numbered ones.
    names = ["int0", *(f"double{n}" for n in range(1, 65))]
    content = "@relation u\n" + "".join(f"@attribute {name} numeric\n" for name in names)
    check(put(tmp_path, content + "@data\n" + written(first()), "some.arff"))
    words = [[*row[:-1], f"'digit {row[-1]}'"] for row in last()]
    content = ARFF + written(words)
    check(put(tmp_path, content, "some.arff"), labels=[f"digit {label}" for label in LABELS])


# As people write them.


@pytest.mark.parametrize(
    "name",
    ["label", "Labels", "CLASS", "classes", "target", "y", "digit", "character", "category"],
)
@pytest.mark.parametrize("place", [0, 30, 64])
def test_a_label_by_name_at_any_place(tmp_path, name, place):
    rows = np.insert(IMAGES, place, LABELS, axis=1)
    header = [*PIXELS[:place], name, *PIXELS[place:]]
    check(put(tmp_path, written(rows, header=header)))
    check(put(tmp_path, "# " + written(rows, header=header)))  # as numpy.savetxt writes it


def test_one_name_unlike_the_others(tmp_path):
    check(put(tmp_path, written(first(), header=["what", *PIXELS])))
    check(put(tmp_path, written(last(), header=[*map(str, range(64)), "what"])))


@pytest.mark.parametrize("name", ["id", "Unnamed: 0", "", "index", "ImageId"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_column_that_counts_rows_is_left_out(tmp_path, name, shuffled):
    places = np.random.default_rng(0).permutation(60) if shuffled else np.arange(60)
    rows = np.column_stack([places, LABELS, IMAGES])
    found = check(put(tmp_path, written(rows, header=[name, "label", *PIXELS])))
    assert found.notes == (
        f"column 1{f' ({name})' if name else ''} counts the rows and was left out",
    )


def test_a_column_that_counts_rows_without_a_name(tmp_path):
    images, labels = drawn(200)
    for start in 0, 1:
        rows = np.column_stack([np.arange(200) + start, labels, images])
        found = check(put(tmp_path, written(rows)), images, labels)
        assert found.notes == ("column 1 counts the rows and was left out",)


def test_pandas_writes_its_index_and_counted_names(tmp_path):
    pd.DataFrame(first()).to_csv(tmp_path / "some.csv", index=False)
    check(tmp_path / "some.csv")  # whose first line is 0,1,2,…
    frame = pd.DataFrame(IMAGES).assign(label=LABELS)
    frame.to_csv(tmp_path / "some.csv")
    assert len(check(tmp_path / "some.csv").notes) == 1


def test_a_submission_has_labels_alone(tmp_path):
    rows = np.column_stack([np.arange(1, 61), LABELS])
    arrays, found = read(put(tmp_path, written(rows, header=["ImageId", "Label"])))
    np.testing.assert_array_equal(arrays["some"], LABELS)
    assert len(found.notes) == 1


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS + 1000, np.array(["cat", "big dog", "ä"])[LABELS % 3]]
)
@pytest.mark.parametrize("header", ["", "label\n", '\ufeff"label"\r\n'])
def test_labels_alone(tmp_path, labels, header):
    arrays, _ = read(put(tmp_path, header + written(labels[:, None])))
    assert [*arrays] == ["some"]
    np.testing.assert_array_equal(arrays["some"], labels)
    assert arrays["some"].dtype.kind == labels.dtype.kind or arrays["some"].dtype == np.uint8


def test_one_hot_labels_alone_and_pixels_alone(tmp_path):
    """As MATLAB's dlmwrite and Fortran give them: blanks of several widths."""
    hot = np.eye(10)[LABELS]
    content = "\n".join("".join(f"{one:11.0f}" for one in row) for row in hot)
    arrays, found = read(put(tmp_path, content, "labels.txt"))
    np.testing.assert_array_equal(arrays["labels"], hot)
    assert found.form == "table of text"
    content = "\n".join(" ".join(f"{pixel:.10f}" for pixel in row) for row in IMAGES / 255)
    arrays, _ = read(put(tmp_path, content, "images"))
    np.testing.assert_allclose(arrays["images"], IMAGES / 255, atol=1e-7)
    assert arrays["images"].dtype == np.float32


def test_one_hot_columns_name_the_classes(tmp_path):
    names = ["cat", "dog", "owl"]
    hot = np.eye(3, dtype=np.uint8)[LABELS % 3]
    rows = np.column_stack([IMAGES, hot])
    found = check(put(tmp_path, written(rows, header=[*PIXELS, *names])), labels=hot)
    assert found.arrays[1].class_names == ("cat", "dog", "owl")


def test_colour(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 3))
    images = np.repeat(images, 64, 1).reshape(60, 192).astype(np.uint8)  # of one colour each
    check(put(tmp_path, written(first(images))), images)
    check(put(tmp_path, written(last(images))), images)


@pytest.mark.parametrize("most", [1, 16, 255, 65535])
@pytest.mark.parametrize("place", [first, last])
def test_values_of_any_range(tmp_path, most, place):
    images = drawn()[0].astype(np.float32) * (most / 255)
    images = images.round().astype(np.uint8 if most < 256 else np.float32)
    check(put(tmp_path, written(place(images))), images)


def test_text_labels_and_numbers_that_come_first(tmp_path):
    """As in a set of digits and letters, sorted: a piece of numbers alone must not be read as 7."""
    labels = np.array(["07", "7", "A", "NA", "nan", "None", "True"])[np.sort(LABELS) % 7]
    rows = np.column_stack([labels.astype(object), IMAGES])
    check(put(tmp_path, written(rows)), labels=labels)
    check(put(tmp_path, written(rows, header=["label", *PIXELS])), labels=labels)


def test_text_that_comes_after_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "HEAD", 1000)
    monkeypatch.setattr(text, "PIECE", 1000)
    labels = np.array([*LABELS[:-1].astype(str), "A"])
    rows = np.column_stack([labels.astype(object), IMAGES])
    check(put(tmp_path, written(rows, header=["label", *PIXELS])), labels=labels)


def test_pieces_and_lines_fit_together(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "SAMPLE", 5000)
    for size in 50, 333, 1000:
        monkeypatch.setattr(text, "HEAD", size)
        monkeypatch.setattr(text, "PIECE", size)
        for end in "\n", "\r\n", "\r":
            check(put(tmp_path, written(first(), end=end)))
    images = IMAGES.astype(np.float32)
    images[-1, 9] = 0.5  # what is a byte at first turns out as a float
    check(put(tmp_path, written(first(images))), images)


@settings(max_examples=80, database=None, deadline=None)
@given(
    separator=st.sampled_from([",", ", ", ";", "\t", " ", "   "]),
    end=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    label=st.sampled_from([first, last]),
    header=st.booleans(),
    mark=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    trailing=st.booleans(),
    finished=st.booleans(),
    packed=st.booleans(),
    kind=st.sampled_from(["bytes", "floats", "decimal commas"]),
    words=st.booleans(),
    count=st.integers(10, 60),
)
def test_every_dialect(
    tmp_path_factory,
    separator,
    end,
    label,
    header,
    mark,
    quoting,
    trailing,
    finished,
    packed,
    kind,
    words,
    count,
):
    images = IMAGES[:count]
    if kind != "bytes":
        images = (images / 256).astype(np.float32)
    labels = np.array([f"a{n}" for n in LABELS[:count]] if words else LABELS[:count])
    rows = [[*row] for row in images.tolist()]
    if kind == "decimal commas":
        separator = ";"
        rows = [[str(pixel).replace(".", ",") for pixel in row] for row in images.tolist()]
        if quoting == csv.QUOTE_NONNUMERIC:
            quoting = csv.QUOTE_MINIMAL
    for row, name in zip(rows, labels.tolist(), strict=True):
        row.insert(0 if label is first else 64, name)
    if header:
        rows.insert(0, ["label", *PIXELS] if label is first else [*PIXELS, "label"])
    file = io.StringIO()
    csv.writer(file, delimiter="\1", quoting=quoting, lineterminator="\n").writerows(rows)
    lines = file.getvalue().splitlines()
    content = end.join(line.replace("\1", separator) + separator * trailing for line in lines)
    if finished:
        content += end
    content = ("\ufeff" if mark else "").encode() + content.encode()
    path = tmp_path_factory.getbasetemp() / "some.csv"
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    check(path, images, labels)


# What isn't right, or can't be told.


def test_what_is_uncertain_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 3, (200, 65))
    with pytest.raises(UserError, match="which of its 65 columns holds the labels") as error:
        text.contents(put(tmp_path, written(noise)))
    row = noise[0]
    assert f"its first row is {row[0]}, {row[1]}, …, {row[-2]}, {row[-1]}" in str(error.value)
    assert "name that column label" in str(error.value)
    with pytest.raises(UserError, match="which of its 65 columns"):  # in rows that are too few
        text.contents(put(tmp_path, written(first()[:7])))
    check(put(tmp_path, written(first()[:8])), IMAGES[:8], LABELS[:8])
    # Labels alone don't make an image of 70 pixels.
    with pytest.raises(UserError, match="which of its 71 columns"):
        text.contents(put(tmp_path, written(np.column_stack([LABELS, IMAGES, IMAGES[:, :6]]))))
    with pytest.raises(UserError, match=r"5 columns \(a, b, …, e\)"):
        text.contents(put(tmp_path, written(IMAGES[:, 20:25] / 7, header=[*"abcde"])))
    rows = np.column_stack([LABELS, IMAGES, LABELS])
    path = put(tmp_path, written(rows, header=["label", *PIXELS, "class"]))
    with pytest.raises(UserError, match=r"column 1 \(label\) and column 66 \(class\) may both"):
        text.contents(path)


def changed(line, place, value):
    rows = first()
    rows[line - 2][place] = value
    return written(rows, header=["label", *PIXELS])


def test_empty_cells_are_named(tmp_path):
    rows = np.column_stack([LABELS, IMAGES]).astype(str)
    rows[:, [5, 63, 64]] = ""
    path = put(tmp_path, written(rows, header=["label", *PIXELS]))
    words = (
        r"line 2 has no value in column 6 \(pixel4\) and 2 others \(empty cells are not read as "
        r"0\): correct it, or save the table again"
    )
    with pytest.raises(UserError, match=words):
        [one.read() for one in text.contents(path).arrays]


@pytest.mark.parametrize("where", [2, 61])
@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, "", r"line {} has no value in column 2 \(pixel0\)"),
        (64, "", r"line {} has no value in column 65 \(pixel63\)"),
        (9, "x", r"line {} has 'x' in column 10 \(pixel8\), which isn't a number"),
        (9, "NaN", r"line {} has 'NaN' in column 10"),
        (9, "True", r"line {} has 'True' in column 10"),
        (9, "1e999", r"line {} has a number too large in column 10"),
        (9, "1e39", r"line {} has a number too large in column 10"),
        (9, "9" * 400, r"line {} has a number too large in column 10"),
        (9, "1,2", "line {} has 66 columns where others have 65"),
        (9, '"', "line {} is damaged .a quote that isn't closed"),
        (9, '"\n"', "line {} is damaged .a quote that isn't closed"),
    ],
)
def test_faults_have_a_line_and_a_column(tmp_path, monkeypatch, where, place, value, words):
    for head in 2**18, 1000:
        monkeypatch.setattr(text, "HEAD", head)
        monkeypatch.setattr(text, "PIECE", head)
        path = put(tmp_path, changed(where, place, value))
        with pytest.raises(UserError, match=words.format(where)) as error:
            read(path)
        assert str(error.value).startswith(str(path))
        assert "correct it" in str(error.value)


def test_a_row_that_is_cut_off(tmp_path):
    content = written(first(), header=["label", *PIXELS])
    cut = content[: content.rindex(",0,0,0,")]
    with pytest.raises(UserError, match=r"line 61 has 6\d columns where others have 65"):
        read(put(tmp_path, cut))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n\r\n  \n", "it is empty"),
        (b"label,pixel0\n", "no rows|another text"),
        ("a,b\n".encode("utf-16"), "it is UTF-16"),
        (b"\x89PNG\r\n\x1a\n\0\0", "holds zero bytes"),
        (b"caf\xe9,1\n", "isn't UTF-8"),
        (gzip.compress(written(first()).encode())[:-30], "damaged gzip file"),
        (b"<!DOCTYPE html>\n<html>\n<body>\n" + b"<p>1 2 3</p>\n" * 30, "can't be read as a table"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "table"),
        (b"\n".join(b"A line of prose, number %d" % n for n in range(50)), "table"),
        (b"\n".join(b"w%d" % n for n in range(50)), "a different text in almost every row"),
        (b"\n".join(b"%d.png,cat" % n for n in range(50)), "lists image files"),
        (ARFF.encode(), "no rows of data"),
        (b"@relation x\n@attribute a real\n", "no @data"),
        ((ARFF + "{1 5, 64 3}\n").encode(), "sparse ARFF"),
        ((ARFF + written(last()).replace(",0,", ",?,", 1)).encode(), r"line 71 has '\?' in column"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_what_is_no_table(tmp_path, content, words):
    path = put(tmp_path, content)
    with pytest.raises(UserError, match=words) as error:
        read(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def whole():
    return [
        content.encode() if isinstance(content, str) else content
        for content in (
            written(first()[:12], header=["label", *PIXELS]),
            written(last()[:12], "\t", "\r\n"),
            written([["cat", *row[:-1]] for row in last()[:12]], " "),
            ARFF + written(last()[:12]),
            "label\n" + "\n".join(["a", '"b c"'] * 9),
            gzip.compress(written(last()[:12], ";").encode(), mtime=0),
        )
    ]


def outcome(path, content):
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            arrays, message = read(path)[0], ""
        except UserError as error:
            message = str(error)
    assert not warned, warned[0].message
    if message:
        assert len(message) < 600
        assert "\n" not in message
        assert str(path) in message
        return "refused"
    for array in arrays.values():
        assert array.dtype.kind == "U" or array.dtype in (np.uint8, np.float32, np.int64)
        assert array.dtype.kind == "U" or np.isfinite(array).all()
    return "read"


@pytest.mark.parametrize("count", [150, pytest.param(5_000, marks=pytest.mark.torture)])
def test_edited_tables_are_read_or_refused(tmp_path, count):
    chance, wholes = random.Random(0), whole()
    outcomes = [
        outcome(tmp_path / "some.csv", damaged(chance.choice(wholes), chance)) for _ in range(count)
    ]
    assert {*outcomes} == {"read", "refused"}


@settings(max_examples=150, database=None, deadline=None)
@given(st.text("01,;\t \"'\n\r.-eax#%@?", max_size=60) | st.binary(max_size=40))
def test_any_text_is_read_or_refused(tmp_path_factory, content):
    content = content if isinstance(content, bytes) else content.encode()
    outcome(tmp_path_factory.getbasetemp() / "any.csv", content)


BOMBS = {
    "an endless line": lambda: gzip.compress(b"1" * 2**26, 1),
    "an endless line of columns": lambda: gzip.compress(b"1," * 2**25, 1),
    "many columns": lambda: b"1," * 2**20 + b"1\n" + b"1," * 2**20 + b"1\n",
    "many names": lambda: b"@relation x\n" + b"@attribute a real\n" * 80_000 + b"@data\n1\n",
    "ARFF without data": lambda: b"@relation x\n" + b"%\n" * 2**18,
    "blank lines": lambda: gzip.compress(b"1\n" + b"\n" * 2**18, 1),
    "many rows": lambda: gzip.compress(b"1\n" * 2**18, 1),
    "a quote that never closes": lambda: b'label\n"' + b"cat\n" * 2**20,
    "a quote at the start": lambda: b'"' + b"1,1,1\n" * 2**20,
    "a long label": lambda: b"label\n" + b"cat\n" * 999 + b"x" * 2**20 + b"\n",
    "zeros": lambda: gzip.compress(bytes(2**26), 1),
}
# The others take seconds together.
QUICK = {"a quote that never closes", "an endless line", "many columns"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.torture) for name in BOMBS],
)
def test_a_bomb_takes_little_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr("mnist_aug.data.formats.stored.MAX_IMAGES", 2**16)
    monkeypatch.setattr(text, "MAX_LINES", 2**17)
    path = put(tmp_path, BOMBS[name]())
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            read(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 100 * 2**20, f"{most / 2**20:.0f} MiB"


@pytest.mark.torture
def test_memory_and_time_of_a_large_table(tmp_path):
    """4,000 images of 784 pixels take what their text takes at most twice, and 64 MiB."""
    images, labels = drawn(4000, 28)
    path = put(tmp_path, written(first(images, labels)))
    tracemalloc.start()
    try:
        check(path, images, labels)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2 * path.stat().st_size + 64 * 2**20, f"{most / 2**20:.0f} MiB"


def test_pipes_and_folders_keep_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in tmp_path / "pipe", tmp_path:
        with pytest.raises(UserError, match="folder, pipe or device"):
            text.contents(path)
