"""Readers of datasets: what they accept, what they make of it, and how they refuse."""

import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.data import dataset
from mnist_aug.data import digits as digits_of
from mnist_aug.data.formats import idx as idx_files
from mnist_aug.errors import UserError

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


def arrays(height=5, width=7, classes=3):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, height, width), dtype=np.uint8)
    labels = np.arange(40) % classes
    return images[:30], labels[:30], images[30:], labels[30:]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "shapes"
    path.mkdir()
    for name, array in zip(NAMES, arrays(), strict=True):
        (path / name).write_bytes(idx(array))
    return path


def test_one_dataset_in_three_containers(folder, tmp_path):
    plain = dataset.load(str(folder))
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    zipped = dataset.load(str(folder))
    archive = tmp_path / "shapes.npz"
    np.savez(archive, **dict(zip(dataset.NAMES, arrays(), strict=True)))
    packed = dataset.load(str(archive))
    assert plain.sha256 == zipped.sha256 == packed.sha256
    for loaded in (plain, zipped, packed):
        assert loaded.name == "shapes"
        assert loaded.classes == 3
        assert loaded.image_shape == (5, 7)
        for found, given_ in zip(
            (loaded.x_train, loaded.y_train, loaded.x_test, loaded.y_test), arrays(), strict=True
        ):
            np.testing.assert_array_equal(found, given_)
        assert loaded.x_train.dtype == np.uint8
        assert loaded.y_train.dtype == np.int32


def test_sha256_sees_every_pixel_label_and_shape(digits):
    def changed(**parts):
        return dataset.Dataset(
            **(
                {
                    "name": "",
                    "origin": "",
                    "x_train": digits.x_train,
                    "y_train": digits.y_train,
                    "x_test": digits.x_test,
                    "y_test": digits.y_test,
                }
                | parts
            )
        ).sha256

    pixel, label = digits.x_test.copy(), digits.y_train.copy()
    pixel[-1, -1, -1] ^= 1
    label[0] ^= 1
    wider = digits.x_train.reshape(-1, 14, 56)
    assert (
        len({digits.sha256, changed(x_test=pixel), changed(y_train=label), changed(x_train=wider)})
        == 4
    )


def test_mnist_is_what_ships(mnist):
    assert mnist.name == "mnist"
    assert mnist.x_train.shape == (60000, 28, 28)
    assert mnist.x_test.shape == (10000, 28, 28)
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.y_test).tolist() == counts
    assert mnist.training_count(0.2) == 48000
    assert mnist.sha256 == dataset.MNIST_SHA256
    assert dataset.load().sha256 == mnist.sha256  # the default
    without = dataset.load("mnist", test=False)
    assert without.sha256 == dataset.MNIST_TRAINING_SHA256
    assert (without.name, without.origin) == (mnist.name, mnist.origin)
    assert without.x_test.shape == (0, 28, 28)


def test_the_shipped_files_are_the_published_ones():
    digests = (  # widely published
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    )
    published = dict(zip((f"{name}.gz" for name in NAMES), digests, strict=True))
    about = (dataset.MNIST / "README.md").read_text()
    sums = (dataset.MNIST / "SHA256SUMS").read_text().splitlines()
    assert sorted(sums) == sorted(f"{digest}  {name}" for name, digest in published.items())
    for name, digest in published.items():
        assert hashlib.sha256((dataset.MNIST / name).read_bytes()).hexdigest() == digest
        assert f"`{digest}`" in about


