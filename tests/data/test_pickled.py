"""Pickles of arrays: read as `pickle` wrote them, and never run."""

import datetime
import gzip
import io
import os
import pickle
import pickletools
import random
import struct
import sys
import tracemalloc
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from bad_files import damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mnist_aug.data.formats import pickled
from mnist_aug.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 5), np.uint8)
LABELS = np.arange(12) % 3
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def put(folder, content, name="some.pkl"):
    path = folder / name
    path.write_bytes(content)
    return path


def read(folder, content, name="some.pkl"):
    """The arrays by name."""
    found = pickled.contents(put(folder, content, name))
    assert found.form == "pickle of arrays"
    arrays = {stored.name: stored.read() for stored in found.arrays}
    assert all(arrays[stored.name].shape == stored.shape for stored in found.arrays)
    return arrays


def same(found, expected):
    assert [*found] == [*expected]
    for name, array in expected.items():
        assert found[name].dtype == np.asarray(array).dtype, name
        np.testing.assert_array_equal(found[name], array)


# As Python 2 writes them, which has no bytes but text of any bytes.


def text(content, protocol):
    if protocol == 0:
        escaped = repr(content)[1:]
        return b"S" + escaped.encode() + b"\n"
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def number(value, protocol):
    return b"I%d\n" % value if protocol == 0 else b"J" + struct.pack("<i", value)


def old(array, protocol):
    """An array as NumPy 1 on Python 2 pickles it, without memo."""
    code, order = array.dtype.str[1:].encode(), array.dtype.str[:1].encode()
    shape = b"(" + b"".join(number(side, protocol) for side in array.shape) + b"t"
    dtype = (
        b"cnumpy\ndtype\n(" + text(code, protocol) + b"I0\nI1\ntR(I3\n" + text(order, protocol)
    ) + b"NNNI-1\nI-1\nI0\ntb"
    return (
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\nt" + text(b"b", protocol))
        + (b"tR(I1\n" + shape + dtype + b"I00\n")
        + (text(array.tobytes(), protocol) + b"tb")
    )


def old_pair(images, labels, protocol):
    return b"(" + old(images, protocol) + old(labels, protocol) + b"t"


