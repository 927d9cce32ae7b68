"""MATLAB and HDF5: what is found in files of scipy, h5py and MATLAB, and what is refused."""

import io
import struct
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
from bad_files import arrays, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mnist_aug.data import dataset
from mnist_aug.data.formats import hdf5, matlab, stored
from mnist_aug.errors import UserError

IMAGES, LABELS = arrays()[:2]
COLOUR = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def put(folder, content, name="set.mat"):
    (folder / name).write_bytes(content)
    return folder / name


def mat(**variables):
    file = io.BytesIO()
    scipy.io.savemat(file, variables)
    return file.getvalue()


def packed(**variables):
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=True)
    return file.getvalue()


def h5(fill, **options):
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as archive:
        fill(archive)
    return file.getvalue()


def contents(path):
    return (matlab if stored.kind(path) == "mat" else hdf5).contents(path)


def read(path):
    found = {}
    for one in contents(path).arrays:
        found[one.name] = one.read()
        assert found[one.name].shape == one.shape
    return found


def notes(path):
    return "; ".join(contents(path).notes)


numbers = st.sampled_from(["u1", "i1", "u2", ">i2", "i4", "u4", "i8", "u8", ">f4", "f8"])


@settings(max_examples=100)
@given(
    numbers.flatmap(
        lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=2, max_dims=4))
    ),
    st.booleans(),
)
def test_what_scipy_writes_is_read_back(folder, array, compressed):
    path = put(folder, (packed if compressed else mat)(first=array, second=array[:1]))
    found = read(path)
    assert [*found] == ["set/first", "set/second"]
    np.testing.assert_array_equal(found["set/first"], array)
    np.testing.assert_array_equal(found["set/second"], array[:1])
    assert found["set/first"].dtype == array.dtype.newbyteorder("=")


@settings(max_examples=100)
@given(
    st.one_of(numbers, st.sampled_from(["?", "f2"])).flatmap(
        lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(max_dims=4, min_side=0))
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "compression": st.just("gzip"),
            "shuffle": st.just(True),
            "fletcher32": st.just(True),
            "chunks": st.integers(1, 3),
        },
    ),
    st.sampled_from([{}, {"libver": "latest"}, {"userblock_size": 512}]),
)
def test_what_h5py_writes_is_read_back(folder, array, options, form):
    if "chunks" in options:
        options["chunks"] = (options["chunks"],) * array.ndim
    if options and not array.size:
        options = {}  # HDF5 has no chunks of nothing
    if "chunks" in options and max(options["chunks"]) > min(array.shape):
        options["chunks"] = True
    fill = lambda file: file.create_dataset("train/x", data=array, **options)  # noqa: E731
    path = put(folder, h5(fill, **form), "set.h5")
    found = read(path)["set/train/x"]
    assert found.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, array)


def test_the_arrays_of_svhn(tmp_path):
    labels = np.arange(1, 21, dtype=np.uint8)[:, None]
    path = put(tmp_path, packed(X=COLOUR, y=labels), "train_32x32.mat")
    assert {one.name: one.shape for one in contents(path).arrays} == {
        "train_32x32/X": (32, 32, 3, 20),
        "train_32x32/y": (20, 1),
    }
    np.testing.assert_array_equal(read(path)["train_32x32/X"], COLOUR)


def test_the_structures_of_emnist(tmp_path):
    part = {"images": IMAGES.reshape(8, -1), "labels": LABELS[:, None], "writers": LABELS[:, None]}
    mapping = np.array([[0, 48], [1, 49], [2, 50]])
    dataset = {"train": part, "test": part, "mapping": mapping}
    for write in mat, packed:
        path = put(tmp_path, write(dataset=dataset), "emnist-digits.mat")
        found = read(path)
        assert [*found] == [
            f"emnist-digits/dataset/{name}"
            for name in (
                *("train/images", "train/labels", "train/writers"),
                *("test/images", "test/labels", "test/writers"),
                "mapping",
            )
        ]
        np.testing.assert_array_equal(found["emnist-digits/dataset/test/images"], part["images"])
        np.testing.assert_array_equal(found["emnist-digits/dataset/mapping"], mapping)


