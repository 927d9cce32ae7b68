"""Datasets of small grey images: MNIST, scikit-learn's digits, IDX folders and NPZ files.

The one public function is `load`. MNIST ships with the package, in the folder `mnist` next to this
file. Formats: the IDX files of Yann LeCun's MNIST page, and NPZ as `keras.datasets` stores it.
`formats` bounds what reading them takes; next to the images, labels take at most 24 bytes each.
"""

import hashlib
import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mnist_aug.data.formats import idx, numpy_files
from mnist_aug.errors import UserError

MNIST = Path(__file__).with_name("mnist")  # the folder of the four files that ship
# Of the dataset in LeCun's four files, as `Dataset.sha256` takes it, and without test images.
MNIST_SHA256 = "e6872f067e6ddb1a0845d931bdf672ca23abdb4da28dd17ac6fde6e93dcb81f7"
MNIST_TRAINING_SHA256 = "1ad8f871161ab204de65e209368875d9fa4f02a5b36074fab752cf3653aa50a0"
DIGITS_SHA256 = "b9500703e859169f8f7984373aa16cc1fbb89a59a4785cd998f97e933ab26e6d"
NAMES = ("x_train", "y_train", "x_test", "y_test")  # of the arrays in an .npz


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images with labels.

    Attributes:
        name: what to call it: `mnist`, `digits`, or the name of its folder or file.
        origin: where it came from, in words; never a path of one machine.
        x_train, x_test: uint8 `[N, H, W]`, or RGB `[N, H, W, 3]`.
        y_train, y_test: int32 `[N]`, 0 to `classes` - 1.
        class_names: what the classes are called, in order of their labels; their numbers if empty.
        background: the colour around what the images show, 0 to 255, three of them if RGB; None
            where it isn't one colour.
        kind: what an image shows: "digit", "character" (drawn ones, both) or "image".
        notes: what was found and done while the data were read, in sentences.
        warnings: what a person should look at before the results are believed, in sentences.
    """

    name: str
    origin: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...] = ()
    background: int | tuple[int, int, int] | None = 0
    kind: str = "image"
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.class_names:
            numbers = range(int(self.y_train.max()) + 1)
            object.__setattr__(self, "class_names", tuple(map(str, numbers)))

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W), or (H, W, 3)."""
        return self.x_train.shape[1:]

    @property
    def side(self) -> int:
        """The shorter side of an image, in pixels."""
        return min(self.image_shape[:2])

    @property
    def fill(self) -> int | tuple[int, int, int]:
        """What to fill the space with that a moved image leaves: the background, or black."""
        return 0 if self.background is None else self.background

    @property
    def is_light(self) -> bool:
        """Whether the images are dark on a light background."""
        return self.background is not None and float(np.mean(self.background)) > 127.5

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of shapes, pixels and labels: the same for the same images in any container."""
        digest = hashlib.sha256()
        for images, labels in (self.x_train, self.y_train), (self.x_test, self.y_test):
            digest.update(struct.pack(f">{images.ndim}q", *images.shape))
            digest.update(np.ascontiguousarray(images).data)
            digest.update(labels.astype(">i4").tobytes())
        return digest.hexdigest()

    def described(self, validation_split: float) -> dict[str, Any]:
        """All but images and labels as plain data, for manifests.

        Raises:
            UserError: as `training_count`.
        """
        train = self.training_count(validation_split)
        return {
            "name": self.name,
            "origin": self.origin,
            "sha256": self.sha256,
            "train": train,
            "validation": len(self.x_train) - train,
            "test": len(self.x_test),
            "image_shape": list(self.image_shape),
            "classes": self.classes,
            "class_names": list(self.class_names),
            "background": list(self.background)
            if isinstance(self.background, tuple)
            else self.background,
            "kind": self.kind,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

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


def load(source: str = "mnist", test: bool = True) -> Dataset:
    """The dataset that `DATA=` or `--data` names.

    Args:
        source: `mnist` (the files that ship with the package), `digits` (scikit-learn's 1,797
            handwritten digits in MNIST's form), a folder of the four IDX files, gzipped or not, or
            an `.npz` with x_train, y_train, x_test and y_test.
        test: read the test images, too; without, there are none, and their files may be missing.

    Raises:
        UserError: the source can't be read, or holds no well-formed dataset.
    """
    if source == "mnist":
        return _mnist(test)
    if source == "digits":
        whole = _digits()
        return whole if test else replace(whole, x_test=whole.x_test[:0], y_test=whole.y_test[:0])
    if not source:
        raise UserError("data is an empty path: give mnist, digits, a folder or an .npz")
    path = Path(source)
    with _readable(path):
        if path.is_dir():
            arrays = _read_idx_folder(path, test)
            origin = "IDX files in a folder"
        elif path.is_file():
            arrays = numpy_files.npz(path, NAMES if test else NAMES[:2])
            arrays = arrays if test else _without_test(*arrays)
            origin = "NPZ file"
        else:
            raise UserError(
                f"data {source} is neither a folder nor a file: give mnist, digits, a folder of "
                "IDX files or an .npz"
            )
    name = os.fsencode(path.resolve().stem).decode(errors="replace")  # it may be no UTF-8
    return _recognised(Dataset(name, origin, *_checked(path, test, *arrays)))


@contextmanager
def _readable(place: Path) -> Iterator[None]:
    """Make a `UserError` of what the system says where files can't be read."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"data {error.filename or place} can't be read: "
            f"{error.strerror or error}; check the path and its permissions"
        ) from None
    except MemoryError:
        raise UserError(
            f"data {place} need more memory than there is: bring fewer or smaller images"
        ) from None