@pytest.mark.parametrize("protocol", [0, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_mnist_pkl_gz_of_python_2(tmp_path, protocol, packed):
    sets = {
        part: (np.random.default_rng(n).random((n, 30), np.float32), np.arange(n) % 10)
        for part, n in (("train", 8), ("validation", 5), ("test", 4))
    }
    start = b"" if protocol == 0 else b"\x80\2"
    content = start + b"(" + b"".join(old_pair(*pair, protocol) for pair in sets.values()) + b"t."
    loaded = pickle.loads(content, encoding="latin1")  # that what is tried is a pickle
    np.testing.assert_array_equal(loaded[1][0], sets["validation"][0])
    found = read(tmp_path, gzip.compress(content) if packed else content, "mnist.pkl.gz")
    same(
        found,
        {
            f"{part}/{kind}": array
            for part, pair in sets.items()
            for kind, array in zip(("images", "labels"), pair, strict=True)
        },
    )


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_batch_of_cifar(tmp_path, protocol):
    data = np.random.default_rng(0).integers(0, 256, (3, 3072), np.uint8)
    content = b"(dS'batch_label'\nS'training batch 1 of 5'\nsS'labels'\n(lI6\naI9\naI200\nas" + (
        b"S'data'\n" + old(data, protocol) + b"sS'filenames'\n(lS'a\\xe9.png'\naS'b.png'\nas."
    )
    found = read(tmp_path, content, "data_batch_1")
    same(
        found,
        {
            "data_batch_1/labels": np.array([6, 9, 200]),
            "data_batch_1/data": data,
            "data_batch_1/filenames": np.array(["aé.png", "b.png"]),
        },
    )


@pytest.mark.one_in(5)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({b"data": IMAGES, b"fine_labels": [1, 2]}, {"data": IMAGES, "fine_labels": [1, 2]}),
        ({"x": {"train": IMAGES}, "n": 3, "t": "some"}, {"x/train": IMAGES}),
        ({"y": [*map(np.int64, [3, 1])], 7: (1.5, 2)}, {"y": [3, 1], "7": [1.5, 2.0]}),
        ({"y": ["cat", b"dog"]}, {"y": np.array(["cat", "dog"])}),
        ({"y": np.array([b"a", b"\xe9"])}, {"y": np.array(["a", "é"])}),
        ({"y": np.array(["a", "日本"], object)}, {"y": np.array(["a", "日本"])}),
        ((IMAGES, LABELS), {"images": IMAGES, "labels": LABELS}),
        ({"train": (IMAGES, LABELS)}, {"train/images": IMAGES, "train/labels": LABELS}),
        ([[[0, 1], [2, 3]], [[4, 5], [6, 7]]], {"": np.arange(8).reshape(2, 2, 2)}),
        ([IMAGES, [1, [2, 3]]], {"0": IMAGES, "1/1": [2, 3]}),
        ([*np.repeat(IMAGES, 2, 0)], {"": np.repeat(IMAGES, 2, 0)}),
        (
            [*zip(np.repeat(IMAGES, 2, 0), np.repeat(LABELS, 2), strict=True)],
            {"images": np.repeat(IMAGES, 2, 0), "labels": np.repeat(LABELS, 2)},
        ),
        (np.asfortranarray(IMAGES), {"": IMAGES}),
        (IMAGES.astype(">f4")[::2, :, ::-1], {"": IMAGES.astype(">f4")[::2, :, ::-1]}),
        (IMAGES > 99, {"": IMAGES > 99}),
        (np.zeros((0, 6, 5)), {"": np.zeros((0, 6, 5))}),
    ],
    ids=str,
)
def test_arrays_as_people_pickle_them(tmp_path, protocol, value, expected):
    found = read(tmp_path, pickle.dumps(value, protocol))
    same(found, {f"some/{name}".rstrip("/"): array for name, array in expected.items()})


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(3)[LABELS], [*LABELS]])
def test_pairs_of_training_and_test_sets(tmp_path, protocol, labels):
    expected = {"train/images": IMAGES, "train/labels": labels}
    expected |= {"test/images": IMAGES[:4], "test/labels": labels[:4]}
    for value in (
        ((IMAGES, labels), (IMAGES[:4], labels[:4])),
        [IMAGES, labels, IMAGES[:4], labels[:4]],
        (IMAGES, IMAGES[:4], labels, labels[:4]),
    ):
        same(read(tmp_path, pickle.dumps(value, protocol)), expected)


def test_pickles_one_after_another(tmp_path):
    content = pickle.dumps(IMAGES, 2) + pickle.dumps(LABELS, 4)
    same(read(tmp_path, content), {"some/images": IMAGES, "some/labels": LABELS})


def test_numpy_2_and_numpy_1_have_other_names(tmp_path):
    content = pickle.dumps(IMAGES, 2)
    for module in b"numpy.core.multiarray", b"numpy._core.multiarray":
        renamed = content.replace(b"numpy._core.multiarray", module)
        same(read(tmp_path, renamed), {"some": IMAGES})


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9)
    | arrays_of.arrays(
        st.sampled_from(["u1", "<i8", ">i2", "f4", ">f8", "?", "<U3", "f2"]),
        arrays_of.array_shapes(max_dims=3, max_side=4),
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(-99, 99), inner, max_size=4)
    ),
    max_leaves=12,
)


def plain(value):
    """What the interpreter makes, with arrays in place of what holds them."""
    if isinstance(value, pickled._Array):
        value = value.value
    if isinstance(value, np.ndarray):  # of whose bytes NumPy changes the order in old protocols
        return value.astype(value.dtype.newbyteorder("="))
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return {key: plain(inner) for key, inner in value.items()} if type(value) is dict else value


@settings(max_examples=200, database=None, deadline=None)
@given(PLAIN, st.sampled_from(PROTOCOLS))
def test_whatever_is_plain_is_made_as_pickle_makes_it(value, protocol):
    content = pickle.dumps(value, protocol)
    made = plain(pickled._Interpreter(pickled._File(io.BytesIO(content))).run())
    # Two copies of a value have the same text where types, order and shapes are the same.
    assert repr(made) == repr(plain(pickle.loads(content)))