def test_rows_of_characters_are_text(tmp_path):
    names = np.array(["cat", "señal", "x"])
    for write in mat, packed:
        found = read(put(tmp_path, write(names=names, one="T-shirt", none="")))
        assert found["set/names"].tolist() == ["cat", "señal", "x"]
        assert found["set/one"].tolist() == ["T-shirt"]


def test_what_is_no_array_is_left_out_by_name(tmp_path):
    cell = np.empty(2, object)
    cell[:] = ["a", IMAGES]
    sparse = scipy.sparse.csc_matrix(np.eye(3))
    records = np.zeros(2, [("a", "u1")])
    path = put(tmp_path, mat(cell=cell, eye=sparse, z=np.ones(2) * 1j, many=records, X=IMAGES))
    assert [*read(path)] == ["set/X"]
    assert notes(path) == (
        "left out of set.mat: cell (a cell array), eye (a sparse matrix), z (complex numbers), "
        "many (a structure array)"
    )


def test_files_of_another_byte_order(tmp_path):
    """As MATLAB wrote them on SPARC: a double array of one row, stored as int16."""
    parts = [
        struct.pack(">4I", 6, 8, 6, 0),
        struct.pack(">2I2i", 5, 8, 1, 2),
        struct.pack(">2H4s", 1, 1, b"y"),
        struct.pack(">2H2h", 4, 3, -1, 7),
    ]
    body = b"".join(parts)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI"
    path = put(tmp_path, header + struct.pack(">2I", 14, len(body)) + body)
    assert read(path)["set/y"].tolist() == [[-1, 7]]


def element(kind, data):
    return struct.pack("<2I", kind, len(data)) + data + bytes(-len(data) % 8)


def variable(shape, data, *, kind=9, name=b"X", flags=0):
    return element(
        14,
        element(6, struct.pack("<2I", kind | flags, 0))
        + element(5, struct.pack(f"<{len(shape)}i", *shape))
        + element(1, name)
        + data,
    )


def file_of(*elements):
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join(elements)


def squeezed(content):
    data = zlib.compress(content)
    return struct.pack("<2I", 15, len(data)) + data


WHOLE = variable((2, 3), element(2, b"abcdef"))


@pytest.mark.parametrize("form", [bytes, squeezed])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE[:-9], "ends within an array|longer or shorter|longer than it says"),
        (variable((2, 4), element(2, b"abcdef")), "6 bytes of data for an array of 8"),
        (variable((2, -3), element(2, b"abcdef")), "without a shape"),
        (variable((6,), element(2, b"abcdef")), "without a shape"),
        (variable((2, 3), element(14, b"abcdef")), "data of type 14"),
        (variable((2, 3), struct.pack("<2I", 2, 6)), "ends within|longer than it says"),
        (variable((2**15, 2**15, 2), struct.pack("<2I", 2, 2**31)), "over the limit"),
        (variable((2**23, 1), struct.pack("<2I", 2, 2**23)), "images or labels over the limit"),
        (variable((2, 3), element(4, b"\0\xd8" * 6), kind=4), "codec can't decode|no Unicode"),
        (variable((2, 3), element(16, b"abcde"), kind=4), "promises other characters"),
        (element(6, bytes(8)), "part of type 6 where an array is expected"),
        (element(14, element(7, bytes(8))), "damaged description"),
        (variable((1, 1), element(5, b"\0\0\0\0") + element(1, b"ab"), kind=2), "without names"),
        (
            variable((1, 1), element(5, b"\2\0\0\0") + element(1, b"ab") + b"\1" * 8, kind=2),
            "damaged field|four bytes",
        ),
    ],
)
def test_damaged_mat_files_are_named(tmp_path, content, words, form):
    path = put(tmp_path, file_of(form(content)))
    with pytest.raises(UserError, match=words) as error:
        read(path)
    assert str(error.value).startswith(f"{path} is not a readable .mat file (")


