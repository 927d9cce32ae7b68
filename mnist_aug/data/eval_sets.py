"""Evaluation sets: what trained runs are evaluated on, the dataset's own test images included.

A set's name stands in the column `eval_set` of `metrics.csv`: `test`, `training` (without
augmentation), `validation` (those held out), `corruption/<type>`, `mnist-c/<type>`,
`<axis>/<severity>` for each axis in `SEVERITIES`, and `other/<name>` for another dataset's images
of the same classes. Images on a light background are changed as their negatives, as in
`corruptions`. Test-time augmentation adds `tta/test` and `tta/validation` for means over views of
their images.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mnist_aug import notes
from mnist_aug.data import dataset, plausibility
from mnist_aug.data.corruptions import (
    CORRUPTIONS,
    SIDE,
    as_on_dark,
    corrupt,
    rotation,
    warped,
)
from mnist_aug.data.dataset import Dataset
from mnist_aug.data.formats import numpy_files
from mnist_aug.errors import UserError

OTHER = "sklearn-digits"


@dataclass(frozen=True)
class EvalSet:
    """Images uint8 `[N, H, W]` or `[N, H, W, 3]` and labels int `[N]` under a name."""

    name: str
    images: np.ndarray
    labels: np.ndarray


Ground = int | np.ndarray  # the colour of a background, 0 to 255


def rotated(images: np.ndarray, degrees: float, fill: Ground = 0) -> np.ndarray:
    """Turned clockwise about the centre."""
    return warped(images, rotation(np.radians(np.full(len(images), degrees))), fill)


def shifted(images: np.ndarray, shift_px: float, fill: Ground = 0) -> np.ndarray:
    """Shifted right, down, left or up, in turn."""
    turn = np.arange(len(images)) % 4
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, 0, 2] = -shift_px * np.array([1, 0, -1, 0])[turn]
    matrices[:, 1, 2] = -shift_px * np.array([0, 1, 0, -1])[turn]
    return warped(images, matrices, fill)


def scaled(images: np.ndarray, factor: float, fill: Ground = 0) -> np.ndarray:
    """Made larger (factor above 1) or smaller about the centre."""
    return warped(images, np.tile(np.eye(2, 3) / factor, (len(images), 1, 1)), fill)


def noisy(images: np.ndarray, noise_std: float, fill: Ground = 0) -> np.ndarray:
    """Gaussian noise added, `noise_std` in units of full scale; the same at every severity."""
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return (images + 255 * noise_std * noise).clip(0, 255).round().astype(np.uint8)


def thickened(images: np.ndarray, width_px: float, fill: Ground = 0) -> np.ndarray:
    """Bright strokes made wider (or narrower, below 0), by grey dilation (or erosion)."""
    kernel = np.ones((abs(int(width_px)) + 1,) * 2, np.uint8)
    change = cv2.dilate if width_px > 0 else cv2.erode
    return np.stack([change(image, kernel) for image in images])


@dataclass(frozen=True)
class Axis:
    """One way to change images, and how much; `clean` is the severity that changes nothing.

    `apply` takes images, a severity, and the colour of a dark background.
    """

    title: str
    unit: str
    clean: float
    severities: tuple[float, ...]  # for images of 28 pixels
    apply: Callable[..., np.ndarray]


SEVERITIES = {
    "rotation": Axis(
        "rotation", "degrees", 0, tuple(float(d) for d in range(-60, 61, 10) if d), rotated
    ),
    "shift": Axis("shift", "px", 0, tuple(float(d) for d in range(1, 9)), shifted),
    "scale": Axis("scale", "factor", 1, tuple(d / 10 for d in range(5, 17) if d != 10), scaled),
    "noise": Axis("noise", "SD, share of full scale", 0, tuple(d / 10 for d in range(1, 7)), noisy),
    "stroke": Axis("stroke width", "px added", 0, (-2.0, -1.0, 1.0, 2.0, 3.0), thickened),
}


def severities(name: str, content: Dataset) -> list[float]:
    """The severities of an axis that make sense for a dataset.

    Strokes are those of drawn characters on one background. As they change by whole pixels, their
    severities are those of 28 pixels rounded to such, each once, without those that change nothing.
    """
    axis = SEVERITIES[name]
    if name != "stroke":
        return list(axis.severities)
    if content.kind == "image" or content.background is None:
        return []
    pixels = dict.fromkeys(round(one * content.side / SIDE) for one in axis.severities)
    return [float(one) for one in pixels if one != axis.clean]


def names(content: Dataset) -> Iterator[str]:
    """The sets that can be made of a dataset, in order."""
    yield "test"
    yield "training"
    yield "validation"
    for corruption in CORRUPTIONS:
        yield f"corruption/{corruption}"
    for name in SEVERITIES:
        for severity in severities(name, content):
            yield f"{name}/{severity:g}"


def make(name: str, dataset: Dataset, validation_split: float) -> EvalSet:
    """The set of that name, made from a dataset.

    Args:
        name: as `names` gives it.
        validation_split: the share of training images held out as `validation`; the others are
            `training`.
    """
    if name == "test":
        return EvalSet(name, dataset.x_test, dataset.y_test)
    if name in ("training", "validation"):
        count = dataset.training_count(validation_split)
        own = slice(None, count) if name == "training" else slice(count, None)
        return EvalSet(name, dataset.x_train[own], dataset.y_train[own])
    kind, what = name.split("/")
    if kind == "corruption":
        return EvalSet(name, corrupt(dataset.x_test, what, dataset.fill), dataset.y_test)
    severity = float(what) * (dataset.side / SIDE if kind == "shift" else 1)

    def change(images: np.ndarray, fill: np.ndarray) -> np.ndarray:
        return SEVERITIES[kind].apply(images, severity, fill)

    return EvalSet(name, as_on_dark(change, dataset.x_test, dataset.fill), dataset.y_test)


def read(content: Dataset, extra: str | None = None, mnist_c: str | None = None) -> list[EvalSet]:
    """The sets of other images of the same classes.

    Args:
        extra: what `dataset.load` takes; its test images become `other/<name>`.
        mnist_c: folder of the published MNIST-C, `<type>/test_images.npy` and `test_labels.npy`.

    Raises:
        UserError: `extra` or `mnist_c` is missing, damaged or of another shape or other classes.
    """
    return [*_others(content, extra), *_published(content, mnist_c)]


def _others(content: Dataset, extra: str | None) -> Iterator[EvalSet]:
    if extra:
        given = dataset.load(extra, hold_out=False)
        if given.image_shape != content.image_shape or given.classes > content.classes:
            raise UserError(
                f"EXTRA {extra} has {given.classes} classes and images of {_sides(given)}, but "
                f"the models were trained on {content.classes} classes and {_sides(content)}: "
                "give images of the same shape and classes"
            )
        if (
            None not in (given.background, content.background)
            and given.is_light != content.is_light
        ):
            ways = ["light on dark", "dark on light"]
            raise UserError(
                f"EXTRA {extra} is {ways[given.is_light]}, but the models were trained on images "
                f"{ways[content.is_light]}: invert them"
            )
        label_of = _same_classes(extra, given.class_names, content.class_names)
        if given.name == OTHER:
            raise UserError(
                f"EXTRA {extra} has the name of a set that is evaluated anyway: rename it"
            )
        known = np.isin(plausibility.hashes(given.x_test), plausibility.hashes(content.x_train))
        if known.any():
            notes.say(
                f"warning: {known.sum():,} of {len(known):,} images of EXTRA {extra} are also "
                "training images: accuracy on them measures memorisation"
            )
        yield EvalSet(f"other/{given.name}", given.x_test, label_of[given.y_test])
    if content.name == "mnist":
        digits = dataset.load("digits")
        yield EvalSet(
            f"other/{OTHER}",
            np.concatenate([digits.x_train, digits.x_test]),
            np.concatenate([digits.y_train, digits.y_test]),
        )


def _sides(given: Dataset) -> str:
    height, width, *channels = given.image_shape
    return f"{height} by {width} pixels{' in colour' if channels else ''}"


def _same_classes(extra: str, given: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """int32 [K], the model's label of each class given: that of the same name, or number."""
    if {*given} <= {*known}:
        return np.array([known.index(name) for name in given], np.int32)
    if all(name.isdecimal() for name in given) and not all(name.isdecimal() for name in known):
        labels = np.array([*map(int, given)])
        if labels.max() < len(known):
            return labels.astype(np.int32)
    strange = [name for name in given if name not in known]
    raise UserError(
        f"EXTRA {extra} has classes that the models don't know, {', '.join(strange[:5])}"
        f"{' and others' if len(strange) > 5 else ''}: name them as the models' are, "
        f"{', '.join(known[:5])}{' and others' if len(known) > 5 else ''}"
    )


def _published(content: Dataset, folder: str | None) -> Iterator[EvalSet]:
    if not folder:
        return
    found = sorted(path.parent for path in Path(folder).glob("*/test_images.npy"))
    if not found:
        raise UserError(
            f"MNIST_C {folder} has no <type>/test_images.npy: give the folder that "
            "the published archive unpacks to"
        )
    for place in found:
        images, labels = (_npy(place / f"test_{part}.npy") for part in ("images", "labels"))
        if images.ndim == 4 and images.shape[-1] == 1:
            images = images[..., 0]
        if (
            images.dtype != np.uint8
            or images.shape[1:] != content.image_shape
            or labels.shape != images.shape[:1]
            or labels.dtype.kind not in "iu"
            or not len(labels)
            or labels.min() < 0
            or labels.max() >= content.classes
        ):
            raise UserError(
                f"{place} does not hold uint8 images of {content.image_shape} and as "
                f"many labels below {content.classes}: download it again"
            )
        yield EvalSet(f"mnist-c/{place.name}", images, labels.astype(int))


def _npy(path: Path) -> np.ndarray:
    try:
        return numpy_files.npy(path)
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): download it again, and check its permissions"
        ) from None
