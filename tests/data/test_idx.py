"""IDX files: every type and rank, packed or not, and how damage is refused."""

import gzip
import lzma
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mnist_aug.data.formats import idx, stored
from mnist_aug.errors import UserError

TYPES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
PACKED = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def file_of(array, kind="u1"):
    sides = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, TYPES[kind], array.ndim]) + sides + array.astype(f">{kind}").tobytes()


def only(path):
    (found,) = idx.contents(path).arrays
    return found


@settings(max_examples=100)
@given(
    st.sampled_from([*TYPES]).flatmap(
        lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(max_dims=4, min_side=0))
    ),
    st.sampled_from([*PACKED]),
)
def test_every_type_and_rank_is_read_back(folder, array, ending):
    path = folder / "x"  # packed or not is seen by the content
    path.write_bytes(PACKED[ending](file_of(array, array.dtype.str[1:])))
    found = only(path)
    assert found.shape == array.shape
    read = found.read()
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train-images-idx3-ubyte", "train-images-idx3-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"),
        ("train-images.idx3-ubyte", "train-images"),
        ("emnist-v1.0-train-images-idx3-ubyte.gz", "emnist-v1.0-train-images-idx3-ubyte"),
        ("qmnist-train-labels-idx2-int.gz", "qmnist-train-labels-idx2-int"),
        ("xnist-images-idx3-ubyte.xz", "xnist-images-idx3-ubyte"),
        ("labels.idx", "labels"),
        (".gz", ".gz"),
    ],
)
def test_the_array_goes_by_the_name_of_its_file(tmp_path, file, name):
    path = tmp_path / file
    path.write_bytes(file_of(IMAGES))
    assert only(path).name == name


def test_the_shape_is_known_without_the_data(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(file_of(IMAGES)[:16])  # the header alone
    assert only(path).shape == IMAGES.shape
    with pytest.raises(UserError, match="holds only 0"):
        only(path).read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends within its header"),
        (b"\0\0\x08", "ends within its header"),
        (file_of(IMAGES)[:15], "ends within its header"),
        (file_of(IMAGES)[:-1], "promises 210 bytes of data but holds only 209: fetch"),
        (file_of(IMAGES) + b"\0", "promises 210 bytes of data but holds more: fetch"),
        (b"\0\0\x0a\1" + bytes(8), "has magic number 0x00000a01: it is not an IDX file"),
        (b"\0\0\x08\5" + bytes(40), "numbers in 1 to 4 dimensions"),
        (b"\1\0\x08\1" + bytes(8), "magic number 0x01000801"),
        (b"\0\0\x08\3" + struct.pack(">3I", 4_000_000_000, 28, 28), "over the limit of 1,073,741"),
        (b"\0\0\x0e\2" + struct.pack(">2I", 2**14, 2**14), "over the limit of 1,073,741,824 bytes"),
        (b"\0\0\x08\1" + struct.pack(">I", 2**23), "images or labels over the limit of 4,194,304"),
        (b"\0\0\x08\3" + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "over the limit"),
    ],
)
@pytest.mark.parametrize("ending", PACKED)
def test_what_is_wrong_is_named(tmp_path, content, words, ending):
    path = tmp_path / f"images{ending}"
    path.write_bytes(PACKED[ending](content))
    with pytest.raises(UserError, match=words) as error:
        only(path).read()
    assert str(error.value).startswith(f"{path} ")


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_damage_of_the_packing_is_named(tmp_path, ending):
    path = tmp_path / f"images{ending}"
    whole = PACKED[ending](file_of(IMAGES))
    wrong_sum = bytearray(whole)
    wrong_sum[-6 if ending == ".gz" else -30] ^= 1
    for content in (whole[:40], whole[:-4], bytes(wrong_sum)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"images\.[gx]z (is a damaged (gzip|xz) file)"):
            only(path).read()


def test_members_of_gzip_files_follow_each_other(tmp_path):
    content = file_of(IMAGES)
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content[:99]) + gzip.compress(content[99:]))
    np.testing.assert_array_equal(only(path).read(), IMAGES)


def test_a_rank_that_is_asked_for_is_checked(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(file_of(IMAGES))
    np.testing.assert_array_equal(idx.idx(path, 3), IMAGES)
    with pytest.raises(UserError, match="holds uint8 in 3 dimension"):
        idx.idx(path, 1)
    path.write_bytes(file_of(IMAGES[:, 0, 0], "i4"))
    with pytest.raises(UserError, match="holds >i4 in 1 dimension"):
        idx.idx(path, 1)


@settings(max_examples=100)
@given(st.binary(max_size=64), st.sampled_from([*PACKED]))
def test_any_bytes_are_an_array_or_a_user_error(folder, content, ending):
    path = folder / f"x{ending}"
    for data in content, PACKED[ending](content), PACKED[ending](b"\0\0\x08\1" + content):
        path.write_bytes(data)
        try:
            assert only(path).read().ndim <= idx.MOST_DIMENSIONS
        except UserError as error:
            assert str(error).startswith(f"{path} ")  # noqa: PT017
            assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_labels_with_more_than_a_class_are_read_whole(tmp_path):
    """QMNIST's, of which the first of eight columns is the class."""
    labels = np.arange(32, dtype=np.int32).reshape(4, 8)
    path = tmp_path / "qmnist-test-labels-idx2-int.gz"
    path.write_bytes(gzip.compress(file_of(labels, "i4")))
    assert stored.kind(path) == "idx"
    np.testing.assert_array_equal(only(path).read(), labels)