def test_mnist_needs_no_network_keras_or_home(tmp_path):
    code = (
        "import socket, sys\n"
        "def refused(*_): raise AssertionError('the network was asked')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refused\n"
        "from mnist_aug.data import dataset\n"
        "found = dataset.load('mnist')\n"
        "assert not {'keras', 'tensorflow'} & {*sys.modules}\n"
        "print(found.name, found.sha256)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)},
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["mnist", dataset.MNIST_SHA256]
    assert not [*tmp_path.iterdir()]


def test_mnist_is_known_by_its_content(mnist, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(dataset.MNIST, copy)
    packed = tmp_path / "mnist.npz"
    parts = (mnist.x_train, mnist.y_train, mnist.x_test, mnist.y_test)
    np.savez(packed, **dict(zip(dataset.NAMES, parts, strict=True)))
    for path in copy, packed:
        found = dataset.load(str(path))
        assert (found.name, found.sha256) == ("mnist", mnist.sha256)
        assert found.origin != mnist.origin
    assert capsys.readouterr().out == ""


def edited(content):
    """The labels with the last one changed, gzipped again."""
    content = bytearray(gzip.decompress(content))
    content[-1] ^= 1
    return gzip.compress(content, 1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-4], "train-labels-idx1-ubyte.gz is a damaged gzip file"),
        (lambda content: b"version https://git-lfs", "train-labels-idx1-ubyte.gz"),
        (lambda content: None, "train-labels-idx1-ubyte.gz can't be read: No such file"),
        (lambda content: edited(content), "other images or labels than MNIST's"),
    ],
)
def test_damaged_shipped_files_are_named(
    called, monkeypatch, tmp_path, fails_in_one_line, damage, words
):
    copy = tmp_path / "mnist"
    shutil.copytree(dataset.MNIST, copy)
    path = copy / "train-labels-idx1-ubyte.gz"
    content = damage(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(dataset, "MNIST", copy)
    for test in True, False:
        with pytest.raises(UserError, match=words):
            dataset.load("mnist", test)
    fails_in_one_line(called("train", "baseline"), copy, words, "mnist-aug: install it again, or")


def test_other_content_never_passes_for_mnist(folder, capsys):
    impostor = folder.rename(folder.with_name("mnist"))
    assert dataset.load(str(impostor)).name == "mnist (unverified)"
    assert "not that of the known mnist" in capsys.readouterr().out


def test_digits_are_the_same_on_every_machine(digits):
    assert digits.name == "digits"
    assert digits.sha256 == dataset.DIGITS_SHA256
    without = dataset.load("digits", test=False)
    assert len(without.x_test) == len(without.y_test) == 0
    np.testing.assert_array_equal(without.x_train, digits.x_train)


@pytest.mark.parametrize(
    ("shape", "wanted"), [((8, 8), (20, 20)), ((8, 5), (20, 12)), ((1, 3), (7, 20))]
)
def test_digits_are_enlarged_as_by_opencv(shape, wanted):
    ink = np.random.default_rng(0).integers(0, 17, shape).astype(float)
    down, across = (digits_of._cubic(*sides) for sides in zip(shape, wanted, strict=True))
    made = down @ np.pad(ink, 2, mode="edge") @ across.T
    opencv = cv2.resize(ink, wanted[::-1], interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(made, opencv, atol=1e-5)


def test_digits_have_the_form_of_mnist(digits):
    assert len(digits.x_train) + len(digits.x_test) == 1797
    images = np.concatenate([digits.x_train, digits.x_test]).astype(float)
    assert images.shape[1:] == (28, 28)
    assert set(np.unique(digits.y_test)) == set(range(10))
    rows, columns = images.any(2), images.any(1)
    heights = 28 - rows.argmax(1) - rows[:, ::-1].argmax(1)
    widths = 28 - columns.argmax(1) - columns[:, ::-1].argmax(1)
    assert np.maximum(heights, widths).max() <= 20
    mass = images.sum((1, 2))
    for axis in (1, 2):
        centre = (images.sum(3 - axis) @ np.arange(28)) / mass
        # Whole pixels are moved, so half a pixel may be left; the field's edge holds few back.
        assert np.quantile(np.abs(centre - 14), 0.99) <= 0.51


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (NAMES[0], b"", "is empty: fetch it again"),
        (NAMES[0], idx(arrays()[0])[:9], "ends within its header"),
        (NAMES[0], b"\x00\x00\x08\x01" + b"\x00\x00\x00\x05" * 2, "no images for them"),
        (NAMES[0], idx(arrays()[0])[:-1], "holds only"),
        (NAMES[0], idx(arrays()[0]) + b"\x00", "holds more"),
        (
            NAMES[0],
            b"\x00\x00\x08\x03" + struct.pack(">3I", 4_000_000_000, 28, 28),
            "over the limit",
        ),
        (NAMES[0], idx(arrays()[0][:29]), r"shape \[29, 5, 7\], and there are 30 labels"),
        (NAMES[3], idx(np.full(10, 9)), r"classes without training images \(9\)"),
        (NAMES[2], idx(np.ones((10, 6, 7)) * np.arange(7) * 40), "5 by 7 but test images 6 by 7"),
        (NAMES[2], idx(np.zeros((0, 5, 7))), "10 labels"),
    ],
)
def test_damaged_idx_is_named(folder, file, content, words):
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        dataset.load(str(folder))
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("length", [5, 60, -4])
def test_truncated_gzip_is_named(folder, length):
    path = folder / f"{NAMES[0]}.gz"
    path.write_bytes(gzip.compress((folder / NAMES[0]).read_bytes())[:length])
    (folder / NAMES[0]).unlink()
    with pytest.raises(
        UserError, match=r"ubyte\.gz (is a damaged gzip|ends within|is packed by gzip)"
    ):
        dataset.load(str(folder))


