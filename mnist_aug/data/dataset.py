"""Datasets of small images: `load` reads them, `from_arrays` takes what a program already holds.

MNIST ships with the package, in the folder `mnist` next to this file; scikit-learn's digits come
with it, and `keras.datasets` downloads others. What else there is in files and folders, `sources`
finds, `layout` brings to one form, and `plausibility` looks for what is odd about it.
"""

import glob
import hashlib
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mnist_aug import notes
from mnist_aug.data import assembly, digits, known, layout, sources
from mnist_aug.data.formats.stored import Stored
from mnist_aug.data.matching import Part
from mnist_aug.data.plausibility import Colour
from mnist_aug.errors import UserError

MNIST = digits.MNIST
# Of the dataset in LeCun's four files, as `Dataset.sha256` takes it, and without test images.
MNIST_SHA256 = "e6872f067e6ddb1a0845d931bdf672ca23abdb4da28dd17ac6fde6e93dcb81f7"
MNIST_TRAINING_SHA256 = "1ad8f871161ab204de65e209368875d9fa4f02a5b36074fab752cf3653aa50a0"
# Of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), from its IDX files or from Keras.
FASHION_SHA256 = "8977545a015324c620c5075518f5aafbb0350c6d388684f55bf2fa806814fa5c"
DIGITS_SHA256 = "b9500703e859169f8f7984373aa16cc1fbb89a59a4785cd998f97e933ab26e6d"
TRAIN_FILES = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
NAMES = ("x_train", "y_train", "x_test", "y_test")  # of the arrays in an .npz as Keras has it
# Forms in which EMNIST's images have their axes swapped; people's own, such as NPZ, mostly don't.
TABLES = {"IDX file", "CSV file", "table of text", "MATLAB file"}


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
        transposed: whether rows and columns were swapped because the user said so.
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
    background: Colour | None = 0
    kind: str = "image"
    transposed: bool = False
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
    def fill(self) -> Colour:
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
            "transposed": self.transposed,
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


def load(
    source: str = "mnist", test: bool = True, transpose: bool = False, hold_out: bool = True
) -> Dataset:
    """The dataset that `DATA=` or `--data` names.

    What was found out about it is printed, as notes and warnings, and kept in the dataset.

    Args:
        source: `mnist` (the files that ship with the package), `digits` (scikit-learn's 1,797
            handwritten digits in MNIST's form), a name in `known.KERAS`, or a file or folder in any
            of the forms in docs/data.md.
        test: read the test images, too; without, there are none, and their files may be missing.
        transpose: swap rows and columns of the images as they are stored.
        hold_out: where there are no test images, hold out a fifth of each class; else all images
            are test images, too, as for models that were trained on others.

    Raises:
        UserError: the source can't be read, holds no well-formed dataset, or one of which no
            verdict could be right.
    """
    found = _loaded(source, test, transpose, hold_out)
    _tell(found)
    return found


def from_arrays(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    name: str = "arrays",
    class_names: Sequence[str] | None = (),
) -> Dataset:
    """A dataset of arrays, looked through and brought to one form as those in files are.

    What was found out about it is printed, as by `load`, and kept in the dataset.

    Args:
        x_train, x_test: `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` with 1, 3 or 4 channels, or
            rows of pixels `[N, H * W]`; numbers from 0 to 255, from 0 to 1 or from -1 to 1, or
            true and false. Anything that NumPy makes such an array of.
        y_train, y_test: a class for each image: whole numbers or text `[N]`, `[N, 1]`, or one-hot
            `[N, K]`. Without test images, a fifth of each class is held out.
        name: what to call the dataset.
        class_names: of the labels 0, 1, …, or of 1, 2, … if there is one for each; what the labels
            are if empty.

    Raises:
        UserError: the arrays make no well-formed dataset, or one of which no verdict could be
            right.
    """
    given: dict[str, tuple[Any, Any]] = {"train": (x_train, y_train)}
    if x_test is not None or y_test is not None:
        given["test"] = x_test, y_test
    parts = {}
    handled: list[str] = []
    for part, (images, labels) in given.items():
        own = _as_labels(f"y_{part}", labels)
        pixels = _as_numbers(f"x_{part}", images)
        arranged, said = layout.arranged(f"x_{part}", pixels, len(own))
        parts[part] = arranged, own
        handled += map(assembly.sentence, said)
    names = _as_names(class_names)
    found = _made("data", name, "arrays", "", parts, names, True, False, True)
    found = replace(found, notes=(*dict.fromkeys(handled), *found.notes))
    _tell(found)
    return found


