"""NPZ and NPY: which arrays are found, what is left out, and how damage is refused."""

import io
import pickle
import zipfile

import bad_files
import numpy as np
import pytest
from bad_files import arrays, lying, npy, npz, saved, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mnist_aug.data.formats import numpy_files, stored
from mnist_aug.errors import UserError

IMAGES, LABELS = arrays()[:2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def put(folder, content, name="set.npz"):
    (folder / name).write_bytes(content)
    return folder / name


def found(path):
    return {one.name: one for one in numpy_files.contents(path).arrays}


def notes(path):
    return "; ".join(numpy_files.contents(path).notes)


dtypes = st.one_of(
    arrays_of.integer_dtypes(endianness="?"),
    arrays_of.unsigned_integer_dtypes(endianness="?"),
    arrays_of.floating_dtypes(endianness="?"),
    arrays_of.boolean_dtypes(),
    arrays_of.unicode_string_dtypes(endianness="?", max_len=5),
)


@settings(max_examples=100)
@given(
    st.data(),
    dtypes,
    arrays_of.array_shapes(max_dims=4, min_side=0, max_side=4),
    st.booleans(),
    st.sampled_from(["npz", "packed", "npy"]),
)
def test_arrays_are_read_back(folder, data, dtype, shape, by_columns, form):
    letters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    elements = letters.map(lambda text: text[: dtype.itemsize // 4]) if dtype.kind == "U" else None
    array = data.draw(arrays_of.arrays(dtype, shape, elements=elements))
    array = np.asfortranarray(array) if by_columns else array
    path = folder / "some.data"
    with path.open("wb") as file:
        if form == "npy":
            np.save(file, array)
        else:
            (np.savez if form == "npz" else np.savez_compressed)(file, a=array)
    ((name, one),) = found(path).items()
    assert name == ("some" if form == "npy" else "some/a")
    assert one.shape == shape
    read = one.read()
    assert read.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, array)


def test_all_arrays_are_listed_in_their_order(tmp_path):
    path = put(tmp_path, npz(), "mnist.npz")
    assert {name: one.shape for name, one in found(path).items()} == {
        "mnist/x_train": (8, 6, 5),
        "mnist/y_train": (8,),
        "mnist/x_test": (4, 6, 5),
        "mnist/y_test": (4,),
    }
    assert numpy_files.contents(path).notes == ()


def test_the_shape_is_known_without_the_data(tmp_path):
    lacking = saved(IMAGES)[:-1]
    path = put(tmp_path, npz(x_train=lacking))
    assert found(path)["set/x_train"].shape == IMAGES.shape
    with pytest.raises(UserError, match=r"x_train: promises 240 bytes of data but holds only 239"):
        found(path)["set/x_train"].read()
    path = put(tmp_path, lacking, "images.npy")
    with pytest.raises(UserError, match=r"images\.npy can't be read \(promises 240 bytes"):
        found(path)["images"].read()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array(["7", "10"]), ["7", "10"]),
        (np.array(["a", "bc"], ">U2"), ["a", "bc"]),
        (np.array([b"cat", b"dog"]), ["cat", "dog"]),
        (np.array(["señal".encode(), b"x"]), ["señal", "x"]),
        (np.array(["señal".encode("latin-1"), b"x"]), ["señal", "x"]),
    ],
)
def test_labels_that_are_text(tmp_path, labels, expected):
    for path in put(tmp_path, npz(y=saved(labels))), put(tmp_path, saved(labels), "y.npy"):
        read = found(path)["set/y" if path.suffix == ".npz" else "y"].read()
        assert read.dtype.kind == "U"
        assert read.tolist() == expected