@settings(max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_are_an_array_or_a_user_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "x.gz"
    for data, name in ((content, "x"), (gzip.compress(content), "x.gz")):
        file = path.with_name(name)
        file.write_bytes(data)
        try:
            outcome = idx_files.idx(file, 1)
        except UserError as error:
            outcome = error
        assert name in str(outcome) or outcome.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_train": arrays()[0] / 100 - 1}, "were standardised or are not pixels"),
        ({"x_train": arrays()[0] / 255}, "on different scales"),
        ({"x_train": np.where(np.arange(7) == 3, np.nan, arrays()[0])}, "not numbers"),
        ({"x_train": arrays()[0].astype(int) * 300}, "store them as 0 to 255"),
        ({"y_train": arrays()[1] / 2}, "whole numbers"),
        ({"y_train": arrays()[1] * 0}, "all training labels are 0"),
        ({"y_test": arrays()[3][:3]}, r"\[10, 5, 7\], and there are 3 labels"),
        ({"x_train": np.zeros((30, 5, 7), np.uint8)}, "0 in every pixel"),
        ({"x_train": np.zeros((30, 5, 7, 2), np.uint8)}, r"\[N, H, W\] or \[N, H, W, 3\]"),
        ({"x_train": np.zeros((30, 300, 7)) + 40 * np.arange(7)}, "at most 256 a side"),
        ({"y_train": np.random.default_rng(0).random((30, 3))}, "not one-hot"),
        (
            {"x_test": np.zeros((0, 5, 7), np.uint8), "y_test": np.zeros(0, int)},
            "y_test is empty",
        ),
        ({"x_train": np.array([{}] * 30)}, "found: set/y_train"),
    ],
)
def test_unfit_npz_is_named(tmp_path, change, words):
    parts = dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays(), strict=True)) | change
    path = tmp_path / "set.npz"
    np.savez(path, **{name: array for name, array in parts.items() if array is not None})
    with pytest.raises(UserError, match=words) as error:
        dataset.load(str(path))
    assert str(path) in str(error.value)


def test_missing_source_and_missing_file(folder, capsys):
    with pytest.raises(UserError, match="neither a folder nor a file"):
        dataset.load(str(folder / "nowhere"))
    (folder / NAMES[3]).unlink()
    found = dataset.load(str(folder))
    assert len(found.x_train) + len(found.x_test) == 30  # a part of the training images
    assert "warning: The test images (t10k-images" in capsys.readouterr().out