def test_compressed_variables_are_seen_to_be_whole(tmp_path):
    good = squeezed(WHOLE)
    assert read(put(tmp_path, file_of(good)))["set/X"].shape == (2, 3)
    wrong_sum = good[:-1] + bytes([good[-1] ^ 1])
    more = squeezed(WHOLE + b"more")
    for content in good[:-3], wrong_sum, more:
        with pytest.raises(UserError, match=r"set\.mat is not a readable"):
            read(put(tmp_path, file_of(content)))


def test_structures_within_structures_have_an_end(tmp_path):
    inner = WHOLE
    for _ in range(200):
        inner = variable((1, 1), element(5, b"\2\0\0\0") + element(1, b"a\0") + inner, kind=2)
    path = put(tmp_path, file_of(inner))
    assert read(path) == {}
    assert "X/a/a/a/a/a/a/a (a structure array)" in notes(path)


def test_names_that_fill_a_page_are_left_out(tmp_path):
    name = "a" * 3000
    path = put(tmp_path, file_of(variable((2, 3), element(2, b"abcdef"), name=name.encode())))
    other = put(tmp_path, h5(lambda file: file.update({name: IMAGES})), "set.h5")
    for one in path, other:
        assert read(one) == {}
        assert notes(one) == f"left out of {one.name}: {'a' * 20}… (its name is too long)"


def test_very_many_variables(tmp_path):
    with pytest.raises(UserError, match="holds over 1,000 arrays"):
        read(put(tmp_path, file_of(*[WHOLE] * 1001)))


def test_groups_and_labels_of_hdf5(tmp_path):
    def fill(file):
        file["train/data"] = IMAGES
        file["train/target"] = LABELS
        file["test/data"] = IMAGES

    found = read(put(tmp_path, h5(fill), "usps.h5"))
    assert [*found] == ["usps/test/data", "usps/train/data", "usps/train/target"]


TEXT = ["", "cat", "señal", "x" * 256]


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (3,)}, {"chunks": (2,), "compression": "gzip", "shuffle": True}]
)
@pytest.mark.parametrize("form", [{}, {"libver": "latest"}, {"userblock_size": 1024}])
def test_text_in_hdf5(tmp_path, options, form):
    def fill(file):
        file.create_dataset("open", data=TEXT, dtype=h5py.string_dtype(), **options)
        file["column"] = [[one] for one in TEXT]
        file["fixed"] = np.array([one.encode() for one in TEXT])
        file["none"] = np.zeros(0, h5py.string_dtype())

    found = read(put(tmp_path, h5(fill, **form), "set.h5"))
    assert found["set/open"].tolist() == found["set/fixed"].tolist() == TEXT
    assert found["set/column"].ravel().tolist() == TEXT
    assert found["set/none"].tolist() == []


def test_long_text_is_no_label(tmp_path):
    path = put(tmp_path, h5(lambda file: file.update(y=["a" * 257])), "set.h5")
    with pytest.raises(UserError, match="missing, or longer than 256 bytes"):
        read(path)


def test_matlab_7_3_is_turned_to_matlabs_order(tmp_path):
    def fill(file):
        for name, array, kind in (
            ("X", COLOUR, "uint8"),
            ("y", np.arange(20.0)[:, None], "double"),
            ("names", np.array([[*map(ord, "cat ")], [*map(ord, "deer")]], np.uint16), "char"),
            ("cell", np.zeros((2, 2), np.uint64), "cell"),
            ("words", np.zeros((1, 6), np.uint32), "string"),
            ("nothing", np.zeros(2, np.uint64), "double"),
        ):
            file[name] = array.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file["nothing"].attrs["MATLAB_empty"] = 1
        file["dataset/train/labels"] = LABELS[None]
        file["sparse/data"] = np.ones(3)
        file["sparse"].attrs["MATLAB_sparse"] = 3
        file["#refs#/a"] = np.ones(3)

    path = put(tmp_path, b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + h5(fill))
    assert stored.kind(path) == "hdf5"
    found = read(path)
    assert [*found] == ["set/X", "set/dataset/train/labels", "set/names", "set/y"]
    np.testing.assert_array_equal(found["set/X"], COLOUR)
    assert found["set/y"].shape == (20, 1)
    assert found["set/dataset/train/labels"].shape == (8, 1)
    assert found["set/names"].tolist() == ["cat", "deer"]
    assert notes(path) == (
        "left out of set.mat: cell (a MATLAB cell), nothing (empty), sparse (a sparse matrix), "
        "words (a MATLAB string)"
    )
    assert contents(path).form == "MATLAB 7.3 file"