@pytest.mark.parametrize("points", [0x110000, 0xD800, 0xDFFF, 2**32 - 1])
def test_text_that_is_no_unicode(tmp_path, points):
    text = {"descr": "<U1", "fortran_order": False, "shape": (2,)}
    content = npy(text, np.array([65, points], "<u4").tobytes())
    path = put(tmp_path, npz(y=content))
    with pytest.raises(UserError, match="y: it holds text that is no Unicode"):
        found(path)["set/y"].read()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_is_unpickled(tmp_path):
    made = tmp_path / "made"
    pickled = saved(np.array([Payload(made)] * 8, object), allow_pickle=True)
    np.load(put(tmp_path, pickled), allow_pickle=True)
    assert made.exists()  # the payload works
    made.unlink()
    bare = pickle.dumps(Payload(made))
    records = npy({"descr": [("a", "|O")], "fortran_order": False, "shape": (8,)}, bare)
    members = [("y.npy", pickled), ("z.npy", records), ("bare", bare), ("x.npy", saved(IMAGES))]
    path = put(tmp_path, zipped(members))
    assert [*found(path)] == ["set/x"]
    assert notes(path) == (
        "left out of set.npz: y (Python objects, which are not unpickled), "
        "z (Python objects, which are not unpickled), bare (not an array)"
    )
    for content in pickled, records:
        with pytest.raises(UserError, match="holds Python objects, which are not unpickled"):
            found(put(tmp_path, content, "y.npy"))
    assert not made.exists()


def test_what_is_no_array_is_left_out_by_name(tmp_path):
    others = {
        "when": saved(LABELS.astype("m8[s]")),
        "records": saved(np.zeros(8, [("a", "u1", (6, 5))])),
        "waves": saved(np.zeros(8, complex)),
        "count": saved(np.array(3)),
    }
    members = [(f"{name}.npy", content) for name, content in others.items()]
    path = put(tmp_path, zipped([*members, ("x.npy", saved(IMAGES)), ("README", b"hello")]))
    assert [*found(path)] == ["set/x"]
    assert notes(path) == (
        "left out of set.npz: when (timedelta64[s]), records ([('a', 'u1', (6, 5))]), "
        "waves (complex128), count (a single value), README (not an array)"
    )


def test_names_that_fill_a_page_are_left_out(tmp_path):
    path = put(tmp_path, zipped([("a" * 3000 + ".npy", saved(IMAGES)), ("x.npy", saved(IMAGES))]))
    assert [*found(path)] == ["set/x"]
    assert notes(path) == f"left out of set.npz: {'a' * 20}… (its name is too long)"


def test_members_without_an_ending_are_arrays_as_for_numpy(tmp_path):
    path = put(tmp_path, zipped([("x_train", saved(IMAGES)), ("y_train.npy", saved(LABELS))]))
    np.testing.assert_array_equal(found(path)["set/x_train"].read(), IMAGES)


