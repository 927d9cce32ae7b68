"""Datasets of small grey images: MNIST, the embedded digits, IDX folders and NPZ files.

The one public function is `load`. Formats: the IDX files of Yann LeCun's MNIST page, and NPZ as
`keras.datasets` stores it. `readers` bounds what reading them takes; beside the images, labels take
at most 24 bytes each.
"""

import hashlib
import math
import os
import struct
import threading
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mnist_aug import arguments
from mnist_aug.data import formats as readers
from mnist_aug.errors import UserError

# Of the dataset in LeCun's four files, as `Dataset.sha256` takes it, and without test images.
MNIST_SHA256 = "e6872f067e6ddb1a0845d931bdf672ca23abdb4da28dd17ac6fde6e93dcb81f7"
MNIST_TRAINING_SHA256 = "1ad8f871161ab204de65e209368875d9fa4f02a5b36074fab752cf3653aa50a0"
NAMES = ("x_train", "y_train", "x_test", "y_test")  # of the arrays in an .npz
STALL_SECONDS = 12  # a download that brings nothing for so long is given up


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images with labels.

    Attributes:
        name: what to call it: `mnist`, `digits`, or the name of its folder or file.
        origin: where it came from, in words; never a path of one machine.
        x_train, x_test: uint8 `[N, H, W]`, 0 (background) to 255 (ink).
        y_train, y_test: int32 `[N]`, 0 to `classes` - 1.
        embedded: True for the digits that stand in where MNIST can't be had.
    """

    name: str
    origin: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    embedded: bool = False

    @property
    def classes(self) -> int:
        return int(self.y_train.max()) + 1

    @property
    def image_shape(self) -> tuple[int, int]:
        return self.x_train.shape[1:]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of shapes, pixels and labels: the same for the same images in any container."""
        digest = hashlib.sha256()
        for images, labels in (self.x_train, self.y_train), (self.x_test, self.y_test):
            digest.update(struct.pack(">3q", *images.shape))
            digest.update(np.ascontiguousarray(images))
            digest.update(labels.astype(">i4").tobytes())
        return digest.hexdigest()

    def training_count(self, validation_split: float) -> int:
        """How many of the first training images are trained on; the rest validate, as in Keras.

        Raises:
            UserError: one of the two parts would be empty.
        """
        count = math.floor(len(self.x_train) * (1 - validation_split))
        if validation_split and not 0 < count < len(self.x_train):
            raise UserError(
                f"dataset {self.name} has {len(self.x_train)} training images: too few "
                f"to hold out {validation_split:.0%} for validation; bring more"
            )
        return count


def load(source: str = "auto", test: bool = True) -> Dataset:
    """The dataset that `DATA=` or `--data` names.

    Args:
        source: `auto` (MNIST from the Keras cache or by download, else the embedded digits),
            `mnist` (never falls back), `digits` (the embedded set), a folder of the four IDX
            files, gzipped or not, or an `.npz` with x_train, y_train, x_test and y_test.
        test: read the test images, too; without, there are none, and their files may be missing.

    Raises:
        UserError: the source can't be read, or holds no well-formed dataset.
    """
    if not test and source in {"auto", "mnist", "digits"}:
        whole = load(source)
        return replace(whole, x_test=whole.x_test[:0], y_test=whole.y_test[:0])
    if source == "digits":
        return _digits()
    if source in {"auto", "mnist"}:
        try:
            return _keras_mnist()
        except UserError as error:
            if source == "mnist":
                raise
            print(
                f"note: {error}\nnote: going on with the EMBEDDED DIGITS (scikit-learn's 1,797 "
                "handwritten digits in MNIST's form). This is not MNIST.",
                flush=True,
            )
            return _digits()
    if not source:
        raise UserError("data is an empty path: give auto, mnist, digits, a folder or an .npz")
    path = Path(source)
    try:
        if path.is_dir():
            arrays = _read_idx_folder(path, test)
            origin = "IDX files in a folder"
        elif path.is_file():
            arrays = readers.npz(path, NAMES if test else NAMES[:2])
            arrays = arrays if test else _without_test(*arrays)
            origin = "NPZ file"
        else:
            raise UserError(
                f"data {source} is no folder or file: give a folder of IDX files, an "
                ".npz, or one of auto, mnist, digits"
            )
    except OSError as error:
        raise UserError(
            f"data {error.filename or source} can't be read: "
            f"{error.strerror or error}; check the path and its permissions"
        ) from None
    except MemoryError:
        raise UserError(
            f"data {source} need more memory than there is: bring fewer or smaller images"
        ) from None
    name = os.fsencode(path.resolve().stem).decode(errors="replace")  # it may be no UTF-8
    return _recognised(Dataset(name, origin, *_checked(path, test, *arrays)))


def _recognised(dataset: Dataset) -> Dataset:
    """MNIST goes by its name wherever it was found, and nothing else does."""
    if dataset.sha256 in (MNIST_SHA256, MNIST_TRAINING_SHA256):
        name = "mnist"
    elif dataset.name.lower() in {"mnist", "digits"}:
        name = f"{dataset.name} (unverified)"
        print(
            f"note: the content is not that of the known {dataset.name.lower()} dataset "
            f"(SHA-256 {dataset.sha256[:12]}…); results are marked {name!r}",
            flush=True,
        )
    else:
        name = dataset.name
    return Dataset(
        name, dataset.origin, dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test
    )