def _mnist(test: bool) -> Dataset:
    """MNIST (LeCun, Cortes and Burges) from the files that ship with the package.

    Raises:
        UserError: one of them is missing, damaged or changed.
    """
    origin = "MNIST (LeCun, Cortes and Burges), shipped with the package"
    try:
        with _readable(MNIST):
            arrays = _read_idx_folder(MNIST, test)
        found = Dataset("mnist", origin, *_checked(MNIST, test, *arrays))
        if found.sha256 != (MNIST_SHA256 if test else MNIST_TRAINING_SHA256):
            raise UserError(f"{MNIST} holds other images or labels than MNIST's")
    except UserError as error:
        raise UserError(
            f"{error}; MNIST ships with mnist-aug: install it again, or `git restore` its files"
        ) from None
    return found


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
    return replace(dataset, name=name)


def _checked(
    path: Path,
    test: bool,
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
) -> tuple[np.ndarray, ...]:
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
            arrays.append(idx.idx(found[0], rank))
    return arrays if test else _without_test(*arrays)


def _without_test(images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return [images, labels, images[:0], labels[:0]]


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
    )


def _mnist_form(image: np.ndarray) -> np.ndarray:
    """uint8 [28, 28] from ink [h, w] in 0 to 16, as MNIST's page describes its own making."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 16
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    down, across = _cubic(ink.shape[0], height), _cubic(ink.shape[1], width)
    ink = np.clip(down @ np.pad(ink, 2, mode="edge") @ across.T, 0, 1)
    mass = ink.sum()
    top = round(14 - float((ink.sum(1) @ np.arange(height)) / mass))  # MNIST's mean centre is
    left = round(14 - float((ink.sum(0) @ np.arange(width)) / mass))  # (14.0, 14.0), from 0
    top, left = np.clip(top, 0, 28 - height), np.clip(left, 0, 28 - width)
    field = np.zeros((28, 28), np.uint8)
    # Some values end in .5 but for what a processor makes of the last bit: they are all rounded up.
    field[top : top + height, left : left + width] = np.floor(ink * 255 + 0.5 + 1e-6)
    return field


def _cubic(count: int, wanted: int) -> np.ndarray:
    """float64 [wanted, count + 4]: cubic convolution of `count` samples, padded by 2 on each side.

    After Keys 1981, with a = -0.75 as in OpenCV's `INTER_CUBIC`, whose own last bits differ from
    processor to processor.
    """
    centres = (np.arange(wanted) + 0.5) * count / wanted - 0.5
    x = np.abs(centres[:, None] - np.arange(-2, count + 2))
    near = (1.25 * x - 2.25) * x * x + 1
    far = ((-0.75 * x + 3.75) * x - 6) * x + 3
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