def test_of_two_members_of_a_name_the_last_counts_as_for_numpy(tmp_path):
    path = put(tmp_path, zipped([("x.npy", saved(IMAGES // 2)), ("x.npy", saved(IMAGES))]))
    np.testing.assert_array_equal(np.load(path)["x"], IMAGES)
    np.testing.assert_array_equal(found(path)["set/x"].read(), IMAGES)


def test_truths_are_0_and_1_whatever_their_bytes_are(tmp_path):
    content = npy({"descr": "|b1", "fortran_order": False, "shape": (3,)}, b"\0\1\7")
    read = found(put(tmp_path, content, "y.npy"))["y"].read()
    assert read.astype(np.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([], "is an empty ZIP archive: fetch it again"),
        (
            [("train/", b""), ("train/0/7.png", b"\x89PNG"), ("train/1/8.png", b"\x89PNG")],
            r"is a ZIP archive of 2 files \(first: train/0/7\.png\): unzip it and give the folder",
        ),
        ([("train.csv", b"label,pixel0\n")], r"is a ZIP archive of 1 file \(first: train\.csv\)"),
        ([(f"{n}.npy", b"") for n in range(1001)], "is a ZIP archive of 1,001 files"),
        ([("a" * 9000, b"")], "is a ZIP archive of 1 file"),
        ([("training/data.pkl", b"\x80\2."), ("training/version", b"3")], "is a file of PyTorch"),
        ([("[Content_Types].xml", b"<"), ("xl/workbook.xml", b"<")], "export it as CSV"),
        ([("config.json", b"{}"), ("model.weights.h5", b"")], "is a Keras model, not data"),
    ],
)
def test_other_archives(tmp_path, members, words):
    path = put(tmp_path, zipped(members))
    with pytest.raises(UserError, match=words) as error:
        numpy_files.contents(path)
    assert len(str(error.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz(zipfile.ZIP_BZIP2), "x_train is compressed by another method"),
        (npz(zipfile.ZIP_LZMA), "x_train is compressed by another method"),
        (lying(npz(), "x_train.npy", flags=1), "encrypted"),
        (lying(npz(), "x_train.npy", size=9), "Bad CRC-32"),
        (lying(npz(zipfile.ZIP_STORED), "x_train.npy", size=300), r"\(.*x_train.*\)"),
        (npz(x_train=npz()), "x_train: damaged header"),
        (npz(x_train=b"raw"), "x_train: damaged header"),
        (npz(y_train=saved(LABELS)[:70]), "y_train: damaged header"),
        (npz(x_train=saved(IMAGES) + b"\0"), "x_train: promises 240 bytes of data but holds more"),
        (
            npz(y_train=npy({"descr": "<i8", "fortran_order": False, "shape": (2**23,)})),
            "y_train: claims images or labels over the limit",
        ),
        (
            npz(y_train=npy({"descr": "<f8", "fortran_order": False, "shape": (2**28,)})),
            "y_train: claims data over the limit",
        ),
        (
            npz(y_train=npy({"descr": "|S400", "fortran_order": False, "shape": (2**20,)})),
            "only",
        ),
        (npz()[:-30], "not a zip file"),
        (npz()[:200] + npz()[260:], "is not a readable"),
        (b"x_train", "not a zip file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, words):
    path = put(tmp_path, content)
    with pytest.raises(UserError, match=words) as error:
        [one.read() for one in numpy_files.contents(path).arrays]
    assert str(error.value).startswith(f"{path} is not a readable .npz file")


def test_a_mapped_array_is_one_of_numbers(tmp_path):
    np.testing.assert_array_equal(numpy_files.npy(put(tmp_path, saved(IMAGES), "x.npy")), IMAGES)
    for content, words in (
        (saved(np.array(["a"])), "it holds text, not numbers"),
        (saved(np.array([{}])), "Python objects"),
        (saved(IMAGES)[:-1], "promises 240 bytes of data but holds 239"),
        (b"\x93NUMPY", "damaged header"),
    ):
        with pytest.raises(UserError, match=words):
            numpy_files.npy(put(tmp_path, content, "x.npy"))


def test_text_takes_no_more_than_the_limit_when_it_is_decoded(tmp_path, monkeypatch):
    path = put(tmp_path, saved(np.array([b"abc"] * 100)), "y.npy")
    monkeypatch.setattr(stored, "MAX_PIXELS", 300)  # and four bytes a character take 1,200
    with pytest.raises(UserError, match="over the limit"):
        found(path)["y"].read()


edits = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 9), st.binary(max_size=9))
WHOLE = [
    npz(),
    npz(zipfile.ZIP_STORED, y_train=saved(np.array(list("01201201")))),
    npz(y_test=saved(np.array([b"a", b"bc"] * 2)), more=saved(np.array([{}] * 3))),
    saved(IMAGES),
    saved(np.array(["a", "bc"])),
]


@settings(max_examples=200)
@given(st.sampled_from(WHOLE), st.lists(edits, min_size=1, max_size=4))
def test_edited_files_are_read_or_refused_in_one_line(folder, content, changes):
    for where, removed, added in changes:
        at = int(where * len(content))
        content = content[:at] + added + content[at + removed :]
    path = put(folder, content)
    try:
        for one in numpy_files.contents(path).arrays:
            read = one.read()
            assert read.shape == one.shape
            assert read.dtype.kind in "biufU"
            read.tolist()
    except UserError as error:
        assert str(error).startswith(f"{path} ")  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_an_archive_that_changes_meanwhile(tmp_path):
    path = put(tmp_path, npz())
    one = found(path)["set/x_train"]
    for content in npz(x_train=None), npz(x_train=saved(np.array([{}]))), io.BytesIO().getvalue():
        put(tmp_path, content)
        with pytest.raises(UserError, match=r"set\.npz is not a readable"):
            one.read()


def test_whole_files_of_the_other_tests(tmp_path):
    for content in bad_files.whole("npz"):
        assert len(found(put(tmp_path, content))) == 4