def _as_numbers(name: str, given: Any) -> np.ndarray:
    images = _as_array(name, given)
    if images.dtype.kind not in "biuf":
        raise UserError(f"{name} is of type {images.dtype}: give an array of pixels")
    if not len(images):
        raise UserError(f"{name} is empty: at least one image is needed")
    return images


def _as_labels(name: str, given: Any) -> np.ndarray:
    labels = _as_array(name, given)
    if labels.dtype == object and all(isinstance(one, str) for one in labels.flat):
        labels = labels.astype(str)  # as of a column in a table
    if not len(labels):
        raise UserError(f"{name} is empty: at least one label is needed")
    return layout.flat_labels(name, labels)


def _as_names(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    try:
        # Neither has an order that tells which class is which.
        names = None if isinstance(given, Mapping | Set) else tuple(given)
    except TypeError:
        names = None
    if names is None or not all(isinstance(one, str) for one in names):
        raise UserError(
            f"class_names of type {type(given).__name__} is not a list of text: give the names in "
            "the order of the labels"
        )
    return tuple(map(str, names))  # NumPy has texts of its own


def _as_array(name: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever the library that it comes from raises
        text = " ".join(str(error).split())[:100]
        raise UserError(f"{name} can't be made a NumPy array ({text}): give one") from None
    if not array.ndim:
        raise UserError(f"{name} is a single {type(given).__name__}: give a NumPy array")
    return array


def _tell(found: Dataset) -> None:
    for note in found.notes:
        notes.say(f"note: {note}")
    for warning in found.warnings:
        notes.say(f"warning: {warning}")


def _loaded(source: str, test: bool, transpose: bool, hold_out: bool) -> Dataset:
    if source in ("mnist", "digits") and not transpose:
        whole = _mnist(test) if source == "mnist" else _digits()
        return whole if test else replace(whole, x_test=whole.x_test[:0], y_test=whole.y_test[:0])
    if not source:
        raise UserError("data is an empty path: give mnist, digits, a folder or a file")
    if source in ("mnist", "digits"):
        raise UserError(f"data {source} is upright already: leave TRANSPOSE= (--transpose) out")
    if source in known.KERAS:
        x_train, y_train, x_test, y_test = known.from_keras(source)
        if not test:
            x_test, y_test = x_test[:0], y_test[:0]
        parts = {
            "train": (x_train, layout.flat_labels(source, y_train)),
            "test": (x_test, layout.flat_labels(source, y_test)),
        }
        names, form = known.KERAS[source], "keras.datasets"
        return _made(source, source, form, source, parts, names, test, transpose, hold_out)
    path = Path(source)
    with _readable(path):
        found = sources.source(path)
        # Of labels 0, 1, …; those of files that call or number the classes otherwise are added.
        class_names = [*found.found.parts["train"].labels[0].class_names]
        handled: list[str] = []
        parts = {
            name: _read(source, part, class_names, handled)
            for name, part in found.found.parts.items()
            if test or name != "test"
        }
        train, y_train = parts["train"]
        secret = []
        if "test" in found.found.parts:
            # With test images and without, so that the same ones are held out.
            if _are_unlabelled(found.found.parts["test"], parts.get("test")):
                parts.pop("test", None)
                secret = ["all test images have the label -1, which stands for none: left out"]
            elif not test:
                parts["test"] = train[:0], y_train[:0]
        names = tuple(class_names) or _stored_names(found.found.class_names, len(y_train))
        made = _made(
            source, found.name, found.form, found.known_as, parts, names, test, transpose, hold_out
        )
        if made.name == "mnist":
            return made
        notes, warnings = (
            map(assembly.sentence, own)
            for own in (
                [*found.notes, *dict.fromkeys(handled)],
                [*found.found.warnings, *secret],
            )
        )
        flat = len(found.found.parts["train"].images[0].shape) == 2
        sure = made.kind == "digit" or transpose or known.is_transposed(found.known_as)
        if found.form.startswith("MATLAB") and flat and not sure:
            note = (
                "MATLAB stores pixels column by column: if `make data` shows the images lying on "
                "their sides, set TRANSPOSE=1"
            )
            made = replace(made, notes=(*made.notes, note))
        return replace(made, notes=(*notes, *made.notes), warnings=(*warnings, *made.warnings))


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
            f"data {place} does not fit into memory: use fewer or smaller images"
        ) from None


def _read(place: str, part: Part, names: list[str], handled: list[str]) -> assembly.Arrays:
    """Images and labels of a part, its pieces joined.

    Args:
        names: what labels 0, 1, … are called; a piece's own names are added to them.
        handled: notes, to which those on what was done are added.
    """
    pieces = []
    for images, labels in zip(part.images, part.labels, strict=True):
        own = layout.flat_labels(f"{place}: {labels.name}", labels.read())
        if not len(own):
            raise UserError(f"{place}: {labels.name} is empty: at least one image is needed")
        if names and labels.class_names and own.dtype.kind != "U":
            numbers = _matched_by_name(f"{place}: {labels.name}", own, labels.class_names, names)
            if (numbers != own).any():
                handled.append("files number the classes differently: they are matched by name")
            own = numbers
        found, notes = layout.arranged(f"{place}: {images.name}", images.read(), len(own))
        handled += notes
        pieces.append((found, own))
    together = layout.in_one_colour([one for one, _ in pieces])
    if len({one.shape[1:] for one in together}) > 1:
        raise UserError(f"{place} holds images of several sizes: all must have the same size")
    if len(pieces) == 1:
        return pieces[0]
    _check_scale_of_pieces(place, [one.name for one in part.images], together)
    return np.concatenate(together), np.concatenate([own for _, own in pieces])


def _matched_by_name(
    place: str, labels: np.ndarray, called: tuple[str, ...], names: list[str]
) -> np.ndarray:
    """Labels as the places of their names among `names`, to which those not there are added.

    Case counts only where classes differ in nothing else.

    Raises:
        UserError: a label has no name.
    """
    if called == tuple(names[: len(called)]):
        return labels
    caseless = all(len({one.casefold() for one in own}) == len(own) for own in (called, names))
    places = {name.casefold() if caseless else name: at for at, name in enumerate(names)}
    number = []
    for name in called:
        key = name.casefold() if caseless else name
        if key not in places:
            places[key] = len(names)
            names.append(name)
        number.append(places[key])
    known = (labels >= 0) & (labels < len(called))
    strange = labels[~known & (labels != assembly.UNLABELLED)]
    if len(strange):
        raise UserError(
            f"{place} holds the label {strange[0]} but names {len(called)} classes, other ones or "
            "in another order than the first file: number the classes alike in all files"
        )
    return np.where(known, np.array(number)[np.where(known, labels, 0)], labels)


def _check_scale_of_pieces(place: str, names: list[str], pieces: list[np.ndarray]) -> None:
    """That all pieces of a part are on the scale of the one with the highest value."""
    found = {
        f"the images of {name}": images
        for name, images in zip(names, pieces, strict=True)
        # What isn't numbers is refused later, and a few blank images tell no scale.
        if images.dtype.kind in "biuf" and images.size and images.min() < images.max()
    }
    brightest = sorted(found, key=lambda name: float(found[name].max()), reverse=True)
    if brightest:
        layout.check_same_scale(place, {name: found[name] for name in brightest})


def _are_unlabelled(part: Part, read: assembly.Arrays | None) -> bool:
    """Whether all labels are -1, so that test images are held out as if there were none."""
    if read is not None:
        return bool((read[1] == assembly.UNLABELLED).all())
    try:
        return all(bool((labels.read() == assembly.UNLABELLED).all()) for labels in part.labels)
    except (UserError, OSError):
        return False  # they are not needed


def _stored_names(named: Stored | None, count: int) -> tuple[str, ...]:
    """What an array calls classes 0, 1, …; empty where there is none.

    Args:
        named: an array of names, which are those of the images if there are `count` or more.
    """
    if named is None or named.shape[0] >= count:
        return ()
    return tuple(str(one) for one in named.read())


def _made(
    place: str,
    name: str,
    form: str,
    known_as: str,
    parts: dict[str, assembly.Arrays],
    names: tuple[str, ...],
    test: bool,
    transpose: bool,
    hold_out: bool,
) -> Dataset:
    """A dataset of what was read, under the name of the known one if it is."""
    transposed = known.is_transposed(known_as) and form in TABLES
    draft = assembly.assembled(place, known_as, parts, names, transposed, transpose, hold_out)
    x_test, y_test = draft.x_test, draft.y_test
    assert x_test is not None
    assert y_test is not None
    if not test:
        x_test, y_test = x_test[:0], y_test[:0]
    made = Dataset(
        os.fsencode(name).decode(errors="replace"),  # it may be no UTF-8
        form,
        np.ascontiguousarray(draft.x_train),
        draft.y_train,
        np.ascontiguousarray(x_test),
        y_test,
        draft.class_names,
        draft.background,
        draft.kind,
        transpose,
        tuple(draft.notes),
        tuple(draft.warnings),
    )
    if made.sha256 in (MNIST_SHA256, MNIST_TRAINING_SHA256):
        return replace(made, name="mnist", notes=(), warnings=())
    if made.sha256 == FASHION_SHA256:
        return replace(made, name="fashion-mnist")
    if made.name.lower() in {"mnist", "digits"}:
        name = f"{made.name} (unverified)"
        note = (
            f"The content is not that of the known {made.name.lower()} dataset "
            f"(SHA-256 {made.sha256[:12]}…): results are marked {name!r}"
        )
        return replace(made, name=name, notes=(*made.notes, note))
    return made


def _mnist(test: bool) -> Dataset:
    """MNIST (LeCun, Cortes and Burges) from the files that ship with the package.

    Raises:
        UserError: one of them is missing, damaged or changed.
    """
    try:
        with _readable(MNIST):
            files = (*TRAIN_FILES, *digits.TEST_FILES) if test else TRAIN_FILES
            arrays = [digits.shipped(MNIST / name) for name in files]
        if not test:
            arrays += [arrays[0][:0], arrays[1][:0]]
        x_train, y_train, x_test, y_test = arrays
        found = Dataset(
            "mnist",
            "MNIST (LeCun, Cortes and Burges), shipped with the package",
            x_train,
            y_train.astype(np.int32),
            x_test,
            y_test.astype(np.int32),
            kind="digit",
        )
        if found.sha256 != (MNIST_SHA256 if test else MNIST_TRAINING_SHA256):
            raise UserError(f"{MNIST} holds other images or labels than MNIST's")
    except UserError as error:
        raise UserError(
            f"{error}; MNIST ships with mnist-aug: install it again, or `git restore` its files"
        ) from None
    return found


def option(described: Mapping[str, Any]) -> str | None:
    """What to give as DATA= for a dataset of a manifest; None where only the user can know."""
    named = {MNIST_SHA256: "mnist", DIGITS_SHA256: "digits", FASHION_SHA256: "fashion_mnist"}
    if described["origin"] == "keras.datasets" and re.fullmatch("[a-z0-9_]+", described["name"]):
        return str(described["name"])  # which is downloaded again
    return named.get(described["sha256"])


def check_source(described: Mapping[str, Any], source: str) -> None:
    """Look, without reading it, whether DATA= can be what the dataset of a manifest was made of.

    `mnist`, which is the default, is taken for any, and so is a path at which there is something,
    as it may hold the same images. Of a dataset that has no name, the folder may have been moved.

    Raises:
        UserError: it is the name of another dataset, or nothing is there and the dataset has a
            name.
    """
    own = option(described)
    if source in ("mnist", own, described["name"]):
        return
    path = Path(source)
    if source in known.KERAS or source == "digits":
        # The content of the others that Keras downloads is not known here.
        may_be = own is None and source not in ("digits", "fashion_mnist")
    else:
        there = os.path.exists(path) or any(path.parent.glob(f"{glob.escape(path.name)}*"))
        may_be = own is None or there
    if not may_be:
        remedy = f"DATA={own} (--data) or " if own else ""
        raise UserError(
            f"the results are of dataset {described['name']!r}, not of {source}: give {remedy}"
            "another RESULTS= (--results)"
        )


def _digits() -> Dataset:
    """scikit-learn's handwritten digits (Alpaydin and Kaynak 1998) brought to MNIST's form.

    Each 8x8 picture is cropped to its ink, scaled to fit a 20x20 box and set into 28x28 with its
    centre of mass in the middle. The last fifth is the test set: the digits are stored writer by
    writer, so its writers are others than those of the training set.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.stack([digits.mnist_form(image) for image in found.images])
    labels = found.target.astype(np.int32)
    cut = round(len(images) * 0.8)
    return Dataset(
        "digits",
        "scikit-learn's handwritten digits in MNIST's form",
        images[:cut],
        labels[:cut],
        images[cut:],
        labels[cut:],
        kind="digit",
    )
