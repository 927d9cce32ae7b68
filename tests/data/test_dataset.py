"""Readers of datasets: what they accept, what they make of it, and how they refuse."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from conftest import PATIENCE
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.data import dataset
from mnist_aug.data import formats as readers
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
    np.savez(
        archive, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays(), strict=True))
    )
    packed = dataset.load(str(archive))
    assert plain.sha256 == zipped.sha256 == packed.sha256
    for loaded in (plain, zipped, packed):
        assert loaded.name == "shapes"
        assert not loaded.embedded
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


def test_mnist_is_known_by_its_content(mnist_folder, capsys):
    mnist = dataset.load(str(mnist_folder))
    assert mnist.name == "mnist"
    assert mnist.x_train.shape == (60000, 28, 28)
    assert mnist.x_test.shape == (10000, 28, 28)
    assert np.bincount(mnist.y_test).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    assert mnist.training_count(0.2) == 48000
    # The widely published digest of train-images-idx3-ubyte.gz vouches for the folder itself.
    file = (mnist_folder / "train-images-idx3-ubyte.gz").read_bytes()
    assert hashlib.sha256(file).hexdigest() == (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    )
    assert capsys.readouterr().out == ""


def test_other_content_never_passes_for_mnist(folder, capsys):
    impostor = folder.rename(folder.with_name("mnist"))
    assert dataset.load(str(impostor)).name == "mnist (unverified)"
    assert "not that of the known mnist" in capsys.readouterr().out


def test_embedded_digits_have_the_form_of_mnist(digits):
    assert digits.embedded
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
        (NAMES[0], b"", "ends within its header"),
        (NAMES[0], b"\x00\x00\x08\x01" + b"\x00" * 20, "magic number 0x00000801"),
        (NAMES[0], idx(arrays()[0])[:-1], "holds only"),
        (NAMES[0], idx(arrays()[0]) + b"\x00", "holds more"),
        (
            NAMES[0],
            b"\x00\x00\x08\x03" + struct.pack(">3I", 4_000_000_000, 28, 28),
            "over the limit",
        ),
        (NAMES[0], idx(arrays()[0][:29]), "29 train images but 30 labels"),
        (NAMES[3], idx(np.full(10, 9)), "test label 9 is out of range"),
        (NAMES[2], idx(np.zeros((10, 6, 7))), "one size"),
        (NAMES[2], idx(np.zeros((0, 5, 7))), "10 labels"),
    ],
)
def test_damaged_idx_is_named(folder, file, content, words):
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        dataset.load(str(folder))
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("length", [0, 5, 60, -4])
def test_truncated_gzip_is_named(folder, length):
    path = folder / f"{NAMES[0]}.gz"
    path.write_bytes(gzip.compress((folder / NAMES[0]).read_bytes())[:length])
    (folder / NAMES[0]).unlink()
    with pytest.raises(UserError, match=r"ubyte\.gz (is a damaged gzip|ends within)"):
        dataset.load(str(folder))


@settings(max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_are_an_array_or_a_user_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "x.gz"
    for data, name in ((content, "x"), (gzip.compress(content), "x.gz")):
        file = path.with_name(name)
        file.write_bytes(data)
        try:
            outcome = readers.idx(file, 1)
        except UserError as error:
            outcome = error
        assert name in str(outcome) or outcome.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_train": arrays()[0] / 255}, "float64: store pixels as uint8"),
        ({"y_train": arrays()[1] / 2}, "whole numbers"),
        ({"y_train": arrays()[1] - 1}, "labels -1 to 1"),
        ({"y_test": arrays()[3][:3]}, "10 test images but 3 labels"),
        ({"x_train": np.zeros((30, 5, 7, 3), np.uint8)}, "grey images"),
        (
            {"x_test": np.zeros((0, 5, 7), np.uint8), "y_test": np.zeros(0, int)},
            "test set is empty",
        ),
        ({"x_test": None}, "no array x_test"),
        ({"x_train": np.array([{}] * 30)}, "no readable .npz"),
    ],
)
def test_unfit_npz_is_named(tmp_path, change, words):
    parts = dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays(), strict=True)) | change
    path = tmp_path / "set.npz"
    np.savez(path, **{name: array for name, array in parts.items() if array is not None})
    with pytest.raises(UserError, match=words) as error:
        dataset.load(str(path))
    assert str(path) in str(error.value)


def test_npz_that_is_no_archive(tmp_path):
    path = tmp_path / "set.npz"
    path.write_text("x_train")
    with pytest.raises(UserError, match=r"no readable \.npz"):
        dataset.load(str(path))


def test_source_that_cannot_be_opened(folder):
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).mkdir()
    with pytest.raises(UserError, match=f"{NAMES[0]} can't be read"):
        dataset.load(str(folder))


def test_missing_source_and_missing_file(folder):
    with pytest.raises(UserError, match="no folder or file"):
        dataset.load(str(folder / "nowhere"))
    (folder / NAMES[3]).unlink()
    with pytest.raises(UserError, match="has no t10k-labels"):
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


def test_auto_without_network_announces_the_embedded_digits(script, tmp_path, fails_in_one_line):
    # An address that nothing answers on: the download fails, and no cache is there.
    nowhere = {
        "KERAS_HOME": str(tmp_path / "keras"),
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "no_proxy": "",
        "NO_PROXY": "",
        "HOME": str(tmp_path),
    }
    process = script("tune", "baseline", "--data", "auto", "--search", "policy", **nowhere)
    assert process.returncode == 0, process.stderr
    assert "EMBEDDED DIGITS" in process.stdout
    assert "This is not MNIST" in process.stdout
    assert "None" not in process.stdout
    fails_in_one_line(
        script("train", "baseline", "--data", "mnist", **nowhere),
        "MNIST is neither in the Keras cache nor to be downloaded",
    )


def test_hanging_download_is_given_up(monkeypatch, tmp_path):
    import threading
    import time

    import keras

    released = threading.Event()
    assert dataset.STALL_SECONDS <= 15  # leaves 5 s of the 20 for Keras's import
    monkeypatch.setattr(dataset, "STALL_SECONDS", 1)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: released.wait(PATIENCE))
    start = time.monotonic()
    with pytest.raises(UserError, match="nothing arrived"):
        dataset.load("mnist")
    released.set()
    assert time.monotonic() - start < PATIENCE / 2


def test_mnist_from_keras(digits, monkeypatch):
    import keras

    parts = (
        (digits.x_train, digits.y_train.astype(np.uint8)),
        (digits.x_test, digits.y_test.astype(np.uint8)),
    )
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: parts)
    found = dataset.load("mnist")
    assert found.name == "mnist (unverified)"  # as it is not MNIST
    assert found.sha256 == digits.sha256
    without = dataset.load("auto", test=False)
    assert len(without.x_test) == len(without.y_test) == 0
    np.testing.assert_array_equal(without.x_train, digits.x_train)