def test_what_hdf5_would_fetch_from_elsewhere_or_make_up_is_left_out(tmp_path):
    other = put(tmp_path, h5(lambda file: file.update(x=IMAGES)), "other.h5")
    secret = put(tmp_path, b"secret" * 99, "secret")

    def links(file):
        file["x"] = IMAGES
        file["again"] = file["x"]
        file["self"] = file["/"]
        file["soft"] = h5py.SoftLink("/x")
        file["outer"] = h5py.ExternalLink(str(other), "/x")
        file.create_dataset("raw", (99,), "u1", external=[(str(secret), 0, 99)])
        layout = h5py.VirtualLayout((8, 6, 5), "u1")
        layout[:] = h5py.VirtualSource(str(other), "x", (8, 6, 5))
        file.create_virtual_dataset("virtual", layout)

    path = put(tmp_path, h5(links), "set.h5")
    np.testing.assert_array_equal([*read(path).values()], [IMAGES])
    left = notes(path)
    for name in ("outer (a link)", "soft (a link)", "raw (it lies in another file)"):
        assert name in left
    assert "virtual (it lies in another file)" in left

    def holes(file):
        file.create_dataset("contiguous", (2**20, 28), "u1")
        file.create_dataset("chunks", (2**20, 28), "u1", chunks=(2**10, 28))
        file.create_dataset("half", (100,), "u1", chunks=(10,))[:50] = 1
        file.create_dataset("lzf", data=IMAGES, compression="lzf")

    path = put(tmp_path, h5(holes), "set.h5")
    assert read(path) == {}
    assert notes(path) == (
        "left out of set.h5: chunks (not all of it was written), contiguous (not all of it was "
        "written), half (not all of it was written), lzf (compressed by another method than gzip)"
    )


def test_other_types_of_hdf5_are_left_out(tmp_path):
    def fill(file):
        file["complex"] = np.ones(2, complex)
        file["nothing"] = h5py.Empty("f4")
        file["one"] = 3
        file["records"] = np.zeros(2, [("a", "u1")])
        file["references"] = np.array([file.ref], h5py.ref_dtype)
        file["type"] = np.dtype("f4")

    path = put(tmp_path, h5(fill), "set.h5")
    assert read(path) == {}
    assert notes(path) == (
        "left out of set.h5: complex (complex128), nothing (empty), one (a single value), records "
        "([('a', 'u1')]), references (objects) and 1 more"
    )


def test_claims_over_the_limit_are_refused(tmp_path):
    for shape, words in (((2**17, 2**14), "data over the limit"), ((2**23,), "images or labels")):
        path = put(
            tmp_path, h5(lambda f, shape=shape: f.create_dataset("x", shape, "u1")), "set.h5"
        )
        with pytest.raises(UserError, match=words):
            read(path)


def test_an_array_for_each_image_is_too_many(tmp_path):
    def fill(file):
        for number in range(1001):
            file[f"images/{number}"] = number

    with pytest.raises(UserError, match="over 1,000 arrays, 1,001 in one group"):
        read(put(tmp_path, h5(fill), "set.h5"))