def test_what_keras_downloads_is_a_name(monkeypatch, capsys):
    import keras

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (90, 4, 4, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    labels = (np.arange(90) % 10)[:, None].astype(np.uint8)
    parts = (images[:60], labels[:60]), (images[60:], labels[60:])
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: parts)
    found = dataset.load("cifar10")
    assert (found.name, found.origin, found.kind) == ("cifar10", "keras.datasets", "image")
    assert found.class_names[0] == "airplane"
    np.testing.assert_array_equal(found.x_test, images[60:])
    np.testing.assert_array_equal(found.y_test, labels[60:, 0])
    part = dataset.load("cifar10", test=False)
    assert not len(part.x_test)
    np.testing.assert_array_equal(part.x_train, found.x_train)
    assert capsys.readouterr().out == ""


def test_without_a_network_one_line_says_so(monkeypatch):
    import keras

    def refused():
        raise Exception("URL fetch failure on https://some.where: None -- Name not known")

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", refused)
    with pytest.raises(UserError, match=r"fashion_mnist can't be loaded by keras\.datasets \(URL"):
        dataset.load("fashion_mnist")


def saved(folder, **arrays):
    folder.mkdir(exist_ok=True)
    for name, content in arrays.items():
        path = folder / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, **dict(zip(dataset.NAMES, content, strict=True)))
    return folder


def test_a_neighbour_is_not_in_the_way(tmp_path):
    saved(tmp_path, good__npz=arrays(), empty__npz=b"", bad__npz=b"PK\3\4damaged")
    assert dataset.load(str(tmp_path / "good.npz")).name == "good"
    with pytest.raises(UserError, match=r"bad\.npz"):
        dataset.load(str(tmp_path / "bad.npz"))