class Runs:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("wrapped", [lambda it: it, lambda it: {"x": IMAGES, "y": [it]}])
def test_no_pickle_is_run(tmp_path, protocol, wrapped):
    made = tmp_path / "made"
    content = pickle.dumps(wrapped(Runs(made)), protocol)
    for name, packed in ("some.pkl", content), ("some.pkl.gz", gzip.compress(content)):
        with pytest.raises(UserError, match=r"needs posix\.mkdir, and no code is ever run"):
            pickled.contents(put(tmp_path, packed, name))
    assert not made.exists()
    pickle.loads(content)
    assert made.exists()  # so the pickle would have


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch made'\ntR.",
        b"(S'touch made'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch made'\no.",
        b"\x80\4\x8c\2os\x8c\6system\x93\x8c\x0atouch made\x85R.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n(tR.",
        b"c__builtin__\ngetattr\n(cnumpy\nndarray\nS'tofile'\ntR.",
        b"\x80\2cnumpy\nndarray\n)\x81.",  # makes an object of a class that is known
        b"(dS'a'\nPid\ns.",
        b"\x82\1.",
        b"\x80\5\x97.",
    ],
    ids=range(12),
)
def test_whatever_else_is_named_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        pickled.contents(put(tmp_path, content))
    assert "\n" not in str(error.value)
    assert [*tmp_path.iterdir()] == [tmp_path / "some.pkl"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (OrderedDict(x=IMAGES), "collections.OrderedDict"),
        (datetime.date(2020, 1, 1), "datetime.date"),
        ({1, 2}, "set"),
        (Path("x"), "pathlib"),
        (np.ma.array([1, 2]), "numpy.ma.core._mareconstruct"),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_objects_are_refused_by_name(tmp_path, value, name, protocol):
    with pytest.raises(UserError, match=f"is a pickle that needs [a-z_.]*{name}"):
        pickled.contents(put(tmp_path, pickle.dumps(value, protocol)))


def commands(error):
    """The command in a message, split as a shell splits it."""
    import shlex

    return shlex.split(str(error).split("convert it with ")[1])


def test_the_command_in_a_refusal_converts_it(tmp_path, monkeypatch):
    import subprocess

    joblib = pytest.importorskip("joblib")  # of scikit-learn
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    table = pd.DataFrame({"label": [1, 2], "pixel0": [3, 4]})
    for name, packed in ("plain.pkl", False), ("packed.pkl.gz", True):
        content = pickle.dumps(table)
        path = put(folder, gzip.compress(content) if packed else content, name)
        with pytest.raises(UserError, match=r"needs pandas\.") as error:
            pickled.contents(path)
        subprocess.run([sys.executable, *commands(error.value)[1:]], check=True)
        pd.testing.assert_frame_equal(pd.read_csv("data.csv"), table)
    path = put(folder, gzip.compress(pickle.dumps(OrderedDict(x=IMAGES))))
    with pytest.raises(UserError) as error:
        pickled.contents(path)
    subprocess.run([sys.executable, *commands(error.value)[1:]], check=True)
    np.testing.assert_array_equal(np.load("data.npz")["x"], IMAGES)
    joblib.dump({"y": LABELS}, folder / "some.joblib")
    with pytest.raises(UserError, match=r"needs joblib\.numpy_pickle") as error:
        pickled.contents(folder / "some.joblib")
    subprocess.run([sys.executable, *commands(error.value)[1:]], check=True)
    np.testing.assert_array_equal(np.load("data.npz")["y"], LABELS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>\n", "no opcode"),
        (pickle.dumps(IMAGES)[:-9], "but only 356 remain"),
        (pickle.dumps(IMAGES, 2)[:-200], "ends too early|damaged|expected"),
        (gzip.compress(pickle.dumps(IMAGES))[:-9], "is a damaged gzip file"),
        (pickle.dumps(3), "without arrays .it holds one int"),
        (pickle.dumps({"a": {}}), "without arrays .it holds one dict"),
        (pickle.dumps(IMAGES) + b"\n", "no opcode"),
        (pickle.dumps(np.array([None, 1], object).reshape(2, 1)), "more dimensions"),
        (pickle.dumps(np.zeros(2, "M8[s]")), "an array holds .M8"),
        (pickle.dumps(np.zeros(2, [("a", "u1")])), "something other|holds .V1"),
        (pickle.dumps(np.zeros(2, complex)), "holds .c16"),
        (pickle.dumps(IMAGES, 2).replace(b"K\x0cK\6K\5", b"K\x0cK\6K\6"), "promises 432 bytes"),
        (pickle.dumps({(1, 2): IMAGES}), "keys other than"),
        (pickle.dumps({2**61: IMAGES}), "keys other than"),
        (b"\x80\2cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\1btR.", "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_damage_is_one_line(tmp_path, content, words):
    path = put(tmp_path, content)
    with pytest.raises(UserError, match=words) as error:
        pickled.contents(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def whole():
    value = {"x": IMAGES, "y": [*LABELS[:3]], "t": ("a", b"b"), "z": {"k": 1.5, "u": np.array("a")}}
    contents = [pickle.dumps(value, protocol) for protocol in PROTOCOLS]
    contents += [b"(" + old_pair(IMAGES, LABELS, 0) * 2 + b"t.", b"\x80\2" + old(IMAGES, 2) + b"."]
    return [*contents, gzip.compress(contents[2], mtime=0)]


def outcome(path, content):
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            for array in pickled.contents(path).arrays:
                assert array.read().dtype.kind in "biufU"
            message = ""
        except UserError as error:
            message = str(error)
    assert len(message) < 800
    assert "\n" not in message
    assert not warned, warned[0].message
    return "refused" if message else "read"


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.torture)])
def test_edited_pickles_are_read_or_refused(tmp_path, count):
    chance = random.Random(0)
    outcomes, wholes = [], whole()
    for _ in range(count):
        content = chance.choice(wholes)
        outcomes.append(outcome(tmp_path / "some.pkl", damaged(content, chance)))
    assert {*outcomes} == {"read", "refused"}


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


@settings(max_examples=200, database=None, deadline=None)
@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=3), max_size=40).map(b"".join))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    outcome(folder / "any.pkl", content + b".")