def test_a_chunk_that_unpacks_to_more_than_it_says(tmp_path):
    for chunk in zlib.compress(bytes(2**26)), zlib.compress(bytes(9)), zlib.compress(b"a")[:-1]:

        def fill(file, chunk=chunk):
            made = file.create_dataset("x", (64, 64), "u1", chunks=(64, 64), compression="gzip")
            made.id.write_direct_chunk((0, 0), chunk)

        with pytest.raises(UserError, match=r"damaged chunk|chunk of 9 bytes, not 4,096"):
            read(put(tmp_path, h5(fill), "set.h5"))


def hdf5_of_all(file):
    file["train/x"] = IMAGES
    file.create_dataset("gz", data=IMAGES, compression="gzip", chunks=(3, 6, 5), shuffle=True)
    file.create_dataset("chunks", data=IMAGES, chunks=(2, 6, 5))
    file["text"] = [str(one) for one in LABELS]
    file["fixed"] = np.array([b"a", b"bc"])
    file["y"] = LABELS.astype(">i8")


ALL = {
    "mat": [
        mat(X=IMAGES, y=LABELS, names=np.array(["a", "bc"])),
        packed(X=IMAGES, y=LABELS, names=np.array(["a", "bc"])),
        mat(dataset={"train": {"x": IMAGES, "y": LABELS}, "mapping": LABELS}),
        packed(dataset={"train": {"x": IMAGES, "y": LABELS}, "mapping": LABELS}),
    ],
    "hdf5": [
        h5(hdf5_of_all),
        h5(hdf5_of_all, libver="latest"),
        b"MATLAB 7.3 MAT-file".ljust(512) + h5(hdf5_of_all),
    ],
}


@pytest.mark.parametrize("kind", ALL)
@settings(max_examples=200)
@given(st.data())
def test_damaged_files_are_read_or_refused_in_one_line(folder, kind, data):
    chance = data.draw(st.randoms(use_true_random=False))
    content = damaged(chance.choice(ALL[kind]), chance, ALL[kind])
    path = put(folder, content, f"damaged.{kind}")
    reader = matlab if kind == "mat" else hdf5
    try:
        for one in reader.contents(path).arrays:
            found = one.read()
            assert found.shape == one.shape
            assert found.dtype.kind in "biufU"
            found.tolist()
    except UserError as error:
        assert str(error).startswith(f"{path} ")  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017


@pytest.mark.parametrize(
    "name", ["model_weights/dense/bias", "dense/dense/kernel:0", "layers/conv2d/vars/0"]
)
def test_models_are_no_data(tmp_path, name):
    with h5py.File(tmp_path / "mnist.h5", "w") as file:
        file[name] = np.zeros((4, 4))
    with pytest.raises(UserError, match="weights of a Keras model, not data"):
        hdf5.contents(tmp_path / "mnist.h5")


def test_rows_of_pixels_in_matlab_files_are_said_to_run_down(tmp_path):
    faces = np.random.default_rng(0).integers(0, 256, (40, 64), np.uint8)
    put(tmp_path, mat(fea=np.repeat(faces, 2, axis=0), gnd=np.arange(80) % 5 + 1), "faces.mat")
    assert "TRANSPOSE=1" in dataset.load(str(tmp_path / "faces.mat")).notes[-1]
    found = dataset.load(str(tmp_path / "faces.mat"), transpose=True)
    assert not any("TRANSPOSE" in note for note in found.notes)


def test_emnists_letters_are_set_upright(tmp_path):
    letters = np.random.default_rng(0).integers(0, 256, (52, 16, 16), np.uint8)
    part = {"images": letters.swapaxes(1, 2).reshape(52, 256), "labels": np.arange(52) % 26 + 1}
    put(tmp_path, mat(dataset={"train": part, "test": part}), "emnist-letters.mat")
    found = dataset.load(str(tmp_path / "emnist-letters.mat"))
    np.testing.assert_array_equal(found.x_test, letters)
    assert found.class_names[0] == "A"
    assert "EMNIST's files store images with rows and columns swapped" in " ".join(found.notes)
    assert not any("TRANSPOSE" in note for note in found.notes)