def test_the_test_set_beside_a_file_is_taken(tmp_path, capsys):
    x_train, y_train, x_test, y_test = arrays()
    np.savez(tmp_path / "train.npz", x=x_train, y=y_train)
    np.savez(tmp_path / "test.npz", x=x_test, y=y_test)
    found = dataset.load(str(tmp_path / "train.npz"))
    np.testing.assert_array_equal(found.x_test, x_test)
    said = capsys.readouterr().out
    assert "note: Read with train.npz, as parts of the same dataset: test.npz" in said
    (tmp_path / "test.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"test\.npz is empty"):
        dataset.load(str(tmp_path / "train.npz"))
    with pytest.raises(UserError, match=r"test\.npz is empty"):
        dataset.load(str(tmp_path))


def test_a_dataset_beside_a_training_set_is_not_added_to_it(tmp_path, capsys):
    x_train, y_train, x_test, y_test = arrays()
    saved(tmp_path, cats__npz=arrays())
    np.savez(tmp_path / "cats_train.npz", x=x_train[::-1], y=y_train[::-1])
    found = dataset.load(str(tmp_path / "cats_train.npz"))
    assert len(found.x_train) + len(found.x_test) == 30
    assert "cats.npz" not in capsys.readouterr().out
    np.savez(tmp_path / "cats_test.npz", x=x_test, y=y_test)
    found = dataset.load(str(tmp_path / "cats_train.npz"))
    assert (len(found.x_train), len(found.x_test)) == (30, 10)
    said = capsys.readouterr().out
    assert "note: Read with cats_train.npz, as parts of the same dataset: cats_test.npz\n" in said


def test_what_lies_in_a_folder_next_to_data_is_named(folder, capsys):
    (folder / "README").write_text("Five words about these images.")
    (folder / "LICENSE.md").write_text("MIT")
    dataset.load(str(folder))
    assert "note: Left out, as not part of the dataset: README" in capsys.readouterr().out


def test_several_datasets_in_a_folder_are_listed(tmp_path):
    saved(tmp_path, one__npz=arrays(), two__npz=arrays())
    with pytest.raises(UserError, match=r"several datasets \(one\.npz, two\.npz\)") as error:
        dataset.load(str(tmp_path))
    assert str(error.value).endswith(f"DATA={tmp_path / 'two.npz'}")
    dataset.load(str(tmp_path / "two.npz"))


def test_a_crowd_of_files_is_not_searched(tmp_path):
    for number in range(301):
        (tmp_path / f"some{number}.npz").touch()
    with pytest.raises(UserError, match="more than 300 files that may be data"):
        dataset.load(str(tmp_path))
    x_train, y_train, x_test, y_test = arrays()
    np.savez(tmp_path / "train.npz", x=x_train, y=y_train)
    np.savez(tmp_path / "test.npz", x=x_test, y=y_test)
    np.testing.assert_array_equal(dataset.load(str(tmp_path / "train.npz")).x_test, x_test)


def test_links_have_their_own_names(tmp_path):
    """As in the cache of Hugging Face, whose files are named by their hashes."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    x_train, y_train, x_test, y_test = arrays()
    np.savez(blobs / "0a1b", x=x_train, y=y_train)
    np.savez(blobs / "2c3d", x=x_test, y=y_test)
    for name, blob in ("train-00000-of-00001.npz", "0a1b.npz"), ("test.npz", "2c3d.npz"):
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).symlink_to(blobs / blob)
    np.testing.assert_array_equal(dataset.load(str(tmp_path / "set")).x_test, x_test)


def test_a_pipe_in_place_of_a_file_is_named(folder):
    (folder / NAMES[0]).unlink()
    os.mkfifo(folder / NAMES[0])
    with pytest.raises(UserError, match=f"{NAMES[0]} can't be read, as it is a folder, pipe"):
        dataset.load(str(folder))


def test_validation_holds_out_what_keras_does(digits):
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split

    (train,), (held_out,) = train_validation_split((np.arange(len(digits.x_train)),), 0.2)
    count = digits.training_count(0.2)
    assert count == len(train)
    assert held_out[0] == count


def test_too_few_to_validate(digits):
    one = dataset.Dataset(
        "one", "", digits.x_train[:1], digits.y_train[:1], digits.x_test, digits.y_test
    )
    with pytest.raises(UserError, match="too few"):
        one.training_count(0.2)


def test_fashion_mnist_has_one_name_wherever_it_is_from(tmp_path, monkeypatch, few):
    np.savez(tmp_path / "mine.npz", **{name: getattr(few, name) for name in dataset.NAMES})
    own = dataset.load(str(tmp_path / "mine.npz"))
    assert own.name == "mine"
    monkeypatch.setattr(dataset, "FASHION_SHA256", own.sha256)
    assert dataset.load(str(tmp_path / "mine.npz")).name == "fashion-mnist"


MINE = {"name": "mine", "origin": "folder of pictures", "sha256": "ab" * 32}
DIGITS = {"name": "digits", "origin": "scikit-learn's", "sha256": dataset.DIGITS_SHA256}
FASHION = {"name": "fashion-mnist", "origin": "IDX file", "sha256": dataset.FASHION_SHA256}
CIFAR = {"name": "cifar10", "origin": "keras.datasets", "sha256": "cd" * 32}


@pytest.mark.parametrize(
    ("described", "source", "remedy"),
    [
        (MINE, "mnist", None),  # the default
        (MINE, "moved/mine", None),
        (MINE, "cifar10", None),  # of which `mine` may be a copy
        (MINE, "digits", ""),
        (MINE, "fashion_mnist", ""),
        (DIGITS, "digits", None),
        (DIGITS, "there.npz", None),  # which may hold the same images
        (DIGITS, "the", None),  # as the names of files begin
        (DIGITS, "nowhere", "DATA=digits (--data) or "),
        (DIGITS, "x" * 300, "DATA=digits (--data) or "),
        (DIGITS, "fashion_mnist", "DATA=digits (--data) or "),
        (FASHION, "fashion_mnist", None),
        (FASHION, "cifar10", "DATA=fashion_mnist (--data) or "),
        (CIFAR, "cifar10", None),
        (CIFAR, "cifar100", "DATA=cifar10 (--data) or "),
    ],
)
def test_what_a_dataset_can_be_of(tmp_path, monkeypatch, described, source, remedy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npz").touch()
    if remedy is None:
        dataset.check_source(described, source)
        return
    with pytest.raises(UserError) as raised:
        dataset.check_source(described, source)
    assert str(raised.value) == (
        f"the results are of dataset {described['name']!r}, not of {source}: give {remedy}another "
        "RESULTS= (--results)"
    )