def _checked(path: Path, test: bool, x_train, y_train, x_test, y_test) -> tuple[np.ndarray, ...]:
    """The four arrays as uint8 images and int32 labels, or a `UserError` that names the fault."""
    for part, images, labels in ("train", x_train, y_train), ("test", x_test, y_test):
        if images.ndim == 4 and images.shape[3] == 1:
            images = images[..., 0]
        if images.ndim != 3:
            raise UserError(
                f"{path}: x_{part} has shape {images.shape}: grey images [N, H, W] are needed"
            )
        if images.dtype != np.uint8:
            raise UserError(f"{path}: x_{part} is {images.dtype}: store pixels as uint8, 0 to 255")
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise UserError(
                f"{path}: y_{part} is {labels.dtype} with shape {labels.shape}: whole "
                "numbers [N] are needed"
            )
        if len(images) != len(labels):
            raise UserError(
                f"{path}: {len(images)} {part} images but {len(labels)} labels: they "
                "must be as many"
            )
        if images.size == 0 and (part == "train" or test):
            raise UserError(f"{path}: the {part} set is empty: at least one image is needed")
        low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
        if low < 0 or high > 9999:
            raise UserError(
                f"{path}: y_{part} holds labels {low} to {high}: number the classes from 0"
            )
    if len(np.unique(y_train)) < 2:
        raise UserError(
            f"{path}: all training labels are {int(y_train[0])}: a classifier needs at "
            "least two classes"
        )
    if x_train.shape[1:3] != x_test.shape[1:3]:
        raise UserError(
            f"{path}: training images are {x_train.shape[1:3]} pixels but test images "
            f"{x_test.shape[1:3]}: they must be of one size"
        )
    if y_test.max(initial=0) > y_train.max():
        raise UserError(
            f"{path}: test label {int(y_test.max())} is out of range: the training "
            f"labels end at {int(y_train.max())}"
        )
    shape = (-1, *x_train.shape[1:3])
    return (
        x_train.reshape(shape),
        y_train.astype(np.int32),
        x_test.reshape(shape),
        y_test.astype(np.int32),
    )


def _read_idx_folder(folder: Path, test: bool) -> list[np.ndarray]:
    arrays = []
    for split in ("train", "t10k") if test else ("train",):
        for kind, rank in (("images", 3), ("labels", 1)):
            names = [
                f"{split}-{kind}{dot}idx{rank}-ubyte{ending}"
                for dot in "-."
                for ending in ("", ".gz")
            ]
            found = [folder / name for name in names if (folder / name).exists()]
            if not found:
                raise UserError(
                    f"{folder} has no {names[0]} (or .gz): a dataset folder holds the "
                    "four IDX files under MNIST's names"
                )
            arrays.append(readers.idx(found[0], rank))
    return arrays if test else _without_test(*arrays)


def _without_test(images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return [images, labels, images[:0], labels[:0]]


def _keras_mnist() -> Dataset:
    """MNIST by `keras.datasets.mnist`, which checks the file's hash, from its cache or the net."""
    arguments.import_tensorflow_quietly()
    from keras import datasets

    outcome: list = []

    def fetch() -> None:
        try:
            outcome.append(datasets.mnist.load_data())
        except Exception as error:  # whatever the network, the disk or the hash check throws
            outcome.append(error)

    # get_file has no time limit, so it runs beside us and is left behind when nothing arrives.
    files = [
        Path(folder).expanduser() / "datasets" / "mnist.npz"
        for folder in (os.environ.get("KERAS_HOME", "~/.keras"), "/tmp/.keras")
    ]
    worker = threading.Thread(target=fetch, daemon=True)
    worker.start()
    arrived, last = 0, time.monotonic()
    while worker.is_alive() and time.monotonic() - last < STALL_SECONDS:
        worker.join(0.1)
        size = sum(file.stat().st_size for file in files if file.exists())
        if size - arrived >= 2**15:
            arrived, last = size, time.monotonic()
    if not outcome or isinstance(outcome[0], Exception):
        reason = (
            f"nothing arrived for {STALL_SECONDS} s"
            if not outcome
            else str(outcome[0]).split(": ", 1)[-1].removeprefix("None -- ")
        )  # no status
        raise UserError(
            f"MNIST is neither in the Keras cache nor to be downloaded ({reason}); "
            "give DATA=folder of its IDX files or its .npz, or DATA=digits"
        )
    (x_train, y_train), (x_test, y_test) = outcome[0]
    arrays = _checked(files[0], True, x_train, y_train, x_test, y_test)
    return _recognised(Dataset("mnist", "keras.datasets.mnist", *arrays))


def _digits() -> Dataset:
    """scikit-learn's handwritten digits (Alpaydin and Kaynak 1998) brought to MNIST's form.

    Each 8x8 picture is cropped to its ink, scaled to fit a 20x20 box and set into 28x28 with its
    centre of mass in the middle. The last fifth is the test set: the digits are stored writer by
    writer, so its writers are others than those of the training set.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.stack([_mnist_form(image) for image in digits.images])
    labels = digits.target.astype(np.int32)
    cut = round(len(images) * 0.8)
    return Dataset(
        "digits",
        "scikit-learn's handwritten digits in MNIST's form",
        images[:cut],
        labels[:cut],
        images[cut:],
        labels[cut:],
        embedded=True,
    )


def _mnist_form(image: np.ndarray) -> np.ndarray:
    """uint8 [28, 28] from ink [h, w] in 0 to 16, as MNIST's page describes its own making."""
    import cv2

    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    ink = np.clip(cv2.resize(ink, (width, height), interpolation=cv2.INTER_CUBIC) / 16, 0, 1)
    mass = ink.sum()
    top = round(14 - float((ink.sum(1) @ np.arange(height)) / mass))  # MNIST's mean centre is
    left = round(14 - float((ink.sum(0) @ np.arange(width)) / mass))  # (14.0, 14.0), from 0
    top, left = np.clip(top, 0, 28 - height), np.clip(left, 0, 28 - width)
    field = np.zeros((28, 28), np.uint8)
    field[top : top + height, left : left + width] = np.rint(ink * 255)
    return field
