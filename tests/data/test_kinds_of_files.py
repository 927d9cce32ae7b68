"""What a file is, by its first bytes, and what is said of one that holds no data."""

import bz2
import csv
import gzip
import io
import lzma
import pickle
import tarfile

import bad_files
import h5py
import numpy as np
import pytest
import scipy.io
from bad_files import arrays, idx, npz, saved
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.data import dataset
from mnist_aug.data.formats import stored
from mnist_aug.errors import UserError

IMAGES, LABELS = arrays()[:2]
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
TABLE = b"label,pixel0,pixel1\n" + b"7,0,255\n" * 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def mat():
    file = io.BytesIO()
    scipy.io.savemat(file, {"X": IMAGES, "y": LABELS})
    return file.getvalue()


def hdf5(**options):
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as archive:
        archive["x_train"] = IMAGES
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train"))
    return file.getvalue()


def pickled(protocol, value=((IMAGES, LABELS), (IMAGES, LABELS))):
    return pickle.dumps(value, protocol)


def kind(folder, content):
    path = folder / "data.npz"  # a name that says nothing of it
    path.write_bytes(content)
    return stored.kind(path)


DATA = {
    "IDX": (idx(IMAGES), "idx"),
    "IDX, gzipped": (gzip.compress(idx(IMAGES)), "idx"),
    "IDX, by xz": (lzma.compress(idx(IMAGES)), "idx"),
    "IDX of numbers over 64 KiB, gzipped": (
        gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (200, 28, 28)))),
        "idx",
    ),
    "NPY": (saved(IMAGES), "npy"),
    "NPZ": (npz(), "zip"),
    "ZIP of nothing": (bad_files.zipped([]), "zip"),
    "MATLAB v7": (mat(), "mat"),
    "HDF5": (hdf5(), "hdf5"),
    "MATLAB v7.3": (b"MATLAB 7.3 MAT-file".ljust(512) + hdf5(), "hdf5"),
    "HDF5 with a user block": (hdf5(userblock_size=1024), "hdf5"),
    "Parquet": (b"PAR1\x15\0", "parquet"),
    "mnist.pkl": (pickled(2), "pickle"),
    "mnist.pkl.gz": (gzip.compress(pickled(2)), "pickle"),
    "CSV": (TABLE, "text"),
    "CSV, gzipped": (gzip.compress(TABLE), "text"),
    "CSV in Latin-1": ("Größe;Maß\r\n1;2\r\n".encode("latin-1"), "text"),
    "CSV with a byte order mark": (b"\xef\xbb\xbf" + TABLE, "text"),
}


@pytest.mark.parametrize("name", DATA)
def test_data_are_known_by_their_content(tmp_path, name):
    content, expected = DATA[name]
    assert kind(tmp_path, content) == expected
    assert stored.recognised(tmp_path / "data.npz") == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_pickles_of_every_protocol(tmp_path, protocol, packed):
    large = np.random.default_rng(0).random((90, 784))
    for value in (IMAGES, (large, LABELS), {"data": large.tolist()}, ["a", 1, None]):
        assert kind(tmp_path, packed(pickled(protocol, value))) == "pickle"


def test_pictures_of_the_formats_that_are_read(tmp_path):
    found = [kind(tmp_path, content) for content in bad_files.pictures()]
    assert {*found} == {"picture", "unknown"}
    assert found.count("unknown") == 5  # ICO, TGA, PCX, PDF and JPEG 2000