def nested(count):
    """Lists, each of which holds the one before ten times over."""
    lists = b"]q\0"
    for n in range(1, count):
        lists += b"]q%c(" % n + b"h%c" % (n - 1) * 10 + b"e"
    return b"\x80\2" + lists + b"."


BOMBS = {
    "lists in lists": lambda: nested(40),
    "dictionaries in dictionaries": lambda: nested(40).replace(b"]q\0", b"}q\0", 1),
    "a list that holds itself": lambda: b"]q\0h\0a.",
    "a dictionary that holds itself": lambda: b"}q\0U\1ah\0s.",
    "depth": lambda: b"]" * 100_000 + b"a" * 99_999 + b".",
    "marks": lambda: b"(" * 100_000 + b".",
    "empty lists": lambda: b"]" * 100_000 + b".",
    "memo": lambda: b"N" + b"\x94" * 100_000 + b".",
    "pickles": lambda: b"N." * 100_000,
    "a text of 4 GiB": lambda: b"T\xff\xff\xff\x7fabc.",
    "bytes of 2^62": lambda: b"\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "a number of 2 GiB": lambda: b"\x8b\xff\xff\xff\x7fabc.",
    "a number of many digits": lambda: b"L" + b"9" * 100_000 + b"L\n.",
    "a shape of 2^80": lambda: (
        b"\x80\2" + old(IMAGES, 2).replace(b"J\x0c\0\0\0", b"\x8a\x0b" + b"\1" * 11)
    ),
    "the text of one, many times": lambda: b"(" + text(b"x" * 5000, 2) + b"2" * 300_000 + b"l.",
    "gzip": lambda: (
        gzip.compress(b"\x8e" + struct.pack("<Q", 2**40) + bytes(64 * 2**20))
        + (gzip.compress(bytes(2**24), 1) * 4)
    ),
}
# The others take seconds together.
QUICK = {"a shape of 2^80", "bytes of 2^62", "marks", "memo"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.torture) for name in BOMBS],
)
def test_a_bomb_takes_little_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(pickled, "MAX_OBJECTS", 2**16)
    monkeypatch.setattr(pickled, "MAX_LISTED", 2**18)
    path = put(tmp_path, BOMBS[name]())
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            pickled.contents(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    there = 128 if name == "gzip" else 0
    assert most / 2**20 < 2 * there + 300 / 16 + 16


def test_pipes_and_folders_keep_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in tmp_path / "pipe", tmp_path:
        with pytest.raises(UserError, match="folder, pipe or device"):
            pickled.contents(path)
