"""Test sets: what trained runs are evaluated on beside the dataset's own test images.

A set's name stands in the column `test_set` of `metrics.csv`: `training` (without augmentation),
`corruption/<family>`, `mnist-c/<family>`, `<axis>/<dose>` for each axis in `DOSES`, and
`other/<name>` for other people's images of the same classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from mnist_aug.data import dataset
from mnist_aug.data import formats as readers
from mnist_aug.data.corruptions import FAMILIES, SIDE, corrupt, rotation, warped
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError

OTHER = "sklearn-digits"


@dataclass(frozen=True)
class TestSet:
    """Images uint8 `[N, H, W]` and labels int `[N]` under a name."""

    __test__ = False  # no test for pytest

    name: str
    images: np.ndarray
    labels: np.ndarray


def rotated(images: np.ndarray, degrees: float) -> np.ndarray:
    """Turned clockwise about the centre."""
    return warped(images, rotation(np.radians(np.full(len(images), degrees))))


def shifted(images: np.ndarray, shift_px: float) -> np.ndarray:
    """Shifted right, down, left or up, in turn."""
    turn = np.arange(len(images)) % 4
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, 0, 2] = -shift_px * np.array([1, 0, -1, 0])[turn]
    matrices[:, 1, 2] = -shift_px * np.array([0, 1, 0, -1])[turn]
    return warped(images, matrices)


def scaled(images: np.ndarray, factor: float) -> np.ndarray:
    """Made larger (factor above 1) or smaller about the centre."""
    return warped(images, np.tile(np.eye(2, 3) / factor, (len(images), 1, 1)))


def noisy(images: np.ndarray, noise_std: float) -> np.ndarray:
    """Gaussian noise added; `noise_std` in units of full scale. The same noise at every dose."""
    noise = np.random.default_rng(0).standard_normal(images.shape, np.float32)
    return (images + 255 * noise_std * noise).clip(0, 255).round().astype(np.uint8)


def thickened(images: np.ndarray, width_px: float) -> np.ndarray:
    """Bright strokes made wider (or narrower, below 0), by grey dilation (or erosion)."""
    kernel = np.ones((abs(int(width_px)) + 1,) * 2, np.uint8)
    change = cv2.dilate if width_px > 0 else cv2.erode
    return np.stack([change(image, kernel) for image in images])


@dataclass(frozen=True)
class Axis:
    """One way to change images, and how much; `clean` is the dose that changes nothing."""

    title: str
    unit: str
    clean: float
    doses: tuple[float, ...]
    apply: Callable[[np.ndarray, float], np.ndarray]


DOSES = {
    "rotation": Axis(
        "rotation", "degrees", 0, tuple(float(d) for d in range(-60, 61, 10) if d), rotated
    ),
    "shift": Axis("shift", "px", 0, tuple(float(d) for d in range(1, 9)), shifted),
    "scale": Axis("scale", "factor", 1, tuple(d / 10 for d in range(5, 17) if d != 10), scaled),
    "noise": Axis("noise", "SD, share of full scale", 0, tuple(d / 10 for d in range(1, 7)), noisy),
    "stroke": Axis("stroke width", "px added", 0, (-2.0, -1.0, 1.0, 2.0, 3.0), thickened),
}


def beside(
    content: Dataset, validation_split: float, extra: str | None = None, mnist_c: str | None = None
) -> Iterator[TestSet]:
    """All test sets beside the dataset's own, one after the other, so that few lie in memory.

    Args:
        validation_split: the share of training images held out; the others are `training`.
        extra: what `dataset.load` takes; its test images become `other/<name>`.
        mnist_c: folder of the published MNIST-C, `<family>/test_images.npy` and `test_labels.npy`.

    Raises:
        UserError: `extra` or `mnist_c` is missing, damaged or of another shape or other classes.
    """
    read = [*_others(content, extra), *_published(content, mnist_c)]
    # A mistake in these is told before any work, as `_made` starts when its first set is asked for.
    return chain(_made(content, validation_split), read)


def _made(content: Dataset, validation_split: float) -> Iterator[TestSet]:
    count = content.training_count(validation_split)
    yield TestSet("training", content.x_train[:count], content.y_train[:count])
    for family in FAMILIES:
        yield TestSet(f"corruption/{family}", corrupt(content.x_test, family), content.y_test)
    for name, axis in DOSES.items():
        per_px = min(content.image_shape) / SIDE if name == "shift" else 1
        for dose in axis.doses:
            yield TestSet(
                f"{name}/{dose:g}", axis.apply(content.x_test, dose * per_px), content.y_test
            )


def _others(content: Dataset, extra: str | None) -> Iterator[TestSet]:
    if extra:
        given = dataset.load(extra)
        if given.image_shape != content.image_shape or given.classes > content.classes:
            raise UserError(
                f"EXTRA {extra} has {given.classes} classes and images of {given.image_shape}, "
                f"the models read {content.classes} classes and {content.image_shape}: give "
                "images of the same shape and classes"
            )
        if given.name == OTHER:
            raise UserError(f"EXTRA {extra} has the name of a set that is read anyway: rename it")
        yield TestSet(f"other/{given.name}", given.x_test, given.y_test)
    if content.name == "mnist":
        digits = dataset.load("digits")
        yield TestSet(
            f"other/{OTHER}",
            np.concatenate([digits.x_train, digits.x_test]),
            np.concatenate([digits.y_train, digits.y_test]),
        )


def _published(content: Dataset, folder: str | None) -> Iterator[TestSet]:
    if not folder:
        return
    found = sorted(path.parent for path in Path(folder).glob("*/test_images.npy"))
    if not found:
        raise UserError(
            f"MNIST_C {folder} has no <family>/test_images.npy: give the folder that "
            "the published archive unpacks to"
        )
    for family in found:
        images, labels = (_npy(family / f"test_{part}.npy") for part in ("images", "labels"))
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
                f"{family} does not hold uint8 images of {content.image_shape} and as "
                f"many labels below {content.classes}: download it again"
            )
        yield TestSet(f"mnist-c/{family.name}", images, labels.astype(int))


def _npy(path: Path) -> np.ndarray:
    try:
        return readers.npy(path)
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): download it again, and check its permissions"
        ) from None