@pytest.mark.parametrize(
    ("content", "expected", "words"),
    [
        (b"", "empty", "is empty: fetch it again"),
        (gzip.compress(b""), "empty", "is empty"),
        (POINTER, "git-lfs", "is a Git LFS pointer, not the data: run `git lfs pull`"),
        (b"../.git/annex/objects/xq/xK/MD5E-s3--da.npz/MD5E-s3--da.npz", "git-annex", "annex get"),
        (b"/annex/objects/MD5E-s3--da.npz\n", "git-annex", "is a git-annex pointer"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "html", "is a web page, not data"),
        (b"\n\n <HTML><head>", "html", "web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "html", "web page"),
        (gzip.compress(b"<html>"), "html", "web page"),
        (tar(), "tar", "is a tar archive: unpack it"),
        (gzip.compress(tar()), "tar", "is a tar archive: unpack it"),
        (gzip.compress(hdf5()), "gzip", "unpack it with gunzip"),
        (gzip.compress(gzip.compress(idx(IMAGES))), "gzip", "unpack it with gunzip"),
        (gzip.compress(idx(IMAGES))[:6], "gzip", "damaged"),
        (b"\x1f\x8b" + bytes(99), "gzip", "damaged"),
        (lzma.compress(saved(IMAGES)), "xz", "unpack it with unxz"),
        (lzma.compress(TABLE), "xz", "unpack it with unxz"),
        (lzma.compress(idx(IMAGES))[:9], "xz", "damaged"),
        ("label,pixel0".encode("utf-16"), "utf-16", "save it as UTF-8"),
        (bz2.compress(b"1,2"), "unknown", r"of an unknown type \(it begins with 'BZh91AY&SY"),
        (bytes(5000), "unknown", r"begins with '\\x00\\x00"),
        (b"%PDF-1.4\n\0", "unknown", "begins with '%PDF"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_what_is_no_data_is_named_with_its_remedy(tmp_path, content, expected, words):
    assert kind(tmp_path, content) == expected
    with pytest.raises(UserError, match=words) as error:
        stored.recognised(tmp_path / "data.npz")
    assert str(error.value).startswith(f"{tmp_path / 'data.npz'} ")


def test_links_that_git_annex_left_without_their_files(tmp_path):
    (tmp_path / "data.npz").symlink_to(".git/annex/objects/xq/xK/MD5E-s3--da.npz")
    assert stored.kind(tmp_path / "data.npz") == "git-annex"


cells = st.one_of(
    st.integers(-999, 999).map(str),
    st.floats(allow_nan=False).map(str),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=9),
)


@settings(max_examples=150)
@given(st.lists(st.lists(cells, min_size=2, max_size=5), min_size=1, max_size=5))
def test_tables_are_text_or_what_they_begin_with(folder, rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    content = file.getvalue().encode()
    begins_as_markup = content.lstrip(b'"\xef\xbb\xbf \t\r\n').startswith(b"<")
    begins_as_pnm = content[:1] == b"P"
    assert begins_as_markup or begins_as_pnm or kind(folder, content) == "text"


@settings(max_examples=100)
@given(st.binary(max_size=99), st.sampled_from([bytes, gzip.compress, lzma.compress]))
def test_any_bytes_have_a_kind(folder, content, packed):
    found = kind(folder, packed(content))
    try:
        assert stored.recognised(folder / "data.npz") == found
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_text_that_begins_as_a_pickle_does():
    for text in (
        b"2.",
        b"N.\n",
        b"Test,label\n1,2\n",
        b"(1, 2)\n",
        b"class,x\na,b\n",
        b"I,J\n1,2\n",
    ):
        assert not stored._is_pickle(text, True)
        assert not stored._is_pickle(text + b"1,2,3\n" * 20_000, False)


def test_what_ships_is_recognised():
    assert [*{stored.kind(path) for path in dataset.MNIST.glob("*.gz")}] == ["idx"]


def test_bombs_are_looked_at_no_further_than_their_beginning(tmp_path):
    zeros = bytes(2**24)
    bomb = gzip.compress(zeros, 1) * 64
    (tmp_path / "bomb.gz").write_bytes(bomb)
    assert stored.kind(tmp_path / "bomb.gz") == "gzip"
    (tmp_path / "bomb.xz").write_bytes(lzma.compress(zeros) * 64)
    assert stored.kind(tmp_path / "bomb.xz") == "xz"
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b"") * 100_000)
    assert stored.kind(tmp_path / "empty.gz") in {"empty", "gzip"}
